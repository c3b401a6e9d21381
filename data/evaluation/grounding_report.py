"""How well evidence is found, measured on labelled notes: how gold values rest on their note, and whether planted wrong
values are noticed.

A planted value is another note's value of the same field, drawn at random among those that differ after normalising. By
chance some of them do stand in the note: each figure is given with and without those of which every part stands there
word for word.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from data.evaluation.scoring import items
from data.grounding.evidence import Evidence, ground
from data.grounding.patterns import pattern
from data.snapshot import Row
from data.suggestion import Grounding
from data.task import Field, Task
from data.text.values import normalise, split

MAX_DRAWS = 1000  # for a value that differs


def grounding_report(task: Task, rows: Sequence[Row], seed: int = 0) -> dict[str, Any]:
    """Figures per field over labelled notes; shares are from 0 to 1, None where there is nothing to share.

    Returns:
        `n_notes`, `ms_per_note` and `fields`: field key to `n_values`; the share of values of each kind of `Grounding`;
        `false_alarms`, the share of gold values of which a part is not found and that follow by no rule; and `planted`:
        `n`, `flagged` (the share of which the same is true), `n_absent` and `flagged_absent`, the same without those
        that stand in the note.
    """
    begun = time.perf_counter()
    found = [ground(task, row.text, row.extraction) for row in rows]
    ms_per_note = 1000 * (time.perf_counter() - begun) / max(len(rows), 1)
    fields = {}
    for field in task.fields:
        ours = [grounded[field.key] for grounded in found if field.key in grounded]
        kinds = Counter(one.grounding for one in ours)
        fields[field.key] = {
            "n_values": len(ours),
            **{str(kind): _share(kinds[kind], len(ours)) for kind in Grounding},
            "false_alarms": _share(kinds[Grounding.NOT_FOUND], len(ours)),
            "planted": _measure_planted(task, field, rows, random.Random(f"{seed} {field.key}")),
        }
    return {"n_notes": len(rows), "ms_per_note": round(ms_per_note, 3), "fields": fields}


def planted_values(task: Task, field: Field, rows: Sequence[Row], rng: random.Random) -> Iterator[tuple[str, str]]:
    """For each row that has a value of a field, its text and a wrong value: that of another row, drawn at random."""
    labelled = [(row.text, value) for row in rows if (value := row.extraction[field.key]) and normalise(value)]
    for text, own in labelled:
        draws = (rng.choice(labelled)[1] for _ in range(MAX_DRAWS))
        wrong = next((value for value in draws if normalise(value) != normalise(own)), None)
        if wrong is not None:
            yield text, wrong


def stands_in(text: str, value: str, field: Field) -> bool:
    """Whether every part of a value stands in a text, word for word."""
    parts = [part for piece in (split(value) if field.is_list else [value]) if (part := normalise(piece))]
    return bool(items(value, field)) and all(pattern(part).search(text) for part in parts)


def _measure_planted(task: Task, field: Field, rows: Sequence[Row], rng: random.Random) -> dict[str, Any]:
    n = n_absent = n_flagged = n_flagged_absent = 0
    for text, value in planted_values(task, field, rows, rng):
        is_flagged, is_absent = not Evidence(task, text).supports(value, field), not stands_in(text, value, field)
        n, n_absent = n + 1, n_absent + is_absent
        n_flagged, n_flagged_absent = n_flagged + is_flagged, n_flagged_absent + (is_flagged and is_absent)
    return {
        "n": n,
        "flagged": _share(n_flagged, n),
        "n_absent": n_absent,
        "flagged_absent": _share(n_flagged_absent, n_absent),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
