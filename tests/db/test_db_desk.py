"""What the desk keeps beside decisions: settings, offers of a correction, trials of how a note was shown."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.notes import add_notes
from db.notes.suggestions import add_suggestion
from db.notes.used_values import used_values
from db.people.settings import drop_setting, get_settings, put_setting
from db.review.decisions import open_review, reopen
from db.review.offers import make_offer, offers_for, same_value, standing_offers, withdraw_offer
from db.review.trials import begin_trial, trial_of, trial_outcomes
from db.schema.errors import StoreError
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import FIRST, SECOND, add, decide, empty_session, extraction, note, store, suggestion

__all__ = ["empty_session", "store"]


@pytest.fixture
def session(empty_session: Session) -> Session:
    add(empty_session, 4)
    return empty_session


def test_a_setting_is_replaced_and_taken_away(session: Session) -> None:
    put_setting(person_in(session, "ada"), "look.below", {"stage": 0.5})
    put_setting(person_in(session, "ben"), "look.below", {"stage": 0.75})
    put_setting(person_in(session, "ben"), "look_elsewhere", True)
    put_setting(person_in(session, "ben"), "other", [1, "x"])
    assert get_settings(session, "look.") == {"look.below": {"stage": 0.75}}
    drop_setting(person_in(session, "ben"), "look.below")
    assert get_settings(session) == {"look_elsewhere": True, "other": [1, "x"], "metadata.names": ["n"]}


def test_an_offer_stands_until_it_is_withdrawn(session: Session) -> None:
    first = make_offer(person_in(session, "ada"), field=SECOND, old_value="3b", new_value="IIIB")
    assert offers_for(session, {FIRST: "3b", SECOND: "3b"}) == {SECOND: first}
    assert offers_for(session, {SECOND: "3B"}) == {}
    assert offers_for(session, {SECOND: None}) == {}
    second = make_offer(person_in(session, "ben"), field=SECOND, old_value="3b", new_value=None)
    assert [offer.id for offer in standing_offers(session)] == [second.id]
    assert withdraw_offer(person_in(session, "ada"), second.id)
    assert not withdraw_offer(person_in(session, "ada"), second.id)
    assert standing_offers(session) == []
    with pytest.raises(StoreError, match="are the same"):
        make_offer(person_in(session, "ada"), field=SECOND, old_value="3b", new_value="3b")


def test_the_same_value_is_looked_for_where_notes_wait(session: Session) -> None:
    for number in (1, 2, 3, 4):
        add_suggestion(program_in(session), number, suggestion(first="machine", second="3b" if number < 4 else "IV"))
    decide(session, 3, 0)
    n_same, found = same_value(session, SECOND, "3b", exclude=1)
    assert (n_same, [(row.note_id, row.text) for row in found]) == (1, [(2, "Report number 1.")])
    assert same_value(session, SECOND, "3b", exclude=9, limit=1)[0] == 2
    add_suggestion(program_in(session), 2, suggestion("second", second="IIIB"))  # what the form proposes is the newest
    assert same_value(session, SECOND, "3b", exclude=1) == (0, [])
    assert open_review(session, 2, "ada").values is not None


def test_a_trial_is_drawn_once_for_each_reviewer(session: Session) -> None:
    begun = begin_trial(person_in(session, "ada"), note_id=1, kind="seeded", field=SECOND, value="I")
    assert begin_trial(person_in(session, "ada"), note_id=1, kind="blind") == begun
    assert begin_trial(person_in(session, "ben"), note_id=1, kind="blind").kind == "blind"
    assert trial_of(session, 1, "eve") is None
    with pytest.raises(sa.exc.IntegrityError, match="ck_trial_seeded_has_value"), session.begin_nested():
        begin_trial(person_in(session, "ada"), note_id=2, kind="seeded")


def test_a_trial_ends_with_the_first_submission(session: Session) -> None:
    for number in (1, 2):
        begin_trial(person_in(session, "ada"), note_id=number, kind="seeded", field=SECOND, value="I")
    begin_trial(person_in(session, "ada"), note_id=3, kind="blind")
    begin_trial(person_in(session, "ada"), note_id=4, kind="prefilled")
    decide(session, 1, 0, values=extraction(second="I"), lead_time_ms=5)
    reopen(person_in(session, "ada"), note_id=1, seen_revision=1, token="undo")
    decide(session, 1, 2, values=extraction(second="II"), lead_time_ms=50)
    decide(session, 2, 0, values=extraction(second="II"), lead_time_ms=7)
    decide(session, 3, 0, lead_time_ms=11)
    decide(session, 4, 0, status="skipped")
    found = [(row.note_id, row.kind, row.lead_time_ms, row.is_passed) for row in trial_outcomes(session)]
    assert found == [(1, "seeded", 5, True), (2, "seeded", 7, False), (3, "blind", 11, False)]


def test_a_value_that_a_person_cleared_is_no_used_value(session: Session) -> None:
    lung, breast = extraction(first="lung", second="IV"), extraction(first="breast")
    golds = (lung, lung, breast)
    numbers = add_notes(program_in(session), [note(50 + n, gold=gold) for n, gold in enumerate(golds)]).note_ids
    assert used_values(session, FIRST) == [("lung", 2), ("breast", 1)]
    decide(session, numbers[0], 0, values=extraction(second="III"))  # cleared, and corrected
    decide(session, 1, 0, values=extraction(first="breast"))
    decide(session, 2, 0, status="skipped", values=extraction(first="never"))
    assert used_values(session, FIRST) == [("breast", 2), ("lung", 1)]
    assert used_values(session, SECOND) == [("III", 1), ("IV", 1)]
    assert used_values(session, FIRST, limit=1) == [("breast", 2)]
