"""What is believed of a curve before its own notes are counted: logistic over log-odds, fitted on all fields together.

Where an earlier adapter has curves, what is fitted is how far the answers depart from these, and departing costs: with
few notes the earlier curves stand, with many the notes decide. Without such curves a field departs from what all
fields share. How little is known of a place counts as well: the expected probability under the uncertainty that is
left lies nearer to one half than the most likely one (D. MacKay, "The evidence framework applied to classification
networks", Neural Computation 1992), so that few notes do not make a value sure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from data.evaluation.calibration import VALUE, Calibration, curve_for, log_odds

_CENTRE, _SCALE = 5.0, 3.0  # of log-odds: where most raw probabilities lie
_POOLED, _OWN = 10.0, 1.0  # scale of what fields share and of what each has; the penalty falls as its square
_DEPARTED = 1.0  # the same, of both, for departures from an earlier adapter's curves
_MOST_STEPS, _CLOSE = 100, 1e-8

Levelled = Callable[[Sequence[float]], list[float]]
"""Makes shares never fall."""


@dataclass(frozen=True)
class Observed:
    """One field of one answered note.

    Attributes:
        key: of the field.
        kind: of answer, of `KINDS`.
        odds: log-odds of the raw probability.
        right: whether it agrees with the label.
    """

    key: str
    kind: str
    odds: float
    right: bool


class Prior:
    """Expected probabilities of being right, for each field and kind of answer.

    Args:
        seen: what was answered, at least one.
        earlier: curves of an earlier adapter, or of this one when less was known.
    """

    def __init__(self, seen: Sequence[Observed], earlier: Calibration | None = None) -> None:
        kinds = {one.kind for one in seen} | set(earlier.pooled if earlier else ())
        self.kinds = [VALUE, *sorted(kinds - {VALUE})]
        self._keys = list(dict.fromkeys(one.key for one in seen))
        self._earlier = earlier
        self._shared, self._own = (_POOLED, _OWN) if earlier is None else (_DEPARTED, _DEPARTED)
        told = [(one.key, one.kind, one.odds, float(one.right), 1.0) for one in seen]
        rows = [self._row(key, kind, odds) for key, kind, odds, _, _ in told]
        if earlier is None:
            # One note more that is right and wrong by halves: a rule of succession, and both classes are there.
            middle = sorted(one.odds for one in seen)[len(seen) // 2]
            told += [("", kind, middle, right, 0.5) for kind in self.kinds for right in (0.0, 1.0)]
            rows += [self._row(None, kind, middle) for kind in self.kinds for _ in range(2)]
        known = [self._known_odds(key, kind, odds) for key, kind, odds, _, _ in told]
        self._weights, self._spread = _fit_ridge(rows, known, [one[3] for one in told], [one[4] for one in told])

    def __call__(self, key: str | None, kind: str, odds: Sequence[float], levelled: Levelled) -> list[float]:
        """The probability of being right at each of some log-odds, which rise; made never to fall."""
        import numpy as np

        rows = np.array([self._row(key, kind, at) for at in odds])
        known = np.array([self._known_odds(key, kind, at) for at in odds])
        spread = np.einsum("ij,jk,ik->i", rows, self._spread, rows)
        expected = (rows @ self._weights + known) / np.sqrt(1 + math.pi * spread / 8)
        return levelled([1 / (1 + math.exp(-float(one))) for one in expected])

    def _known_odds(self, key: str | None, kind: str, odds: float) -> float:
        """Log-odds of being right by the earlier curves; even odds without any."""
        if self._earlier is None:
            return 0.0
        curves = self._earlier.fields.get(key or "", self._earlier.pooled)
        return log_odds(curve_for(curves, kind)(1 / (1 + math.exp(-odds))))

    def _row(self, key: str | None, kind: str, odds: float) -> list[float]:
        """Terms of the regression: those that all fields share, then those of each field; by kind of answer."""
        terms = [1.0, (odds - _CENTRE) / _SCALE]
        by_kind = [term * (kind == one) for one in self.kinds for term in terms]
        own = [term * self._own * (one == key) for one in self._keys for term in by_kind]
        return [term * self._shared for term in by_kind] + own


def _fit_ridge(
    rows: Sequence[Sequence[float]], known: Sequence[float], right: Sequence[float], counts: Sequence[float]
) -> tuple[Any, Any]:
    """Weights of a logistic regression with a ridge and known log-odds, by Newton's method; and their covariance."""
    import numpy as np

    terms, at, labels, n = (np.array(of) for of in (rows, known, right, counts))
    weights = np.zeros(terms.shape[1])
    for _ in range(_MOST_STEPS):
        shares = 1 / (1 + np.exp(-(terms @ weights + at)))
        curvature = (terms * (n * shares * (1 - shares))[:, None]).T @ terms + np.eye(len(weights))
        step = np.linalg.solve(curvature, terms.T @ (n * (labels - shares)) - weights)
        largest = float(np.abs(step).max())
        weights += step * min(1.0, 2 / largest) if largest else step
        if largest < _CLOSE:
            break
    return weights, np.linalg.inv(curvature)
