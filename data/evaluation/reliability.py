"""Reliability: whether a confidence means what it says, and how much work it can spare.

Source of the expected calibration error and of the diagram: C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On
calibration of modern neural networks", ICML 2017, with bins of equal width. They have 15 of them and 10,000 answers or
more; with the 500 of a hold-out, 15 bins show a perfectly calibrated field at up to 0.05 by chance, so there are 10
here, and the error with 15 is given beside. Source of the other score: G. Brier, "Verification of forecasts expressed
in terms of probability", 1950.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

N_BINS = 10
N_BINS_GUO = 15
COVERAGES = (50, 80, 90, 100)
WANTED_ACCURACY = 0.95


@dataclass(frozen=True)
class Bin:
    """The answers of like confidence.

    Attributes:
        n: how many.
        confidence: their mean confidence.
        right: the share that is right.
    """

    n: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Reliability:
    """Figures of the confidence of one field, or of all; shares from 0 to 1.

    The expected calibration error is never 0 on a sample: chance moves the share that is right within each bin. `noise`
    is what it would be on average, for this many answers with these confidences, if each confidence were exactly true.
    With 500 answers that is 0.014 where all of them share one bin around 0.8, and 0.044 where all bins are used alike;
    adapters that differ by less than that do not differ.

    Attributes:
        n: answers.
        ece: expected calibration error: the mean over answers of their bin's gap between confidence and share right.
        noise: what `ece` would be by chance alone.
        ece_15: the same error with 15 bins.
        brier: mean square of confidence less 1 where right, or less 0 where wrong.
        accuracy_at: per cent of the answers kept, the most confident first, to the share of them that is right; where
            equal confidences straddle the limit, the mean over all ways to choose among them.
        coverage: the largest share of answers, all those from some confidence up, of which at least `WANTED_ACCURACY`
            are right; 0 where there is none.
        bins: of the reliability diagram, the least confident first; without empty ones.
        raw_ece: expected calibration error of the model's own probabilities; None where they were not given.
        raw_brier: Brier score of the same.
    """

    n: int
    ece: float
    noise: float
    ece_15: float
    brier: float
    accuracy_at: dict[int, float]
    coverage: float
    bins: tuple[Bin, ...]
    raw_ece: float | None
    raw_brier: float | None

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return {
            "n": self.n,
            "ece": self.ece,
            "ece_raw": self.raw_ece,
            "ece_noise": self.noise,
            "ece_15": self.ece_15,
            "brier": self.brier,
            "brier_raw": self.raw_brier,
            "accuracy_at": {str(share): accuracy for share, accuracy in self.accuracy_at.items()},
            f"coverage_at_{WANTED_ACCURACY}": self.coverage,
            "bins": [[one.n, one.confidence, one.right] for one in self.bins],
        }


def reliability(
    confidence: Sequence[float], right: Sequence[bool], raw: Sequence[float] | None = None
) -> Reliability | None:
    """Measure confidences against what turned out.

    Args:
        confidence: of each answer, 0 to 1.
        right: whether each is.
        raw: the model's own probability of each, before calibration.

    Returns:
        The figures, None where there are no answers.
    """
    if not confidence:
        return None
    binned = _bin_answers(confidence, right, N_BINS)
    return Reliability(
        n=len(confidence),
        ece=_error(binned),
        noise=sum(math.sqrt(2 / math.pi * sum(c * (1 - c) for c, _ in one)) for one in binned) / len(confidence),
        ece_15=_error(_bin_answers(confidence, right, N_BINS_GUO)),
        brier=_brier(confidence, right),
        accuracy_at={share: _accuracy_at(share / 100, confidence, right) for share in COVERAGES},
        coverage=_coverage(confidence, right),
        bins=tuple(Bin(len(one), _mean(c for c, _ in one), _mean(r for _, r in one)) for one in binned),
        raw_ece=None if raw is None else _error(_bin_answers(raw, right, N_BINS)),
        raw_brier=None if raw is None else _brier(raw, right),
    )


_ACCURACIES = tuple(f"right at {share} %" for share in COVERAGES)
COLUMNS = ("field", "ECE raw", "ECE", "by chance", "Brier", *_ACCURACIES, "0.95 up to")
"""Of `table`."""


def table(confidence: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The rows of a table of the figures of a score's confidence, as its `to_json` gives them; the last is overall."""
    named = [*confidence["fields"].items(), ("all fields", confidence["overall"])]
    return [(name, *_cells(figures)) for name, figures in named if figures is not None]


def _cells(figures: Mapping[str, Any]) -> list[str]:
    shares = [figures["ece_raw"], figures["ece"], figures["ece_noise"], figures["brier"]]
    shares += [*figures["accuracy_at"].values(), figures[f"coverage_at_{WANTED_ACCURACY}"]]
    return ["" if share is None else f"{share:.3f}" for share in shares]


Answers = list[tuple[float, bool]]
"""Confidence and whether right."""


def _bin_answers(confidence: Sequence[float], right: Sequence[bool], n_bins: int) -> list[Answers]:
    """The answers in bins of equal width, without empty ones; the last bin holds 1."""
    bins: list[Answers] = [[] for _ in range(n_bins)]
    for sure, is_right in zip(confidence, right, strict=True):
        bins[min(int(sure * n_bins), n_bins - 1)].append((sure, is_right))
    return [one for one in bins if one]


def _error(binned: list[Answers]) -> float:
    return sum(abs(math.fsum(c - r for c, r in one)) for one in binned) / sum(map(len, binned))


def _brier(confidence: Sequence[float], right: Sequence[bool]) -> float:
    return _mean((c - r) ** 2 for c, r in zip(confidence, right, strict=True))


def _steps(confidence: Sequence[float], right: Sequence[bool]) -> Iterable[tuple[int, int]]:
    """How many answers, and how many right ones, share each confidence; the highest confidence first."""
    ranked = sorted(zip(confidence, right, strict=True), reverse=True)
    for _, alike in groupby(ranked, key=lambda answer: answer[0]):
        answers = list(alike)
        yield len(answers), sum(is_right for _, is_right in answers)


def _accuracy_at(share: float, confidence: Sequence[float], right: Sequence[bool]) -> float:
    n_kept = max(1, round(share * len(confidence)))
    remaining, n_right = n_kept, 0.0
    for n, n_right_here in _steps(confidence, right):
        taken = min(n, remaining)
        n_right += n_right_here * taken / n
        remaining -= taken
        if not remaining:
            break
    return n_right / n_kept


def _coverage(confidence: Sequence[float], right: Sequence[bool]) -> float:
    n_kept = n_right = most = 0
    for n, n_right_here in _steps(confidence, right):
        n_kept, n_right = n_kept + n, n_right + n_right_here
        if n_right >= WANTED_ACCURACY * n_kept:
            most = n_kept
    return most / len(confidence)


def _mean(numbers: Iterable[float]) -> float:
    listed = list(numbers)
    return math.fsum(listed) / len(listed)
