"""Roles: every action that changes something is refused in the store to whoever may not do it, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from db.notes.notes import add_notes
from db.notes.queue.overlap import Overlap
from db.notes.queue.saved_filters import save_filter
from db.notes.queue.search import ALL
from db.notes.samples import remove_samples
from db.people.acting import LOCAL, OPERATOR, OPERATORS, Action, Role, acting, may
from db.people.reviewers import add_reviewer, change_own_password, change_reviewer, list_reviewers
from db.people.settings import put_own_setting, put_setting
from db.review.bulk import Many, carry_out, undo
from db.review.drafts import save_draft
from db.review.offers import make_offer
from db.review.overlap_changes import set_overlap
from db.schema.errors import NotAllowed, StoreError
from db.store.store import Store
from db.training.adapters import activate, register_adapter
from db.training.runs import create_run
from tests.kit.desk.permits import person_in
from tests.kit.desk.stores import TASK, adapter, add, decide, extraction, note
from tests.kit.desk.stores import file_store as store

__all__ = ["store"]

HASH = "a hash"
ROLES: tuple[Role, ...] = get_args(Role)


@pytest.fixture
def people(store: Store) -> Store:
    with acting(store, OPERATOR, "decide about people") as act:
        for role in reversed(ROLES):
            add_reviewer(act, role, role=role, password_hash=HASH)
        add(act.session, 3)
        register_adapter(act, adapter("second"))
    return store


Do = Callable[[Any], Any]
ACTIONS: dict[str, tuple[Action, Role, Do]] = {
    "save": ("review", "reviewer", lambda act: decide(act.session, 1, 0, by=act.who)),
    "draft": (
        "review",
        "reviewer",
        lambda act: save_draft(act, note_id=1, extraction=extraction(), seen_revision=0),
    ),
    "offer": (
        "offer a correction",
        "reviewer",
        lambda act: make_offer(act, field="stage", old_value="a", new_value="b"),
    ),
    "own keys": ("review", "reviewer", lambda act: put_own_setting(act, "keys", {"save": "F2"})),
    "own filter": ("review", "reviewer", lambda act: save_filter(act, name="mine", filters=ALL)),
    "own password": ("review", "reviewer", lambda act: change_own_password(act, "another")),
    "rules": ("change rules", "lead", lambda act: put_setting(act, "rules", {})),
    "overlap": ("change rules", "lead", lambda act: set_overlap(act, Overlap(0.5, 2))),
    "bulk": (
        "work on many notes at once",
        "lead",
        lambda act: carry_out(act, TASK, action="skip", many=Many(), bulk="abc"),
    ),
    "undo of bulk": ("work on many notes at once", "lead", lambda act: undo(act, TASK, bulk="abc")),
    "train": ("train", "lead", lambda act: create_run(act, config={})),
    "activate": ("decide about an adapter", "lead", lambda act: activate(act, "second", reason="")),
    "samples": ("import notes", "lead", remove_samples),
    "import": ("import notes", "lead", lambda act: add_notes(act, [note(9)])),
    "add a person": (
        "decide about people",
        "admin",
        lambda act: add_reviewer(act, "new", role="reviewer", password_hash=HASH),
    ),
    "change a role": ("decide about people", "admin", lambda act: change_reviewer(act, "reviewer", role="lead")),
    "another's password": (
        "decide about people",
        "admin",
        lambda act: change_reviewer(act, "lead", password_hash="x"),
    ),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("by", ROLES)
def test_an_action_is_for_its_role_and_those_above(people: Store, action: str, by: Role) -> None:
    right, needed, do = ACTIONS[action]
    if ROLES.index(by) >= ROLES.index(needed):
        with acting(people, by, right) as act:
            do(act)
        return
    with (
        pytest.raises(NotAllowed, match=rf"Only {needed}s may .*; \w+ is a \w+\. Ask an? {needed}\."),
        acting(people, by, right),
    ):
        pytest.fail("was let in")


def test_a_disabled_person_does_nothing(people: Store) -> None:
    with acting(people, "admin", "decide about people") as act:
        change_reviewer(act, "lead", is_disabled=True)
    with pytest.raises(NotAllowed, match="is disabled"), acting(people, "lead", "review"):
        pytest.fail("was let in")


def test_the_operator_at_the_command_line_may_do_everything(people: Store) -> None:
    for name, (right, _, do) in ACTIONS.items():
        if not name.startswith("own") and name != "draft":
            with acting(people, OPERATOR, right) as act:
                do(act)


def test_roles_stand_above_one_another() -> None:
    for action in get_args(Action):
        allowed = [may(role, action) for role in ROLES]
        assert allowed == sorted(allowed)
        assert allowed[-1]


@pytest.mark.parametrize("name", [*sorted(OPERATORS), LOCAL, "", "  ", "a\nb", "a\u202eb", "x" * 101])
def test_nobody_gets_a_name_that_is_taken_for_something_else(people: Store, name: str) -> None:
    with pytest.raises(StoreError, match=r"A name has|is reserved|already"), people.transaction() as session:
        add_reviewer(person_in(session, "admin"), name, role="reviewer", password_hash=HASH)


def test_there_is_always_an_admin_left(store: Store) -> None:
    with pytest.raises(StoreError, match="must be an admin"), store.transaction() as session:
        add_reviewer(person_in(session, LOCAL), "kim", role="lead", password_hash=HASH)
    with store.transaction() as session:
        add_reviewer(person_in(session, LOCAL), "kim", role="admin", password_hash=HASH)
    for change in ({"role": "reviewer"}, {"is_disabled": True}):
        with pytest.raises(StoreError, match="the only admin"), store.transaction() as session:
            change_reviewer(person_in(session, "kim"), "kim", **change)  # type: ignore[arg-type]
    with store.reading() as session:
        assert [(row.name, row.role, row.has_password) for row in list_reviewers(session)] == [("kim", "admin", True)]
