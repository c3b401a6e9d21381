"""What came with a note, beside it: which columns and in which order a lead decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from app.core.templates import Pieces
from data.labels import GOLD_KEY, label_columns
from data.metadata import MAX_SHORT_CHARACTERS, plain_text
from data.task import Task

N_SHORT = 4
"""Columns that are shown in the line where nobody chose any."""

_HTML = Pieces("screens/review/review.html")
Item = tuple[str, str, str]
"""A name, its value, and how that begins where it is long; else empty."""


def brought(task: Task, metadata: Mapping[str, Any], names: Sequence[str], chosen: Sequence[str] | None) -> Markup:
    """What came with a note; empty where there is nothing to show.

    Args:
        task: columns that are called like one of its fields are not shown unless they are chosen: they may hold what
            the reviewer is to find.
        metadata: the note's.
        names: of all notes' metadata, in their order.
        chosen: names that a lead chose; None for the first short ones, and the others behind them.
    """
    ordered = [name for name in names if name in metadata] + [name for name in metadata if name not in names]
    if chosen is not None:
        items = [_item(name, metadata[name]) for name in chosen if name in metadata]
        return _HTML.brought(items, []) if items else Markup()
    telling = {GOLD_KEY, *label_columns(ordered, task).values()}
    items = [_item(name, metadata[name]) for name in ordered if name not in telling]
    first = [item for item in items if not item[2]][:N_SHORT]
    return _HTML.brought(first, [item for item in items if item not in first]) if items else Markup()


def _item(name: str, value: Any) -> Item:
    text = plain_text(value)
    line = " ".join(text.split())
    return name, text, "" if len(line) <= MAX_SHORT_CHARACTERS else line[: MAX_SHORT_CHARACTERS - 1] + "…"
