"""How events of the desk behave, and the small pieces of markup that its screens share."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

from app.core.errors import DeskError, InputError, sentence_of
from db.store.store import StoreError

# Quick events answer at once, outside Gradio's queue, and none is offered as an API.
QUICK: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "trigger_mode": "once",
    "api_visibility": "private",
}
# For events that follow typing: the newest wins.
FOLLOWING: dict[str, Any] = {**QUICK, "trigger_mode": "always_last"}

CHANCE = 0.05  # what chance does at least this often shows nothing

STATES = {
    "todo": ("○", "to review"),
    "draft": ("◐", "draft"),
    "submitted": ("●", "reviewed"),
    "skipped": ("–", "skipped"),
    "flagged": ("⚑", "flagged"),
}


def calling(script: str, function: str, *arguments: object) -> str:
    """JavaScript for Gradio that calls a function of one of the desk's scripts, named by its path from here.

    The page has that script already: importing it again gives the same one.
    """
    return f"async () => (await import('/desk/{script}')).{function}({', '.join(map(json.dumps, arguments))})"


def state(name: str) -> str:
    """A note's state as a shape and a word, so that colour is never alone."""
    shape, word = STATES.get(name, ("○", name))
    return f'<span class="state state-{escape(name)}"><i aria-hidden="true">{shape}</i> {escape(word)}</span>'


def percent(share: float | None) -> str:
    """A share from 0 to 1 as a percentage; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f} %"


def chance(p: float) -> str:
    """How often chance alone would do as much, in words, and what follows.

    Args:
        p: of a test, from 0 to 1.
    """
    if p < 0.01:
        often = "in fewer than 1 of 100 cases"
    elif p > 0.99:
        often = "every time"
    else:
        often = f"in {100 * p:.0f} of 100 cases"
    return f"Chance alone would do as much {often}: {'could be chance' if p >= CHANCE else 'hardly chance'}."


def moment(at: datetime | None) -> str:
    """A time in UTC to the minute, in a form that the page shows in local time."""
    if at is None:
        return "–"
    return f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M}</time>'


def tried(action: Callable[[], str | None]) -> str:
    """What an action says, or why it was refused, as markup; empty where it says nothing."""
    try:
        said = action()
    except (DeskError, InputError, StoreError) as error:
        return f'<p role="alert" class="trouble">{escape(sentence_of(error))}</p>'
    return f'<p role="status">{escape(said)}</p>' if said else ""


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


SEE_IT_LEARN = "To see the desk learn first, on made-up notes and within ten minutes, run caseloop demo."
"""For whoever has nothing to show yet."""


def empty(sentence: str, advice: str = "") -> str:
    """What a screen says when it has nothing to show."""
    more = f"<p>{escape(advice)}</p>" if advice else ""
    return f'<div class="empty"><strong>{escape(sentence)}</strong>{more}</div>'
