"""What came with the notes, in the queue: its names, filters on one of them, and sorting by it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import LeadAct, Program
from db.schema import tables as t
from db.schema.dialects import holds, insert_into, json_members, leading_number, lower_text, member_text
from db.schema.errors import StoreError, refuse_nul

Test = Literal["is", "is not", "contains", "present", "absent"]
NAMES = "metadata.names"
MAX_NAMES = 1000
_ORDER = re.compile(r"(-?)meta\.(.+)", re.DOTALL)
_SIGNS: Mapping[str, Test] = {
    "=": "is",
    "==": "is",
    "!=": "is not",
    "contains": "contains",
    "present": "present",
    "absent": "absent",
}
_COMPARED = re.compile(r"\s*(.+?)\s*(!=|==?|\scontains\s)\s*(.*?)\s*", re.DOTALL)
_OTHER_SIGNS = ("<", ">", "!", "~")
"""Ends of a name that belong to a sign which there is not: `age >= 50` asks for no column "age >"."""
_ASKED = re.compile(r"\s*(.+?)\s+(present|absent)\s*", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """A filter on what came with a note.

    Attributes:
        name: of the column.
        test: "is" and "is not" compare the whole value, "contains" a part of it in any case; a value that is not
            there is not equal to any. "present" and "absent" ask whether there is one that is not empty.
        value: what is compared.

    Raises:
        StoreError: there is no such test, or no name.
    """

    name: str
    test: Test = "is"
    value: str = ""

    def __post_init__(self) -> None:
        if self.test not in get_args(Test):
            raise StoreError(f"Expected one of the tests {', '.join(get_args(Test))}; found {self.test!r}.")
        if not self.name:
            raise StoreError("Expected the name of a column; found none. Choose one.")
        refuse_nul(self.name + self.value)

    @property
    def clause(self) -> sa.ColumnElement[bool]:
        """For a WHERE."""
        text = _value(self.name)
        if self.test == "contains":
            return holds(lower_text(sa.func.coalesce(text, "")), lower_text(sa.literal(self.value)))
        if self.test in ("is", "is not"):
            return text == self.value if self.test == "is" else sa.or_(text.is_(None), text != self.value)
        given = sa.func.coalesce(text, "")
        return given != "" if self.test == "present" else given == ""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def read_condition(written: str) -> Condition:
    """A condition as a person writes it: `ward = 3`, `ward != 3`, `site contains lung`, `mrn present`, `mrn absent`.

    Raises:
        StoreError: it is none.
    """
    found = _COMPARED.fullmatch(written)
    if found and not found[1].endswith(_OTHER_SIGNS):
        return Condition(found[1], _SIGNS.get(found[2], "contains"), found[3])
    found = _ASKED.fullmatch(written)
    if found:
        return Condition(found[1], "present" if found[2] == "present" else "absent")
    forms = "NAME = VALUE, NAME != VALUE, NAME contains VALUE, NAME present or NAME absent"
    raise StoreError(f"Expected a condition such as {forms}; found another. Write one of these.")


def clauses(conditions: Iterable[Condition]) -> list[sa.ColumnElement[bool]]:
    """For a WHERE: all of them hold."""
    return [one.clause for one in conditions]


def sorted_by(order: str) -> tuple[str, bool] | None:
    """The name that an order such as `meta.ward` or `-meta.ward` sorts by, and whether downward; None for another."""
    found = _ORDER.fullmatch(order)
    return (found[2], bool(found[1])) if found and "\0" not in order else None


def sort_columns(name: str) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    """What sorts by a name: whether a note lacks it, the number that its value begins with, the value.

    So numbers come by their size, days of the form 2026-01-31 by the calendar, and other texts by their characters.
    """
    text = sa.func.coalesce(_value(name), "")
    return sa.case((text == "", 1), else_=0), leading_number(text), text


def metadata_names(session: Session) -> list[str]:
    """The names that metadata has come under, first the oldest."""
    found = session.execute(sa.select(t.setting.c.value).where(t.setting.c.key == NAMES)).scalar_one_or_none()
    return [str(name) for name in found or ()]


def keep_names(permit: LeadAct | Program, metadata: Iterable[Mapping[str, Any]]) -> None:
    """Keep the names under which notes bring metadata, for `metadata_names`.

    Args:
        permit: of whoever imports the notes.
        metadata: of notes that are stored.
    """
    seen = dict.fromkeys(name for one in metadata for name in one)
    if not seen:
        return
    session = permit.session
    known = metadata_names(session)
    names = list(dict.fromkeys([*known, *seen]))[:MAX_NAMES]
    if len(names) == len(known):
        return
    kept = {"value": names, "changed_by": "", "changed_at": t.now()}
    session.execute(
        insert_into(session, t.setting)
        .values(key=NAMES, **kept)
        .on_conflict_do_update(index_elements=["key"], set_=kept)
    )


def forget_names(permit: LeadAct, gone: sa.ScalarSelect[int]) -> None:
    """Forget the names that only notes that are about to be deleted bring.

    Args:
        permit: of whoever deletes them.
        gone: their numbers.
    """
    session, c = permit.session, t.note.c
    each = json_members(c.metadata).table_valued("key").alias("each")
    names = sa.select(each.c.key).select_from(t.note.join(each, sa.true())).distinct()
    lost = set(session.execute(names.where(c.id.in_(gone))).scalars())
    if lost:
        lost -= set(session.execute(names.where(c.id.not_in(gone), each.c.key.in_(lost))).scalars())
    if lost:
        kept = [name for name in metadata_names(session) if name not in lost]
        session.execute(sa.update(t.setting).where(t.setting.c.key == NAMES).values(value=kept))


def _value(name: str) -> sa.ColumnElement[Any]:
    return member_text(t.note.c.metadata, name)
