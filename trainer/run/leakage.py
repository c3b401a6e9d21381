"""The last check before a run: no training note is in the hold-out, in other words either."""

from __future__ import annotations

from collections.abc import Sequence

from data.gate.near_duplicates import NearPair, near_pairs
from data.snapshot import Row
from trainer.run.progress import TrainError

N_NAMED = 10
"""Rows that a refusal names; the rest is counted."""


def check_no_leak(rows: Sequence[Row], held_out: Sequence[Row]) -> None:
    """Refuse to train on a note that the adapter is measured on afterwards.

    Near duplicates within the training rows are no leak, and neither are those within the hold-out. Calibration is
    fitted on hold-out answers after training and cross-fitted where it is judged, so it is no concern of this check.

    Raises:
        TrainError: a note of the hold-out, or a near duplicate of one, is among the rows; names lines, never text.
    """
    near = near_pairs([row.text for row in rows], [row.text for row in held_out])
    pairs = {pair.index: pair for pair in (*near, *_find_same(rows, held_out))}
    if not pairs:
        return
    worst = max(pairs.values(), key=lambda pair: (pair.similarity, -(rows[pair.index].line or 0)))
    row, twin = rows[worst.index], held_out[worst.other]
    out = [_name(rows[index]) for index in sorted(pairs, key=lambda index: rows[index].line or 0)]
    more = f" and {len(out) - N_NAMED:,} more" if len(out) > N_NAMED else ""
    raise TrainError(
        f"Expected no training note to be a hold-out note or a near duplicate of one; found {len(out):,}, such as "
        f"{_name(row)} of the snapshot (note {row.content_hash[:12]}) and {_name(twin)} of the hold-out (note "
        f"{twin.content_hash[:12]}) with a similarity of {worst.similarity:.2f}. Leave out of the snapshot: "
        f"{', '.join(out[:N_NAMED])}{more}; caseloop train leaves them out by itself."
    )


def _find_same(rows: Sequence[Row], held_out: Sequence[Row]) -> list[NearPair]:
    places = {row.content_hash: place for place, row in enumerate(held_out)}
    return [
        NearPair(index, places[row.content_hash], 1.0) for index, row in enumerate(rows) if row.content_hash in places
    ]


def _name(row: Row) -> str:
    return f"note {row.content_hash[:12]}" if row.line is None else f"line {row.line:,}"
