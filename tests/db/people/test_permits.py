"""The one door for writes: whatever changes the store takes a permit, and what a person does leaves an entry.

Which functions write is read from the code itself, so that one that is added tomorrow is asked, too.
"""

from __future__ import annotations

import ast
import importlib
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from db.people.acting import Act, AdminAct, LeadAct, Permit, acting, as_program
from db.people.audit import entries
from db.store.store import Store
from tests.kit.desk.stores import file_store as store

__all__ = ["store"]

ROOT = Path(__file__).parents[3]
ROOMS = ("people", "store", "training", "notes", "review")  # below them the schema is made, before there is anybody
WITHOUT_PERMIT = {
    "db.people.audit.record": "the permits record with it",
    "db.notes.queue.claims.give": "lets the person in itself, once for each of its transactions",
}
WITHOUT_ENTRY = {
    "db.notes.queue.metadata.keep_names": "a part of an import, which leaves the entry",
    "db.notes.queue.metadata.forget_names": "a part of a deletion, which leaves the entry",
    "db.people.settings.put_own_setting": "keys and the tour concern nobody else",
    "db.training.adapters.register_adapter": "an adapter that is not active changes nothing; who brings it says whence",
    "db.training.runs.update_run": "who decides about a run or stops it says what was done",
    "db.notes.queue.claims.hold": "a claim is a hint that ends by itself",
    "db.notes.queue.claims.renew": "a claim is a hint that ends by itself",
    "db.notes.queue.claims.give_back": "a claim is a hint that ends by itself",
    "db.review.drafts.save_draft": "a draft is nobody's decision",
    "db.review.drafts.put_draft": "a draft is nobody's decision",
    "db.review.drafts.discard_draft": "a draft is nobody's decision",
    "db.review.trials.begin_trial": "drawn by the desk; an entry would tell the reviewer",
    "db.notes.imports.end_import": "every batch of it has left an entry",
    "db.review.revisions.compare_and_swap": "a part of a save, which leaves the entry",
    "db.review.opinions.give_opinion": "a part of a save, which leaves the entry",
    "db.review.opinions.withdraw_opinion": "a part of a save, which leaves the entry",
    "db.review.opinions.count_opinions": "a part of a save, which leaves the entry",
    "db.review.opinions.mark_disputed": "a part of an import of decisions, which leaves the entry",
    "db.notes.suggestions.add_suggestion": "the program's; a person brings one with a decision, which leaves the entry",
}
LEADS = {
    "put_setting", "drop_setting", "set_overlap", "remove_samples", "carry_out", "undo", "create_run",
    "rollback", "add_decisions", "know_author", "mark_disputed", "delete_notes", "mark_undone", "forget_names",
}  # fmt: skip
ADMINS = {"add_reviewer", "change_reviewer"}
SQL = {"insert", "update", "delete"}


class Code:
    """The functions of the store's rooms by their whole names, and what each of them does."""

    def __init__(self, root: Path = ROOT) -> None:
        self.functions: dict[str, ast.FunctionDef] = {}
        self._names: dict[str, dict[str, str]] = {}
        self._statements: dict[str, set[str]] = {}
        for room in ROOMS:
            for path in sorted((root / "db" / room).rglob("*.py")):
                module = ".".join(path.relative_to(root).with_suffix("").parts)
                self._read(module, ast.parse(path.read_text(encoding="utf-8")))

    def _read(self, module: str, tree: ast.Module) -> None:
        names = self._names[module] = {}
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module:
                names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
            elif isinstance(node, ast.FunctionDef):
                names[node.name] = f"{module}.{node.name}"
                self.functions[f"{module}.{node.name}"] = node
        constants = [node for node in tree.body if isinstance(node, ast.Assign)]
        self._statements[module] = {
            name.id
            for node in constants
            if _changes(node)
            for name in ast.walk(node)
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
        }

    def writes(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a function changes the store, itself or by what it calls."""
        node, module = self.functions[name], name.rpartition(".")[0]
        used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        if _changes(node) or used & self._statements[module]:
            return True
        return any(self.writes(called, seen | {name}) for called in self._called(name) - seen - {name})

    def records(self, name: str, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a function adds to the audit trail, itself or by what it calls."""
        if any(
            isinstance(one, ast.Attribute) and one.attr.startswith("record") for one in ast.walk(self.functions[name])
        ):
            return True
        return any(self.records(called, seen | {name}) for called in self._called(name) - seen - {name})

    def _called(self, name: str) -> set[str]:
        names = self._names[name.rpartition(".")[0]]
        calls = {one.func.id for one in ast.walk(self.functions[name]) if _is_call(one)}
        return {names[call] for call in calls if names.get(call) in self.functions}


def _is_call(node: ast.AST) -> typing.TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)


def _changes(node: ast.AST) -> bool:
    """Whether there is a statement of SQL in it that changes something."""
    for one in ast.walk(node):
        if (
            isinstance(one, ast.Attribute)
            and one.attr in SQL
            and isinstance(one.value, ast.Name)
            and one.value.id == "sa"
        ):
            return True
        if isinstance(one, ast.Name) and one.id == "insert_into":
            return True
        if isinstance(one, ast.Constant) and str(one.value).lstrip().startswith(("INSERT ", "UPDATE ", "DELETE ")):
            return True
    return False


@cache
def code() -> Code:
    return Code()


def writing() -> list[str]:
    return sorted(
        name for name in code().functions if not name.rpartition(".")[2].startswith("_") and code().writes(name)
    )


def permits(name: str) -> Iterator[type[Permit]]:
    """The permits that a function takes."""
    module, _, function = name.rpartition(".")
    hints = typing.get_type_hints(getattr(importlib.import_module(module), function))
    for hint in hints.values():
        for one in typing.get_args(hint) or (hint,):
            if isinstance(one, type) and issubclass(one, Permit):
                yield one


def test_every_function_that_writes_takes_a_permit_or_is_named_with_its_reason() -> None:
    without = {name for name in writing() if not list(permits(name))}
    assert without == set(WITHOUT_PERMIT)
    assert len(writing()) > 40  # the reading of the code works


def test_whatever_a_person_does_leaves_an_entry_or_is_named_with_its_reason() -> None:
    by_people = [name for name in writing() if any(issubclass(one, Act) for one in permits(name))]
    assert {name for name in by_people if not code().records(name)} == set(WITHOUT_ENTRY)


def test_what_is_for_leads_and_for_admins_takes_their_permits() -> None:
    taken = {name.rpartition(".")[2]: set(permits(name)) for name in writing()}
    assert {name for name, kinds in taken.items() if kinds == {LeadAct}} == LEADS
    assert {name for name, kinds in taken.items() if kinds == {AdminAct}} == ADMINS


def test_the_door_is_the_only_way_to_a_transaction() -> None:
    found = [
        str(path.relative_to(ROOT))
        for room in ("app", "db", "trainer")
        for path in (ROOT / room).rglob("*.py")
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "transaction"
    ]
    assert set(found) == {"db/people/acting.py"}


def test_an_entry_names_who_acts(store: Store) -> None:
    with as_program(store) as program:
        program.record("did something")
    with acting(store, "ada", "review") as act:
        act.restore_for("kim").record("submitted", "note 1")
    with store.reading() as session:
        found = [(row.who, row.action, row.detail) for row in entries(session)]
    assert found == [("ada", "submitted", {"decided_by": "kim"}), ("caseloop", "did something", {})]
