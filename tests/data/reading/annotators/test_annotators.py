"""doccano, Prodigy, Argilla and brat: texts with labels, which are the fields' where their names are."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.reading.json.keys import leading_keys
from data.reading.readers import read_records
from data.reading.records import Record
from data.task import Extraction
from tests.kit.note_files import CANARY, EMPTY, TASK, file, lines, only, read

TEXT = "Ductal carcinoma, stage IIA. BRCA1 and TP53 mutated."
MARKED = {"Stage": ["IIA"], "gene_mutation": ["BRCA1", "TP53"], "SITE": ["Ductal"]}
GOLD = Extraction(TASK, {**EMPTY, "stage": "IIA", "gene_mutation": "BRCA1; TP53"})


def spans(make: Callable[[str, int, int], Any]) -> list[Any]:
    found = [(label, words) for label, some in MARKED.items() for words in some]
    return [make(label, TEXT.index(words), TEXT.index(words) + len(words)) for label, words in found]


def objects(label: str, start: int, end: int) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def response(value: Any, by: str = "ann", **more: Any) -> dict[str, Any]:
    return {"value": value, "user_id": by, **more}


DOCCANO = {"id": 5, "text": TEXT, "ward": "B"}
PRODIGY = {"id": 5, "text": TEXT, "meta": {"ward": "B"}, "_input_hash": 1, "_task_hash": 2, "answer": "accept"}
ARGILLA = {"id": "5", "fields": {"text": TEXT}, "metadata": {"ward": "B"}, "suggestions": {}, "responses": {}}
OLD_ARGILLA = {"id": "5", "text": TEXT, "metadata": {"ward": "B"}, "prediction_agent": None, "status": "Validated"}
CASES: dict[str, dict[str, Any]] = {
    "doccano": {**DOCCANO, "label": spans(lambda label, start, end: [start, end, label]), "Comments": []},
    "doccano of old": {**DOCCANO, "labels": spans(lambda label, start, end: [start, end, label])},
    "doccano with relations": {
        **DOCCANO,
        "entities": spans(
            lambda label, start, end: {"id": 1, "label": label, "start_offset": start, "end_offset": end}
        ),
        "relations": [],
    },
    "doccano under data": {
        "id": 5,
        "data": TEXT,
        "ward": "B",
        "label": spans(lambda label, start, end: [start, end, label]),
    },
    "prodigy": {**PRODIGY, "spans": spans(objects), "tokens": [{"text": "Ductal", "start": 0, "end": 6, "id": 0}]},
    "prodigy, typed": {**PRODIGY, "stage": "IIA", "gene_mutation": "BRCA1; TP53"},
    "argilla": {**ARGILLA, "responses": {"spans": [response(spans(objects))]}},
    "argilla, questions": {
        **ARGILLA,
        "responses": {"Stage": [response("IIA")], "gene_mutation": [response(["BRCA1", "TP53"])]},
    },
    "argilla of the hub": {
        **ARGILLA,
        "responses": [{"user_id": "ann", "status": "submitted", "values": {"spans": {"value": spans(objects)}}}],
        "suggestions": [],
    },
    "argilla of old": {
        **OLD_ARGILLA,
        "annotation": spans(lambda label, start, end: [label, start, end]),
        "annotation_agent": "ann",
    },
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", ["lines", "array", "alone"])
def test_labels_that_are_named_like_fields(tmp_path: Path, case: str, form: str) -> None:
    record = CASES[case]
    written = {"lines": lines(record), "array": json.dumps([record]), "alone": json.dumps(record, indent=1)}
    path = file(tmp_path, written[form], "a.json")
    (note,), refusals = read(path, original=True)
    assert not refusals
    assert (note.text, note.external_id, note.gold) == (TEXT, "5", GOLD)
    assert note.metadata["ward"] == "B"
    if case not in ("prodigy, typed", "argilla, questions"):
        assert note.metadata["annotations"][0]["labels"] == {"SITE": ["Ductal"]}
    (plain,), _ = read(path)
    assert plain.gold is None
    assert plain.metadata["ward"] == "B"


def decided(tmp_path: Path, record: dict[str, Any]) -> Record:
    (found,) = read_records(file(tmp_path, lines(record)))
    assert isinstance(found, Record)
    return found


@pytest.mark.parametrize(("answer", "status"), [("accept", "submitted"), ("reject", "rejected"), ("ignore", "skipped")])
def test_answers_of_prodigy(tmp_path: Path, answer: str, status: str) -> None:
    given = {**PRODIGY, "spans": spans(objects), "answer": answer, "_annotator_id": "set-ann", "_timestamp": 1767225600}
    (decision,) = decided(tmp_path, given).decisions
    assert (decision.status, decision.by, decision.at) == (status, "set-ann", "2026-01-01T00:00:00+00:00")
    if answer != "accept":
        assert "rejected or left out" in only(file(tmp_path, lines(given)), original=True).sentence


def test_what_models_of_argilla_said(tmp_path: Path) -> None:
    newer = {**ARGILLA, "suggestions": {"stage": {"value": "II", "score": 0.7, "agent": "m-1"}}}
    older = {**ARGILLA, "suggestions": [{"question_name": "stage", "value": "II", "score": 0.7, "agent": "m-1"}]}
    for given in (newer, older):
        (proposal,) = decided(tmp_path, given).proposals
        assert (proposal.by, proposal.values, proposal.scores) == ("m-1", {"stage": ["II"]}, {"stage": 0.7})
    two = {**ARGILLA, "responses": {"stage": [response("I"), response("II", "bo", status="discarded")]}}
    assert [(one.by, one.status) for one in decided(tmp_path, two).decisions] == [
        ("ann", "submitted"),
        ("bo", "skipped"),
    ]


def test_categories_belong_to_no_field_and_stay(tmp_path: Path) -> None:
    (note,), _ = read(file(tmp_path, lines({"id": 1, "text": TEXT, "label": ["breast", "early"]})))
    assert note.metadata == {"label": ["breast", "early"]}


# --- brat -------------------------------------------------------------------------------------------------------------


def brat(folder: Path) -> Path:
    folder.mkdir()
    marks = [*spans(lambda label, start, end: f"{label} {start} {end}\t{TEXT[start:end]}")]
    marks.append("Treatment 0 6;18 23\tDuctal stage")
    (folder / "a.ann").write_text(
        "".join(f"T{n}\t{mark}\n" for n, mark in enumerate(marks, 1)) + "#1\tAnnotatorNotes T1\tx\n"
    )
    (folder / "a.txt").write_text(TEXT + "\n")
    (folder / "b.txt").write_text("Nothing marked.\n")
    (folder / "b.ann").write_text("")
    (folder / "annotation.conf").write_text("[entities]\nStage\n")
    (folder / "visual.conf").write_text("[labels]\n")
    return folder


def test_a_folder_of_brat(tmp_path: Path) -> None:
    folder = brat(tmp_path / "brat")
    notes, refusals = read(folder)
    assert ([(note.external_id, note.text) for note in notes], refusals) == (
        [("a", TEXT), ("b", "Nothing marked.")],
        [],
    )
    assert notes[0].metadata["brat"] == ["#1\tAnnotatorNotes T1\tx"]
    (note,), (refusal,) = read(folder, original=True)
    assert note.gold == Extraction(TASK, {**GOLD, "treatment": "Ductal stage"})
    assert refusal.file == "b.txt"
    with zipfile.ZipFile(tmp_path / "brat.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"brat/{path.name}")
    (packed, _), _ = read(tmp_path / "brat.zip")
    assert packed.text == TEXT


def test_annotations_of_brat_without_their_text(tmp_path: Path) -> None:
    folder = brat(tmp_path / "brat")
    (folder / "a.txt").unlink()
    (folder / "b.ann").write_bytes(b"T1\tStage 0 3\t\xff")
    notes, refusals = read(folder)
    assert not notes
    assert [(refusal.file, refusal.found) for refusal in refusals] == [
        ("a.ann", "no .txt of that name"),
        ("b.ann", "other bytes"),
    ]
    assert "import the folder with both" in only(folder / "a.ann").sentence


@pytest.mark.parametrize("line", ["{1}\tO", "{1} NN B-X", "{0}\t{1}\t{1}\tNOUN\tNN\t_\t0\troot\t_\t_"])
def test_words_with_tags_are_refused(tmp_path: Path, line: str) -> None:
    words = f"{CANARY} {TEXT}".split()
    tagged = "# sent_id = 1\n" + "".join(line.format(number, word) + "\n" for number, word in enumerate(words, 1))
    refusal = only(file(tmp_path, tagged, "a.txt"))
    assert "(CoNLL)" in refusal.found
    assert refusal.is_file


@pytest.mark.parametrize("marks", ['\\"', "\\", '"', "{", '{"a":'])
def test_the_keys_of_an_object_are_looked_for_once(tmp_path: Path, marks: str) -> None:
    # Were a string without an end tried again at each of its signs, this would take minutes.
    text = '{"a":"' + marks * 60_000
    assert not leading_keys(text).keys() - {"a", ""}
    assert only(file(tmp_path, text, "a.json")).is_file
