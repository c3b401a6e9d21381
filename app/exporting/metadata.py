"""What came with a note, in an export: an object in JSON, a column each in a table; see `data.metadata`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from app.exporting.formats import TABLES, Format
from data.metadata import JSON_COLUMN, OBJECT_KEY, TEXT_COLUMN, plain_text
from db.notes.queue.metadata import metadata_names
from db.review.reviewed import metadata_kinds
from db.store.store import Session

if TYPE_CHECKING:
    from app.exporting.choice import Choice

COLUMNAR: frozenset[Format] = TABLES | frozenset(["parquet", "dataset"])
"""Formats that have a column for each name."""
Kind = Literal["text", "integer", "real", "boolean", "other"]
_TYPED: Mapping[str, Kind] = {"text": "text", "integer": "integer", "real": "real", "boolean": "boolean"}


@dataclass(frozen=True)
class Column:
    """A column of a table for one name in the metadata.

    Attributes:
        name: as the metadata has it.
        kind: of its values, where all of them are of one kind; else "other".
    """

    name: str
    kind: Kind

    @property
    def typed(self) -> str:
        """What it is called where cells have types: only what is of no one kind is JSON."""
        return f"{JSON_COLUMN if self.kind == 'other' else TEXT_COLUMN}{self.name}"

    @property
    def plain(self) -> str:
        """What it is called where every cell is text: whatever is none is JSON, so that it comes back as it was."""
        return f"{TEXT_COLUMN if self.kind == 'text' else JSON_COLUMN}{self.name}"

    def typed_cell(self, record: Mapping[str, Any]) -> Any:
        """Its cell in a record where cells have types; None where the note has none."""
        value = record.get(OBJECT_KEY, {}).get(self.name)
        return json_cell(value) if self.kind == "other" else value

    def plain_cell(self, record: Mapping[str, Any]) -> str | None:
        """Its cell in a record where every cell is text; None where the note has none."""
        value = record.get(OBJECT_KEY, {}).get(self.name)
        return value if self.kind == "text" else json_cell(value)


def add_metadata(record: dict[str, Any], metadata: Mapping[str, Any], choice: Choice) -> dict[str, Any]:
    """The record with what came with its note under `metadata`; without the key where nothing did."""
    given = {name: value for name, value in metadata.items() if value is not None} if choice.with_metadata else {}
    return record | {OBJECT_KEY: given} if given else record


def with_columns(session: Session, choice: Choice) -> Choice:
    """The choice with the columns that a table of it has for metadata, as they came in; none where it is left out."""
    if not choice.with_metadata or choice.columns or choice.form not in COLUMNAR:
        return choice
    found = metadata_kinds(session, **choice.filters())
    names = dict.fromkeys([*metadata_names(session), *found])
    kinds = {name: "".join(found.get(name, ())) for name in names}
    return replace(
        choice, columns=tuple([Column(name, _TYPED.get(kind, "other")) for name, kind in kinds.items() if kind])
    )


def json_cell(value: Any) -> str | None:
    """A value as JSON, also a text; None for none."""
    if value is None:
        return None
    return plain_text([value])[1:-1]
