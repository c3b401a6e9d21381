"""How events of the desk behave, and the small pieces of markup that its screens share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from app.core.errors import DeskError, InputError, sentence_of
from app.core.templates import Pieces
from db.schema.errors import StoreError

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

_HTML = Pieces("screens/markup.html")
heading, refused = _HTML.heading, _HTML.refused


def call_script(script: str, function: str, *arguments: object) -> str:
    """JavaScript for Gradio that calls a function of one of the desk's scripts, named by its path from here.

    The page has that script already: importing it again gives the same one.
    """
    return f"async () => (await import('/desk/{script}')).{function}({', '.join(map(json.dumps, arguments))})"


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


def try_action(action: Callable[[], str | None]) -> str:
    """What an action says, or why it was refused, as markup; empty where it says nothing."""
    try:
        said = action()
    except (DeskError, InputError, StoreError) as error:
        return refused(sentence_of(error))
    return _HTML.said(said) if said else ""


SEE_IT_LEARN = "To see the desk learn first, on made-up notes and within ten minutes, run caseloop demo."
"""For whoever has nothing to show yet."""
