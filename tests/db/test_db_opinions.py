"""Several reviewers a note: who is asked, what they learn of each other, when their opinions are a decision."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from db.notes.notes import get_note, next_note, next_notes
from db.notes.queue.overlap import MAX_OPINIONS, Overlap, read_overlap
from db.notes.queue.queue_view import Walk, next_in_walk
from db.notes.queue.search import Filters, count_notes
from db.people.audit import entries
from db.people.reviewers import add_reviewer, change_reviewer
from db.review.bulk import Many, carry_out, undo
from db.review.decisions import open_review, reopen
from db.review.drafts import save_draft
from db.review.opinions import opinions_of, shared_opinions
from db.review.overlap_changes import set_overlap
from db.review.reviewed import history, read_reviewed_rows, training_rows
from db.review.revisions import Conflict
from db.schema.errors import StoreError
from db.store.store import Session, Store
from tests.kit.desk.permits import person_in
from tests.kit.desk.stores import TASK, add, decide, extraction, note, store

__all__ = ["store"]

PEOPLE = {"root": "admin", "lea": "lead", "ada": "reviewer", "bob": "reviewer", "cyd": "reviewer"}
SAYS = extraction(first="Breast cancer", second="IIB")
ALSO = extraction(first=" breast  Cancer.", second="iib")
OTHER = extraction(first="Breast cancer", second="IV")
DISPUTED = Walk(Filters(is_disputed=True))


@pytest.fixture
def session(store: Store) -> Iterator[Session]:
    """Three notes, about each of which two reviewers are asked."""
    with store.transaction() as opened:
        for name, role in PEOPLE.items():
            add_reviewer(person_in(opened, "command line"), name, role=role, password_hash="$argon2id$")  # type: ignore[arg-type]
        set_overlap(person_in(opened, "lea"), Overlap(1.0, 2))
        add(opened, 3)
        yield opened


def give(session: Session, by: str, values=SAYS, note_id: int = 1, seen: int = 0, **settings):
    return decide(session, note_id, seen, by=by, values=values, **settings)


def test_two_who_say_the_same_decide(session: Session) -> None:
    first = give(session, "ada")
    assert (first.revision, first.annotation_id) == (0, None)
    assert first.opinion_id
    kept = get_note(session, 1)
    assert (kept.state, kept.revision, kept.n_wanted, kept.n_opinions) == ("todo", 0, 2, 1)
    assert list(read_reviewed_rows(session)) == list(training_rows(session, TASK)) == history(session, 1) == []
    second = give(session, "bob", ALSO)
    assert (second.revision, get_note(session, 1).state) == (1, "submitted")
    (row,) = read_reviewed_rows(session)
    assert (row.annotation.reviewer, row.annotation.extraction) == ("bob", ALSO.as_dict())
    assert [(one.reviewer, one.status) for one in opinions_of(session, 1)] == [
        ("ada", "submitted"),
        ("bob", "submitted"),
    ]


def test_nobody_sees_what_others_say_before_a_decision(session: Session) -> None:
    give(session, "ada", OTHER)
    theirs = open_review(session, 1, "bob")
    assert (theirs.annotation, theirs.opinion, theirs.values) == (None, None, None)
    own = open_review(session, 1, "ada")
    assert own.opinion is not None
    assert own.standing is not None
    assert own.values == OTHER.as_dict()
    assert own.annotation is None


def test_nobody_is_asked_twice(session: Session) -> None:
    give(session, "ada")
    assert next_notes(session, reviewer="ada", limit=5) == [2, 3]
    assert next_in_walk(session, Walk(), "ada", limit=5) == [2, 3]
    assert next_notes(session, reviewer="bob", limit=5) == next_in_walk(session, Walk(), "bob", limit=5) == [1, 2, 3]


def test_opinions_that_differ_wait_for_a_lead(session: Session) -> None:
    give(session, "ada")
    give(session, "bob", OTHER)
    kept = get_note(session, 1)
    assert (kept.state, kept.revision, bool(kept.is_disputed)) == ("todo", 0, True)
    for name in ("ada", "cyd", "lea"):
        assert next_notes(session, reviewer=name, limit=5) == [2, 3]
    assert next_note(session) == 2
    assert next_in_walk(session, DISPUTED, "lea", limit=5) == [1]
    assert count_notes(session, DISPUTED.filters) == 1
    decided = give(session, "lea", OTHER)
    assert (decided.revision, decided.opinion_id) == (1, 0)
    assert open_review(session, 1, "ada").values == OTHER.as_dict()
    assert next_in_walk(session, DISPUTED, "lea", limit=5) == []
    assert count_notes(session, DISPUTED.filters) == 0


def test_only_a_lead_adjudicates_and_others_may_change_their_minds(session: Session) -> None:
    first = give(session, "ada")
    give(session, "bob", OTHER)
    third = give(session, "cyd")
    assert third.annotation_id is None
    assert get_note(session, 1).revision == 0
    give(session, "ada", OTHER, seen_opinion=first.opinion_id)
    assert get_note(session, 1).is_disputed
    agreed = give(session, "cyd", OTHER, seen_opinion=third.opinion_id)
    assert agreed.revision == 1
    assert not get_note(session, 1).is_disputed


def test_a_stale_page_overwrites_no_opinion(session: Session) -> None:
    first = give(session, "ada")
    with pytest.raises(Conflict) as own:
        give(session, "ada", OTHER)
    assert own.value.theirs is not None
    assert own.value.theirs.extraction == SAYS.as_dict()
    changed = give(session, "ada", OTHER, seen_opinion=first.opinion_id)
    with pytest.raises(Conflict):
        give(session, "ada", SAYS, seen_opinion=first.opinion_id)
    assert [one.id for one in opinions_of(session, 1)] == [changed.opinion_id]
    give(session, "bob", OTHER)
    with pytest.raises(Conflict, match="bob"):
        give(session, "cyd")
    with pytest.raises(Conflict):
        give(session, "ada", seen_opinion=changed.opinion_id)


def test_a_save_that_is_sent_again_counts_once(session: Session) -> None:
    first = give(session, "ada", token="once-ada")
    again = give(session, "ada", token="once-ada")
    assert (again.opinion_id, again.revision, again.repeated) == (first.opinion_id, 0, True)
    second = give(session, "bob", token="once-bob")
    again = give(session, "bob", token="once-bob")
    assert (again.annotation_id, again.opinion_id) == (second.annotation_id, second.opinion_id)
    assert again.repeated
    assert len(opinions_of(session, 1)) == 2
    with pytest.raises(StoreError, match="token was already used"):
        give(session, "ada", token="once-ada", note_id=2)


def test_an_opinion_is_taken_back_into_a_draft(session: Session) -> None:
    first = give(session, "ada", OTHER)
    with pytest.raises(Conflict):
        reopen(person_in(session, "ada"), note_id=1, seen_revision=0, token="undo-wrong", seen_opinion=99)
    with pytest.raises(Conflict):
        reopen(person_in(session, "bob"), note_id=1, seen_revision=0, token="undo-bob", seen_opinion=first.opinion_id)
    for _ in range(2):  # an undo that is sent again
        undone = reopen(
            person_in(session, "ada"), note_id=1, seen_revision=0, token="undo-ada", seen_opinion=first.opinion_id
        )
        assert (undone.revision, undone.opinion_id) == (0, 0)
    kept = open_review(session, 1, "ada")
    assert (kept.opinion, kept.values, kept.note.state) == (None, OTHER.as_dict(), "draft")
    assert kept.draft is not None
    assert opinions_of(session, 1) == []
    assert next_notes(session, reviewer="ada", limit=1) == [1]


def test_a_decision_by_opinions_is_opened_again(session: Session) -> None:
    give(session, "ada")
    give(session, "bob")
    reopen(person_in(session, "bob"), note_id=1, seen_revision=1, token="undo-bob")
    assert [one.reviewer for one in opinions_of(session, 1)] == ["ada"]
    give(session, "bob", OTHER, seen=2)
    assert get_note(session, 1).is_disputed
    assert give(session, "lea", seen=2).revision == 3


def test_a_draft_of_somebody_else_stays(session: Session) -> None:
    save_draft(person_in(session, "bob"), note_id=1, extraction=OTHER, seen_revision=0)
    give(session, "ada")
    theirs = open_review(session, 1, "bob")
    assert theirs.draft is not None
    assert theirs.note.state == "draft"
    save_draft(person_in(session, "bob"), note_id=1, extraction=SAYS, seen_revision=0, seen_draft=1)


def test_skips_and_flags_are_opinions_too(session: Session) -> None:
    give(session, "ada", status="skipped")
    give(session, "bob", status="skipped")
    assert get_note(session, 1).state == "skipped"
    give(session, "ada", note_id=2, status="flagged", comment="Two patients.")
    give(session, "bob", note_id=2)
    assert get_note(session, 2).is_disputed


def test_a_lead_decides_about_many_at_once_whoever_was_to_be_asked(session: Session) -> None:
    give(session, "ada")
    assert carry_out(person_in(session, "lea"), TASK, action="skip", many=Many(), bulk="b1").n_done == 3
    assert [get_note(session, number).state for number in (1, 2, 3)] == ["skipped"] * 3
    assert undo(person_in(session, "lea"), TASK, bulk="b1").n_done == 3
    assert [get_note(session, number).state for number in (1, 2, 3)] == ["todo"] * 3
    assert get_note(session, 1).n_opinions == 1


def test_a_share_is_chosen_by_the_content_alone(store: Store) -> None:
    with store.transaction() as session:
        set_overlap(person_in(session, "command line"), Overlap(0.25, 3))
        add(session, 400)
        chosen = [number for number in range(1, 401) if get_note(session, number).n_wanted == 3]
        assert 70 <= len(chosen) <= 130
        held_out = sum(get_note(session, number).split == "holdout" for number in chosen)
        assert 0 < held_out < len(chosen) / 2  # one does not follow from the other
        assert set_overlap(person_in(session, "command line"), Overlap(0.0, 3)) == len(chosen)
        assert set_overlap(person_in(session, "command line"), Overlap(0.25, 3)) == len(chosen)
        assert [number for number in range(1, 401) if get_note(session, number).n_wanted == 3] == chosen
        assert set_overlap(person_in(session, "command line"), Overlap(1.0, 2)) == 400
        assert read_overlap(session) == Overlap(1.0, 2)


def test_asking_fewer_settles_what_has_enough(session: Session) -> None:
    give(session, "ada")
    give(session, "ada", note_id=2)
    give(session, "bob", OTHER, note_id=2)
    change_reviewer(person_in(session, "lea"), "ada", is_disabled=True)  # what was said counts all the same
    set_overlap(person_in(session, "lea"), Overlap())
    assert get_note(session, 1).state == "submitted"
    assert history(session, 1)[0].reviewer == "ada"
    entry = entries(session, subject="note 1")[0]
    assert (entry.who, entry.action, entry.detail["decided_by"]) == ("lea", "submitted", "ada")
    assert (get_note(session, 2).state, bool(get_note(session, 2).is_disputed)) == ("todo", True)
    assert give(session, "bob", note_id=3).revision == 1
    assert give(session, "lea", note_id=2).revision == 1


def test_asking_one_leaves_those_who_differ_to_a_lead(session: Session) -> None:
    set_overlap(person_in(session, "lea"), Overlap(1.0, 3))
    give(session, "ada")
    give(session, "bob", OTHER)
    set_overlap(person_in(session, "lea"), Overlap())
    note = get_note(session, 1)
    assert (note.n_wanted, bool(note.is_disputed), note.state) == (1, True, "todo")
    review = open_review(session, 1, "ada")
    assert review.opinion is not None
    assert review.values == SAYS.as_dict()
    assert give(session, "cyd").revision == 0, "a reviewer decided where others differ"
    assert give(session, "lea").revision == 1


def test_asking_more_waits_for_them(session: Session) -> None:
    give(session, "ada")
    set_overlap(person_in(session, "lea"), Overlap(1.0, 3))
    give(session, "bob")
    assert get_note(session, 1).state == "todo"
    give(session, "cyd")
    assert get_note(session, 1).state == "submitted"
    assert [one.reviewer for one in shared_opinions(session, 10)[1]] == ["ada", "bob", "cyd"]


@pytest.mark.parametrize("wrong", [(-0.1, 2), (1.1, 2), (0.5, 1), (0.5, MAX_OPINIONS + 1)])
def test_an_overlap_that_cannot_be_is_refused(wrong: tuple[float, int]) -> None:
    with pytest.raises(StoreError, match="Expected a share from 0 to 100 %"):
        Overlap(*wrong)


def test_opinions_are_never_changed(store: Store, session: Session) -> None:
    give(session, "ada")
    for statement in ("UPDATE opinion SET comment = 'x'", "DELETE FROM opinion"):
        with pytest.raises(sa.exc.IntegrityError, match="never changed"), session.begin_nested():
            session.execute(sa.text(statement))


def test_the_audit_names_who_gave_one_and_not_what_it_says(session: Session) -> None:
    give(session, "ada")
    (row,) = entries(session, subject="note 1")
    assert (row.who, row.action, row.detail) == ("ada", "gave an opinion", {"status": "submitted"})


def test_labels_need_nobody(session: Session) -> None:
    add(session, 1, text="A labelled report.", gold=SAYS)
    assert get_note(session, 4).origin == "original"
    assert note(9).gold is None
