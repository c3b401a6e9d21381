"""Calibration: from the model's own probability of a value to the probability that the field is right.

The map of a field is Platt's: a logistic curve over the log-odds of the raw probability, with a slope and an intercept
that differ for values and for "no value". It rises with the raw probability, so it changes how sure the desk is of a
field but never which of two proposals for it is the surer one. It is fitted in `trainer.calibrate`; here it is only
read and applied.

Source: J. Platt, "Probabilistic outputs for support vector machines", 1999, over log-odds as in C. Guo, G. Pleiss,
Y. Sun and K. Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALIBRATION = "calibration.json"
FORMAT = 1
MAX_BYTES = 1 << 20
EPSILON = 1e-6
"""Raw probabilities are held this far from 0 and 1: beyond it log-odds say more about rounding than about the value."""


class CalibrationError(ValueError):
    """A calibration that cannot be read or fitted; the message says what to do."""


def log_odds(probability: float) -> float:
    """The natural logarithm of the odds of a raw probability, bounded by those of `EPSILON`."""
    held = min(max(probability, EPSILON), 1 - EPSILON)
    return math.log(held / (1 - held))


@dataclass(frozen=True)
class Curve:
    """A logistic curve over log-odds, which rises.

    Attributes:
        slope: above 0; below 1 where the model is surer than it should be.
        intercept: the log-odds of being right at a raw probability of one half.
        low: what the curve never goes below.
        high: what it never goes above.
    """

    slope: float
    intercept: float
    low: float
    high: float

    def __post_init__(self) -> None:
        numbers = (self.slope, self.intercept, self.low, self.high)
        if not all(math.isfinite(number) for number in numbers) or self.slope <= 0 or not 0 < self.low < self.high < 1:
            raise CalibrationError(
                "Expected a curve that rises between bounds within 0 and 1; found another. Fit the calibration again."
            )

    def __call__(self, probability: float) -> float:
        """The probability of being right at a raw probability."""
        odds = self.slope * log_odds(probability) + self.intercept
        share = 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1 + math.exp(odds))
        return min(max(share, self.low), self.high)


@dataclass(frozen=True)
class Calibration:
    """The curves of an adapter.

    Attributes:
        n_notes: labelled notes that they were fitted on.
        adapter: name of the adapter whose answers they were fitted on.
        pooled: curves over all fields, for a field without its own: of values, and of "no value".
        curves: field key to the same two curves.
        figures: what was measured when they were fitted, as plain JSON values.
    """

    n_notes: int
    adapter: str
    pooled: tuple[Curve, Curve]
    curves: Mapping[str, tuple[Curve, Curve]]
    figures: Mapping[str, Any] = field(default_factory=dict)

    def confidence(self, values: Mapping[str, str | None], raw: Mapping[str, float]) -> dict[str, float]:
        """Field key to the probability that its value is right.

        Args:
            values: field key to value; None is "no value".
            raw: field key to the model's own probability of that value, 0 to 1.
        """
        return {key: self.curves.get(key, self.pooled)[values[key] is None](raw[key]) for key in raw}

    def to_json(self) -> dict[str, Any]:
        """The calibration as plain JSON values."""
        return {
            "format": FORMAT,
            "n_notes": self.n_notes,
            "adapter": self.adapter,
            "pooled": _pair_to_json(self.pooled),
            "fields": {key: _pair_to_json(pair) for key, pair in self.curves.items()},
            "figures": dict(self.figures),
        }

    @classmethod
    def from_json(cls, stored: Any) -> Calibration:
        """The calibration that `to_json` gave.

        Raises:
            CalibrationError: it is not one.
        """
        try:
            if stored["format"] != FORMAT:
                raise CalibrationError(
                    f"Expected a calibration of format {FORMAT}; found {str(stored['format'])[:20]!r}. "
                    "Use a newer caseloop, or fit it again."
                )
            return cls(
                n_notes=int(stored["n_notes"]),
                adapter=str(stored["adapter"]),
                pooled=_pair_from_json(stored["pooled"]),
                curves={str(key): _pair_from_json(pair) for key, pair in stored["fields"].items()},
                figures=dict(stored.get("figures") or {}),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, CalibrationError):
                raise
            raise CalibrationError(
                "Expected a calibration as caseloop writes it; found other JSON. Fit the calibration again."
            ) from error


def _pair_to_json(pair: tuple[Curve, Curve]) -> dict[str, list[float]]:
    names = ("value", "no_value")
    numbers = [[curve.slope, curve.intercept, curve.low, curve.high] for curve in pair]
    return dict(zip(names, numbers, strict=True))


def _pair_from_json(stored: Any) -> tuple[Curve, Curve]:
    return Curve(*map(float, stored["value"])), Curve(*map(float, stored["no_value"]))


def read_calibration(directory: Path) -> Calibration | None:
    """The calibration in an adapter's directory, or None where there is none.

    Raises:
        CalibrationError: there is one and it cannot be read.
    """
    path = directory / CALIBRATION
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CalibrationError(f"Expected a small file at {path}; it has more than {MAX_BYTES} bytes.")
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, CalibrationError):
            raise
        raise CalibrationError(f"Expected JSON in {path}; it cannot be read. Fit the calibration again.") from error
    return Calibration.from_json(stored)
