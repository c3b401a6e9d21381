"""What people decided in another annotation tool comes in as their decisions; the model's part as its suggestion."""

from __future__ import annotations

import json

import pytest

from app.importing.decisions import import_decisions
from app.importing.foresight import brings_decisions
from app.importing.load import import_files
from app.importing.preview import preview
from data.reading.records import USUAL
from data.task import load_task
from db.notes.notes import find_note
from db.notes.suggestions import suggestion_of, suggestions_of
from db.review.reviewed import history
from db.store.store import open_store
from tests.data.reading.annotators.test_annotators import PRODIGY, objects, spans
from tests.data.reading.annotators.test_labelstudio import TEXT, annotation, area, mark, task
from tests.kit.desk.decided_records import exported, fill, records
from tests.kit.note_files import lines

TASK = load_task()
EMPTY = dict.fromkeys(TASK.keys)
PERSON = {"email": "ann@north.example", "id": 9}


@pytest.fixture
def desk(tmp_path):
    with open_store(tmp_path / "desk" / "caseloop.db") as opened:
        yield opened


def brought(desk, tmp_path, content, name="a.json"):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return import_decisions(desk, TASK, [path])


def decided(desk, name):
    with desk.reading() as session:
        note = find_note(session, name)
        return note, history(session, note.id)[-1], suggestion_of(session, note.id)


def test_an_annotation_of_label_studio_is_its_persons_decision(desk, tmp_path):
    model = {"model_version": "m-1", "score": 0.4, "result": [area("stage", "II"), mark("SITE", "Ductal")]}
    said = annotation(
        area("stage", "IIA"), mark("mood", "TP53"), completed_by=PERSON, updated_at="2026-01-02T03:04:05Z"
    )
    left = annotation(completed_by=PERSON, updated_at="2026-01-03T00:00:00Z", was_cancelled=True)
    tasks = [task(said, predictions=[model]), task(left, id=18)]
    report = brought(desk, tmp_path, json.dumps(tasks))
    assert (report.n_added, report.arrivals.n_kept, report.n_refused) == (2, 2, 0)
    note, decision, suggestion = decided(desk, "17")
    assert (note.text, note.state, note.metadata["ward"]) == (TEXT, "submitted", "B")
    assert note.metadata["annotations"][0]["labels"] == {"mood": ["TP53"]}
    assert (decision.reviewer, decision.lead_time_ms) == ("ann@north.example", 4500)
    assert decision.submitted_at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert decision.extraction == {**EMPTY, "stage": "IIA"}
    assert (suggestion.adapter, suggestion.extraction, suggestion.confidence) == (
        "m-1",
        {**EMPTY, "stage": "II"},
        {"stage": 0.4},
    )
    assert decided(desk, "18")[1].status == "skipped"
    again = brought(desk, tmp_path, json.dumps(tasks))
    assert (again.n_added, again.arrivals.n_known, again.arrivals.n_kept) == (0, 2, 0)


def test_an_export_without_provenance_comes_back_too(desk, tmp_path):
    with open_store(tmp_path / "full" / "caseloop.db") as full:
        fill(full, 40)
        tasks = json.loads(exported(full, "label-studio"))
        for one in tasks:
            one.pop("meta", None)
        report = brought(desk, tmp_path, json.dumps(tasks))
        assert (report.n_refused, report.arrivals.n_kept) == (0, 40)
        ours, theirs = records(full), records(desk)
    wanted = ("id", "input", "status", "output", "set_aside", "metadata")
    told = ("reviewer", "submitted_at", "lead_time_ms", "adapter")
    for one, two in zip(ours, theirs, strict=True):
        assert {key: one.get(key) for key in wanted} == {key: two.get(key) for key in wanted}
        assert {key: one["provenance"][key] for key in told} == {key: two["provenance"][key] for key in told}


def test_an_answer_of_prodigy(desk, tmp_path):
    given = {**PRODIGY, "spans": spans(objects), "_annotator_id": "ann", "_timestamp": 1767225600}
    others = [{**given, "id": 6, "answer": "reject"}, {**given, "id": 7, "_annotator_id": None}]
    report = brought(desk, tmp_path, lines(given, *others), "a.jsonl")
    assert (report.n_added, report.n_refused) == (1, 2)
    _, decision, _ = decided(desk, "5")
    assert (decision.reviewer, decision.extraction["gene_mutation"]) == ("ann", "BRCA1; TP53")
    assert ["rejected" in report.refusals[0].found, "does not say who" in report.refusals[1].found] == [True, True]


def test_a_prediction_is_a_suggestion_of_its_model(desk, tmp_path):
    model = {
        "model_version": "m-1",
        "score": 0.4,
        "result": [area("stage", "II"), mark("Stage", "IIA"), mark("SITE", "Ductal")],
    }
    unfit = {"model_version": "m-2", "result": [mark("Stage", "IIA"), mark("Stage", "stage")]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps([task(predictions=[model, unfit])]), encoding="utf-8")
    for _ in range(2):
        import_files(desk, TASK, [path])
        with desk.reading() as session:
            note = find_note(session, "17")
            (suggestion,) = suggestions_of(session, note.id)
        assert (note.state, note.gold) == ("todo", None)
        assert (suggestion.adapter, suggestion.extraction["stage"], suggestion.confidence) == (
            "m-1",
            "II",
            {"stage": 0.4},
        )
        assert suggestion.is_raw
        assert [(one.start, one.end) for one in suggestion.evidence["stage"]] == [
            (TEXT.index("IIA"), TEXT.index("IIA") + 3)
        ]
        assert [one["by"] for one in note.metadata["predictions"]] == ["m-1", "m-2"]
        assert note.metadata["predictions"][0]["labels"] == {"SITE": ["Ductal"]}


def test_the_preview_offers_labels_and_decisions_where_there_are_any(desk, tmp_path):
    path = tmp_path / "a.json"
    fits, other = area("stage", "IIA"), mark("SITE", "Ductal")
    for results, is_offered in (([fits], True), ([other], False)):
        said = annotation(*results, completed_by=PERSON, updated_at="2026-01-02T00:00:00Z")
        path.write_text(json.dumps([task(said)]), encoding="utf-8")
        assert preview(desk, TASK, path, chosen=USUAL, original=False)["has_labels"] is is_offered
        assert brings_decisions(path)
    path.write_text(json.dumps([task()]), encoding="utf-8")
    assert not brings_decisions(path)
