"""Warm rounds, as measured: who learns from what, who judges, and what the figures are of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.evaluation.scoring import ScoreError
from data.snapshot import read_rows
from data.task import load_task
from tests.bench.model.rounds import Plan, run_rounds
from tests.bench.model.run import BenchError
from tests.kit.tiny import shared_tiny, tiny_rows, write_labelled
from trainer.config import make_config

TASK = load_task()


def plan(folder: Path, **changes: object) -> Plan:
    tiny = shared_tiny()
    given: dict[str, object] = {
        "directory": folder / "runs",
        "data": write_labelled(folder / "data.jsonl", tiny_rows(140)),
        "judge": write_labelled(folder / "judge.jsonl", tiny_rows(12, start=5000)),
        "base": tiny.base,
        "adapter": tiny.adapter,
        "n_rounds": 2,
        "n_notes": 60,
        "config": make_config(mode="warm", max_steps=2),
        "device": "cpu",
    }
    return Plan(**{**given, **changes})  # type: ignore[arg-type]


def texts(path: Path) -> set[str]:
    return {row.text for row in read_rows(TASK, path)}


def test_each_round_goes_on_from_the_one_before(tmp_path: Path) -> None:
    said: list[str] = []
    asked = plan(tmp_path, follows_gate=False)
    result = run_rounds(TASK, asked, said.append)
    first, second = result["rounds"]
    runs = [asked.directory / f"round-{number}" for number in (1, 2)]
    learned, judged = ([texts(run / name) for run in runs] for name in ("snapshot.jsonl", "holdout.jsonl"))
    for of_learned, of_judged in zip(learned, judged, strict=True):
        assert not of_learned & of_judged
    assert not judged[1] & learned[0], "who judges is new to the adapter that is gone on from as well"
    assert judged[0] & learned[1], "who judged is learned from afterwards"
    assert {row.source for row in read_rows(TASK, runs[1] / "snapshot.jsonl")} == {"annotation"}
    parents = [json.loads((run / "adapter" / "manifest.json").read_text())["parent"] for run in runs]
    assert parents == ["tiny-adapter", "round-1"]
    assert (first["n_rows"], second["n_rows"]) == (len(learned[0]), len(learned[1]))
    assert second["serving"] == second["refit"], "every adapter is gone on from"
    macros = [one["macro"] for one in (result["start"], first["serving"], second["serving"])]
    assert result["never_lost"] == (macros[0] <= macros[1] <= macros[2])
    assert result["n_judges"] == 12
    assert first["refit"]["macro"] == first["kept"]["macro"], "other curves change no answer"
    assert first["refit"]["sure"].keys() == {"n", "n_right", "n_values", "n_values_right"}
    assert [line.split(":")[0].strip() for line in said] == [
        "start", "round 1", "with the curves of before", "round 2", "with the curves of before",
    ]  # fmt: skip


def test_an_adapter_that_does_not_pass_is_not_gone_on_from(tmp_path: Path) -> None:
    tiny = shared_tiny()
    config = make_config(mode="warm", max_steps=1, learning_rate=1e-9)  # it changes nothing that a gate could see
    result = run_rounds(TASK, plan(tmp_path, n_rounds=1, config=config, adapter=tiny.adapter))
    (only,) = result["rounds"]
    assert only["outcome"] == "unclear"
    assert only["serving"] == result["start"]
    assert result["never_lost"]


def test_too_few_notes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="Expected at least 300 different notes"):
        run_rounds(TASK, plan(tmp_path, n_rounds=5))
    with pytest.raises((BenchError, ScoreError, ValueError)):
        run_rounds(TASK, plan(tmp_path, n_notes=1, n_rounds=1))
