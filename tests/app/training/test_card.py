"""What a finished run leaves for readers: the model card, and TensorBoard's event files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from data.notes import split_of
from data.snapshot import Row, write_holdout, write_snapshot
from data.storage.files import sha256_of
from data.task import DEFAULT_TASK, load_task
from tests.kit.tiny import shared_tiny, tiny_rows
from trainer.adapter.manifest import CARD, Manifest, read_manifest
from trainer.config import TrainConfig
from trainer.run.directory import RunDir
from trainer.run.model_card import count_origins, render_card
from trainer.run.train import train

TASK = load_task(DEFAULT_TASK)
CONFIG = TrainConfig(epochs=1, batch_size=8, learning_rate=0.00123, log_steps=1, threads=1)


def with_origins(rows: list[Row]) -> list[Row]:
    """Of the rows, three accepted and two corrected by a reviewer."""
    reviewed = [replace(row, source="annotation", corrected=i < 2) for i, row in enumerate(rows[:5])]
    return reviewed + rows[5:]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    """A finished run with a parent and a hold-out."""
    folder = tmp_path_factory.mktemp("run")
    rows = tiny_rows(70)
    kept = with_origins([row for row in rows if split_of(row.content_hash) == "train"][:24])
    held = [row for row in rows if split_of(row.content_hash) == "holdout"]
    snapshot = write_snapshot(TASK, kept, folder / "snapshot.jsonl").path
    holdout = write_holdout(TASK, held, folder / "holdout.jsonl").path
    tiny = shared_tiny()
    options = {"base": tiny.base, "parent_adapter": tiny.adapter, "device": "cpu", "config": CONFIG}
    train(folder / "run-0007", snapshot=snapshot, holdout=holdout, **options)
    return RunDir(folder / "run-0007")


def card_of(run: RunDir) -> tuple[dict[str, object], str]:
    _, head, body = (run.adapter / CARD).read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_head_is_what_the_hub_reads(run: RunDir) -> None:
    head, _ = card_of(run)
    assert {key: head[key] for key in ("base_model", "library_name", "pipeline_tag")} == {
        "base_model": "tiny",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
    }
    assert {"lora", "base_model:adapter:tiny"} <= set(head["tags"])  # type: ignore[call-overload]
    assert "license" not in head


def test_every_figure_is_the_runs_own(run: RunDir) -> None:
    _, body = card_of(run)
    log = [json.loads(line) for line in run.log.read_text().splitlines()]
    losses = [line["loss"] for line in log if "loss" in line]
    checked = [line["eval_loss"] for line in log if "eval_loss" in line]
    metrics = json.loads(run.metrics.read_text())
    manifest = read_manifest(run.adapter)
    assert manifest is not None
    for words in (
        "originals: notes that came with their labels | 19 |",
        "accepted what was suggested | 3 |",
        "corrected what was suggested | 2 |",
        f"`{sha256_of(run.path.parent / 'snapshot.jsonl')}`",
        f"`{sha256_of(run.path.parent / 'holdout.jsonl')}`",
        manifest.weights_sha256,
        "| learning_rate | 0.00123 |",
        "| lora r | 16 |",
        f"| {losses[0]:.4f} |",
        f"| {losses[-1]:.4f} |",
        f"| {min(checked):.4f} |",
        "| previous adapter | tiny-adapter |",
    ):
        assert words in body, words
    for key in TASK.keys:
        old, new = (metrics[which]["fields"][key]["normalised"] for which in ("old", "new"))
        line = next(line for line in body.splitlines() if line.startswith(f"| {key} |"))
        assert line.endswith(f"| {old:.3f} | {new - old:+.3f} |")
        assert f"| {new:.3f} |" in line


def test_every_setting_is_there(run: RunDir) -> None:
    _, body = card_of(run)
    for name in set(TrainConfig.model_fields) - {"lora"}:
        assert f"| {name} | " in body


def test_it_says_what_it_is_for_and_how_to_load_it(run: RunDir) -> None:
    _, body = card_of(run)
    for words in ("a person checks every value", "Not for diagnosis", "caseloop adapters pull", "BitsAndBytesConfig("):
        assert words in body
    code = body.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert "{" not in body.replace(code, "")


def test_no_note_is_in_it(run: RunDir) -> None:
    text = (run.adapter / CARD).read_text(encoding="utf-8")
    for row in tiny_rows(70):
        assert row.text[8:] not in text
        assert not any(value in text for value in row.extraction.as_dict().values() if value and len(value) > 8)


def test_a_card_without_a_run_says_what_is_not_known() -> None:
    manifest = Manifest(
        name="old", base="owner/base", base_revision="a" * 40, prompt_version=1, weights_sha256="0" * 64
    )
    text = render_card(manifest, TASK)
    assert "No scores were kept" in text
    assert "| hold-out, never trained on | not known |" in text
    assert "| torch |" not in text
    assert "No loss was kept" in text
    assert f'revision="{"a" * 40}"' in text
    assert count_origins([]) == {"original": 0, "accepted": 0, "corrected": 0}


def test_tensorboard_reads_the_run(run: RunDir) -> None:
    events = EventAccumulator(str(run.tensorboard))
    events.Reload()
    names = ("loss", "eval_loss", "learning_rate")
    assert {f"train/{name}" for name in names} <= set(events.Tags()["scalars"])
    log = [json.loads(line) for line in Path(run.log).read_text().splitlines()]
    for name in names:
        shown = [(event.step, event.value) for event in events.Scalars(f"train/{name}")]
        assert shown == [(line["step"], pytest.approx(line[name])) for line in log if name in line]
