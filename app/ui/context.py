"""How events of the desk behave, and the small pieces of markup that its screens share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

# Quick events answer at once, outside Gradio's queue, and none is offered as an API.
QUICK: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "trigger_mode": "once",
    "api_visibility": "private",
}
# For events that follow typing: the newest wins.
FOLLOWING: dict[str, Any] = {**QUICK, "trigger_mode": "always_last"}

STATES = {
    "todo": ("○", "to review"),
    "draft": ("◐", "draft"),
    "submitted": ("●", "reviewed"),
    "skipped": ("–", "skipped"),
    "flagged": ("⚑", "flagged"),
}


def state(name: str) -> str:
    """A note's state as a shape and a word, so that colour is never alone."""
    shape, word = STATES.get(name, ("○", name))
    return f'<span class="state state-{escape(name)}"><i aria-hidden="true">{shape}</i> {escape(word)}</span>'


def percent(share: float | None) -> str:
    """A share from 0 to 1 as a percentage; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f} %"


def moment(at: datetime | None) -> str:
    """A time in UTC to the minute, in a form that the page shows in local time."""
    if at is None:
        return "–"
    return f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M}</time>'


def plural(n: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[int] = ()) -> str:
    """A table of cells that are markup already.

    Args:
        columns: headings; none at all leaves the heading row out.
        rows: cells, as many as there are columns.
        numbers: positions of the columns that are aligned to the right.
    """
    kinds = dict.fromkeys(numbers, ' class="number"')
    head = "".join(f"<th{kinds.get(position, '')}>{column}</th>" for position, column in enumerate(columns))
    lines = ("".join(f"<td{kinds.get(position, '')}>{cell}</td>" for position, cell in enumerate(row)) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table class="list">{f"<thead><tr>{head}</tr></thead>" if columns else ""}<tbody>{body}</tbody></table>'


def empty(sentence: str, advice: str = "") -> str:
    """What a screen says when it has nothing to show."""
    more = f"<p>{escape(advice)}</p>" if advice else ""
    return f'<div class="empty"><strong>{escape(sentence)}</strong>{more}</div>'
