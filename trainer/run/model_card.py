"""The model card of an adapter: the page that people read before they use it, made from the run.

It is the `README.md` of the adapter's directory, with the head that the Hugging Face Hub reads; the sections follow
Mitchell et al., "Model Cards for Model Reporting" (2019). It holds figures and names, never a note's text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from data.snapshot import Row
from data.storage.files import write_whole
from data.task import Task
from trainer.adapter.files import ModelError
from trainer.adapter.manifest import CARD, Manifest, read_manifest
from trainer.config import AUTO, TrainConfig
from trainer.run.directory import RunDir

TEMPLATE = Path(__file__).with_name("adapter_card.template.md")
TAGS = ("lora", "transformers", "caseloop", "information-extraction")
LIBRARIES = ("torch", "transformers", "peft", "bitsandbytes")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_COLUMNS = ("exact", "normalised", "f1", "ungrounded")


def write_card(run: RunDir, task: Task, config: TrainConfig, rows: Sequence[Row]) -> None:
    """Put the card into the directory of a run's finished adapter, as a whole or not at all.

    Args:
        run: its log and metrics are read.
        task: whose fields the adapter fills in.
        config: the settings that the run was given.
        rows: training rows; only their origins are counted.
    """
    manifest = read_manifest(run.adapter)
    if manifest is None:
        return
    identity = _read_json(run.identity)
    text = render_card(
        manifest,
        task,
        config=_settle_config(run, config, str(identity.get("base", "")), manifest.n_rows),
        counts=count_origins(rows),
        left_out=_read_json(run.left_out),
        holdout_fingerprint=identity.get("holdout_fingerprint"),
        log=_read_lines(run.log),
        metrics=_read_json(run.metrics),
    )
    path = run.adapter / CARD
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_whole(path, text)


def _settle_config(run: RunDir, config: TrainConfig, base: str, n_rows: int | None) -> TrainConfig:
    """The settings with what the trainer chose for this base and this machine, as far as that is known afterwards."""
    from trainer.model.adapter_checks import skeleton
    from trainer.run.learning.memory_fit import read_fit

    with suppress(ModelError):
        config = config.resolve(sum(parameter.numel() for parameter in skeleton(base).parameters()))
        config = config if n_rows is None else config.with_epochs(n_rows)
    fit = read_fit(run.fit)
    if fit is None:
        return config
    found = {"batch_size": fit.batch_size, "accumulation": fit.accumulation}
    return config.model_copy(update={**found, "gradient_checkpointing": fit.checkpointing, "compile": fit.compiled})


def count_origins(rows: Iterable[Row]) -> dict[str, int]:
    """How many rows are originals, annotations that accepted a suggestion, and annotations that corrected one."""
    counts = {"original": 0, "accepted": 0, "corrected": 0}
    for row in rows:
        counts["original" if row.source == "original" else "corrected" if row.corrected else "accepted"] += 1
    return counts


def render_card(
    manifest: Manifest,
    task: Task,
    *,
    config: TrainConfig | None = None,
    counts: Mapping[str, int] | None = None,
    left_out: Mapping[str, int] | None = None,
    holdout_fingerprint: str | None = None,
    log: Sequence[Mapping[str, Any]] = (),
    metrics: Mapping[str, Any] | None = None,
) -> str:
    """The card as Markdown; what is not known is said to be unknown.

    Args:
        manifest: of the adapter.
        task: whose fields it fills in.
        config: settings of the run.
        counts: training rows by origin, see `count_origins`.
        left_out: how many of them were too long, and for which limit, see `trainer.run.directory.RunDir.left_out`.
        holdout_fingerprint: of the rows it was scored on.
        log: lines of the run's log: steps with losses.
        metrics: scores of the `old` and the `new` adapter, as `Score.to_json()` gives them.
    """
    scores = metrics or {"new": manifest.metrics, "old": None}
    revision = manifest.base_revision or ""
    body = TEMPLATE.read_text(encoding="utf-8").format(
        name=manifest.name,
        base=manifest.base,
        n_fields=len(task.fields),
        fields=", ".join(field.title for field in task.fields),
        summary=_summary(manifest),
        data=_data(manifest, counts, holdout_fingerprint, left_out or {}),
        scores=_scores(manifest, scores.get("old"), scores.get("new"), task.keys),
        losses=_losses(log),
        settings=_settings(manifest, config),
        prompt_version=manifest.prompt_version,
        revision_argument=f', revision="{revision}"' if re.fullmatch("[0-9a-f]{40}", revision) else "",
    )
    return f"---\n{_head(manifest)}---\n\n{body}"


def _head(manifest: Manifest) -> str:
    """What the Hub reads. No licence: that is for whoever publishes the adapter to choose."""
    from huggingface_hub import ModelCardData

    known = _HUB_NAME.fullmatch(manifest.base)
    data = ModelCardData(
        base_model=manifest.base if known else None,
        library_name="peft",
        pipeline_tag="text-generation",
        tags=[*([f"base_model:adapter:{manifest.base}"] if known else []), *TAGS],
    )
    return f"{data.to_yaml().strip()}\n"


def _summary(manifest: Manifest) -> str:
    revision = f"`{manifest.base_revision}`" if manifest.base_revision else "not known"
    lines = [("base", f"`{manifest.base}`, revision {revision}")]
    lines += [("trained", manifest.created_at or "not known"), ("previous adapter", manifest.parent or "none")]
    lines += [("weights", f"sha256 `{manifest.weights_sha256}`")]
    return _table(("", ""), lines)


def _data(
    manifest: Manifest,
    counts: Mapping[str, int] | None,
    holdout_fingerprint: str | None,
    left_out: Mapping[str, int],
) -> str:
    names = {
        "original": "originals: notes that came with their labels",
        "accepted": "annotations that accepted what was suggested",
        "corrected": "annotations that corrected what was suggested",
    }
    lines = [(names[origin], f"{n:,}") for origin, n in (counts or {}).items()]
    if left_out.get("max_tokens"):
        name = f"of these left out, for more than {left_out['max_tokens']:,} tokens with prompt and answer"
        lines += [(name, f"{left_out.get('n_too_long', 0):,}")]
    shown = "not known" if manifest.n_rows is None else f"{manifest.n_rows:,}"
    lines += [("rows that the run learned from, with repetitions", shown)]
    lines += [("snapshot", _fingerprint(manifest.snapshot_fingerprint))]
    kept_out = _fingerprint(holdout_fingerprint) if counts is not None else "not known"
    lines += [("hold-out, never trained on", kept_out)]
    return _table(("notes", "number or fingerprint"), lines)


def _fingerprint(digits: str | None) -> str:
    return f"`{digits}`" if digits else "none"


def _scores(
    manifest: Manifest, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, keys: Sequence[str]
) -> str:
    if not new:
        return "No scores were kept: the run had no hold-out, or scored this adapter elsewhere."
    before = {**old["fields"], "mean over fields": old["macro"]} if old else {}
    rows = []
    for key, part in [*((key, new["fields"][key]) for key in keys), ("mean over fields", new["macro"])]:
        figures = ["" if part[name] is None else f"{part[name]:.3f}" for name in _COLUMNS]
        earlier = before[key]["normalised"] if before else None
        compared = ("", "") if earlier is None else (f"{earlier:.3f}", f"{part['normalised'] - earlier:+.3f}")
        rows.append((key, *figures, *compared))
    previous = manifest.parent or "previous adapter"
    table = _table(("field", "exact", "normalised", "F1", "ungrounded", f"{previous}, normalised", "change"), rows)
    return (
        f"{new['n_notes']:,} notes; all fields right on {new['all_fields']:.1%}, valid JSON on {new['json_valid']:.1%}."
        f"\n\n{table}\n\nA field is right where it agrees after normalising case, white space and punctuation; list "
        "fields are compared as sets. Ungrounded is the share of values that cannot be found in their note."
    )


def _losses(log: Sequence[Mapping[str, Any]]) -> str:
    training = [(line["step"], line["loss"]) for line in log if "loss" in line]
    checked = [(line["step"], line["eval_loss"]) for line in log if "eval_loss" in line]
    rows = []
    if training:
        rows += [("training, first logged", *training[0]), ("training, last logged", *training[-1])]
    if checked:
        rows += [("on rows not learned from, lowest", *min(checked, key=lambda pair: pair[1]))]
        rows += [("on rows not learned from, last", *checked[-1])]
    if not rows:
        return "No loss was kept."
    lines = [(name, f"{step:,}", f"{loss:.4f}") for name, step, loss in rows]
    return _table(("loss", "step", "value"), lines) + "\n\nMean cross-entropy per token of the answer, in nats."


def _settings(manifest: Manifest, config: TrainConfig | None) -> str:
    chosen = {} if config is None else {name: getattr(config, name) for name in type(config).model_fields}
    chosen["lora"] = manifest.lora
    shape = chosen.pop("lora")
    values = {f"lora {name}": getattr(shape, name) for name in type(shape).model_fields} | chosen
    lines = [(name, _setting_words(value)) for name, value in values.items()]
    if config is not None:  # without a run, this machine's versions say nothing about the adapter
        lines += [(name, version(name)) for name in LIBRARIES]
    return _table(("setting", "value"), lines)


def _setting_words(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return AUTO if value is None else str(value)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    values = json.loads(path.read_text(encoding="utf-8"))
    return values if isinstance(values, dict) else {}


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
