"""Decisions and drafts: nothing a person did is lost or overwritten."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.notes import add_notes, get_note
from db.notes.queue.search import counts
from db.notes.suggestions import add_suggestion
from db.review.decisions import open_review, submit
from db.review.drafts import discard_draft, save_draft
from db.review.reviewed import acceptance, history, holdout_rows, read_reviewed_rows, reviewed_per_day, training_rows
from db.review.revisions import Conflict
from db.schema.errors import StoreError, StoreRefused, UnknownNote
from db.store.store import Store, open_store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import FIRST, SECOND, TASK, add, decide, empty_session, extraction, note, store, suggestion

__all__ = ["empty_session", "store"]

TYPED = extraction(first="typed")
AHEAD = """INSERT INTO annotation SELECT 9, note_id, 3, reviewer_id, status, extraction, settled, comment,
    suggestion_id, lead_time_ms, 'new', submitted_at FROM annotation"""


@pytest.fixture
def session(empty_session: Session) -> Session:
    add(empty_session, 4)
    return empty_session


def test_a_decision_is_kept_with_all_that_belongs_to_it(session: Session) -> None:
    number = add_suggestion(program_in(session), 1, suggestion(first="machine"))
    saved = decide(
        session, 1, 0, values=TYPED, suggestion_id=number, comment="Unsure — see p. 2", lead_time_ms=1234, token="t-1"
    )
    assert (saved.revision, saved.repeated) == (1, False)
    review = open_review(session, 1, "ada")
    row = review.annotation
    assert row is not None
    assert (row.id, row.note_id, row.revision, row.reviewer, row.status) == (
        saved.annotation_id,
        1,
        1,
        "ada",
        "submitted",
    )
    assert (row.extraction, row.comment, row.suggestion_id) == (dict(TYPED), "Unsure — see p. 2", number)
    assert (row.lead_time_ms, row.token, row.submitted_at) == (1234, "t-1", saved.at)
    assert (review.note.state, review.revision, review.values) == ("submitted", 1, dict(TYPED))


@pytest.mark.parametrize("status", ["submitted", "skipped", "flagged"])
def test_the_state_is_the_last_decisions(session: Session, status: str) -> None:
    decide(session, 1, 0, status="skipped")
    decide(session, 1, 1, status=status)
    assert get_note(session, 1).state == status


def test_a_new_revision_supersedes_and_keeps_the_old(session: Session) -> None:
    decide(session, 1, 0, values=extraction(first="one"))
    decide(session, 1, 1, by="bob", values=extraction(first="two"))
    assert [(row.revision, row.reviewer, row.extraction[FIRST]) for row in history(session, 1)] == [
        (2, "bob", "two"),
        (1, "ada", "one"),
    ]
    assert open_review(session, 1, "ada").values == dict(extraction(first="two"))


def test_of_two_from_one_revision_the_second_is_told(session: Session) -> None:
    decide(session, 1, 0, by="ada", values=extraction(first="ada's"))
    with pytest.raises(Conflict, match="ada saved it meanwhile") as caught:
        decide(session, 1, 0, by="bob", values=extraction(first="bob's"))
    theirs = caught.value.theirs
    assert theirs is not None
    assert (theirs.reviewer, theirs.extraction[FIRST], caught.value.revision) == ("ada", "ada's", 1)
    assert [row.reviewer for row in history(session, 1)] == ["ada"]
    decide(session, 1, caught.value.revision, by="bob", values=extraction(first="both"))
    assert [row.reviewer for row in history(session, 1)] == ["bob", "ada"]


def test_a_revision_from_the_future_is_a_conflict_too(session: Session) -> None:
    with pytest.raises(Conflict) as caught:
        decide(session, 1, 3)
    assert (caught.value.theirs, caught.value.revision) == (None, 0)


def test_the_same_save_again_gets_the_same_answer(session: Session) -> None:
    first = decide(session, 1, 0, token="same", values=TYPED)
    again = decide(session, 1, 0, token="same", values=TYPED)
    assert again.repeated
    assert (again.annotation_id, again.revision, again.at) == (first.annotation_id, first.revision, first.at)
    decide(session, 1, 1, by="bob")
    assert decide(session, 1, 0, token="same", values=TYPED).annotation_id == first.annotation_id
    assert len(history(session, 1)) == 2
    with pytest.raises(StoreError, match="token was already used"):
        decide(session, 2, 0, token="same")


def test_two_saves_at_once_do_not_both_count(store: Store) -> None:
    with store.transaction() as session:
        add(session, 1)
    outcomes: list[str] = []
    together = threading.Barrier(8)

    def save(name: str) -> None:
        together.wait()
        try:
            with store.transaction() as session:
                decide(session, 1, 0, by=name, token=name)
            outcomes.append("saved")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=save, args=(f"reviewer {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 7 + ["saved"]
    with store.reading() as session:
        assert len(history(session, 1)) == 1


def test_wrong_saves_say_what_is_wrong(session: Session) -> None:
    with pytest.raises(UnknownNote):
        decide(session, 99, 0)
    with pytest.raises(UnknownNote):
        save_draft(person_in(session, "ada"), note_id=99, extraction=TYPED, seen_revision=0)
    with pytest.raises(StoreError, match="found 'draft'"):
        decide(session, 1, 0, status="draft")
    assert counts(session).n_todo == 4


def test_another_notes_suggestion_is_refused_and_nothing_written(store: Store) -> None:
    with store.transaction() as session:
        add(session, 2)
        number = add_suggestion(program_in(session), 2, suggestion())

    def save() -> None:
        with store.transaction() as session:
            decide(session, 1, 0, suggestion_id=number)

    with pytest.raises(StoreRefused):
        save()
    with store.reading() as session:
        assert (get_note(session, 1).state, history(session, 1)) == ("todo", [])


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE annotation SET comment = 'other'", "never changed"),
        ("DELETE FROM annotation", "never changed"),
        (AHEAD, "follows the one before"),
        ("UPDATE note SET revision = 0 WHERE id = 1", "ck_note_decided_has_revision"),
    ],
)
def test_the_database_refuses_to_change_a_decision(session: Session, statement: str, rule: str) -> None:
    decide(session, 1, 0)
    with pytest.raises(sa.exc.IntegrityError, match=rule):
        session.execute(sa.text(statement))
    session.rollback()


def test_a_draft_survives_and_is_ones_own(store: Store) -> None:
    with store.transaction() as session:
        add(session, 1)
        saved = save_draft(
            person_in(session, "ada"), note_id=1, extraction=TYPED, seen_revision=0, comment="wait", lead_time_ms=5
        )
    store.close()
    with open_store(store.place) as again, again.reading() as session:
        review = open_review(session, 1, "ada")
        assert review.draft is not None
        assert (review.draft.extraction, review.draft.comment, review.draft.lead_time_ms) == (dict(TYPED), "wait", 5)
        assert (review.draft.saved_at, review.draft.version) == (saved.at, saved.draft_version)
        assert (review.note.state, review.annotation, review.revision) == ("draft", None, 0)
        assert open_review(session, 1, "bob").draft is None


def test_a_draft_replaces_the_one_before(session: Session) -> None:
    versions = [
        save_draft(
            person_in(session, "ada"), note_id=1, extraction=extraction(first=text), seen_revision=0
        ).draft_version
        for text in ("t", "ty", "typ")
    ]
    assert versions == [1, 2, 3]
    assert open_review(session, 1, "ada").values == dict(extraction(first="typ"))
    assert session.execute(sa.text("SELECT count(*) FROM draft")).scalar_one() == 1


def test_two_pages_of_one_reviewer_need_not_overwrite_each_other(session: Session) -> None:
    save_draft(person_in(session, "local"), note_id=1, extraction=TYPED, seen_revision=0, seen_draft=0)
    with pytest.raises(Conflict) as caught:
        save_draft(person_in(session, "local"), note_id=1, extraction=extraction(), seen_revision=0, seen_draft=0)
    assert caught.value.draft is not None
    assert caught.value.draft.extraction == dict(TYPED)
    assert open_review(session, 1, "local").values == dict(TYPED)


def test_a_submission_ends_ones_own_draft_and_leaves_the_others(session: Session) -> None:
    for name in ("ada", "bob"):
        save_draft(person_in(session, name), note_id=1, extraction=extraction(first=name), seen_revision=0)
    decide(session, 1, 0, by="ada", values=TYPED)
    assert open_review(session, 1, "ada").draft is None
    theirs = open_review(session, 1, "bob")
    assert theirs.draft is not None
    assert (theirs.draft.revision, theirs.revision) == (0, 1)  # so the page can say that somebody decided meanwhile
    assert theirs.values == dict(extraction(first="bob"))


def test_a_draft_on_a_decided_note_changes_no_figure(session: Session) -> None:
    decide(session, 1, 0)
    before = (counts(session), get_note(session, 1))
    save_draft(person_in(session, "bob"), note_id=1, extraction=TYPED, seen_revision=1)
    assert (counts(session), get_note(session, 1)) == before
    with pytest.raises(Conflict):
        save_draft(person_in(session, "bob"), note_id=1, extraction=extraction(), seen_revision=0)
    assert open_review(session, 1, "bob").values == dict(TYPED)
    assert next(read_reviewed_rows(session)).annotation.reviewer == "ada"


def test_a_draft_can_be_discarded(session: Session) -> None:
    assert not discard_draft(person_in(session, "ada"), note_id=1)
    for name in ("ada", "bob"):
        save_draft(person_in(session, name), note_id=1, extraction=TYPED, seen_revision=0)
    assert discard_draft(person_in(session, "ada"), note_id=1)
    assert get_note(session, 1).state == "draft"
    assert discard_draft(person_in(session, "bob"), note_id=1)
    assert get_note(session, 1).state == "todo"


def test_an_original_shows_its_labels_before_a_suggestion(session: Session) -> None:
    gold = extraction(first="gold")
    (number,) = add_notes(program_in(session), [note(50, gold=gold)]).note_ids
    add_suggestion(program_in(session), number, suggestion(first="machine"))
    assert open_review(session, number, "ada").values == dict(gold)


def test_reviewed_gives_the_decision_that_stands(session: Session) -> None:
    number = add_suggestion(program_in(session), 2, suggestion(first="machine"))
    decide(session, 1, 0, values=extraction(first="old"))
    decide(session, 1, 1, by="bob", values=extraction(first="new"))
    decide(session, 2, 0, suggestion_id=number)
    decide(session, 3, 0, status="skipped")
    decide(session, 4, 0)
    decide(session, 4, 1, status="flagged")
    rows = list(read_reviewed_rows(session))
    assert [(row.note.id, row.annotation.revision) for row in rows] == [(1, 2), (2, 1)]
    assert rows[0].note == get_note(session, 1)
    assert rows[0].annotation == history(session, 1)[0]
    assert rows[0].suggestion is None
    assert rows[1].suggestion is not None
    assert (rows[1].suggestion.id, rows[1].suggestion.extraction[FIRST]) == (number, "machine")
    assert [row.note.id for row in read_reviewed_rows(session, reviewer="ada")] == [2]
    assert [row.note.id for row in read_reviewed_rows(session, statuses=("skipped", "flagged"))] == [3, 4]
    now = datetime.now(UTC)
    assert len(list(read_reviewed_rows(session, since=now - timedelta(minutes=5)))) == 2
    assert list(read_reviewed_rows(session, since=now + timedelta(minutes=5))) == []


def test_training_rows_are_labels_of_the_training_side(session: Session) -> None:
    report = add_notes(program_in(session), [note(n, gold=extraction(first=f"gold {n}")) for n in range(100, 160)])
    splits = {number: get_note(session, number).split for number in (1, 2, 3, 4, *report.note_ids)}
    held_out = [number for number in report.note_ids if splits[number] == "holdout"]
    replaced, flagged, skipped, *_ = (number for number in report.note_ids if splits[number] == "train")
    assert held_out
    decide(session, replaced, 0, values=extraction(first="better"))
    decide(session, flagged, 0, status="flagged")
    decide(session, skipped, 0, status="skipped", values=extraction(first="not this"))
    decide(session, held_out[0], 0, values=extraction(first="measured"))
    for number in (1, 2):
        decide(session, number, 0, values=extraction(first=f"incoming {number}"))
    save_draft(person_in(session, "ada"), note_id=3, extraction=TYPED, seen_revision=0)
    add_suggestion(program_in(session), 4, suggestion(first="machine"))
    found = {
        split: {row.content_hash: row for row in rows(session, TASK)}
        for split, rows in (("train", training_rows), ("holdout", holdout_rows))
    }
    by_hash = {get_note(session, number).content_hash: number for number in splits}
    numbers = {split: {by_hash[digest] for digest in rows} for split, rows in found.items()}
    assert numbers["holdout"] == {*held_out, *(n for n in (1, 2) if splits[n] == "holdout")}
    assert numbers["train"] == {n for n in (1, 2, *report.note_ids) if splits[n] == "train"} - {flagged}

    def row_of(number: int) -> tuple[str, str | None]:
        row = found[splits[number]][get_note(session, number).content_hash]
        assert row.text == get_note(session, number).text
        return row.source, row.extraction[FIRST]

    assert row_of(replaced) == ("annotation", "better")
    assert row_of(skipped)[0] == "original"
    assert row_of(held_out[0]) == ("annotation", "measured")
    assert row_of(held_out[1])[0] == "original"
    assert row_of(1) == ("annotation", "incoming 1")


def test_a_label_is_corrected_where_it_is_not_what_the_review_started_from(session: Session) -> None:
    report = add_notes(program_in(session), [note(n, gold=extraction(first="gold")) for n in range(100, 120)])
    on_training_side = (n for n in (1, 2, 3, 4, *report.note_ids) if get_note(session, n).split == "train")
    incoming, *_, confirmed, changed, against, agreed, twice = on_training_side
    decide(session, confirmed, 0, values=extraction(first="gold"))
    decide(session, changed, 0, values=extraction(first="gold", second="II"))
    machine = {
        number: add_suggestion(program_in(session), number, suggestion(first="machine")) for number in (against, agreed)
    }
    decide(session, against, 0, values=extraction(first="gold"), suggestion_id=machine[against])
    decide(session, agreed, 0, values=extraction(first="machine"), suggestion_id=machine[agreed])
    decide(session, twice, 0, values=extraction(first="wrong"))
    decide(session, twice, 1, values=extraction(first="gold"))  # the label that stands is the one they came with
    decide(session, incoming, 0, values=extraction(first="typed into an empty form"))
    rows = {row.content_hash: row for row in training_rows(session, TASK)}
    reviewed_ones = (incoming, confirmed, changed, against, agreed, twice)
    found = [rows.pop(get_note(session, number).content_hash) for number in reviewed_ones]
    assert [row.corrected for row in found] == [True, False, True, True, False, False]
    assert {row.source for row in found} == {"annotation"}
    assert {(row.source, row.corrected) for row in rows.values()} == {("original", False)}


def test_acceptance_counts_what_became_of_suggestions(session: Session) -> None:
    for number, (adapter, decided) in enumerate(
        [("a", extraction(first="x", second="II")), ("a", extraction(first="y")), ("b", extraction(first="x"))], start=1
    ):
        suggested = add_suggestion(
            program_in(session), number, suggestion(adapter, first="x", second="II" if number == 2 else None)
        )
        decide(session, number, 0, values=decided, suggestion_id=suggested)
    decide(session, 4, 0)
    found = acceptance(session, TASK)
    assert set(found) == {"a", "b"}
    assert found["a"][FIRST] == {"accepted": 1, "edited": 1, "added": 0, "cleared": 0}
    assert found["a"][SECOND] == {"accepted": 0, "edited": 0, "added": 1, "cleared": 1}
    assert found["b"][FIRST]["accepted"] == 1
    assert acceptance(session) == found


def test_work_is_counted_by_day(session: Session) -> None:
    decide(session, 1, 0)
    decide(session, 1, 1)
    decide(session, 2, 0, status="flagged")
    days = reviewed_per_day(session)
    assert sum(day.n_submitted for day in days) == 1
    assert sum(day.n_flagged for day in days) == 1
    assert abs((days[-1].day - datetime.now(UTC).date()).days) <= 1


def test_a_save_is_seen_by_the_next_process_only_whole(store: Store) -> None:
    with store.transaction() as session:
        add(session, 1)
        save_draft(person_in(session, "ada"), note_id=1, extraction=TYPED, seen_revision=0)

    def fail_after_saving() -> None:
        with store.transaction() as session:
            submit(
                person_in(session, "ada"),
                note_id=1,
                status="submitted",
                extraction=TYPED,
                seen_revision=0,
                token="lost",
            )
            raise LookupError

    with pytest.raises(LookupError):
        fail_after_saving()
    with store.reading() as session:
        review = open_review(session, 1, "ada")
    assert (review.note.state, review.revision, review.annotation) == ("draft", 0, None)
    assert review.draft is not None
