"""How small a gain so many judging notes can show, and how many would show a smaller one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import NormalDist

from data.evaluation.intervals import LEVEL

POWER = 0.8
N_LEAST = 6
"""Fewer notes can show nothing: with five that all gain, two-sided p is 2/2^5 > 0.05; with six it is 2/2^6."""
REACH = NormalDist().inv_cdf((1 + LEVEL) / 2) + NormalDist().inv_cdf(POWER)
"""Standard errors that a true gain has to measure, to be seen beyond chance in 8 of 10 cases."""
USUAL_SPREAD = 0.175
"""Standard deviation, over notes, of the change in the share of right fields between an adapter and the next one, where
no run has shown it yet. It was .13 where adapters learned a new convention from sixty notes a week, and .07 between
two adapters that knew it; with fields that are won and lost together it is up to .18."""
STEPS = (15, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500, 600, 800, 1000, 1500, 2000, 3000, 5000)


def detectable_gain(spread: float, n_notes: int) -> float:
    """The smallest true gain that so many notes show in 8 of 10 cases, as a share of the fields; 1 for none at all."""
    return min(REACH * spread / math.sqrt(n_notes), 1.0) if n_notes >= N_LEAST else 1.0


def spread_seen(gain: float, n_notes: int) -> float:
    """The spread from which `detectable_gain` makes such a gain."""
    return gain * math.sqrt(n_notes) / REACH


def spread_of(verdicts: Iterable[tuple[float | None, int]]) -> float:
    """The spread that earlier verdicts have seen, all their notes together.

    Args:
        verdicts: of each, the smallest gain that it could have shown, and its number of notes.
    """
    seen = [(spread_seen(gain, n), n) for gain, n in verdicts if gain is not None and gain < 1 and n >= N_LEAST]
    n_notes = sum(n for _, n in seen)
    # The usual spread counts like a few notes: six judges that happen to change alike foretell nothing.
    weighed = sum(n * spread**2 for spread, n in seen) + STEPS[0] * USUAL_SPREAD**2
    return math.sqrt(weighed / (n_notes + STEPS[0]))


def more_notes(n_notes: int) -> int:
    """A round number of notes that is well above so many."""
    wanted = max(1.5 * n_notes, STEPS[0])
    return next((step for step in STEPS if step >= wanted), math.ceil(2 * n_notes / 1000) * 1000)


def more_would_show(spread: float, n_notes: int, kind: str = "") -> str:
    """What more notes could show, as the end of a sentence: "with 150 hold-out notes a gain of 4 points would show"."""
    n_more = more_notes(n_notes)
    return f"with {n_more:,} {kind}notes a gain of {in_points(detectable_gain(spread, n_more))} would show"


def foretell(n_notes: int, spread: float = USUAL_SPREAD) -> str:
    """What so many judges can be expected to show, before anything is learned."""
    who = "1 note judges" if n_notes == 1 else f"{n_notes:,} notes judge"
    more = more_would_show(spread, n_notes)
    if n_notes < N_LEAST:
        return f"{who} the new adapter, too few to show any gain (at least {N_LEAST} can); {more}."
    gain = in_points(detectable_gain(spread, n_notes))
    return f"{who} the new adapter: a gain of {gain} would show in 8 of 10 cases; {more}."


def in_points(gain: float) -> str:
    """A gain in percentage points, whole where it has two digits."""
    points = 100 * gain
    said = f"{points:.0f}" if points >= 10 else f"{points:.1f}".removesuffix(".0")
    return f"{said} point" if said == "1" else f"{said} points"
