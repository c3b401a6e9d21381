"""What a run would learn from and be judged by, as the store stands; the same before a run is asked for and in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.core.desk import Desk
from app.training.lineage import count_judged, learned_texts
from app.training.requests import N_NEAR_DUPLICATES, came_from_elsewhere, left_out
from data.gate.judges import ENOUGH, Sides, divide, without_judges
from data.notes import content_hash
from data.snapshot import Row
from db.review.decisions import holdout_rows, holdout_texts, training_rows
from db.training.adapters import AdapterRow

N_FRESH = "n_fresh"
"""Where it keeps how many notes of the training side judge beside the hold-out."""
N_WITHOUT_VOTE = "n_without_vote"
"""Where it keeps how many notes of the hold-out do not judge, because the active adapter learned one like them."""

N_JUDGES = "n_judges"
"""Where it keeps how many notes judge in all."""

COUNTED = (N_NEAR_DUPLICATES, N_FRESH, N_WITHOUT_VOTE, N_JUDGES)


def read_sides(desk: Desk, active: AdapterRow | None, *, is_judged: bool = True, n_enough: int = ENOUGH) -> Sides:
    """Divide the labelled notes of one moment.

    Args:
        desk: whose.
        active: the adapter that the new one is compared with.
        is_judged: whether a gate decides about the run; a learning curve learns from everything.
        n_enough: see `data.gate.judges.divide`.
    """
    with desk.store.reading() as session:  # one state of the store for all
        rows, held_out = list(training_rows(session, desk.task)), list(holdout_rows(session, desk.task))
        labelled = {row.text for row in held_out}
        unlabelled = [text for text in holdout_texts(session) if text not in labelled]
        learned = [] if active is None else learned_texts(desk.settings, session, active)
    if not is_judged:
        sides = without_judges(rows, held_out, unlabelled)
    else:
        sides = divide(rows, held_out, unlabelled, learned, count_judged(desk.settings), n_enough)
    # Of an adapter from elsewhere nobody knows; its originals are, as a rule, what it was made from.
    if active is None or learned is None or came_from_elsewhere(active):
        return sides
    return replace(sides, rows=with_new(sides.rows, learned))


def with_new(rows: Sequence[Row], learned: Sequence[str]) -> list[Row]:
    """The rows, each with whether it is new to an adapter that learned these texts."""
    known = {content_hash(text) for text in learned}
    return [replace(row, is_new=content_hash(row.text) not in known) for row in rows]


def counts_of(sides: Sides) -> dict[str, int]:
    """What a run's row keeps about the division."""
    n_judges = len(sides.judges)
    return {
        N_NEAR_DUPLICATES: sides.n_near,
        N_FRESH: len(sides.fresh),
        N_WITHOUT_VOTE: sides.n_without_vote,
        N_JUDGES: n_judges,
    }


def judged_by(config: Mapping[str, Any]) -> str:
    """A sentence beside the verdict: which judges were not of the hold-out, and who of the hold-out was none."""
    n = int(config.get(N_FRESH) or 0)
    if not n:
        return _without_vote(config)
    notes, them = ("1 of these is an ordinary note", "it") if n == 1 else (f"{n:,} of these are ordinary notes", "them")
    said = f"{notes} that neither adapter had learned from; the next run learns from {them}."
    return " ".join(filter(None, (said, _without_vote(config))))


def _without_vote(config: Mapping[str, Any]) -> str:
    n = int(config.get(N_WITHOUT_VOTE) or 0)
    if not n:
        return ""
    if n == 1:
        return "1 hold-out note does not count: the active adapter was trained on a copy of it."
    return f"{n:,} hold-out notes do not count: the active adapter was trained on copies of them."


def foretold(config: Mapping[str, Any]) -> str:
    """What a person is told before a run learns: what it leaves out, and who judges; may be empty."""
    n = int(config.get(N_FRESH) or 0)
    notes = "1 reviewed note is" if n == 1 else f"{n:,} reviewed notes are"
    judges = (
        f"{notes} set aside to judge the new adapter beside the hold-out; the next run learns from them." if n else ""
    )
    return " ".join(filter(None, (left_out(config), judges, _without_vote(config))))
