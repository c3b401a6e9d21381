"""Calibrated confidence: fitted on notes that the adapter was not trained on, kept with it, served by it."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.evaluation.calibration import (
    CALIBRATION,
    MIN_NOTES,
    Calibration,
    CalibrationError,
    Curve,
    log_odds,
    read_calibration,
)
from data.evaluation.reliability import reliability
from data.gate.near_duplicates import without_near
from data.snapshot import write_holdout, write_snapshot
from data.storage.files import sha256_of
from data.storage.locations import EMBEDDED
from data.suggestion import Grounding, Suggestion
from data.task import DEFAULT_TASK, Extraction, load_task
from tests.kit.tiny import shared_tiny, tiny_rows, tiny_sides, write_labelled
from trainer.__main__ import main
from trainer.adapter.files import ModelError
from trainer.config import TrainConfig
from trainer.engine import Engine
from trainer.evaluation.calibrate import CROSS_FITTED, PRIOR_NOTES, cross_fit, fit, write_calibration
from trainer.evaluation.prior import Observed
from trainer.model.loading import load_model
from trainer.run.train import train

TASK = load_task(DEFAULT_TASK)
RAW = [0.0, 1e-9, 0.01, 0.3, 0.5, 0.9, 0.99, 0.99999, 1.0]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())


def drawn(n: int, truth, *, keys: tuple[str, ...] = ("a", "b"), seed: int = 0) -> list[list[Observed]]:
    """Notes whose fields are right as often as `truth` says for a field and a raw probability."""
    draw = random.Random(seed)
    notes = []
    for _ in range(n):
        raws = [1 - 10 ** draw.uniform(-5, -0.1) for _ in keys]
        notes.append(
            [
                Observed(key, "value", log_odds(raw), draw.random() < truth(key, raw))
                for key, raw in zip(keys, raws, strict=True)
            ]
        )
    return notes


def overconfident(key: str, raw: float) -> float:
    return (0.2 if key == "a" else 0.6) + (0.3 * min(1.0, -math.log10(1 - raw) / 5))


def said(calibration: Calibration, one: Observed) -> float:
    raw = 1 / (1 + math.exp(-one.odds))
    return calibration.confidence({one.key: "x"}, {one.key: raw})[one.key]


def error_on(calibration: Calibration | None, notes: list[list[Observed]], key: str) -> float:
    seen = [one for note in notes for one in note if one.key == key]
    sure = [said(calibration, one) if calibration else 1 / (1 + math.exp(-one.odds)) for one in seen]
    found = reliability(sure, [one.right for one in seen])
    assert found is not None
    return found.ece


@pytest.mark.parametrize("n", [50, 1_000])
def test_confidence_comes_to_mean_the_share_that_is_right(n: int) -> None:
    fitted, fresh = fit(drawn(n, overconfident), "some"), drawn(4_000, overconfident, seed=1)
    for key in "ab":
        before, after = error_on(None, fresh, key), error_on(fitted, fresh, key)
        assert after < (0.16 if n == 50 else 0.04)
        assert after < 0.75 * before


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(MIN_NOTES, 90))
def test_curves_never_fall_nor_reach_certainty(seed: int, n: int) -> None:
    """Even where the surer answers are the wronger ones."""
    backwards = fit(drawn(n, lambda _, raw: 1 - raw, seed=seed), "some")
    for key in ("a", "never seen"):
        for value in ("x", None):
            shares = [backwards.confidence({key: value}, {key: raw})[key] for raw in RAW]
            assert all(low <= high for low, high in itertools.pairwise(shares))
            assert all(1 / (n + PRIOR_NOTES + 2) - 1e-4 <= share < 1 for share in shares)


def test_a_field_that_was_always_right_is_not_certain() -> None:
    fitted = fit(drawn(40, lambda *_: 1.0), "some")
    top = fitted.confidence({"a": "x"}, {"a": 1.0})["a"]
    assert 0.9 < top <= (40 + PRIOR_NOTES + 1) / (40 + PRIOR_NOTES + 2) + 1e-4


def test_a_field_with_few_notes_leans_on_the_others() -> None:
    notes = drawn(200, lambda *_: 0.9, keys=("a",))
    for number in range(3):
        notes[number].append(Observed("rare", "value", 5.0, right=False))
    fitted = fit(notes, "some")
    assert 0.2 < fitted.confidence({"rare": "x"}, {"rare": 0.993})["rare"] < 0.9


def test_few_notes_depart_little_from_earlier_curves_and_many_decide() -> None:
    """Overconfident before, and always right now."""
    earlier = fit(drawn(1_000, overconfident), "before")
    at = {"a": 0.999}
    before = earlier.confidence({"a": "x"}, at)["a"]
    fitted = [fit(drawn(n, lambda *_: 1.0, seed=5), "now", earlier) for n in (10, 40, 600)]
    found = [calibration.confidence({"a": "x"}, at)["a"] for calibration in fitted]
    assert before < found[0] < found[1] < found[2]
    assert found[0] < 0.9 < found[2]


@pytest.mark.parametrize("with_earlier", [False, True])
def test_what_counts_as_sure_is_right_after_few_notes(with_earlier: bool) -> None:
    """Where six in ten values are right, whatever the model says, ten or twenty notes make none of them sure."""
    earlier = fit(drawn(400, lambda *_: 0.6), "before") if with_earlier else None
    for n, seed in itertools.product((10, 20), range(8)):
        fitted = fit(drawn(n, lambda *_: 0.6, seed=seed), "now", earlier)
        sure = [one for note in drawn(40, lambda *_: 0.6, seed=99) for one in note if said(fitted, one) >= 0.9]
        assert len(sure) <= 4


def test_values_that_are_not_in_the_note_and_no_value_have_their_own_curves() -> None:
    notes = drawn(300, lambda *_: 0.9, keys=("a",))
    for number, note in enumerate(notes[:80]):
        kind, right = ("not_found", False) if number % 2 else ("no_value", True)
        note[0] = replace(note[0], kind=kind, right=right)
    fitted = fit(notes, "some")
    found, missing, none = (
        fitted.confidence({"a": value}, {"a": 0.99}, {"a": grounding})["a"]
        for value, grounding in (("x", Grounding.EXACT), ("x", Grounding.NOT_FOUND), (None, Grounding.EXACT))
    )
    assert missing < 0.3
    assert 0.8 < found < none


def test_too_few_notes_are_a_sentence() -> None:
    notes = drawn(MIN_NOTES - 1, overconfident)
    with pytest.raises(CalibrationError, match=r"Expected at least 10 .* found 9"):
        fit([*notes, [], []], "some")


def answered(n: int) -> tuple[list[Extraction], list[Suggestion | None]]:
    rows, draw = tiny_rows(n), random.Random(3)
    wrong = Extraction(TASK, dict.fromkeys(TASK.keys, "something else"))
    gold = [row.extraction if draw.random() < 0.7 else wrong for row in rows]
    answers: list[Suggestion | None] = []
    for row in rows:
        raw = {key: draw.uniform(0.5, 1) for key in TASK.keys}
        answers.append(Suggestion(row.extraction, raw, "", "some", 1, 0, raw_confidence=raw))
    return gold, answers


def test_no_note_has_a_say_in_its_own_confidence() -> None:
    gold, answers = answered(60)
    before = cross_fit(TASK, gold, answers)
    other = Extraction(TASK, dict.fromkeys(TASK.keys, "yet something else"))
    rights = [i for i, answer in enumerate(answers) if answer and answer.extraction == gold[i]]
    for number in rights[:2]:
        after = cross_fit(TASK, [other if i == number else true for i, true in enumerate(gold)], answers)
        assert after[number].confidence == before[number].confidence  # type: ignore[union-attr]
        assert any(a.confidence != b.confidence for a, b in zip(after, before, strict=True))  # type: ignore[union-attr]


def test_a_note_without_an_answer_stays_without() -> None:
    gold, answers = answered(40)
    answers[5] = None
    found = cross_fit(TASK, gold, answers)
    assert [number for number, answer in enumerate(found) if answer is None] == [5]


def test_a_file_holds_the_same_curves(tmp_path: Path) -> None:
    fitted = fit(drawn(80, overconfident), "some")
    write_calibration(tmp_path, fitted)
    assert read_calibration(tmp_path) == fitted
    assert read_calibration(tmp_path / "none") is None


def damaged() -> list[str]:
    whole = fit(drawn(40, overconfident), "some").to_json()
    curve = {"value": [[0.0, 0.5]]}
    bad = [
        {**whole, "format": 99},
        {**whole, "pooled": {}},
        {**whole, "pooled": {"value": []}},
        {**whole, "pooled": {"value": [[0, 0.9], [1, 0.2]]}},
        {**whole, "pooled": {"value": [[1, 0.2], [0, 0.9]]}},
        {**whole, "pooled": {"value": [[0, 0.2], [1, 1.0]]}},
        {**whole, "pooled": {"value": [[0, 0.2], [1, float("nan")], [2, 0.9]]}},
        {**whole, "pooled": {**curve, "other": [[0, 0.5]]}},
        {**whole, "fields": {"stage": [1, 2]}},
        {**whole, "n_notes": None},
        {key: value for key, value in whole.items() if key != "fields"},
        [],
    ]
    return ["", "{", "[" * 100_000, "null", *map(json.dumps, bad), " " * (2 << 20)]


@pytest.mark.parametrize("number", range(17))
def test_a_damaged_file_is_a_sentence(number: int, tmp_path: Path) -> None:
    (tmp_path / CALIBRATION).write_text(damaged()[number])
    with pytest.raises(CalibrationError, match=r"^Expected"):
        read_calibration(tmp_path)


def test_every_damaged_file_is_tried() -> None:
    assert len(damaged()) == 17
    with pytest.raises(CalibrationError):
        Curve(())


def test_an_adapter_with_a_damaged_calibration_is_not_loaded(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(shared_tiny().adapter, adapter)
    (adapter / CALIBRATION).write_text("{}")
    with pytest.raises(ModelError, match="Expected a calibration that can be used"):
        load_model(shared_tiny().base, adapter, device="cpu")


def test_the_embedded_adapter_says_how_sure_it_may_be() -> None:
    engine = Engine(load_model(EMBEDDED / "base", EMBEDDED / "adapter", device="cpu"), TASK)
    stored = read_calibration(EMBEDDED / "adapter")
    assert stored is not None
    assert stored.n_notes > 3_000
    assert set(stored.fields) == set(TASK.keys)
    for figures in stored.figures["fields"].values():
        assert figures["ece"] <= 0.05 < figures["ece_raw"] or figures["ece"] < figures["ece_raw"]
    for one in engine.suggest(row.text for row in tiny_rows(4)):
        assert one.confidence == stored.confidence(one.extraction, one.raw_confidence, one.grounding)
        assert one.confidence != one.raw_confidence
        assert all(0 < sure < 1 for sure in one.confidence.values())


def trained(tmp_path: Path, n_held_out: int, parent: Path | None) -> tuple[Path, dict]:
    """A short run with so many hold-out notes: its directory and its metrics."""
    rows, held_out = tiny_sides(900)
    held = held_out[:n_held_out]
    kept, _ = without_near(rows[:16], [row.text for row in held])  # how alike two are depends on what is compared
    snapshot = write_snapshot(TASK, kept, tmp_path / "snapshot.jsonl").path
    holdout = write_holdout(TASK, held, tmp_path / "holdout.jsonl").path if held else None
    run_dir = tmp_path / "runs" / "run"
    config = TrainConfig(max_steps=2, batch_size=8, threads=1)
    base = shared_tiny().base
    train(run_dir, base=base, parent_adapter=parent, snapshot=snapshot, holdout=holdout, config=config, device="cpu")
    metrics = run_dir / "metrics.json"
    return run_dir, json.loads(metrics.read_text()) if metrics.exists() else {}


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """An adapter with a calibration."""
    adapter = tmp_path / "parent"
    shutil.copytree(shared_tiny().adapter, adapter)
    write_calibration(adapter, fit(drawn(50, overconfident), "parent"))
    return adapter


def test_a_run_fits_confidence_on_its_hold_out(tmp_path: Path, parent: Path) -> None:
    run_dir, metrics = trained(tmp_path, 40, parent)
    fitted = read_calibration(run_dir / "adapter")
    assert fitted is not None
    assert (fitted.adapter, fitted.n_notes) == ("run", 40)
    # What the run knows of its old adapter is kept for whoever goes on using that.
    told = json.loads((run_dir / "old_calibration.json").read_text())
    assert told["weights_sha256"] == sha256_of(parent / "adapter_model.safetensors")
    assert Calibration.from_json(told).n_notes == 40
    for which in ("old", "new"):
        measured = metrics[which]["confidence"]
        assert measured["source"] == CROSS_FITTED
        assert measured["overall"]["n"] == 40 * len(TASK.keys)
        # The parent's curves, which they begin from, are of other answers here.
        assert measured["overall"]["ece"] <= max(0.05, measured["overall"]["ece_raw"])
    assert load_model(shared_tiny().base, run_dir / "adapter", device="cpu").calibration == fitted


@pytest.mark.parametrize("n_held_out", [0, 8])
def test_a_run_with_few_labels_keeps_its_parents_confidence(tmp_path: Path, parent: Path, n_held_out: int) -> None:
    run_dir, metrics = trained(tmp_path, n_held_out, parent)
    assert read_calibration(run_dir / "adapter") == read_calibration(parent)
    if metrics:
        assert metrics["new"]["confidence"]["source"].startswith("calibration of parent, because fewer than 10")


def test_a_run_with_few_labels_and_no_parent_says_so(tmp_path: Path) -> None:
    run_dir, metrics = trained(tmp_path, 8, None)
    assert read_calibration(run_dir / "adapter") is None
    assert metrics["new"]["confidence"]["source"] == "the model's own probabilities"
    assert metrics["new"]["confidence"]["overall"]["ece"] == metrics["new"]["confidence"]["overall"]["ece_raw"]


def test_calibrate_and_evaluate_by_command(tmp_path: Path, capsys) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(shared_tiny().adapter, adapter)
    data = write_labelled(tmp_path / "rows.jsonl", tiny_rows(36))
    words = ["--base", str(shared_tiny().base), "--adapter", str(adapter), "--data", str(data), "--device", "cpu"]
    assert main(["calibrate", *words, "--limit", "5"]) == 2
    assert "found 5" in capsys.readouterr().err
    assert main(["calibrate", *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_notes"] == 36
    assert main(["calibrate", *words]) == 0
    assert "all fields" in capsys.readouterr().out
    assert main(["evaluate", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["confidence"]
    assert told["source"] == "the adapter's calibration"
    assert set(told["fields"]) == set(TASK.keys)
    assert list(told["overall"]["accuracy_at"]) == ["50", "80", "90", "100"]
    assert main(["evaluate", *words]) == 0
    assert "0.95 up to" in capsys.readouterr().out
