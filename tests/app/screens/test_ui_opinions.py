"""What the screens tell of several reviewers' opinions, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.desk import Desk
from app.core.settings import Settings
from app.screens.progress.agreement import agreement_card
from app.screens.review.note import note as opening
from app.screens.review.note.history import list_events
from app.screens.review.saving.saves import Same, offer, same_value_elsewhere
from data.task import Extraction
from db.notes.queue.overlap import Overlap
from db.review.decisions import submit
from db.review.overlap_changes import set_overlap
from db.schema import tables
from db.schema.errors import StoreError
from tests.app.screens.test_ui_screens import text
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, COLON_VALUES, TASK, make_store
from tests.kit.desk.permits import person_in
from tests.kit.people import add_people

OTHER = {**BREAST_VALUES, "stage": "IIIB"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two notes, two reviewers each; about the first two have said different things."""
    with make_store(tmp_path, [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES)]) as store:
        add_people(store, {"ann": "admin", "kim": "reviewer", "max": "reviewer"})
        with store.transaction() as session:
            set_overlap(person_in(session, "ann"), Overlap(1.0, 2))
        made = Desk(Settings(home=tmp_path, base="embedded", adapter="embedded"), TASK, store)
        give(made, "kim", BREAST_VALUES)
        give(made, "max", OTHER)
        yield made


def give(desk: Desk, who: str, values: dict[str, str | None], note: int = 1) -> None:
    with desk.store.transaction() as session:
        submit(
            person_in(session, who),
            note_id=note,
            status="submitted",
            extraction=Extraction(TASK, values),
            seen_revision=0,
            token=f"said-by-{who}-{note}",
        )


def steps(desk: Desk, who: str, note: int = 1) -> list[str]:
    return [f"{step['who']} {step['what']}" for step in list_events(desk, who, note)["steps"]]


def test_only_who_decides_sees_what_others_say(desk: Desk) -> None:
    page = opening.page_for(desk, "ann", "1")
    assert page["adjudication"]["differing"] == ["stage"]
    assert [one["who"] for one in page["adjudication"]["opinions"]] == ["kim", "max"]
    assert [page["fields"][key]["word"] for key in ("cancer_type", "stage")] == ["agree", "differ"]
    assert page["fields"]["stage"]["alternatives"] == ["IIIB"]
    theirs = opening.page_for(desk, "kim", "1")
    assert theirs["adjudication"] is None
    assert theirs["fields"]["stage"]["value"] == "IV"
    assert "IIIB" not in str(theirs)
    assert steps(desk, "ann")[2:] == ["kim gave an opinion: saved", "max gave an opinion: saved"]
    assert steps(desk, "kim")[2:] == ["kim gave an opinion: saved"]


def test_a_lead_who_is_asked_too_does_not_see_the_first_opinion(desk: Desk) -> None:
    give(desk, "kim", COLON_VALUES, note=2)
    assert steps(desk, "ann", 2)[2:] == []
    assert steps(desk, "kim", 2)[2:] == ["kim gave an opinion: saved"]
    give(desk, "ann", {**COLON_VALUES, "stage": "IIIB"}, note=2)
    assert steps(desk, "ann", 2)[2:] == ["kim gave an opinion: saved", "ann gave an opinion: saved"]


def test_offers_neither_come_from_nor_reach_a_note_under_opinions(tmp_path: Path) -> None:
    with make_store(tmp_path, [(f"{BREAST} Case {n}.", BREAST_VALUES) for n in range(4)]) as store:
        add_people(store, {"ann": "admin", "kim": "reviewer", "max": "reviewer"})
        desk = Desk(Settings(home=tmp_path, base="embedded", adapter="embedded"), TASK, store)
        with store.transaction() as session:  # two notes are asked of two reviewers each, two of one
            session.execute(tables.note.update().where(tables.note.c.id <= 2).values(n_wanted=2))
        give(desk, "kim", OTHER)
        told = Same(note=1, field="stage", old_value="IV", new_value="IIIB")
        assert same_value_elsewhere(desk, "kim", told)["n"] == 0
        with pytest.raises(StoreError, match="still with other reviewers"):
            offer(desk, "kim", told)
        give(desk, "kim", OTHER, note=3)
        told = Same(note=3, field="stage", old_value="IV", new_value="IIIB")
        found = same_value_elsewhere(desk, "kim", told)
        assert [note["note"] for note in found["notes"]] == [4]
        offer(desk, "kim", told)
        assert opening.page_for(desk, "max", "4")["fields"]["stage"]["value"] == "IIIB"
        for note in ("1", "2"):
            page = opening.page_for(desk, "max", note)
            assert page["fields"]["stage"]["value"] == "IV"
            assert "IIIB" not in str(page)


def test_after_the_decision_everybody_may_know(desk: Desk) -> None:
    with desk.store.reading() as session:
        assert "case-1" not in agreement_card(desk, session)
    give(desk, "ann", OTHER)
    assert steps(desk, "kim")[2:] == [
        "kim gave an opinion: saved",
        "max gave an opinion: saved",
        "ann saved, revision 1",
    ]
    with desk.store.reading() as session:
        card = agreement_card(desk, session)
    assert "case-1" in card
    assert "1 note, 2 reviewers" in text(card)
    assert "Stage" in text(card)


def test_a_reviewer_who_has_answered_is_told_what_is_waited_for(desk: Desk) -> None:
    give(desk, "kim", COLON_VALUES, note=2)
    page = opening.page_for(desk, "kim", "")
    assert page["note"] is None
    assert "1 note waits for what others say." in text(page["html"])
    assert "1 note waits for a lead" in text(page["html"])


def test_no_note_has_two_opinions_yet(tmp_path: Path) -> None:
    with make_store(tmp_path, [(BREAST, BREAST_VALUES)]) as store:
        desk = Desk(Settings(home=tmp_path, base="embedded", adapter="embedded"), TASK, store)
        with store.reading() as session:
            assert "Every note has one reviewer" in agreement_card(desk, session)
        with store.transaction() as session:
            set_overlap(person_in(session, "command line"), Overlap(0.1, 3))
        with store.reading() as session:
            assert "10.0 % of the notes are given to 3 reviewers each" in text(agreement_card(desk, session))
