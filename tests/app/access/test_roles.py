"""Roles: every action that changes something is refused in the store to whoever may not do it, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from db.notes.queue.saved_filters import save_filter
from db.notes.queue.search import ALL
from db.people.reviewers import LOCAL, Role, add_reviewer, change_reviewer, list_reviewers
from db.people.roles import OPERATORS, Action, may
from db.people.settings import put_setting
from db.review.bulk import Many, act, undo
from db.review.decisions import save_draft
from db.review.offers import make_offer
from db.schema.errors import NotAllowed
from db.store.store import Session, Store, StoreError
from db.training.adapters import activate, register_adapter, rollback
from db.training.runs import create_run
from tests.kit.desk.stores import TASK, adapter, add, decide, extraction
from tests.kit.desk.stores import file_store as store

__all__ = ["store"]

HASH = "a hash"
ROLES: tuple[Role, ...] = get_args(Role)


@pytest.fixture
def people(store: Store) -> Store:
    with store.transaction() as session:
        for role in reversed(ROLES):
            add_reviewer(session, role, role=role, password_hash=HASH, by="command line")
        add(session, 3)
        register_adapter(session, adapter("second"))
    return store


Do = Callable[[Session, str], Any]
REVIEWERS: dict[str, Do] = {
    "save": lambda session, by: decide(session, 1, 0, by=by),
    "draft": lambda session, by: save_draft(session, note_id=1, reviewer=by, extraction=extraction(), seen_revision=0),
    "offer": lambda session, by: make_offer(session, field="stage", old_value="a", new_value="b", by=by),
    "own keys": lambda session, by: put_setting(session, f"keys.{by}", {"save": "F2"}, by),
    "own filter": lambda session, by: save_filter(session, reviewer=by, name="mine", filters=ALL),
    "own password": lambda session, by: change_reviewer(session, by, by=by, password_hash="another"),
}
LEADS: dict[str, Do] = {
    "rules": lambda session, by: put_setting(session, "rules", {}, by),
    "a setting that only looks like one's own": lambda session, by: put_setting(session, f"guideline.{by}", "", by),
    "bulk": lambda session, by: act(session, TASK, action="skip", many=Many(), reviewer=by, bulk="abc"),
    "undo of bulk": lambda session, by: undo(session, TASK, bulk="abc", reviewer=by),
    "train": lambda session, by: create_run(session, config={}, requested_by=by),
    "activate": lambda session, by: activate(session, "second", reason="", by=by),
}
ADMINS: dict[str, Do] = {
    "add a person": lambda session, by: add_reviewer(session, "new", role="reviewer", password_hash=HASH, by=by),
    "change a role": lambda session, by: change_reviewer(session, "reviewer", by=by, role="lead"),
    # Nobody changes another's password by being that other one.
    "another's password": lambda session, by: change_reviewer(
        session, "lead", by="reviewer" if by == "lead" else by, password_hash="x"
    ),
}
ACTIONS: dict[str, tuple[Role, Do]] = {
    name: (role, do)
    for role, actions in zip(ROLES, (REVIEWERS, LEADS, ADMINS), strict=True)
    for name, do in actions.items()
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("by", ROLES)
def test_an_action_is_for_its_role_and_those_above(people: Store, action: str, by: Role) -> None:
    needed, do = ACTIONS[action]
    if ROLES.index(by) >= ROLES.index(needed):
        with people.transaction() as session:
            do(session, by)
        return
    with (
        pytest.raises(NotAllowed, match=rf"Only {needed}s may .*; \w+ is a \w+\. Ask an? {needed}\."),
        people.transaction() as session,
    ):
        do(session, by)


@pytest.mark.parametrize("action", ["save", "draft", "offer", "own filter"])
def test_a_disabled_person_does_nothing(people: Store, action: str) -> None:
    with people.transaction() as session:
        change_reviewer(session, "lead", by="admin", is_disabled=True)
    with pytest.raises(NotAllowed, match="is disabled"), people.transaction() as session:
        ACTIONS[action][1](session, "lead")


def test_rollback_needs_a_lead(people: Store) -> None:
    with pytest.raises(NotAllowed), people.transaction() as session:
        rollback(session, by="reviewer")


def test_the_operator_at_the_command_line_may_do_everything(people: Store) -> None:
    for name, (_, do) in ACTIONS.items():
        if name.startswith(("own", "another")) or name == "draft":
            continue
        with people.transaction() as session:
            do(session, "command line")


def test_roles_stand_above_one_another() -> None:
    for action in get_args(Action):
        allowed = [may(role, action) for role in ROLES]
        assert allowed == sorted(allowed)
        assert allowed[-1]


@pytest.mark.parametrize("name", [*sorted(OPERATORS), LOCAL, "", "  ", "a\nb", "a\u202eb", "x" * 101])
def test_nobody_gets_a_name_that_is_taken_for_something_else(people: Store, name: str) -> None:
    with pytest.raises(StoreError, match=r"A name has|is reserved|already"), people.transaction() as session:
        add_reviewer(session, name, role="reviewer", password_hash=HASH, by="admin")


def test_there_is_always_an_admin_left(store: Store) -> None:
    with pytest.raises(StoreError, match="must be an admin"), store.transaction() as session:
        add_reviewer(session, "kim", role="lead", password_hash=HASH, by=LOCAL)
    with store.transaction() as session:
        add_reviewer(session, "kim", role="admin", password_hash=HASH, by=LOCAL)
    for change in ({"role": "reviewer"}, {"is_disabled": True}):
        with pytest.raises(StoreError, match="the only admin"), store.transaction() as session:
            change_reviewer(session, "kim", by="kim", **change)  # type: ignore[arg-type]
    with store.reading() as session:
        assert [(row.name, row.role, row.has_password) for row in list_reviewers(session)] == [("kim", "admin", True)]
