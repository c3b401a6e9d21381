"""What reviewed records do for speed: passes of the model a note, by the number of records that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from data.snapshot import Row
from trainer.engine.local import Engine

SIZES = (0, 10, 30, 100, 300, 1000, 3000)


def draft_curve(
    engine: Engine, rows: Sequence[Row], known: Sequence[Row], say: Callable[[str], None] = lambda line: None
) -> list[dict[str, Any]]:
    """Answer the rows one at a time with more and more records known; the answers stay the same, which is asserted.

    Args:
        engine: without runners-up, whose passes would be counted too.
        rows: what is answered.
        known: other labelled notes, of which the first so many are known.
        say: called with a line after every size.

    Returns:
        For each size its passes and tokens read, a note. Both are counts: no machine changes them.
    """
    points = []
    first = None
    for size in (size for size in SIZES if size <= len(known)):
        engine.learn([(row.text, row.extraction) for row in known[:size]])
        before = engine.counts.n_passes, engine.counts.n_read
        answers = [engine.suggest_one(row.text).extraction for row in rows]
        first = first or answers
        if answers != first:
            raise AssertionError("Expected drafts to change no answer; found another one.")
        point = {
            "n_known": size,
            "passes_per_note": round((engine.counts.n_passes - before[0]) / len(rows), 2),
            "tokens_read_per_note": round((engine.counts.n_read - before[1]) / len(rows), 1),
        }
        points.append(point)
        say(f"known {size}: {point}")
    return points
