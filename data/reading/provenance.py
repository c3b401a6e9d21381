"""How exports tell who decided what, under `provenance` or in columns of a table; both ways go by these names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from data.task import Task

OF_DECISION = (
    "reviewer",
    "submitted_at",
    "revision",
    "adapter",
    "prompt_version",
    "lead_time_ms",
    "comment",
    "content_hash",
    "source",
)
PER_FIELD = {
    "suggested": "suggestion",
    "confidence": "confidence",
    "grounding": "grounding",
    "rule": "rules",
    "correction": "corrections",
    "state": "states",
}
"""Beginning of a column's name to what `provenance` calls it."""
SHOWN = ("as", "seeded_field", "seeded_value", "is_seeded_kept")
SHOWN_COLUMNS = ("shown_as", *SHOWN[1:])
PROVENANCE, STATUS, OPINIONS, SPANS, SET_ASIDE = "provenance", "status", "opinions", "spans", "set_aside"
_OF_SPAN = {"field", "start", "end"}
_TELLING = {"reviewer", "submitted_at", "lead_time_ms"}
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_NUMBERS = ("revision", "prompt_version", "lead_time_ms")


def tells_decisions(columns: Mapping[str, Any]) -> bool:
    """Whether a table with these columns tells who decided when."""
    return columns.keys() >= _TELLING


def own_keys(task: Task, values: Mapping[str, Any]) -> set[str]:
    """The keys of a record that tell of its decision, where it is one of an export; none of anybody else's record."""
    own = set()
    if tells_decisions(values):
        own |= {*list_columns(task.keys, is_marked=True, with_provenance=True)} & values.keys()
    told, spans = values.get(PROVENANCE), values.get(SPANS)
    if isinstance(told, dict) and "submitted_at" in told:
        own.add(PROVENANCE)
    if SET_ASIDE in values and STATUS in values:
        own |= {STATUS, SET_ASIDE}
    if isinstance(spans, list) and all(
        isinstance(one, dict) and {"field", "start", "end"} <= one.keys() for one in spans
    ):
        own.add(SPANS)
    return own


def list_columns(keys: Sequence[str], *, is_marked: bool, with_provenance: bool) -> list[str]:
    """The columns behind the values of some fields, in their order."""
    columns = []
    if is_marked:
        columns += [STATUS, *(f"{SET_ASIDE}_{key}" for key in keys)]
    if with_provenance:
        columns += [*OF_DECISION, *(f"{column}_{key}" for column in PER_FIELD for key in keys)]
        columns += [*SHOWN_COLUMNS, OPINIONS, SPANS]
    return columns


def list_cells(record: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
    """The cells of these columns of a nested record."""
    cells: list[Any] = []
    if STATUS in record:
        cells += [record[STATUS], *_cells(record[SET_ASIDE], keys)]
    told = record.get(PROVENANCE)
    if told is not None:
        cells += [told[column] for column in OF_DECISION]
        for name in PER_FIELD.values():
            cells += _cells(told[name], keys)
        cells += [*_cells(told["shown"], SHOWN), _as_cell(told["opinions"]), _as_cell(record.get(SPANS))]
    return cells


def from_row(task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a table as a nested record: cells are texts, or numbers where the format knows any.

    Raises:
        ValueError: a cell is not what its column has: a number or JSON.
    """
    own = {*list_columns(task.keys, is_marked=True, with_provenance=True), *task.keys}
    record = {key: value for key, value in values.items() if key not in own}
    told: dict[str, Any] = {name: values.get(name) for name in OF_DECISION}
    told |= {name: int(told[name]) for name in _NUMBERS if told[name] is not None}
    for column, name in PER_FIELD.items():
        cells = {key: values.get(f"{column}_{key}") for key in task.keys}
        told[name] = cells if name == "suggestion" else {key: cell for key, cell in cells.items() if cell is not None}
    told["confidence"] = {key: float(cell) for key, cell in told["confidence"].items()}
    if told["adapter"] is None:
        told |= {"suggestion": None, "confidence": None, "grounding": None, "rules": None}
    told["shown"] = {name: values.get(column) for name, column in zip(SHOWN, SHOWN_COLUMNS, strict=True)}
    told["opinions"] = _listed(values.get(OPINIONS))
    record |= {SPANS: _listed(values[SPANS])} if SPANS in values else {}
    record |= {"provenance": told, "output": _per_field(task, values, "")}
    if status := values.get(STATUS):
        record |= {STATUS: status, SET_ASIDE: _per_field(task, values, f"{SET_ASIDE}_")}
    return record


def _per_field(task: Task, values: Mapping[str, Any], beginning: str) -> dict[str, Any]:
    """The cells of each field that has a column."""
    return {key: values[f"{beginning}{key}"] for key in task.keys if f"{beginning}{key}" in values}


def _cells(found: Mapping[str, Any] | None, keys: Sequence[str]) -> list[Any]:
    return [(found or {}).get(key) for key in keys]


def _as_cell(listed: Any) -> str | None:
    return _as_json(listed) if listed else None


def _listed(cell: Any) -> Any:
    return json.loads(cell) if isinstance(cell, str) and cell else []
