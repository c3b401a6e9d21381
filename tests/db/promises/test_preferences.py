"""Preferences in the store: the first choice for a run, note and reviewer stands, whatever comes later."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.schema import tables as t
from db.schema.errors import StoreRefused
from db.store.store import open_store
from db.training.preferences import Choice, PreferenceRow, Tally, add_preference, preferences, tallies
from db.training.runs import create_run
from tests.kit.desk.permits import person_in
from tests.kit.desk.stores import add, store
from tests.kit.desk.stores import empty_session as session

__all__ = ["session", "store"]


def choose(session: Session, note_id: int, choice: Choice, *, by: str = "ada", run_id: int = 1) -> PreferenceRow:
    return add_preference(
        person_in(session, by),
        run_id=run_id,
        note_id=note_id,
        old_adapter="first",
        new_adapter="run-0001",
        choice=choice,
    )


def material(session: Session, n_notes: int = 3) -> None:
    add(session, n_notes)
    for _ in range(2):
        create_run(person_in(session, "ada"), config={})


def test_the_first_choice_stands(session: Session) -> None:
    material(session)
    first = choose(session, 2, "new")
    assert (first.note_id, first.reviewer, first.choice) == (2, "ada", "new")
    assert (first.old_adapter, first.new_adapter) == ("first", "run-0001")
    assert choose(session, 2, "old") == first
    assert preferences(session, 1) == [first]
    # Another reviewer, note or run is another choice.
    assert [choose(session, 2, "old", by="bob").choice, choose(session, 1, "same").choice] == ["old", "same"]
    assert choose(session, 2, "same", run_id=2).run_id == 2
    assert [row.note_id for row in preferences(session, 1, "ada")] == [2, 1]


def test_choices_are_counted_for_each_reviewer(session: Session) -> None:
    material(session)
    for note_id, choice in ((1, "new"), (2, "new"), (3, "same")):
        choose(session, note_id, choice)  # type: ignore[arg-type]
    choose(session, 1, "old", by="bob")
    choose(session, 1, "old", run_id=2)
    assert tallies(session, 1) == {"ada": Tally(n_old=0, n_new=2, n_same=1), "bob": Tally(n_old=1, n_new=0, n_same=0)}
    assert tallies(session, 1)["ada"].n_notes == 3
    assert tallies(session, 99) == {}


@pytest.mark.parametrize("statement", ["UPDATE preference SET choice = 'old'", "DELETE FROM preference"])
def test_a_choice_is_never_changed(session: Session, statement: str) -> None:
    material(session)
    choose(session, 1, "new")
    with pytest.raises(sa.exc.IntegrityError, match="a row of preference is never changed"):
        session.execute(sa.text(statement))


@pytest.mark.parametrize(
    "changes",
    [
        {"choice": "left"},
        {"note_id": 99},
        {"run_id": 99},
        {"new_adapter": "first"},
    ],
)
def test_the_schema_refuses_what_is_no_preference(tmp_path: Path, changes: dict[str, object]) -> None:
    values = {"run_id": 1, "note_id": 1, "old_adapter": "first", "new_adapter": "run-0001", "choice": "new"}
    with open_store(tmp_path / "store.db") as opened:
        with opened.transaction() as session:
            material(session)
        with pytest.raises(StoreRefused), opened.transaction() as session:
            add_preference(person_in(session, "ada"), **{**values, **changes})  # type: ignore[arg-type]
        with opened.reading() as session:
            assert session.execute(sa.select(sa.func.count()).select_from(t.preference)).scalar_one() == 0
