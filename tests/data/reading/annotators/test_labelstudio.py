"""Label Studio: what it exports and imports comes in, with what people and models said there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data.notes import read_notes
from data.reading.annotators.fields import evidence_of, labels_of
from data.reading.readers import read_records
from data.reading.records import Columns, Record
from data.task import Extraction
from tests.kit.note_files import CANARY, EMPTY, TASK, file, only, read

TEXT = "🧬 Ductal carcinoma, stage IIA. BRCA1 and TP53 mutated."


def area(name: str, value: str, **more: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "textarea", "value": {"text": [value]}, **more}


def choice(name: str, *values: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(values)}}


def mark(label: str, words: str, *, text: str = TEXT, **more: Any) -> dict[str, Any]:
    start = text.index(words)
    value = {"start": start, "end": start + len(words), "text": words, "labels": [label]}
    return {"from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def annotation(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": 3, "was_cancelled": False, "lead_time": 4.5, "result": list(results), **more}


def task(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 17, "data": {"text": TEXT, "ward": "B"}, "annotations": list(annotations), "predictions": [], **more}


def one(tmp_path: Path, *tasks: dict[str, Any]) -> Record:
    (record,) = read_records(file(tmp_path, json.dumps(list(tasks)), "a.json"))
    assert isinstance(record, Record)
    return record


LABELS: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
    "areas under keys": ([area("stage", "IIA")], {"stage": "IIA"}),
    "areas under titles": ([area("Cancer type", "ductal carcinoma")], {"cancer_type": "ductal carcinoma"}),
    "choices": ([choice("Stage", "IIA")], {"stage": "IIA"}),
    "several choices": ([choice("gene-mutation", "BRCA1", "TP53")], {"gene_mutation": "BRCA1; TP53"}),
    "labels": ([mark("Stage", "IIA")], {"stage": "IIA"}),
    "labels of one field": (
        [mark("Gene mutation", "TP53"), mark("Gene mutation", "BRCA1")],
        {"gene_mutation": "BRCA1; TP53"},
    ),
    "the area before the label": ([mark("Stage", "stage IIA"), area("stage", "IIA")], {"stage": "IIA"}),
    "what is no field": ([area("stage", "IIA"), choice("mood", "calm"), mark("SITE", "Ductal")], {"stage": "IIA"}),
}


@pytest.mark.parametrize("case", LABELS)
def test_annotations_are_labels(tmp_path: Path, case: str) -> None:
    results, values = LABELS[case]
    given = task(annotation(*results))
    path = file(tmp_path, json.dumps(given if case in ("choices", "labels") else [given]), "a.json")
    (note,), refusals = read(path, original=True)
    assert not refusals
    assert note.gold == Extraction(TASK, {**EMPTY, **values})
    assert (note.text, note.external_id, note.metadata["ward"]) == (TEXT, "17", "B")


def test_the_annotation_that_holds(tmp_path: Path) -> None:
    older, newer = (
        annotation(area("stage", said), updated_at=at) for said, at in (("I", "2026-01-01"), ("II", "2026-01-02"))
    )
    truth = annotation(area("stage", "III"), updated_at="2025-01-01", ground_truth=True)
    cancelled = annotation(area("stage", "IV"), updated_at="2026-01-03", was_cancelled=True)
    for given, stage in (([newer, older, cancelled], "II"), ([newer, truth], "III")):
        (note,), _ = read(file(tmp_path, json.dumps([task(*given)]), "a.json"), original=True)
        assert note.gold is not None
        assert note.gold["stage"] == stage


def test_who_said_what_and_when(tmp_path: Path) -> None:
    said = annotation(area("stage", "IIA"), mark("Stage", "IIA"), updated_at="2026-01-02T03:04:05Z")
    person = {"id": 9, "email": "ann@north.example", "first_name": "Ann", "last_name": "Roe"}
    left = annotation(updated_at="2026-01-01", was_cancelled=True, completed_by=person)
    model = {"model_version": "m-1", "score": 0.4, "result": [area("stage", "II", score=0.9), mark("SITE", "Ductal")]}
    record = one(tmp_path, task(said, left, predictions=[model]))
    skipped, submitted = record.decisions
    assert (skipped.status, skipped.by) == ("skipped", "ann@north.example")
    assert (submitted.by, submitted.at, submitted.lead_time_ms) == ("user 3", "2026-01-02T03:04:05Z", 4500)
    assert evidence_of(submitted, TASK) == {"stage": ((TEXT.index("IIA"), TEXT.index("IIA") + 3),)}
    (proposal,) = record.proposals
    assert (proposal.by, proposal.status) == ("m-1", "suggested")
    assert proposal.scores == {"stage": 0.9}
    assert labels_of(proposal, TASK) == {**EMPTY, "stage": "II"}


def test_predictions_of_which_a_task_has_the_numbers_only(tmp_path: Path) -> None:
    model = {"model_version": "m-1", "result": [area("stage", "II")]}
    given = task(annotation(area("stage", "IIA"), prediction=model), annotation(prediction={}), predictions=[4])
    (proposal,) = one(tmp_path, given).proposals
    assert (proposal.by, proposal.values) == ("m-1", {"stage": ["II"]})


def test_without_labels_they_stay_beside_the_note(tmp_path: Path) -> None:
    model = {"model_version": "m-1", "result": [mark("SITE", "Ductal")]}
    given = task(annotation(area("stage", "IIA"), completed_by=None), predictions=[model])
    (note,), _ = read(file(tmp_path, json.dumps([given]), "a.json"))
    assert note.gold is None
    assert note.metadata == {
        "ward": "B",
        "annotations": [{"labels": {"stage": ["IIA"]}}],
        "predictions": [{"by": "m-1", "labels": {"SITE": ["Ductal"]}, "spans": {"SITE": [[2, 8]]}}],
    }


def test_places_that_count_utf16_or_line_breaks(tmp_path: Path) -> None:
    start = TEXT.index("IIA")
    for shift in (0, 1):  # a tool in JavaScript counts the first sign twice
        result = mark("Stage", "IIA")
        result["value"] |= {"start": start + shift, "end": start + 3 + shift}
        (decision,) = one(tmp_path, task(annotation(result))).decisions
        assert list(decision.spans["Stage"]) == [(start, start + 3)]
    text = "One.\r\nTwo."
    given = {"data": {"text": text}, "annotations": [annotation(mark("Stage", "Two", text=text))]}
    (decision,) = one(tmp_path, given).decisions
    assert list(decision.spans["Stage"]) == [(5, 8)]


def test_the_text_wherever_it_is(tmp_path: Path) -> None:
    def path(data: dict[str, Any]) -> Path:
        return file(tmp_path, json.dumps([{"data": data}]), "a.json")

    assert [note.text for note in read(path({"report": "One.", "n": 1}))[0]] == ["One."]
    refusal = only(path({"report": "One.", "ward": CANARY}))
    assert "report" in refusal.found
    for named in ("report", "data.report"):
        (note,) = read_notes(path({"report": "One.", "ward": "B"}), TASK, original=False, columns=Columns(named))
        assert not hasattr(note, "sentence")
        beside = {"data": {"ward": "B"}} if named.startswith("data.") else {"ward": "B"}
        assert (note.text, note.metadata) == ("One.", beside)  # type: ignore[union-attr]


def test_its_short_form(tmp_path: Path) -> None:
    short = {
        "id": 4,
        "text": TEXT,
        "ward": "B",
        "Stage": "IIA",
        "gene_mutation": {"choices": ["BRCA1", "TP53"]},
        "label": [{"start": 2, "end": 18, "text": "Ductal carcinoma", "labels": ["Cancer type"]}],
        "annotator": 2,
        "annotation_id": 5,
        "created_at": "2026-01-01",
        "updated_at": "2026-01-02",
        "lead_time": 1.5,
    }
    path = file(tmp_path, json.dumps([short]), "a.json")
    (note,), refusals = read(path, original=True)
    assert not refusals
    stated = {"cancer_type": "Ductal carcinoma", "stage": "IIA", "gene_mutation": "BRCA1; TP53"}
    assert note.gold == Extraction(TASK, {**EMPTY, **stated})
    assert (note.external_id, note.metadata["ward"]) == ("4", "B")
    (record,) = read_records(path)
    assert isinstance(record, Record)
    assert (record.decisions[0].by, record.decisions[0].lead_time_ms) == ("user 2", 1500)


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([], "found none"),
        ([mark("SITE", "Ductal")], "found labels named SITE"),
        ([mark("Stage", "IIA"), mark("Stage", "stage")], "expected one value in stage; found 2"),
    ],
)
def test_what_brings_no_labels(tmp_path: Path, results: list[dict[str, Any]], said: str) -> None:
    path = file(tmp_path, json.dumps([task(annotation(*results))]), "a.json")
    assert said in only(path, original=True).sentence
    assert len(read(path)[0]) == 1
