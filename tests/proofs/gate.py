"""Proof: how often the gate promotes an adapter, by the true difference and the number of hold-out notes.

    python -m tests.proofs.gate [--simulations N] [--resamples N] [--processes N]

Two adapters are simulated on notes of unlike difficulty with 12 % of every field discordant, and their records are put
through the real gate. Kinds of difference: `even`, the same in every field; `whole`, none, but fields of one note are
won and lost together; `uneven`, all of it in three fields; `costly`, more than that in six fields,
while one loses 6 points. Fails where an adapter that is no better passes more than 5 times in 100, or one that is 3
points better on 500 notes fewer than 90 times, or 10 points better on 30 notes fewer than 80 times, or one that loses a
field more than 10 times.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from data.gate.gate import judge
from data.task import Extraction
from tests.kit.compared import N_FIELDS, TRUE, WRONG, extraction
from tests.kit.homes import TASK

DISCORDANT = 0.12
NULL_SHARE = 0.25
LOST_FIELD = -0.06
FEW = (20, 30, 40, 60)
CASES = [
    *(("even", n_notes, gain) for n_notes in (250, 500, 1000) for gain in (0.0, 0.01, 0.02, 0.03)),
    *(("whole", n_notes, 0.0) for n_notes in (250, 500, 1000)),
    ("uneven", 500, 0.03),
    ("costly", 500, 0.03),
    # What a small team has: the judges of a week, and of a few.
    *(("even", n_notes, gain) for n_notes in FEW for gain in (0.0, 0.05, 0.10, 0.15)),
    *(("whole", n_notes, 0.0) for n_notes in FEW),
    *(("uneven", n_notes, 0.05) for n_notes in FEW),
]
Case = tuple[str, int, float]
Records = tuple[list[Extraction], list[Extraction], list[Extraction]]


def main() -> int:
    """Simulate; 0 if the error rates are as stated."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--resamples", type=int, default=4000)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        work = [pool.submit(outcomes, case, given.simulations, given.resamples) for case in CASES]
        found = {case: done.result() for case, done in zip(CASES, work, strict=True)}
    promoted = {case: counts["better"] / given.simulations for case, counts in found.items()}
    passed = (
        all(share <= 0.05 for (_, _, gain), share in promoted.items() if gain == 0)
        and promoted["even", 500, 0.03] >= 0.9
        and promoted["even", 30, 0.10] >= 0.8
        and promoted["costly", 500, 0.03] <= 0.1
    )
    figures = {
        "simulations": given.simulations,
        "resamples": given.resamples,
        "promoted": [
            {"kind": kind, "notes": n_notes, "points": 100 * gain, "share": promoted[kind, n_notes, gain]}
            | {"outcomes": dict(found[kind, n_notes, gain])}
            for kind, n_notes, gain in CASES
        ],
        "passed": passed,
    }
    print(json.dumps(figures))
    return 0 if passed else 1


def outcomes(case: Case, n_simulations: int, n_resamples: int) -> Counter[str]:
    """How often the gate came to each verdict."""
    rng = np.random.default_rng(CASES.index(case))
    return Counter(
        judge(TASK, *simulate(case, rng), n_resamples=n_resamples, seed=seed).outcome for seed in range(n_simulations)
    )


def simulate(case: Case, rng: np.random.Generator) -> Records:
    """Gold, old and new records of one comparison."""
    kind, n_notes, gain = case
    shape = n_notes, N_FIELDS
    difficulty = np.clip(rng.normal(0.5, 0.25, (n_notes, 1)), 0, 1)
    old = rng.random(shape) < 1 - 0.4 * difficulty  # right in 0.8 of all, together in the notes that are easy
    new = _won_together(old, rng) if kind == "whole" else _changed(old, _gains(kind, gain), rng)
    nulls = rng.random(shape) < NULL_SHARE
    return (
        [_record(*none, *[True] * N_FIELDS) for none in nulls.tolist()],
        _records(nulls, old),
        _records(nulls, new),
    )


def _gains(kind: str, gain: float) -> Sequence[float]:
    """The true difference in each field."""
    if kind == "uneven":
        return [gain * N_FIELDS / 3] * 3 + [0.0] * (N_FIELDS - 3)
    if kind == "costly":
        return [(gain * N_FIELDS - LOST_FIELD) / (N_FIELDS - 1)] * (N_FIELDS - 1) + [LOST_FIELD]
    return [gain] * N_FIELDS


def _changed(old: NDArray[np.bool_], gains: Sequence[float], rng: np.random.Generator) -> NDArray[np.bool_]:
    by = np.asarray(gains)
    discordant = np.maximum(DISCORDANT, np.abs(by))  # a larger difference needs more answers that differ
    risen, fallen = (discordant + by) / 2 / 0.2, (discordant - by) / 2 / 0.8
    drawn = rng.random(old.shape)
    return np.where(old, drawn >= fallen, drawn < risen)


def _won_together(old: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    """No difference on the whole; in a quarter of the notes half of the fields are won, or lost, at once."""
    n_notes = len(old)
    touched = rng.random(n_notes) < 2 * DISCORDANT
    fields = touched[:, None] & (rng.random(old.shape) < 0.5)
    is_won = np.broadcast_to(rng.random((n_notes, 1)) < 0.5, old.shape)
    old[fields] = ~is_won[fields]
    return np.where(fields, is_won, old)


def _records(nulls: NDArray[np.bool_], right: NDArray[np.bool_]) -> list[Extraction]:
    return [_record(*row) for row in np.hstack([nulls, right]).tolist()]


@cache
def _record(*bits: bool) -> Extraction:
    """A record by whether each field has no gold value, then by whether each is right; a wrong null is an invention."""
    pairs = zip(bits[:N_FIELDS], bits[N_FIELDS:], strict=True)
    return extraction(WRONG if not is_right else None if is_null else TRUE for is_null, is_right in pairs)


if __name__ == "__main__":
    raise SystemExit(main())
