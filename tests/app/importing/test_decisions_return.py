"""The way back: what people decided at one desk comes into another as it was, and never over what is there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from app.exporting.choice import Choice
from app.exporting.writing import export_pieces, write_export
from app.importing.decisions import import_decisions
from data.notes import make_note
from data.task import Extraction
from db.notes.identity import Rules
from db.notes.imports import list_imports
from db.notes.notes import add_notes, find_note
from db.notes.queue.overlap import Overlap
from db.notes.queue.search import Filters, count_notes
from db.people.audit import entries, verify
from db.people.reviewers import find_reviewer
from db.review.decisions import open_review, submit
from db.review.drafts import draft_of, save_draft
from db.review.opinions import opinions_of
from db.review.overlap_changes import set_overlap
from db.review.reviewed import history
from db.store.store import open_store
from tests.kit.desk.decided_records import STATUSES, TASK, brought, exported, fill, records
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import file_store, store

__all__ = ["file_store", "store"]

KEYS = TASK.keys
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
N_NOTES = 25


@pytest.fixture
def other(tmp_path):
    with open_store(tmp_path / "other" / "caseloop.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("full") / "caseloop.db") as opened:
        fill(opened, N_NOTES)
        yield opened


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "tsv", "xlsx", "parquet", "label-studio"])
def test_decisions_come_back_from_every_format(full, other, tmp_path, form):
    file = tmp_path / f"all.{'json' if form == 'label-studio' else form}"
    file.write_bytes(exported(full, form))
    report = brought(other, file)
    assert (report.n_added, report.arrivals.n_kept) == (N_NOTES, N_NOTES)
    assert records(other) == records(full)
    again = brought(other, file)
    assert (again.n_added, again.arrivals.n_known, again.arrivals.n_kept) == (0, N_NOTES, 0)
    assert records(other) == records(full)


def test_decisions_come_back_from_a_folder_of_datasets(full, other, tmp_path):
    write_export(full, TASK, tmp_path / "set", Choice("dataset", with_provenance=True, statuses=STATUSES))
    assert brought(other, tmp_path / "set").arrivals.n_kept == N_NOTES
    assert records(other) == records(full)


@pytest.mark.parametrize("form", ["alpaca", "messages"])
def test_training_files_bring_their_decisions_back(full, other, tmp_path, form):
    file = tmp_path / "all.jsonl"
    file.write_bytes(exported(full, form))
    brought(other, file)
    expected = records(full, statuses=("submitted",))
    assert len(expected) > N_NOTES / 2
    found = records(other, statuses=("submitted",))
    assert [_without_spans(one) for one in found] == [_without_spans(one) for one in expected]


def _without_spans(record):
    return {key: value for key, value in record.items() if key != "spans"}


def decide(store, who, *, at=AT, text="A report.", name="case-1", status="submitted", **values):
    with store.transaction() as session:
        note = make_note(TASK, text, external_id=name)
        (number,) = add_notes(program_in(session), [note]).note_ids
        review = open_review(session, number, who)
        submit(person_in(session, who), note_id=number, status=status, comment="seen",
               extraction=Extraction(TASK, {**dict.fromkeys(KEYS), **values}),
               seen_revision=review.revision, token=f"{who}-{at}-{text}", decided_at=at)  # fmt: skip
    return number


def taken(store, folder, form="jsonl"):
    file = folder / f"taken.{form}"
    file.write_bytes(exported(store, form))
    return file


def test_a_decision_stands_as_its_reviewers_who_cannot_sign_in(store, other, tmp_path):
    decide(other, "ada", **{KEYS[0]: "melanoma"})
    brought(store, taken(other, tmp_path), by="lea")
    with store.reading() as session:
        note = find_note(session, "case-1")
        (decision,) = history(session, note.id)
        ada = find_reviewer(session, "ada")
        said = [(row.who, row.action, row.detail) for row in entries(session)]
        assert verify(session).broken_at is None
    assert (decision.reviewer, decision.submitted_at, decision.comment) == ("ada", AT, "seen")
    assert decision.extraction[KEYS[0]] == "melanoma"
    assert (note.state, note.gold, note.origin) == ("submitted", None, "incoming")
    assert (ada.has_password, ada.disabled_at is not None) == (False, True)
    assert ("lea", "submitted", {"revision": 1, "decided_by": "ada"}) in said
    assert ("lea", "added a reviewer", {"role": "reviewer", "disabled": True, "has_password": False}) in said
    assert "melanoma" not in json.dumps([detail for *_, detail in said])


def test_a_decision_that_is_there_stands_and_the_other_is_named(file_store, other, tmp_path):
    number = decide(file_store, "bob", **{KEYS[0]: "melanoma"})
    decide(other, "ada", **{KEYS[0]: "sarcoma"})
    report = brought(file_store, taken(other, tmp_path))
    assert (report.arrivals.n_kept, report.arrivals.n_differing) == (0, 1)
    (one,) = report.arrivals.differences
    assert (one.note_id, one.external_id, one.here, one.there, one.fields) == (
        number,
        "case-1",
        "bob",
        "ada",
        (KEYS[0],),
    )
    assert "sarcoma" not in json.dumps([report.to_json(), report.decision_sentences()])
    with file_store.reading() as session:
        (decision,) = history(session, number)
    assert (decision.reviewer, decision.extraction[KEYS[0]]) == ("bob", "melanoma")


def test_a_lead_is_asked_about_both_on_request(store, other, tmp_path):
    number = decide(store, "bob", **{KEYS[0]: "melanoma"})
    decide(other, "ada", **{KEYS[0]: "sarcoma"})
    file = taken(other, tmp_path)
    assert brought(store, file, adjudicate=True).arrivals.n_disputed == 1
    with store.reading() as session:
        said = {one.reviewer: one.extraction[KEYS[0]] for one in opinions_of(session, number)}
        assert count_notes(session, Filters(is_disputed=True)) == 1
        assert open_review(session, number, "lea").draft is None
    assert said == {"bob": "melanoma", "ada": "sarcoma"}
    assert brought(store, file, adjudicate=True).arrivals.n_known == 1
    decide(store, "lea", **{KEYS[0]: "sarcoma"})
    assert brought(store, file, adjudicate=True).arrivals.n_known == 1
    (record,) = records(store)
    assert record["output"][KEYS[0]] == "sarcoma"
    assert {one["reviewer"] for one in record["provenance"]["opinions"]} == {"ada", "bob"}


def test_one_person_who_decided_otherwise_at_both_desks_is_asked_about_too(file_store, other, tmp_path):
    number = decide(file_store, "ada", **{KEYS[0]: "melanoma"})
    decide(other, "ada", at=AT.replace(day=2), **{KEYS[0]: "sarcoma"})
    file = taken(other, tmp_path)
    assert brought(file_store, file).arrivals.n_differing == 1
    assert brought(file_store, file, adjudicate=True).arrivals.n_disputed == 1
    with file_store.reading() as session:
        assert {one.reviewer for one in opinions_of(session, number)} == {"ada", "ada (imported)"}
    assert brought(file_store, file, adjudicate=True).arrivals.n_known == 1


def test_the_same_said_by_another_stays_as_it_is(file_store, other, tmp_path):
    decide(file_store, "bob", **{KEYS[0]: "melanoma"})
    decide(other, "ada", **{KEYS[0]: "Melanoma."})
    report = brought(file_store, taken(other, tmp_path))
    assert (report.arrivals.n_agreeing, report.arrivals.n_differing) == (1, 0)
    (record,) = records(file_store)
    assert (record["provenance"]["reviewer"], record["output"][KEYS[0]]) == ("bob", "melanoma")


def test_what_went_away_and_comes_back_is_known(file_store, other, tmp_path):
    decide(file_store, "ada", **{KEYS[0]: "melanoma"})
    brought(other, taken(file_store, tmp_path))
    assert brought(file_store, taken(other, tmp_path)).arrivals.n_known == 1


def test_a_change_of_mind_elsewhere_follows_and_an_old_file_takes_nothing_back(file_store, other, tmp_path):
    decide(other, "ada", **{KEYS[0]: "melanoma"})
    old = taken(other, tmp_path).rename(tmp_path / "old.jsonl")
    brought(file_store, old)
    decide(other, "ada", at=AT.replace(day=2), **{KEYS[0]: "sarcoma"})
    assert brought(file_store, taken(other, tmp_path)).arrivals.n_kept == 1
    assert brought(file_store, old).arrivals.n_known == 1
    (record,) = records(file_store)
    assert record["output"][KEYS[0]] == "sarcoma"


def test_notes_of_two_sources_stay_apart_and_in_order(file_store, other, tmp_path):
    with other.transaction() as session:
        for who, source, name in (("ada", "north", 1), ("bob", "south", 1), ("eve", "north", 2)):
            note = make_note(TASK, "A report.", external_id=f"case-{name}")
            (number,) = add_notes(program_in(session), [note], Rules(source=source)).note_ids
            submit(person_in(session, who), note_id=number, status="submitted", seen_revision=0, token=f"token-{who}",
                   extraction=Extraction(TASK, {**dict.fromkeys(TASK.keys), KEYS[0]: who}))  # fmt: skip
    file = taken(other, tmp_path)
    assert brought(file_store, file).n_added == 3
    assert records(file_store) == records(other)
    assert brought(file_store, file).arrivals.n_known == 3


def test_an_import_of_decisions_is_listed(file_store, other, tmp_path):
    decide(other, "ada", **{KEYS[0]: "melanoma"})
    report = brought(file_store, taken(other, tmp_path), by="lea")
    with file_store.reading() as session:
        (row,) = list_imports(session)
    assert (row.id, row.brought_by, row.n_added, row.files) == (report.number, "lea", 1, ["taken.jsonl"])
    assert row.ended_at is not None
    assert row.options["with_decisions"]


def test_without_provenance_nothing_is_a_decision(full, other, tmp_path):
    file = tmp_path / "plain.jsonl"
    with full.reading() as session:
        file.write_bytes(b"".join(export_pieces(session, TASK, Choice("jsonl"))))
    report = import_decisions(other, TASK, [file])
    assert (report.n_added, report.arrivals.n_kept) == (0, 0)
    assert "import without --decisions" in report.sentences()[0]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"provenance": {"reviewer": "ada", "submitted_at": "soon"}}, "a time such as"),
        ({"provenance": {"reviewer": "command line", "submitted_at": "2026-01-31T09:30:00Z"}}, "a person's name"),
        ({"provenance": {"reviewer": 7, "submitted_at": "2026-01-31T09:30:00Z"}}, "a text for the reviewer"),
        ({"output": {KEYS[0]: "melanoma"}}, "the values of the fields"),
        ({"status": "done"}, "for the status"),
        ({"spans": [{"field": KEYS[0], "start": 0, "end": 1, "text": "Z"}]}, "spans with the words"),
    ],
)  # fmt: skip
def test_a_record_that_tells_something_else_is_refused_with_its_place(other, file_store, tmp_path, change, found):
    decide(other, "ada", **{KEYS[0]: "melanoma"})
    record = json.loads(exported(other, "jsonl"))
    file = tmp_path / "changed.jsonl"
    file.write_text(json.dumps(record | change), encoding="utf-8")
    report = import_decisions(file_store, TASK, [file])
    assert report.n_added == 0
    (sentence,) = report.sentences()
    assert sentence.startswith("changed.jsonl")
    assert found in sentence
    assert "melanoma" not in sentence


def test_a_note_whose_decision_was_taken_back_is_decided_by_what_arrives(file_store, other, tmp_path):
    from db.review.decisions import reopen

    number = decide(file_store, "bob", **{KEYS[0]: "melanoma"})
    with file_store.transaction() as session:
        reopen(person_in(session, "bob"), note_id=number, seen_revision=1, token="back")
    decide(other, "ada", **{KEYS[0]: "sarcoma"})
    assert brought(file_store, taken(other, tmp_path)).arrivals.n_kept == 1
    with file_store.reading() as session:
        assert open_review(session, number, "bob").draft is not None  # what bob had is still there
    assert records(file_store)[0]["provenance"]["reviewer"] == "ada"


@pytest.mark.parametrize("adjudicate", [False, True])
def test_what_somebody_is_typing_here_stays_whatever_arrives(store, other, tmp_path, adjudicate):
    decide(other, "ada", **{KEYS[0]: "sarcoma"})
    file = taken(other, tmp_path)
    number = decide(store, "ada", at=AT.replace(day=2), **{KEYS[0]: "melanoma"}) if adjudicate else None
    with store.transaction() as session:
        if number is None:
            (number,) = add_notes(person_in(session), [make_note(TASK, "A report.", external_id="case-1")]).note_ids
        for who in ("ada", "bob"):
            save_draft(person_in(session, who), note_id=number, seen_revision=int(adjudicate), comment="unfinished",
                       extraction=Extraction(TASK, dict.fromkeys(KEYS)))  # fmt: skip
    found = brought(store, file, adjudicate=adjudicate).arrivals
    assert (found.n_kept, found.n_disputed) == (int(not adjudicate), int(adjudicate))
    with store.reading() as session:
        drafts = [draft_of(session, number, who) for who in ("ada", "bob")]
        note = find_note(session, "case-1")
    assert [(one.comment, one.version) for one in drafts] == [("unfinished", 1)] * 2
    assert note.state == ("draft" if adjudicate else "submitted")


def test_an_opinion_that_was_given_here_stands_against_its_own_reviewers_from_elsewhere(store, other, tmp_path):
    decide(other, "ada", at=AT.replace(year=2020), **{KEYS[0]: "sarcoma"})
    file = taken(other, tmp_path)
    with store.transaction() as session:
        set_overlap(person_in(session), Overlap(1.0, 2))
    number = decide(store, "ada", **{KEYS[0]: "melanoma"})
    for adjudicate, said in ((False, {"ada": "melanoma"}), (True, {"ada": "melanoma", "ada (imported)": "sarcoma"})):
        found = brought(store, file, adjudicate=adjudicate).arrivals
        assert (found.n_kept, found.n_opinions, found.n_differing, found.n_disputed) == (
            0,
            0,
            not adjudicate,
            adjudicate,
        )
        with store.reading() as session:
            assert {one.reviewer: one.extraction[KEYS[0]] for one in opinions_of(session, number)} == said
    assert brought(store, file, adjudicate=True).arrivals.n_known == 1
    with store.reading() as session:
        assert count_notes(session, Filters(is_disputed=True)) == 1


def test_a_dispute_keeps_what_was_decided_here_when_a_third_desk_has_its_say(file_store, other, tmp_path):
    number = decide(file_store, "ada", **{KEYS[0]: "melanoma"})
    decide(other, "ada", at=AT.replace(day=2), **{KEYS[0]: "sarcoma"})
    brought(file_store, taken(other, tmp_path), adjudicate=True)
    decide(other, "ada", at=AT.replace(day=3), **{KEYS[0]: "lymphoma"})
    assert brought(file_store, taken(other, tmp_path)).arrivals.n_differing == 1
    with file_store.reading() as session:
        said = {one.reviewer: one.extraction[KEYS[0]] for one in opinions_of(session, number)}
    assert said == {"ada": "melanoma", "ada (imported)": "sarcoma"}


def test_a_decision_about_a_text_that_was_replaced_stands(file_store, other, tmp_path):
    number = decide(file_store, "bob", **{KEYS[0]: "melanoma"})
    with file_store.transaction() as session:
        newer = make_note(TASK, "A report, amended.", external_id="case-1")
        add_notes(program_in(session), [newer], Rules(same_id="supersede"))
    decide(other, "ada", **{KEYS[0]: "sarcoma"})
    found = brought(file_store, taken(other, tmp_path), adjudicate=True).arrivals
    assert (found.n_differing, found.n_disputed) == (1, 0)
    with file_store.reading() as session:
        assert open_review(session, number, "lea").annotation.reviewer == "bob"
