"""Calibration: from the model's own probability of a value to the probability that the field is right.

Each field has a curve for values, one for values that are not found in the note, one for "no value", and one for "no
value" where the note hints at one. A curve never falls: among answers of one kind it changes how sure the desk is,
never which is the surer. Curves are fitted in `trainer.evaluation.calibrate`; here they are only read and applied.

Log-odds as the scale: J. Platt, "Probabilistic outputs for support vector machines", 1999, and C. Guo, G. Pleiss,
Y. Sun and K. Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from data.cutoffs import Cutoffs
from data.suggestion import Grounding

CALIBRATION = "calibration.json"
FORMAT = 1
MAX_BYTES = 1 << 20
EPSILON = 1e-5
"""Raw probabilities are held this far from 0 and 1: a product of a dozen single-precision probabilities carries about
1e-6, and beyond that log-odds say more about rounding than about the value."""

MIN_NOTES = 10
"""Below so many labelled notes an adapter's curves are not fitted: those of an earlier one are the better guess."""

VALUE, NOT_FOUND, NO_VALUE, HINTED = "value", "not_found", "no_value", "no_value_hinted"
KINDS = (VALUE, NOT_FOUND, NO_VALUE, HINTED)
HINTED_MOST = 0.8
"""The most that can be believed of "no value" where the note hints at one and no curve was fitted for that."""


class CalibrationError(ValueError):
    """A calibration that cannot be read or fitted; the message says what to do."""


def log_odds(probability: float) -> float:
    """The natural logarithm of the odds of a raw probability, bounded by those of `EPSILON`."""
    held = min(max(probability, EPSILON), 1 - EPSILON)
    return math.log(held / (1 - held))


def kind_of(value: str | None, grounding: Grounding | None) -> str:
    """Which of a field's curves an answer belongs to."""
    if value is None:
        return HINTED if grounding is Grounding.HINTED else NO_VALUE
    return NOT_FOUND if grounding is Grounding.NOT_FOUND else VALUE


@dataclass(frozen=True)
class Curve:
    """A curve that never falls: straight between its knots, level beyond them.

    Attributes:
        knots: pairs of log-odds of a raw probability, which rise, and the probability of being right there, which does
            not fall and lies within 0 and 1 without being either.
    """

    knots: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        at, shares = [knot[0] for knot in self.knots], [knot[1] for knot in self.knots]
        rises = all(a < b for a, b in pairwise(at))
        never_falls = all(a <= b for a, b in pairwise(shares))
        within = bool(at) and all(map(math.isfinite, at)) and 0 < shares[0] <= shares[-1] < 1
        if not (within and rises and never_falls):
            raise CalibrationError(
                "Expected a curve that never falls, between 0 and 1; found another. Fit the calibration again."
            )

    def __call__(self, probability: float) -> float:
        """The probability of being right at a raw probability."""
        odds = log_odds(probability)
        after = bisect_right(self.knots, odds, key=lambda knot: knot[0])
        if after in (0, len(self.knots)):
            return self.knots[min(after, len(self.knots) - 1)][1]
        (left, low), (right, high) = self.knots[after - 1 : after + 1]
        return low + (high - low) * (odds - left) / (right - left)


Curves = Mapping[str, Curve]
"""A kind of answer, of `KINDS`, to its curve; see `curve_for` for a kind without one of its own."""


def curve_for(curves: Curves, kind: str) -> Curve:
    """The curve of a kind of answer, or else that of the next wider kind."""
    wider = NO_VALUE if kind == HINTED else VALUE
    return curves.get(kind) or curves.get(wider) or curves[VALUE]


@dataclass(frozen=True)
class Calibration:
    """The curves of an adapter.

    Attributes:
        n_notes: labelled notes that they were fitted on.
        adapter: name of the adapter whose answers they were fitted on.
        pooled: curves over all fields, for a field without its own.
        fields: field key to its curves.
        figures: what was measured when they were fitted, as plain JSON values.
        cutoffs: what is done with the confidence; None in calibrations from before that was fitted.
    """

    n_notes: int
    adapter: str
    pooled: Curves
    fields: Mapping[str, Curves]
    figures: Mapping[str, Any] = field(default_factory=dict)
    cutoffs: Cutoffs | None = None

    def confidence(
        self,
        values: Mapping[str, str | None],
        raw: Mapping[str, float],
        grounding: Mapping[str, Grounding] | None = None,
    ) -> dict[str, float]:
        """Field key to the probability that its value is right.

        Args:
            values: field key to value; None is "no value".
            raw: field key to the model's own probability of that value, 0 to 1.
            grounding: field key to how the value rests on the note, where that is known.
        """
        known = grounding or {}
        return {key: self._calibrate(key, kind_of(values[key], known.get(key)), raw[key]) for key in raw}

    def _calibrate(self, key: str, kind: str, raw: float) -> float:
        curves = self.fields.get(key, self.pooled)
        sure = curve_for(curves, kind)(raw)
        return min(sure, HINTED_MOST) if kind == HINTED and HINTED not in curves else sure

    def to_json(self) -> dict[str, Any]:
        """The calibration as plain JSON values."""
        return {
            "format": FORMAT,
            "adapter": self.adapter,
            "n_notes": self.n_notes,
            "figures": dict(self.figures),
            "pooled": _curves_to_json(self.pooled),
            "fields": {key: _curves_to_json(curves) for key, curves in self.fields.items()},
            **({} if self.cutoffs is None else {"cutoffs": self.cutoffs.to_json()}),
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
                pooled=_curves_from_json(stored["pooled"]),
                fields={str(key): _curves_from_json(curves) for key, curves in stored["fields"].items()},
                figures=dict(stored["figures"]),
                cutoffs=None if stored.get("cutoffs") is None else Cutoffs.from_json(stored["cutoffs"]),
            )
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            if isinstance(error, CalibrationError):
                raise
            raise CalibrationError(
                "Expected a calibration as caseloop writes it; found other JSON. Fit the calibration again."
            ) from error


def _curves_to_json(curves: Curves) -> dict[str, list[list[float]]]:
    return {kind: [list(knot) for knot in curve.knots] for kind, curve in curves.items()}


def _curves_from_json(stored: Any) -> dict[str, Curve]:
    curves = {kind: Curve(tuple((float(at), float(share)) for at, share in stored[kind])) for kind in stored}
    if VALUE not in curves or not set(curves) <= set(KINDS):
        raise CalibrationError(f"Expected curves for {', '.join(KINDS)}; found others. Fit the calibration again.")
    return curves


def read_calibration(directory: Path) -> Calibration | None:
    """The calibration in an adapter's directory, or None where there is none.

    Raises:
        CalibrationError: there is one and it cannot be read.
    """
    return read_curves(directory / CALIBRATION)


def read_curves(path: Path) -> Calibration | None:
    """The calibration in a file, or None where there is none.

    Raises:
        CalibrationError: there is one and it cannot be read.
    """
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
