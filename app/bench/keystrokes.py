"""How many keys a reviewer presses for notes whose right values are known, against typing those values from scratch.

The embedded or the configured model fills the notes in; every value that is not right (see `data/scoring.py`) is put
right by the cheapest way that the desk has, in a real browser, and what was saved is compared with the labels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from app.bench.stage import browsing, serving
from app.failures import DeskError
from data.scoring import is_right
from data.task import Field, load_task

READY = "body[data-desk=ready]"


def run_keystrokes(data: Path, n_notes: int, *, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Review the first notes of a labelled file by keyboard alone and count.

    Args:
        data: JSON lines with `input` and `output`.
        n_notes: how many of them.
        say: told what is being done.

    Returns:
        Keystrokes with the desk and from scratch, a chord such as Alt 2 counted as one; the same with every held key
        counted; how many values were put right, and whether all saved values are.

    Raises:
        DeskError: there is no browser, the file has no labels, or the desk does not start.
    """
    with data.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, n_notes)]
    if not rows or not all("input" in row and "output" in row for row in rows):
        raise DeskError("Expected a labelled file, JSON lines with input and output; found others.")
    with tempfile.TemporaryDirectory() as place, browsing() as browser:
        home = Path(place) / "home"
        notes = Path(place) / "notes.jsonl"
        records = [{"id": str(number), "text": row["input"]} for number, row in enumerate(rows)]
        notes.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
        environ = {**os.environ, "CASELOOP_HOME": str(home)}
        say(f"filling in {len(rows)} notes")
        for arguments in (("import", str(notes)), ("prefill",)):
            done = subprocess.run(
                [sys.executable, "-m", "app.cli", *arguments], env=environ, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise DeskError(done.stderr.strip().splitlines()[-1])
        with serving(home) as (address, _):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/app/")
            hand = _Hand(page)
            for number, row in enumerate(rows):
                _review(hand, str(number), row["output"])
        out = Path(place) / "out.jsonl"
        subprocess.run(
            [sys.executable, "-m", "app.cli", "export", str(out)], env=environ, check=True, capture_output=True
        )
        saved = {record["id"]: record["output"] for record in map(json.loads, out.read_text("utf-8").splitlines())}
    return hand.result | _scratch(rows) | {"n_notes": len(rows), "all_right": _all_right(rows, saved)}


class _Hand:
    """Presses keys and counts them."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.n_strokes = self.n_keys = self.n_corrected = 0

    def press(self, chord: str) -> None:
        self.page.keyboard.press(chord)
        self.n_strokes += 1
        self.n_keys += chord.count("+") + 1

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.n_strokes += len(text)
        self.n_keys += len(text)

    @property
    def result(self) -> dict[str, int]:
        return {"n_strokes": self.n_strokes, "n_keys": self.n_keys, "n_corrected": self.n_corrected}


def _review(hand: _Hand, name: str, gold: dict[str, str | None]) -> None:
    page = hand.page
    page.wait_for_function(f"document.querySelector('#note-head h2')?.textContent === {json.dumps(name)}")
    page.wait_for_selector(READY)
    for field in load_task().fields:
        box = page.locator(f"#field-{field.key}").locator("textarea, input")
        wanted = (gold.get(field.key) or "").strip()
        if is_right(field, wanted or None, box.input_value().strip() or None):
            continue
        hand.n_corrected += 1
        hand.press(f"Alt+{field.hotkey}")
        place = _chip(page, field, wanted)
        if place is not None:
            hand.press(("Alt+q", "Alt+w")[place])
        elif wanted:
            _type(hand, field, wanted)
        else:
            hand.press("Alt+x")
    while page.locator("#note-head h2").inner_text() == name:  # each press confirms one field that asks
        before = page.evaluate("document.activeElement?.closest('[id^=field-]')?.id")
        hand.press("Control+Enter")
        page.wait_for_function(
            "([name, before]) => document.querySelector('#note-head h2')?.textContent !== name"
            " || document.activeElement?.closest('[id^=field-]')?.id !== before",
            arg=[name, before],
        )
        if not page.locator("#note-head h2").count():
            return


def _type(hand: _Hand, field: Field, wanted: str) -> None:
    """Type until the desk offers the value, then take it."""
    for letter in wanted:
        hand.type(letter)
        place = _chip(hand.page, field, wanted)
        if place is not None:
            hand.press(("Alt+q", "Alt+w")[place])
            return


def _chip(page: Any, field: Field, wanted: str) -> int | None:
    """The place of the right value among the first two that are offered beside the field."""
    buttons = page.locator(f'.side[data-field="{field.key}"] .others:not([hidden]) button')
    for place in range(min(2, buttons.count())):
        value = json.loads(buttons.nth(place).get_attribute("data-value"))
        if is_right(field, wanted or None, value):
            return place
    return None


def _scratch(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Keys for typing every value into an empty form: one to reach each field, one to save."""
    task = load_task()
    n = sum(len(row["output"].get(key) or "") + 1 for row in rows for key in task.keys) + len(rows)
    return {"n_strokes_from_scratch": n}


def _all_right(rows: Sequence[dict[str, Any]], saved: dict[str, Any]) -> bool:
    task = load_task()
    return all(
        is_right(field, (row["output"].get(field.key) or "").strip() or None, saved[str(number)][field.key])
        for number, row in enumerate(rows)
        for field in task.fields
    )
