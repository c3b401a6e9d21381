"""Importing again puts right what is here: ids, labels, metadata; and the same id with another text is asked about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.exporting.choice import Choice
from app.exporting.writing import export_lines
from app.importing.load import ImportReport, import_files
from app.importing.preview import preview
from data.identity import hash_of_value
from data.reading.records import USUAL
from db.notes.identity import Rules, SameId
from db.notes.imports import list_imports
from db.notes.notes import get_note, next_notes, numbers_of
from db.notes.queue.metadata import metadata_names
from db.notes.queue.search import Filters, counts, search_notes
from db.people.audit import entries, verify
from db.review.bulk import Many
from db.review.lifecycle.deletion import delete_notes
from db.review.lifecycle.relatives import copies_of, count_waiting_copies, decide_copies, older_of, undo_copies
from db.review.reviewed import holdout_rows, latest_annotation, training_rows
from db.schema.errors import StoreError
from db.store.store import Store
from tests.kit.desk.permits import person_in
from tests.kit.desk.stores import FIRST, SECOND, TASK, decide, extraction, store

__all__ = ["store"]

TEXT = "The report of a case."


def written(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def bring(store: Store, folder: Path, *records: dict[str, Any], original: bool = False, **rules: Any) -> ImportReport:
    """Import records, after a preview that must have said the same."""
    file, settings = written(folder / "notes.jsonl", *records), Rules(**rules)
    seen = preview(store, TASK, file, chosen=USUAL, original=original, rules=settings)
    report = import_files(store, TASK, [file], original=original, rules=settings, by="lea")
    assert (seen["n_new"], seen["n_known"], seen["n_updated"]) == (
        report.n_added,
        report.n_known,
        report.changes.n_notes,
    )
    assert {one["field"]: one["n"] for one in seen["updates"]} == dict(report.changes.by_field)
    assert seen["n_refused"] == report.n_refused
    assert TEXT not in json.dumps(seen["updates"])
    return report


def note_of(store: Store, number: int) -> Any:
    with store.reading() as session:
        return get_note(session, number)


def labelled(**values: str | None) -> dict[str, str | None]:
    return dict(extraction(**values))


def test_a_note_without_an_id_gets_it_and_is_found_by_it(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, {"text": TEXT}, {"text": "Another."})
    assert bring(store, tmp_path, {"id": "r-7", "text": TEXT}).n_added == 1, "without --update it is another note"
    with store.transaction() as session:
        delete_notes(person_in(session, "lea"), Many(ids=(3,)), "for the next try")
    report = bring(store, tmp_path, {"id": "r-7", "text": TEXT}, {"text": "Another."}, update=True)
    assert (report.n_added, report.n_known, dict(report.changes.by_field)) == (0, 2, {"id": 1})
    assert report.likeness_sentences() == ["1 note was corrected: id 1."]
    assert note_of(store, 1).external_id == "r-7"
    with store.reading() as session:
        assert [row.id for row in search_notes(session, Filters(text="r-7"))] == [1]
        assert [row.id for row in search_notes(session, Filters(text="report case"))] == [1]
    assert store.problems() == []
    assert bring(store, tmp_path, {"id": "r-7", "text": TEXT}, update=True).changes.n_notes == 0


def test_labels_and_metadata_are_corrected_field_by_field_and_the_trail_has_hashes(
    store: Store, tmp_path: Path
) -> None:
    first = {"id": "r-1", "text": TEXT, "output": labelled(first="lung", second="IIA"), "ward": "north", "kept": True}
    bring(store, tmp_path, first, original=True)
    again = {
        "id": "r-1",
        "text": f" {TEXT}\r\n",
        "output": labelled(first="lung", second="IIB"),
        "ward": "south",
        "new": 1,
    }
    assert bring(store, tmp_path, again, original=True).changes.n_notes == 0, "the first labels stay unless asked"
    report = bring(store, tmp_path, again, original=True, update=True)
    assert dict(report.changes.by_field) == {SECOND: 1, "metadata ward": 1, "metadata new": 1}
    assert report.changes.examples[SECOND] == [("notes.jsonl line 1", "IIA", "IIB")]
    found = note_of(store, 1)
    assert (found.gold[SECOND], found.metadata) == ("IIB", {"ward": "south", "kept": True, "new": 1})
    with store.reading() as session:
        assert [row.extraction[SECOND] for rows in (training_rows, holdout_rows) for row in rows(session, TASK)] == [
            "IIB"
        ]
        (told,) = [row for row in entries(session) if row.action == "put right"]
        assert verify(session).is_sound
        assert [len(search_notes(session, Filters(text=ward))) for ward in ("north", "south")] == [0, 1]
        assert list_imports(session)[0].n_updated == 1
    assert (told.subject, told.detail["before"][SECOND]) == ("note 1", hash_of_value("IIA"))
    assert '"IIA"' not in json.dumps(told.detail)


def test_a_label_that_a_file_leaves_out_stays(store: Store, tmp_path: Path) -> None:
    first = {"id": "r-1", "text": TEXT, "output": labelled(first="lung", second="IIA")}
    bring(store, tmp_path, first, original=True)
    for output, gold in (({SECOND: "IIB"}, ("lung", "IIB")), ({SECOND: None}, ("lung", None))):
        again = {"id": "r-1", "text": TEXT, "output": output}
        assert dict(bring(store, tmp_path, again, original=True, update=True).changes.by_field) == {SECOND: 1}
        assert (note_of(store, 1).gold[FIRST], note_of(store, 1).gold[SECOND]) == gold


def test_without_an_id_copies_are_not_corrected_since_nobody_can_tell_which(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, {"id": "a", "text": TEXT, "ward": "1"}, {"id": "b", "text": TEXT, "ward": "1"})
    assert bring(store, tmp_path, {"text": TEXT, "ward": "2"}, update=True).changes.n_notes == 0
    assert bring(store, tmp_path, {"id": "b", "text": TEXT, "ward": "2"}, update=True).changes.n_notes == 1
    assert [note_of(store, number).metadata["ward"] for number in (1, 2)] == ["1", "2"]


@pytest.mark.parametrize(("same_id", "counted"), [("separate", (1, 0)), ("supersede", (1, 0)), ("refuse", (0, 1))])
def test_the_same_id_with_another_text(store: Store, tmp_path: Path, same_id: SameId, counted: tuple[int, int]) -> None:
    bring(store, tmp_path, {"id": "S24-1", "text": "Margins are free."})
    report = bring(store, tmp_path, {"id": "S24-1", "text": "Amended: margins are not free."}, same_id=same_id)
    assert (report.n_added, report.n_refused) == counted
    with store.reading() as session:
        numbers, waiting = numbers_of(session, "S24-1"), next_notes(session, limit=5)
    assert (numbers, waiting) == {
        "separate": ([1, 2], [1, 2]),
        "supersede": ([1, 2], [2]),
        "refuse": ([1], [1]),
    }[same_id]
    if same_id == "refuse":
        assert report.refusals[0].sentence == (
            "notes.jsonl, line 1: expected an id that no other text has; found one under which another text is here; "
            "import it as a new version or as a separate note."
        )


def test_a_new_version_leaves_the_old_decision_with_the_old_text(store: Store, tmp_path: Path) -> None:
    old, new = {"id": "S24-1", "text": "Stage II."}, {"id": "S24-1", "text": "Amended: stage III."}
    bring(store, tmp_path, old)
    with store.transaction() as session:
        decide(session, 1, 0, values=extraction(first="lung", second="II"))
    report = bring(store, tmp_path, new, same_id="supersede")
    assert report.likeness_sentences() == ["1 note is a new version of one with the same id: notes.jsonl line 1."]
    with store.reading() as session:
        assert (get_note(session, 1).is_superseded, get_note(session, 2).supersedes_id) == (True, 1)
        standing = latest_annotation(session, 1)
        assert standing is not None
        assert standing.extraction[SECOND] == "II"
        before = older_of(session, get_note(session, 2))
        assert before is not None
        assert (before.text, before.reviewer) == ("Stage II.", "ada")
        assert before.values is not None
        assert before.values[SECOND] == "II"
        assert list(export_lines(session, TASK, Choice("jsonl"))) == []
        assert len(list(export_lines(session, TASK, Choice("jsonl", with_superseded=True)))) == 1
        (line,) = search_notes(session)
        assert (line.is_newer, line.is_copy, line.is_superseded) == (True, False, False)
        assert [*training_rows(session, TASK), *holdout_rows(session, TASK)] == []
        assert (counts(session).n_notes, [row.id for row in search_notes(session)]) == (1, [2])
        assert [row.id for row in search_notes(session, Filters(with_superseded=True))] == [1, 2]
        assert list_imports(session)[0].n_superseded == 1
    assert bring(store, tmp_path, old, same_id="supersede").n_known == 1, "the old text is still known"
    with store.transaction() as session:  # the version before stands again
        delete_notes(person_in(session, "lea"), Many(ids=(2,)), "was no amendment")
        assert not get_note(session, 1).is_superseded
        assert len(list(export_lines(session, TASK, Choice("jsonl")))) == 1
    with store.transaction() as session:
        delete_notes(person_in(session, "lea"), Many(ids=(1,), with_older=True), "consent withdrawn")
        assert counts(session).n_notes == 0


def test_deleting_a_version_takes_the_older_ones_along_where_asked(store: Store, tmp_path: Path) -> None:
    for n in range(3):
        bring(store, tmp_path, {"id": "S24-1", "text": f"Version {n}."}, same_id="supersede")
    with store.transaction() as session:
        gone = delete_notes(person_in(session, "lea"), Many(ids=(3,), with_older=True), "consent withdrawn")
    assert gone is not None
    assert gone.note_ids == (1, 2, 3)


def test_a_version_in_the_middle_leaves_the_newest_standing(store: Store, tmp_path: Path) -> None:
    for n in range(1, 6):
        bring(store, tmp_path, {"id": "S24-1", "text": f"Version {n}."}, same_id="supersede")
    with store.transaction() as session:
        delete_notes(person_in(session, "lea"), Many(ids=(2, 3)), "wrong files")
        left = [(one.id, one.supersedes_id, one.is_superseded) for one in (get_note(session, n) for n in (1, 4, 5))]
        assert left == [(1, None, True), (4, 1, True), (5, 4, False)]
        assert next_notes(session, limit=5) == [5]
        delete_notes(person_in(session, "lea"), Many(ids=(4, 5)), "wrong files")
        assert next_notes(session, limit=5) == [1], "the newest that is left stands again"


def test_names_of_metadata_go_with_the_last_note_that_has_them(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, {"id": "a", "text": TEXT, "ward": 1, "Zyq Canary": 2}, {"id": "b", "text": "B.", "ward": 1})
    with store.transaction() as session:
        delete_notes(person_in(session, "lea"), Many(ids=(1,)), "consent withdrawn")
        assert metadata_names(session) == ["ward"]
        delete_notes(person_in(session, "lea"), Many(ids=(2,)), "consent withdrawn")
        assert metadata_names(session) == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_file_that_still_has_the_older_text_names_no_version(
    store: Store, tmp_path: Path, order: tuple[int, int]
) -> None:
    visits = [{"id": "p-1", "text": f"Visit {n}."} for n in range(2)]
    bring(store, tmp_path, visits[0])
    report = bring(store, tmp_path, *(visits[n] for n in order), same_id="supersede")
    assert (report.likenesses.n_superseding, report.likenesses.n_namesakes) == (0, 1)
    with store.reading() as session:
        assert next_notes(session, limit=5) == [1, 2]


def test_an_id_that_a_file_repeats_names_no_version(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.importing.load.MAX_BATCH_NOTES", 1)  # each record in a transaction of its own
    bring(store, tmp_path, {"id": "p-1", "text": "Visit zero."})
    visits = [{"id": "p-1", "text": f"Visit {n}."} for n in (1, 2)]
    report = bring(store, tmp_path, *visits, same_id="supersede")
    assert (report.likenesses.n_superseding, report.likenesses.n_namesakes) == (1, 1)
    three = bring(store, tmp_path, {"id": "p-1", "text": "Visit 3."}, same_id="supersede")
    assert (three.likenesses.n_superseding, three.likenesses.n_namesakes) == (0, 1), "two have the id by now"


def test_the_same_id_and_text_of_two_sources_are_two_notes(store: Store, tmp_path: Path) -> None:
    record = {"id": "1", "text": TEXT}
    assert bring(store, tmp_path, record, source="north").n_added == 1
    assert bring(store, tmp_path, record, source="south").n_added == 1
    assert bring(store, tmp_path, record, source="south").n_known == 1
    assert bring(store, tmp_path, record).n_known == 1, "where no source is named, a note of any is meant"
    other = bring(store, tmp_path, {"id": "1", "text": "Other."}, source="east", same_id="supersede")
    assert (other.n_added, other.likenesses.n_superseding) == (1, 0)
    with store.reading() as session:
        assert [get_note(session, number).source for number in (1, 2, 3)] == ["north", "south", "east"]


def test_a_strict_import_that_meets_a_known_id_keeps_nothing(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, {"id": "1", "text": TEXT})
    file = written(tmp_path / "b.jsonl", {"id": "2", "text": "New."}, {"id": "1", "text": "Other."})
    report = import_files(store, TASK, [file], strict=True, rules=Rules(same_id="refuse"))
    assert (report.is_kept, report.n_refused, report.number) == (False, 1, 0)
    with store.reading() as session:
        assert len(list_imports(session)) == counts(session).n_notes == 1


def test_a_decision_is_applied_to_copies_when_asked_and_taken_back(store: Store, tmp_path: Path) -> None:
    bring(store, tmp_path, *({"id": one, "text": TEXT} for one in "abcd"), {"id": "e", "text": "Other."})
    with store.transaction() as session:
        decide(session, 1, 0, values=extraction(first="lung"), comment="as told", settled=[FIRST])
        decide(session, 4, 0, by="kim", values=extraction(first="breast"))
    with store.reading() as session:
        assert copies_of(session, get_note(session, 2)).names == ("a", "c", "d")
        assert not copies_of(session, get_note(session, 5)).n
        assert count_waiting_copies(session, 1, "ada") == 2
        assert count_waiting_copies(session, 1, "kim") == 0, "another person's decision is theirs to apply"
        assert [get_note(session, number).state for number in (2, 3)] == ["todo", "todo"], "nothing happens by itself"
    with store.transaction() as session:
        assert decide_copies(person_in(session, "ada"), TASK, note_id=1, name="0123456789ab") == 2
    with store.reading() as session:
        of_copies = [latest_annotation(session, number) for number in (2, 3)]
        told = [row.subject for row in entries(session) if row.action == "applied a decision to a copy"]
    assert [(one.extraction[FIRST], one.comment, one.settled) for one in of_copies if one] == [
        ("lung", "as told", [FIRST])
    ] * 2
    assert sorted(told) == ["note 2", "note 3"]
    with store.transaction() as session:
        decide(session, 3, 1, values=extraction(first="changed since"))
    with store.transaction() as session:
        done = undo_copies(person_in(session, "ada"), TASK, name="0123456789ab")
        assert (done.n_done, done.n_left_alone) == (1, 1)
        assert [get_note(session, number).state for number in (1, 2, 3, 4)] == [
            "submitted", "todo", "submitted", "submitted",
        ]  # fmt: skip
    with pytest.raises(StoreError, match="own decision"), store.transaction() as session:
        decide_copies(person_in(session, "kim"), TASK, note_id=1, name="0123456789ac")
