"""The finished model in its directory: base, adapter with its curves, model card, licence of the weights."""

from __future__ import annotations

import json
import shutil
import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.evaluation.calibration import CALIBRATION
from data.storage.files import sha256_of
from trainer.adapter.manifest import replace_file
from trainer.pretraining.settings import Job, PretrainError
from trainer.pretraining.start import FILE, PACKAGE, PACKAGE_VERSION, READER, SHA256
from trainer.pretraining.steps import figures_of, place

TEMPLATE = Path(__file__).with_name("model_card.template.md")
LICENCE = Path(__file__).with_name("LICENSE-SmolLM2.txt")
_COLUMNS = (
    ("notes", ("n_notes",), "{:,}"),
    ("right in the form", ("macro", "accepted"), "{:.3f}"),
    ("empty form", ("macro", "empty_form"), "{:.3f}"),
    ("of values shown, right", ("shown", "precision"), "{:.3f}"),
    ("normalised", ("macro", "normalised"), "{:.3f}"),
    ("valid JSON", ("json_valid",), "{:.1%}"),
)


def read_scores(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What `evaluate --json` printed, by the name of its notes.

    Raises:
        PretrainError: an option is not NAME=FILE, or the file holds no score.
    """
    scores: dict[str, dict[str, Any]] = {}
    for option in given:
        name, _, path = option.rpartition("=")
        try:
            score = json.loads(Path(path).read_text(encoding="utf-8"))
            scores[name.strip()] = {**score, "macro": {**score["macro"]}}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PretrainError(
                f"Expected NAME=FILE for --score, the file as `evaluate --json` prints it; found {option!r}. "
                "Evaluate again and name that file."
            ) from error
        if not name.strip():
            raise PretrainError(f"Expected NAME=FILE for --score; found {option!r}. Say which notes were scored.")
    return scores


def assemble(job: Job, scores: Mapping[str, Mapping[str, Any]]) -> None:
    """Put the finished steps' results into the job's `out`; what else stands there stays.

    Raises:
        PretrainError: base or adapter is not made yet.
    """
    for name, step in (("base", "quantise"), ("adapter", "adapt")):
        made = place(job, step) / name
        if not made.is_dir():
            raise PretrainError(f"Expected a finished step {step} in {job.work}; there is none. Do it first.")
        job.out.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(job.out / name, ignore_errors=True)
        shutil.copytree(made, job.out / name)
    curves = place(job, "calibrate") / CALIBRATION
    if curves.is_file():
        with replace_file(job.out / "adapter", CALIBRATION):
            shutil.copyfile(curves, job.out / "adapter" / CALIBRATION)
    if job.dense is None:
        shutil.copyfile(LICENCE, job.out / LICENCE.name)
    (job.out / "MODEL_CARD.md").write_text(render(job, scores), encoding="utf-8")


def render(job: Job, scores: Mapping[str, Mapping[str, Any]]) -> str:
    """The card: every number from the steps that made the model."""
    size = sum(path.stat().st_size for part in ("base", "adapter") for path in (job.out / part).rglob("*.*"))
    adapter, calibrated, corpus = (figures_of(job, name) for name in ("adapt", "calibrate", "corpus"))
    weights = job.out / "adapter" / "adapter_model.safetensors"
    filled = {
        **{key: str(value) for key, value in asdict(job.settings).items()},
        "file": FILE,
        "package": f"{PACKAGE} {PACKAGE_VERSION}",
        "reader": READER,
        "sha256": SHA256,
        "scores": _scores(scores),
        "crossed": _describe_folds(calibrated, job.settings.folds),
        "embedding": "the embedding table as well" if job.settings.train_embedding else "but not the embedding table",
        "shape": _shape(job),
        "labelled": _describe_labelled(corpus),
        "runs": _runs(job),
        "texts": _read(job, corpus) + _texts(figures_of(job, "unlabelled") if job.unlabelled is not None else {}),
        "steps": _steps(job),
        "n_adapter_rows": f"{adapter.get('n_rows', 0):,}",
        "adapter_steps": f"{adapter.get('n_steps', 0):,}",
        "adapter_seconds": str(adapter.get("seconds", "")),
        "adapter_sha256": sha256_of(weights),
        "longest_prompt": f"{adapter.get('longest_prompt') or 0:,}",
        "megabytes": f"{size / 1e6:.1f}",
        "n_real": f"{figures_of(job, 'real').get('n_real', 0):,}",
        "n_mean_tokens": str(corpus.get("mean_tokens", "")),
    }
    return string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(filled)


def _scores(scores: Mapping[str, Mapping[str, Any]]) -> str:
    if not scores:
        return "Not measured yet: see `python -m trainer evaluate`."
    lines = ["| | " + " | ".join(name for name, _, _ in _COLUMNS) + " |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for title, score in scores.items():
        lines.append(f"| {title} | " + " | ".join(_cell(score, keys, form) for _, keys, form in _COLUMNS) + " |")
    return "\n".join(lines)


def _cell(score: Mapping[str, Any], keys: Sequence[str], form: str) -> str:
    found: Any = score
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return "" if found is None else form.format(found)


def _shape(job: Job) -> str:
    """The size of the base, by its own configuration."""
    found = json.loads((job.out / "base" / "config.json").read_text(encoding="utf-8"))
    layers, width, longest = (found[key] for key in ("num_hidden_layers", "hidden_size", "max_position_embeddings"))
    return f"It has {layers} layers of width {width} and takes notes of up to {longest:,} tokens."


def _describe_labelled(corpus: Mapping[str, Any]) -> str:
    n = corpus.get("n_labelled", 0)
    return f"\n- {n:,} further labelled notes, made up, once;" if n else ""


def _runs(job: Job) -> str:
    n = job.settings.runs
    return "" if n == 1 else f" Tuning on them was done {n} times in different orders, and the weights averaged."


def _read(job: Job, corpus: Mapping[str, Any]) -> str:
    """What was read without an answer, and what stood around other notes."""
    n = corpus.get("n_texts", 0)
    if not n:
        return ""
    padded = f"sentences of them stand around {job.settings.padded:.0%} of the labelled notes"
    return f"\n- {n:,} texts of the same kinds without labels, read {job.settings.text_passes} times; {padded}."


def _texts(figures: Mapping[str, Any]) -> str:
    """What was learned of texts without labels."""
    if not figures:
        return ""
    return (
        f"\n- of {figures['n_learned_from']:,} of these texts the {figures['n_fields']:,} answers that the model was "
        "sure of and found in the text, and the text's words."
    )


def _describe_folds(figures: Mapping[str, Any], n_folds: int) -> str:
    """What the folds' models answered on notes that they had not seen."""
    if not figures:
        return "No real notes were given, so the adapter has no curves of how sure it may be."
    told = (
        f"Each of {figures['n_notes']:,} real notes answered by a model of its own fold, made in the same steps "
        f"without the notes of this fold ({n_folds} folds), values as the model gives them, before the form leaves any "
        "out; the adapter's curves are fitted on these answers. "
        f"Mean over the fields {figures['accepted']:.3f}, of an empty form {figures['empty_form']:.3f}."
    )
    lines = [
        told,
        "",
        "| field | right | empty form |",
        "|---|---|---|",
    ]
    lines += [f"| {key} | {right:.3f} | {empty:.3f} |" for key, (right, empty) in figures["fields"].items()]
    return "\n".join(lines)


def _steps(job: Job) -> str:
    """A line for each phase that tuned weights."""
    lines = ["| phase | notes | left out | steps | seconds | notes a second | loss | on |", "|---" * 8 + "|"]
    for name in ("tune", "real", "unlabelled"):
        if of := figures_of(job, name):
            loss = f"{of['curve'][0][1]:.3f} to {of['curve'][-1][1]:.3f}" if of["curve"] else ""
            lines.append(
                f"| {name} | {of['n_notes']:,} | {of['n_left_out']:,} | {of['n_steps']:,} | {of['seconds']} | "
                f"{of['notes_per_second']} | {loss} | {of['device']}, torch {of['torch']} |"
            )
    return "\n".join(lines)
