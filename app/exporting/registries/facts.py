"""What templates may name of a note: who the patient is by its metadata, what was decided, by whom and when."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from app.exporting.choice import Choice
from app.exporting.registries.mapping import Code, Metadata, RegistryMapping
from data.identity import made_id
from data.task import Field
from db.review.reviewed import ReviewedRow

_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{2,6})?")
_GENDERS = {"m": "male", "male": "male", "f": "female", "female": "female", "w": "female", "other": "other"}
_SOURCE_CHARACTERS = 50


def collect_facts(row: ReviewedRow, choice: Choice, mapping: RegistryMapping) -> dict[str, Any]:
    """Name to what a note has; None for what it does not have, or what the choice leaves out."""
    note, decided, names = row.note, row.annotation, mapping.metadata
    metadata = note.metadata if choice.with_metadata else {}
    note_id = note.external_id or made_id(note.text)
    known = {f"metadata.{key}": as_text(value) for key, value in metadata.items()}
    return known | {
        "note_id": note_id,
        "note_number": note.id,
        "note_text": note.text if choice.with_text else None,
        "note_base64": b64encode(note.text.encode()).decode() if choice.with_text else None,
        "note_date": _day(_first(metadata, names.note_date)),
        "patient_id": as_text(_first(metadata, names.patient_id)) or note_id,
        "birth_date": _day(_first(metadata, names.birth_date)),
        "gender": _gender(metadata, names),
        "reviewer": decided.reviewer,
        "decided_at": decided.submitted_at.isoformat(timespec="seconds"),
        "decided_day": decided.submitted_at.date().isoformat(),
        "adapter": row.suggestion.adapter if row.suggestion else None,
        "comment": (decided.comment or None) if choice.with_text else None,
        "status": decided.status,
    }


def split_items(field: Field, value: str) -> list[str]:
    """The values of a field, each by itself."""
    if field.separator is None:
        return [value]
    return [part for one in value.split(field.separator.strip() or field.separator) if (part := one.strip())]


def find_codes(mapping: RegistryMapping, key: str, value: str) -> list[Code]:
    """The codes that a value of a field has."""
    return [code for code in mapping.codes if code.field == key and code.match.search(value)]


def as_text(value: Any) -> str | None:
    """A value of the metadata as text; None where it is no single one."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _first(metadata: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    folded = {key.casefold(): value for key, value in metadata.items() if as_text(value) is not None}
    return next((folded[name.casefold()] for name in names if name.casefold() in folded), None)


def _gender(metadata: Mapping[str, Any], names: Metadata) -> str:
    return _GENDERS.get((as_text(_first(metadata, names.gender)) or "").casefold(), "unknown")


def _day(value: Any) -> str | None:
    """A day as 2026-01-31; None for what is none."""
    text = as_text(value)
    if text is None:
        return None
    compact = _COMPACT.fullmatch(text)
    try:
        if compact:
            return date(*(int(part) for part in compact.groups())).isoformat()
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        return None
