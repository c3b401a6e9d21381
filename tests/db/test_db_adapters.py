"""Adapters: registering, activating with a history, rolling back."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.schema.errors import StoreError, UnknownAdapter
from db.training.adapters import (
    activate,
    activations,
    active_adapter,
    get_adapter,
    list_adapters,
    register_adapter,
    rollback,
)
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import adapter, empty_session, register, store

__all__ = ["empty_session", "store"]


@pytest.fixture
def session(empty_session: Session) -> Session:
    register(empty_session, ["a", "b", "c"])
    return empty_session


def active(session: Session) -> str | None:
    found = active_adapter(session)
    return found.name if found else None


def test_an_adapter_comes_back_as_it_went_in(session: Session) -> None:
    given = adapter("new", parent="a", metrics={"macro": {"exact": 0.5}})
    assert register_adapter(program_in(session), given) == given
    assert get_adapter(session, "new") == given
    assert [row.name for row in list_adapters(session)] == ["a", "b", "c", "new"]


def test_registering_again_moves_it_and_keeps_its_figures(session: Session) -> None:
    register_adapter(program_in(session), replace(get_adapter(session, "a"), metrics={"n_notes": 3}))
    known = get_adapter(session, "a")
    again = register_adapter(program_in(session), replace(known, path="elsewhere", metrics={}))
    assert (again.path, again.metrics, again.added_at) == ("elsewhere", {"n_notes": 3}, known.added_at)
    with pytest.raises(StoreError, match="already the name of another"):
        register_adapter(program_in(session), replace(known, weights_sha256="f" * 64))


def test_an_unknown_name_is_said(session: Session) -> None:
    for ask in (get_adapter, lambda s, name: activate(person_in(s, "ada"), name, reason="")):
        with pytest.raises(UnknownAdapter, match="found 'none'"):
            ask(session, "none")


def test_activation_keeps_who_when_and_why(session: Session) -> None:
    assert active(session) is None
    assert activate(person_in(session, "system"), "a", reason="first start").name == "a"
    activate(person_in(session, "ada"), "a", reason="again")
    activate(person_in(session, "ada"), "b", reason="better on the hold-out")
    assert active(session) == "b"
    latest, first = activations(session)
    assert (latest.adapter, latest.reason, latest.by, latest.restores_id) == (
        "b",
        "better on the hold-out",
        "ada",
        None,
    )
    assert (first.adapter, first.by) == ("a", "system")
    assert latest.at >= first.at


def test_rollback_goes_back_step_by_step(session: Session) -> None:
    for name in ("a", "b", "c"):
        activate(person_in(session, "ada"), name, reason="better")
    assert [rollback(person_in(session, "bob")).name for _ in range(2)] == ["b", "a"]
    with pytest.raises(StoreError, match="active before this one"):
        rollback(person_in(session, "bob"))
    assert active(session) == "a"
    activate(person_in(session, "ada"), "c", reason="after all")
    assert rollback(person_in(session, "bob")).name == "a"
    assert [row.adapter for row in reversed(activations(session))] == ["a", "b", "c", "b", "a", "c", "a"]


def test_rollback_needs_a_before(session: Session) -> None:
    with pytest.raises(StoreError, match="No adapter was active before"):
        rollback(person_in(session, "ada"))


@pytest.mark.parametrize("action", ["UPDATE activation SET reason = ''", "DELETE FROM activation"])
def test_history_cannot_be_changed(session: Session, action: str) -> None:
    activate(person_in(session, "ada"), "a", reason="start")
    with pytest.raises(sa.exc.IntegrityError, match="never changed"):
        session.execute(sa.text(action))
    session.rollback()
