"""How many keys a reviewer presses for notes whose right values are known, against typing those values from scratch.

The embedded or the configured model fills the notes in; every value that is not right (see
`data/evaluation/scoring.py`) is put right by the cheapest way that the desk has, in a real browser, and what was saved
is compared with the labels.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from app.core.errors import DeskError
from data.evaluation.scoring import is_right
from data.task import Field, load_task
from tests.bench.desk.form import readings
from tests.bench.desk.stage import browsing, carry_out, machine, serving

READY = "body[data-desk=ready]"


def run_keystrokes(data: Path, n_notes: int, *, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Review the first notes of a labelled file by keyboard alone and count.

    Args:
        data: JSON lines with `input`, `output` and, where other values count as right as well, `accept`.
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
        say(f"filling in {len(rows)} notes")
        carry_out(home, "import", str(notes))
        carry_out(home, "prefill")
        with serving(home) as (address, _):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/app/")
            hand = _Hand(page)
            for number, row in enumerate(rows):
                _review(hand, str(number), row)
        out = Path(place) / "out.jsonl"
        carry_out(home, "export", str(out))
        saved = {record["id"]: record["output"] for record in map(json.loads, out.read_text("utf-8").splitlines())}
    return (
        {"machine": f"{machine()}, headless Chromium"}
        | hand.result
        | _scratch(rows)
        | {"n_notes": len(rows), "all_right": _all_right(rows, saved)}
    )


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


def _review(hand: _Hand, name: str, row: dict[str, Any]) -> None:
    page = hand.page
    page.wait_for_function(f"document.querySelector('#note-head h2')?.textContent === {json.dumps(name)}")
    page.wait_for_selector(READY)
    for field in load_task().fields:
        box = _Box(hand, field, _right(field, row))
        if not box.is_right():
            hand.n_corrected += 1
            box.correct()
    while page.locator("#note-head h2").inner_text() == name:  # the first press goes to what asks
        before = page.evaluate("document.activeElement?.closest('[id^=field-]')?.id")
        hand.press("Control+Enter")
        page.wait_for_function(
            "([name, before]) => document.querySelector('#note-head h2')?.textContent !== name"
            " || document.activeElement?.closest('[id^=field-]')?.id !== before",
            arg=[name, before],
        )
        if not page.locator("#note-head h2").count():
            return


class _Box:
    """One field and the value that it should hold."""

    def __init__(self, hand: _Hand, field: Field, right: list[str | None]) -> None:
        self.hand, self.field, self.right, self.wanted = hand, field, right, right[0] or ""
        self.box = hand.page.locator(f"#field-{field.key}").locator("textarea, input")

    def is_right(self, value: str | None = None) -> bool:
        """Whether a value, or else what the box holds, is the right one."""
        held = self.box.input_value() if value is None else value
        return any(is_right(self.field, one, held.strip() or None) for one in self.right)

    def correct(self) -> None:
        """Put the field right as a practised reviewer does: keep as much as can be kept, type the rest."""
        self.hand.press(f"Alt+{self.field.hotkey}")
        if not self.wanted:
            self.hand.press("Alt+x")
            return
        held = self.box.input_value()
        words = _too_many(held, self.wanted)
        kept = len(held) - sum(map(len, words))
        if not self._take(max(0, kept - len(words) - 1), is_selected=True):
            if kept > len(words) + 1:
                self.hand.press("End")
                for _ in words:
                    self.hand.press("Control+Backspace")
            else:
                self.hand.type(self.wanted[0])  # over what is selected
        while not self.is_right():
            self.hand.type(self.wanted[len(self.box.input_value())])
            if not self.is_right():
                self._take()

    def _take(self, more_than: int = 0, *, is_selected: bool = False) -> bool:
        """Take the offered value that saves most keys: the right one, or one that it begins with.

        Args:
            more_than: keys that it has to save beyond what stands there.
            is_selected: whether what stands there would be typed over.
        """
        held = 0 if is_selected else len(self.box.input_value())
        saved = []
        for place, value in enumerate(_offered(self.hand.page, self.field)):
            if value is None:
                continue
            whole = self.is_right(value)
            if whole or (len(value) > held and self.wanted.casefold().startswith(value.casefold())):
                saved.append(((len(self.wanted) if whole else len(value)) - held - _n_presses(place), place))
        if not saved or max(saved)[0] <= more_than:
            return False
        place = max(saved)[1]
        if place < 2:
            self.hand.press(("Alt+q", "Alt+w")[place])
        else:
            for chord in ("Alt+ArrowDown", *["ArrowRight"] * place, "Enter"):
                self.hand.press(chord)
        return True


def _right(field: Field, row: dict[str, Any]) -> list[str | None]:
    """The values of a field that are right, the shortest first."""
    gold = (row["output"].get(field.key) or "").strip() or None
    return readings(field, (gold, *(row.get("accept") or {}).get(field.key, ())))


def _n_presses(place: int) -> int:
    """What it takes to choose the value at a place."""
    return 1 if place < 2 else 2 + place


def _too_many(held: str, wanted: str) -> list[str]:
    """The words to delete from the end of a value, until the wanted one begins with the rest."""
    words = []
    while held and not wanted.casefold().startswith(held.casefold()):
        words.append(re.search(r"(?:\w+|[^\w\s]+)?\s*$", held).group() or held[-1])  # type: ignore[union-attr]
        held = held[: -len(words[-1])]
    return words


def _offered(page: Any, field: Field) -> list[str | None]:
    """The values that are offered beside the field."""
    values = page.evaluate(
        'key => [...document.querySelectorAll(`.side[data-field="${key}"] .others:not([hidden]) button:not([hidden])`)]'
        ".map(button => button.dataset.value)",
        field.key,
    )
    return [json.loads(value) for value in values]


def _scratch(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Keys for typing every value into an empty form: one to reach each field, one to save."""
    task = load_task()
    n = sum(len(_right(field, row)[0] or "") + 1 for row in rows for field in task.fields) + len(rows)
    return {"n_strokes_from_scratch": n}


def _all_right(rows: Sequence[dict[str, Any]], saved: dict[str, Any]) -> bool:
    task = load_task()
    return all(
        any(is_right(field, one, saved[str(number)][field.key]) for one in _right(field, row))
        for number, row in enumerate(rows)
        for field in task.fields
    )
