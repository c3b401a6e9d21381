"""A note as HTML in which the evidence of each field is marked.

Spans count code points, so the text is cut before it is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from markupsafe import Markup

from app.core.templates import Pieces
from data.suggestion import Span
from data.task import Task

Evidence = Mapping[str, Sequence[Span]]

_HTML = Pieces("screens/review/review.html")


def mark_evidence(task: Task, text: str, evidence: Evidence) -> Markup:
    """The text in HTML; where several fields rest on the same words, one mark carries all of them.

    Args:
        task: gives order, title and hotkey of the fields.
        text: the note.
        evidence: field key to spans; spans may overlap, and what lies outside the text is ignored.
    """
    return _HTML.marked(
        (text[start:end], [task.fields[position] for position in positions], _background(positions))
        for start, end, positions in segments(task, len(text), evidence)
    )


def segments(task: Task, n_characters: int, evidence: Evidence) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """The text cut where any evidence begins or ends: start, end, and positions of the fields that rest on it."""
    spans = [
        (max(0, span.start), min(n_characters, span.end), position)
        for position, key in enumerate(task.keys)
        for span in evidence.get(key, ())
    ]
    spans = [(start, end, position) for start, end, position in spans if start < end]
    cuts = sorted({0, n_characters, *(start for start, _, _ in spans), *(end for _, end, _ in spans)})
    for start, end in pairwise(cuts):
        covering = {position for left, right, position in spans if left <= start and end <= right}
        yield start, end, tuple(sorted(covering))


def _background(positions: tuple[int, ...]) -> str:
    """The field's colour, or bands of equal height; empty without a field."""
    if len(positions) < 2:
        return "".join(f"var(--field-{position})" for position in positions)
    height = 100 / len(positions)
    bands = [
        f"var(--field-{position}) {index * height:.0f}% {(index + 1) * height:.0f}%"
        for index, position in enumerate(positions)
    ]
    return f"linear-gradient({','.join(bands)})"
