"""Columns of tables: names for those that have none."""

from __future__ import annotations

from collections.abc import Sequence


def name_columns(header: Sequence[str]) -> list[str]:
    """The names without white space around them; a column without one is named after its place."""
    return [name.strip() or f"column_{number}" for number, name in enumerate(header, start=1)]
