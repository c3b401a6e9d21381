"""Measuring a model: on labelled notes, among other text, on strange notes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.notes import content_hash
from data.snapshot import Row
from data.task import Extraction, load_task
from tests.bench.__main__ import _parser
from tests.bench.model.embedded.lengths import surround
from tests.bench.model.embedded.run import MADE_UP, MEASURES, Plan, run_model
from tests.bench.model.run import BenchError
from tests.kit.tiny import shared_tiny, tiny_rows, write_labelled
from trainer.engine import Engine
from trainer.model.loading import load_for_serving
from trainer.pretraining.calibrating import write_suggestions
from trainer.pretraining.notes.padding import neutral_passages
from trainer.pretraining.notes.real import read_real

TASK = load_task()


def measured(path: Path, *only: str) -> list[dict[str, Any]]:
    tiny = shared_tiny()
    return list(run_model(Plan(path, base=tiny.base, adapter=tiny.adapter, only=only, n_padded=2, n_tokens=400)))


def test_measures_of_the_same_notes_agree(tmp_path):
    path = write_labelled(tmp_path / "notes.jsonl", tiny_rows(5, start=300))
    labelled, keys, context = measured(path, "context", "labelled", "keys")
    assert [one["measure"] for one in (labelled, keys, context)] == ["labelled", "keys", "context"]
    assert labelled["n_notes"] == keys["n_notes"] == 5
    assert labelled["json_valid"] == 1
    assert set(labelled["fields"]) == set(TASK.keys)
    macro = labelled["macro"]
    assert macro["raw"] == macro["normalised"], "the file accepts no other values"
    assert macro["raw"] == pytest.approx(sum(one["raw"] for one in labelled["fields"].values()) / 7, abs=1e-4)
    assert keys["keys_share"] == pytest.approx(keys["keys"] / keys["keys_from_scratch"], abs=1e-4)
    assert list(context["places"]) == ["alone", "start", "middle", "end"]
    assert {place: 340 < one["mean_tokens"] < 460 for place, one in context["places"].items() if place != "alone"} == {
        "start": True, "middle": True, "end": True,
    }  # fmt: skip


def test_answers_of_folds_are_judged_by_curves_of_the_others(tmp_path):
    engine, rows = (
        Engine(load_for_serving(shared_tiny().base, shared_tiny().adapter, device="cpu"), TASK),
        tiny_rows(24),
    )
    given = list(engine.suggest(row.text for row in rows))
    wrong = Extraction(TASK, dict.fromkeys(TASK.keys, "zebra"))
    labels = [answer.extraction if number < 12 else wrong for number, answer in enumerate(given)]
    labelled = [replace(row, extraction=label) for row, label in zip(rows, labels, strict=True)]
    path, suggestions = write_labelled(tmp_path / "notes.jsonl", labelled), tmp_path / "folds.jsonl"
    notes, written = read_real(TASK, path), []
    for fold, part in enumerate((slice(0, 12), slice(12, 24))):
        write_suggestions(suggestions, notes[part], given[part], fold)
        written.append(suggestions.read_text())
    suggestions.write_text("".join(written))
    plan = Plan(path, suggestions=suggestions, base=tmp_path, only=("folds",))  # no model is asked for
    (folds,) = run_model(plan)
    assert (folds["n_notes"], folds["macro"]["raw"]) == (24, 0.5)
    assert folds["sure"]["n"] > folds["sure"]["n_right"] == 0, "where all of the others are right, one may be sure"
    assert folds["keys"]["keys_share"] > 0
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    with pytest.raises(BenchError, match="Expected the labels of all 24 notes in folds"):
        next(run_model(plan))


def test_an_answer_counts_by_what_the_file_accepts(tmp_path):
    path = write_labelled(tmp_path / "notes.jsonl", tiny_rows(1, start=300))
    (before,) = measured(path, "labelled")
    accept = {key: ["x", None] for key in TASK.keys}
    path.write_text(path.read_text().rstrip()[:-1] + f', "accept": {json.dumps(accept)}}}\n')
    (after,) = measured(path, "labelled")
    assert after["macro"]["empty_form"] == 1 > before["macro"]["empty_form"]
    assert after["macro"]["normalised"] == before["macro"]["normalised"]
    assert after["macro"]["raw"] >= before["macro"]["raw"]


@pytest.mark.parametrize("before", [0.0, 0.5, 1.0])
def test_a_note_stands_whole_where_it_is_put(before):
    row = tiny_rows(1)[0]
    text = surround(row, MADE_UP["neutral"], 2_000, before).text
    ahead, _, behind = text.partition(row.text)
    assert abs(len(ahead) - 2_000 * before) < 80
    assert abs(len(behind) - 2_000 * (1 - before)) < 80
    assert surround(row, MADE_UP["neutral"], 0, before) == row


def test_what_is_made_up_says_what_it_is_to_say():
    for sentence in MADE_UP["neutral"]:
        assert neutral_passages(TASK, [" ".join([sentence] * 3)]), sentence
    for note in MADE_UP["notes"]:
        output = note.get("output", {})
        Row(note["text"], Extraction(TASK, {key: output.get(key) for key in TASK.keys}), "original", content_hash(""))
        assert set(output) <= set(TASK.keys)
        assert (note["kind"] == "no cancer") <= (not output)


def test_options_are_a_plan_and_unknown_measures_are_refused():
    options = vars(_parser().parse_args(["model", "--only", "fly", "--notes", "3"]))
    del options["what"], options["as_json"]
    plan = Plan(**options)
    assert (plan.n_notes, plan.n_generated) == (3, 2_000)
    with pytest.raises(BenchError, match=f"Expected measures among {', '.join(MEASURES)}; found 'fly'"):
        next(run_model(plan))
    with pytest.raises(BenchError, match="Name it with --synthetic"):
        next(run_model(Plan(only=("synthetic",))))
