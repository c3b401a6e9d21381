"""What a run would learn from and be judged by, as the store stands; the same before a run is asked for and in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.desk import Desk
from app.lineage import count_judged, learned_texts
from app.training import N_NEAR_DUPLICATES, left_out
from data.judges import Sides, divide, without_judges
from db.adapters import AdapterRow
from db.annotations import holdout_rows, holdout_texts, training_rows

N_FRESH = "n_fresh"
"""Where it keeps how many notes of the training side judge beside the hold-out."""
N_WITHOUT_VOTE = "n_without_vote"
"""Where it keeps how many notes of the hold-out do not judge, because the active adapter learned one like them."""

COUNTED = (N_NEAR_DUPLICATES, N_FRESH, N_WITHOUT_VOTE)


def read_sides(desk: Desk, active: AdapterRow | None, *, is_judged: bool = True) -> Sides:
    """Divide the labelled notes of one moment.

    Args:
        desk: whose.
        active: the adapter that the new one is compared with.
        is_judged: whether a gate decides about the run; a learning curve learns from everything.
    """
    with desk.store.reading() as session:  # one state of the store for all
        rows, held_out = list(training_rows(session, desk.task)), list(holdout_rows(session, desk.task))
        labelled = {row.text for row in held_out}
        unlabelled = [text for text in holdout_texts(session) if text not in labelled]
        learned = [] if active is None else learned_texts(desk.settings, session, active)
    if not is_judged:
        return without_judges(rows, held_out, unlabelled)
    return divide(rows, held_out, unlabelled, learned, count_judged(desk.settings))


def counts_of(sides: Sides) -> dict[str, int]:
    """What a run's row keeps about the division."""
    return {N_NEAR_DUPLICATES: sides.n_near, N_FRESH: len(sides.fresh), N_WITHOUT_VOTE: sides.n_without_vote}


def judged_by(config: Mapping[str, Any]) -> str:
    """A sentence about the judges that are not of the hold-out, and about those of it that are none; may be empty."""
    n_fresh, n_without = int(config.get(N_FRESH) or 0), int(config.get(N_WITHOUT_VOTE) or 0)
    said = []
    if n_fresh:
        judges = "1 reviewed note is" if n_fresh == 1 else f"{n_fresh:,} reviewed notes are"
        said.append(f"{judges} set aside to judge the new adapter beside the hold-out; the next run learns from them.")
    if n_without == 1:
        said.append("1 hold-out note does not count: the active adapter was trained on a copy of it.")
    elif n_without:
        said.append(f"{n_without:,} hold-out notes do not count: the active adapter was trained on copies of them.")
    return " ".join(said)


def foretold(config: Mapping[str, Any]) -> str:
    """What a person is told before a run learns: what it leaves out, and who judges; may be empty."""
    return " ".join(filter(None, (left_out(config), judged_by(config))))
