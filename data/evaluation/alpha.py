"""Krippendorff's alpha on the nominal scale, for any number of people, each of whom may have passed units over.

By the coincidences of values within units, as in K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011:
1 is full agreement, 0 what chance alone would give.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence


def nominal_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Krippendorff's alpha.

    Args:
        units: what was said about each; those about which fewer than two people said something do not count.

    Returns:
        None where it is not defined: nothing can be compared, or everybody always said one and the same.
    """
    total: Counter[Hashable] = Counter()
    observed = 0.0  # pairs of different values within units, each unit weighted by its number of values
    for said in units:
        m = len(said)
        if m < 2:
            continue
        counted = Counter(said)
        total += counted
        observed += (m * m - sum(n * n for n in counted.values())) / (m - 1)
    n_values = total.total()
    by_chance = n_values * n_values - sum(n * n for n in total.values())
    return 1 - (n_values - 1) * observed / by_chance if by_chance else None
