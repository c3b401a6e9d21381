"""What the review screen says of a note's versions and copies: what a newer text changed, and who else has the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Literal

from markupsafe import Markup

from app.core.templates import Pieces
from data.text.figures import plural
from db.notes.notes import NoteRow
from db.review.lifecycle.relatives import Copies, Older, copies_of, older_of
from db.review.opinions import is_compared
from db.store.store import Session

_HTML = Pieces("screens/review/review.html")
Kind = Literal["same", "gone", "new"]
Part = tuple[Kind, str]
N_AROUND = 1
"""Unchanged lines that are shown before and after a change."""
MAX_WORDS = 3000
"""Above that many words, changed lines are shown whole: comparing words takes the square of their number."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True)
class Line:
    """A line of a comparison.

    Attributes:
        parts: pieces of text, each the same in both, gone or new; none where lines are left out.
        n_left_out: unchanged lines that stand here and are not shown.
    """

    parts: tuple[Part, ...] = ()
    n_left_out: int = 0


def differences(before: str, now: str) -> list[Line]:
    """What was changed between two texts, line by line and within lines word by word."""
    old, new = before.splitlines(), now.splitlines()
    shown: list[Line] = []
    opcodes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for place, (kind, i1, i2, j1, j2) in enumerate(opcodes):
        if kind == "equal":
            shown += _unchanged(new[j1:j2], is_first=place == 0, is_last=place + 1 == len(opcodes))
        else:
            shown += _changed(old[i1:i2], new[j1:j2])
    return shown


@dataclass(frozen=True)
class Relatives:
    """The notes that belong to one.

    Attributes:
        older: the version that it supersedes; None where it is the first.
        copies: the others with its text.
    """

    older: Older | None = None
    copies: Copies = field(default_factory=Copies)

    def value_before(self, key: str) -> dict[str, str | None] | None:
        """What was decided about the version before: offered beside the field, and never put in by itself."""
        if self.older is None or self.older.values is None:
            return None
        return {"value": self.older.values.get(key), "by": self.older.reviewer}


NONE = Relatives()


def read_relatives(session: Session, note: NoteRow) -> Relatives:
    """A note's version before and its copies; what others decided is kept back where several are asked apart."""
    older = older_of(session, note)
    if older is not None and is_compared(note):
        older = replace(older, values=None, reviewer="")
    return Relatives(older, copies_of(session, note))


def describe_relatives(note: NoteRow, relatives: Relatives) -> Markup:
    """What stands in a note's heading about its versions and copies."""
    older = relatives.older
    changed = differences(older.text, note.text) if older else []
    return _HTML.relatives(note, older, changed, copies_line(relatives.copies))


def copies_line(copies: Copies) -> str:
    """That other notes have the text of this one; empty where none has."""
    if not copies.n:
        return ""
    more = f" and {copies.n - len(copies.names):,} more" if copies.n > len(copies.names) else ""
    names = ", ".join(copies.names) + more
    return f"has {plural(copies.n, 'copy', 'copies')}: {names}" if copies.is_first else f"copy: same text as {names}"


def _unchanged(lines: Sequence[str], *, is_first: bool, is_last: bool) -> list[Line]:
    head = [] if is_first else list(lines[:N_AROUND])
    tail = [] if is_last else list(lines[max(len(head), len(lines) - N_AROUND) :])
    n = len(lines) - len(head) - len(tail)
    between = [Line(n_left_out=n)] if n else []
    return [*map(_same, head), *between, *map(_same, tail)]


def _same(line: str) -> Line:
    return Line((("same", line),))


def _changed(old: Sequence[str], new: Sequence[str]) -> list[Line]:
    before, now = _WORDS.findall("\n".join(old)), _WORDS.findall("\n".join(new))
    if not old or not new or len(before) + len(now) > MAX_WORDS:
        return [*(Line((("gone", line),)) for line in old), *(Line((("new", line),)) for line in new)]
    parts: list[Part] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, now, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(("same", "".join(now[j1:j2])))
            continue
        parts += [("gone", "".join(before[i1:i2]))] if i1 < i2 else []
        parts += [("new", "".join(now[j1:j2]))] if j1 < j2 else []
    return [Line(tuple(parts))]
