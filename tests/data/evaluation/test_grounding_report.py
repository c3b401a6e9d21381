"""Figures on how values rest on their notes, and the command that prints them."""

from __future__ import annotations

import json
import random
from pathlib import Path

from app.cli.main import main
from data.evaluation.grounding_report import grounding_report, planted_values, stands_in
from data.snapshot import Row
from data.task import Extraction, load_task

TASK = load_task()
KEY = next(field.key for field in TASK.fields if field.is_list and not field.inferred)
FIELD = TASK.field(KEY)
DRUGS = ("BRAF V600E", "KRAS G12D", "EGFR L858R", "NRAS Q61R")


def row(text: str, value: str | None) -> Row:
    return Row(text, Extraction(TASK, {**dict.fromkeys(TASK.keys), KEY: value}), "original", "0" * 64)


ROWS = [row(f"Sequencing found {gene}.", gene) for gene in DRUGS]


def test_shares_of_kinds_and_alarms() -> None:
    rows = [
        *ROWS,
        row("BRAF p.V600E", "BRAF V600E"),
        row("EGFR del19", "EGFR exon 19 deletion"),
        row("Nothing was found.", "KRAS G12C"),
        row("Nothing was found.", None),
    ]
    figures = grounding_report(TASK, rows)["fields"]
    ours = figures[KEY]
    assert ours["n_values"] == 7
    assert (ours["exact"], ours["fuzzy"], ours["synonym"]) == (0.5714, 0.1429, 0.1429)
    assert (ours["inferred"], ours["not_found"], ours["false_alarms"]) == (0.0, 0.1429, 0.1429)
    assert figures[TASK.keys[0]]["n_values"] == 0
    assert figures[TASK.keys[0]]["exact"] is None


def test_planted_values_are_others_and_noticed() -> None:
    for seed in range(20):
        for text, wrong in planted_values(TASK, FIELD, ROWS, random.Random(seed)):
            assert wrong in DRUGS
            assert wrong not in text
    planted = grounding_report(TASK, ROWS)["fields"][KEY]["planted"]
    assert planted == {"n": 4, "flagged": 1.0, "n_absent": 4, "flagged_absent": 1.0}


def test_a_planted_value_that_stands_in_the_note_is_counted_apart() -> None:
    rows = [row("KRAS G12D and BRAF V600E.", "KRAS G12D"), row("BRAF V600E.", "BRAF V600E")]
    planted = grounding_report(TASK, rows)["fields"][KEY]["planted"]
    assert planted == {"n": 2, "flagged": 0.5, "n_absent": 1, "flagged_absent": 1.0}
    assert stands_in("braf v600e, then KRAS G12D", "KRAS G12D; BRAF V600E", FIELD)
    assert not stands_in("braf v600e", "KRAS G12D; BRAF V600E", FIELD)


def test_where_all_values_are_alike_nothing_can_be_planted() -> None:
    report = grounding_report(TASK, [ROWS[0], ROWS[0]])
    assert report["fields"][KEY]["planted"] == {"n": 0, "flagged": None, "n_absent": 0, "flagged_absent": None}


def test_the_command_prints_the_figures(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "labelled.jsonl"
    lines = [{"input": one.text, "output": one.extraction.as_dict()} for one in ROWS]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert main(["evidence", "--data", str(file), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["n_notes"] == 4
    assert printed["fields"][KEY]["planted"]["flagged"] == 1.0
    assert main(["evidence", "--data", str(file), "--limit", "2"]) == 0
    assert "planted noticed" in capsys.readouterr().out
    assert main(["evidence", "--data", str(tmp_path / "absent.jsonl")]) == 2
