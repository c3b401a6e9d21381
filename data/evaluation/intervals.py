"""95 % intervals of shares and of their changes, by a bootstrap over notes.

Notes are drawn, not fields, because the fields of one note are right and wrong together: P. Koehn, "Statistical
significance tests for machine translation evaluation", EMNLP 2004; R. Dror, G. Baumer, S. Shlomov and R. Reichart, "The
hitchhiker's guide to testing statistical significance in natural language processing", ACL 2018.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
N_RESAMPLES = 4000
"""Enough to place the ends of the interval to a twentieth of its width from seed to seed."""
BATCH = 250
N_EXACT = 12
"""Up to so many notes that differ, the resamples of a bootstrap are too few different ones and its interval is too
narrow: two notes that gain alike give one without width. There the exact sign-flip test decides as well."""
N_UNSEEN = 3
"""The rule of three: where no note differs, up to 3/n of all notes may (J. Hanley and A. Lippman-Hand, "If nothing goes
wrong, is everything all right?", JAMA 1983)."""

Counts = NDArray[np.int64]
Interval = tuple[float, float, float]
"""A share, or a change of one, and the two ends of its interval."""


def intervals(rows: Counts, over: Counts, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> list[Interval]:
    """The share of each row and its interval: sums of the row over notes, divided by those of `over`.

    Every row is computed on the same resamples of the notes.

    Args:
        rows: counts, shape (rows, notes); two notes or more.
        over: what they are counted in, of the same shape.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    from scipy import stats

    n_rows, n_notes = rows.shape
    both = np.vstack([rows, over]).T.astype(float)  # whole numbers, so the sums are exact

    def shares(chosen: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        assert axis == -1  # scipy asks with the notes last
        # How often each note was drawn, times what it counts: a product of matrices, not a copy of every resample.
        n_draws = chosen.size // n_notes
        places = (chosen.reshape(n_draws, n_notes) + n_notes * np.arange(n_draws)[:, None]).ravel()
        sums = (np.bincount(places, minlength=n_draws * n_notes).reshape(n_draws, n_notes) @ both).T
        return np.asarray(sums[:n_rows] / np.maximum(sums[n_rows:], 1))

    notes = np.arange(n_notes)
    interval = stats.bootstrap(
        (notes,),
        shares,
        vectorized=True,
        n_resamples=n_resamples,
        batch=BATCH,
        confidence_level=_expand_level(n_notes),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return [
        (float(share), float(low), float(high))
        for share, low, high in zip(shares(notes)[:, 0], interval.low, interval.high, strict=True)
    ]


def changes(rows: Counts, over: Counts, *, n_resamples: int = N_RESAMPLES, seed: int = 0) -> list[Interval]:
    """The same for differences of counts, note by note; one note alone says nothing about the others.

    An interval includes 0 wherever few notes differ and signs by chance could do the same.
    """
    if rows.shape[1] == 1:
        return [(float(row[0] / max(among[0], 1)), -1.0, 1.0) for row, among in zip(rows, over, strict=True)]
    found = intervals(rows, over, n_resamples=n_resamples, seed=seed)
    return [_include_zero(change, row) for change, row in zip(found, rows, strict=True)]


def median_change(before: Sequence[float], after: Sequence[float], *, seed: int = 0) -> Interval:
    """The median of `after` less that of `before`, which are different notes, and its interval by a bootstrap.

    Args:
        before: one value or more.
        after: likewise.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    drawn = _medians(np.asarray(after, float), rng) - _medians(np.asarray(before, float), rng)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(np.median(after) - np.median(before)), float(low), float(high)


def wilson(n_hits: int, n: int) -> Interval:
    """A share and its interval after Wilson, which holds for few cases and for shares near 0 and 1.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.

    Args:
        n_hits: how many of them.
        n: how many there are, one or more.
    """
    share, squared = n_hits / n, Z * Z / n
    middle = (share + squared / 2) / (1 + squared)
    half = Z / (1 + squared) * math.sqrt(share * (1 - share) / n + squared / (4 * n))
    return share, max(0.0, middle - half), min(1.0, middle + half)


def _expand_level(n_notes: int) -> float:
    """The level at which the percentile interval covers what it says.

    With few notes it is too narrow, as an interval without Student's t and with n for n - 1 is: on twenty it promises
    95 % and covers 93 %. T. Hesterberg, "What teachers should know about the bootstrap", The American Statistician
    2015, gives this correction; on 500 notes it changes nothing that shows.
    """
    from scipy import stats

    reach = stats.t.ppf((1 + LEVEL) / 2, n_notes - 1) * math.sqrt(n_notes / (n_notes - 1))
    return min(float(2 * stats.norm.cdf(reach) - 1), 1 - 1 / N_RESAMPLES)


def _medians(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The medians of resamples of the values.

    A resample is n draws of a place among the sorted values. Where its middle draw lies is known without drawing all of
    them: the k-th smallest of n uniform numbers follows a beta distribution, and so does the next one above it.
    """
    ordered, n = np.sort(values), len(values)
    k = (n + 1) // 2
    lower = rng.beta(k, n + 1 - k, N_RESAMPLES)
    upper = lower if n % 2 else lower + (1 - lower) * rng.beta(1, n - k, N_RESAMPLES)
    low, high = (ordered[np.minimum((place * n).astype(int), n - 1)] for place in (lower, upper))
    return np.asarray((low + high) / 2)


def _include_zero(change: Interval, differences: Counts) -> Interval:
    share, low, high = change
    differing = differences[differences != 0]
    if 0 < differing.size <= N_EXACT and not low <= 0 <= high and _sign_flip(differing) >= 1 - LEVEL:
        return share, min(low, 0.0), max(high, 0.0)
    return change


def _sign_flip(differences: Counts) -> float:
    """Two-sided p of the exact test that each difference might as well have had the other sign."""
    from scipy import stats

    if differences.size == 1:
        return 1.0
    # scipy counts every sign pattern when it may count more than there are.
    tested = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", vectorized=True, n_resamples=1 << (N_EXACT + 1)
    )
    return float(tested.pvalue)
