"""What the screens tell of several reviewers' opinions, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.desk import Desk
from app.settings import Settings
from app.ui import opening
from app.ui.agreeing import agreeing
from app.ui.past import past_of
from data.task import Extraction
from db.annotations import submit
from db.overlap import Overlap
from db.routing import set_overlap
from tests.desk_store import BREAST, BREAST_VALUES, COLON, COLON_VALUES, TASK, make_store
from tests.people import add_people
from tests.test_ui_screens import text

OTHER = {**BREAST_VALUES, "stage": "IIIB"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two notes, two reviewers each; about the first two have said different things."""
    with make_store(tmp_path, [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES)]) as store:
        add_people(store, {"ann": "admin", "kim": "reviewer", "max": "reviewer"})
        with store.transaction() as session:
            set_overlap(session, Overlap(1.0, 2), "ann")
        made = Desk(Settings(home=tmp_path, base="embedded", adapter="embedded"), TASK, store)
        give(made, "kim", BREAST_VALUES)
        give(made, "max", OTHER)
        yield made


def give(desk: Desk, who: str, values: dict[str, str | None]) -> None:
    with desk.store.transaction() as session:
        submit(
            session,
            note_id=1,
            reviewer=who,
            status="submitted",
            extraction=Extraction(TASK, values),
            seen_revision=0,
            token=f"said-by-{who}",
        )


def steps(desk: Desk, who: str) -> list[str]:
    return [f"{step['who']} {step['what']}" for step in past_of(desk, who, 1)["steps"]]


def test_only_who_decides_sees_what_others_say(desk: Desk) -> None:
    page = opening.opened(desk, "ann", "1")
    assert page["adjudication"]["differing"] == ["stage"]
    assert [one["who"] for one in page["adjudication"]["opinions"]] == ["kim", "max"]
    assert [page["fields"][key]["word"] for key in ("cancer_type", "stage")] == ["agree", "differ"]
    assert page["fields"]["stage"]["alternatives"] == ["IIIB"]
    theirs = opening.opened(desk, "kim", "1")
    assert theirs["adjudication"] is None
    assert theirs["fields"]["stage"]["value"] == "IV"
    assert "IIIB" not in str(theirs)
    assert steps(desk, "ann")[2:] == ["kim gave an opinion: saved", "max gave an opinion: saved"]
    assert steps(desk, "kim")[2:] == ["kim gave an opinion: saved"]


def test_after_the_decision_everybody_may_know(desk: Desk) -> None:
    with desk.store.reading() as session:
        assert "case-1" not in agreeing(desk, session)
    give(desk, "ann", OTHER)
    assert steps(desk, "kim")[2:] == [
        "kim gave an opinion: saved",
        "max gave an opinion: saved",
        "ann saved, revision 1",
    ]
    with desk.store.reading() as session:
        card = agreeing(desk, session)
    assert "case-1" in card
    assert "1 note, 2 reviewers" in text(card)
    assert "Stage" in text(card)


def test_a_reviewer_who_has_answered_is_told_what_is_waited_for(desk: Desk) -> None:
    with desk.store.transaction() as session:
        submit(
            session,
            note_id=2,
            reviewer="kim",
            status="submitted",
            extraction=Extraction(TASK, COLON_VALUES),
            seen_revision=0,
            token="said-by-kim-2",
        )
    page = opening.opened(desk, "kim", "")
    assert page["note"] is None
    assert "1 note waits for what others say." in text(page["html"])
    assert "1 note waits for a lead" in text(page["html"])


def test_no_note_has_two_opinions_yet(tmp_path: Path) -> None:
    with make_store(tmp_path, [(BREAST, BREAST_VALUES)]) as store:
        desk = Desk(Settings(home=tmp_path, base="embedded", adapter="embedded"), TASK, store)
        with store.reading() as session:
            assert "Every note has one reviewer" in agreeing(desk, session)
        with store.transaction() as session:
            set_overlap(session, Overlap(0.1, 3), "command line")
        with store.reading() as session:
            assert "10.0 % of the notes are given to 3 reviewers each" in text(agreeing(desk, session))
