"""Cells that a spreadsheet would run: an apostrophe in front makes them text, and is taken off when they return."""

from __future__ import annotations

from collections.abc import Collection

# What spreadsheets take for the beginning of a formula, in any locale, and what they pass over to find one.
_SIGNS = frozenset("=+-@\t\r\n\0＝＋－＠")


def escape_cell(cell: str) -> str:
    """The cell as it is written; one that looks escaped already is escaped once more, for `unescape_cell` to undo."""
    return f"'{cell}" if cell[:1] in _SIGNS or _looks_escaped(cell) else cell


def unescape_cell(cell: str) -> str:
    """The cell as it was before `escape_cell`."""
    return cell[1:] if _looks_escaped(cell) else cell


def _looks_escaped(cell: str) -> bool:
    return cell.startswith("'") and cell.lstrip("'")[:1] in _SIGNS


def is_escaping(header: Collection[str]) -> bool:
    """Whether a file with these columns is one that caseloop wrote.

    Only then are apostrophes taken off: in a file of somebody else's they may be a note's own.
    """
    return "id" in header and "input" in header
