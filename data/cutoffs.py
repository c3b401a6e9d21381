"""From which confidence on a value is put into the form, and below which a field asks to be looked at.

Both are fitted with an adapter's curves, on suggestions whose confidence no note had a say in itself, and are kept
beside them. A field takes a value where that is more often right than leaving the field empty would be; all fields
together take only so many that `AIM` of what is shown is right, as long as half of the values that there are show.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

AIM = 0.85
"""The share of the values put into forms that should be right."""
LEAST_SHOWN = 0.5
"""The share of the values that there are for which a form should show one: more counts than `AIM`."""
EVEN = 0.5
"""The confidence from which a value is put in where nothing was fitted: it is right as often as not."""
BUDGET = 0.15
"""The share of the fields that ask to be looked at, where nobody has chosen another."""
SURE = 0.9
"""The confidence from which a value counts as sure; also what asks below it where nothing was fitted."""
PRIOR_NOTES = 50.0
"""An earlier adapter's cut-offs count like those of so many notes."""
MOST = 0.9
"""No field asks for a higher confidence than this before it takes a value."""

_STEPS = 100  # of the distribution of confidence
_TAIL = 0.01  # notes whose mean confidence is as low as that of one in a hundred are outside what the adapter knows


@dataclass(frozen=True)
class Cutoffs:
    """What is done with a confidence.

    Attributes:
        n_notes: labelled notes that they were fitted on; 0 for what holds where nothing was fitted.
        put_in: field key to the confidence from which a value is put into the field.
        ranks: confidence below which 0, 1, 2 .. 100 % of the fields lie that hold what was suggested, a value or none.
        least_mean: mean confidence of a note's fields below which the adapter does not know such notes.
    """

    n_notes: int = 0
    put_in: Mapping[str, float] = field(default_factory=dict)
    ranks: tuple[float, ...] = ()
    least_mean: float = 0.0

    def __post_init__(self) -> None:
        known = [*self.put_in.values(), *self.ranks, self.least_mean]
        if not all(0.0 <= one <= 1.0 for one in known) or len(self.ranks) not in (0, _STEPS + 1):
            raise ValueError("Expected cut-offs from 0 to 1; found others. Fit the calibration again.")
        if list(self.ranks) != sorted(self.ranks):
            raise ValueError("Expected rising ranks; found others. Fit the calibration again.")

    def takes(self, key: str) -> float:
        """The confidence from which a field takes a value."""
        return self.put_in.get(key, EVEN)

    def asks_below(self, budget: float) -> float:
        """The confidence below which a field asks, for a share of fields that may ask, 0 to 1."""
        if not self.ranks:
            return SURE
        place = min(max(budget, 0.0), 1.0) * _STEPS
        before = min(int(place), _STEPS - 1)
        if place >= _STEPS:
            return 1.0 + 1e-9  # all of them, the surest too
        return self.ranks[before] + (self.ranks[before + 1] - self.ranks[before]) * (place - before)

    def to_json(self) -> dict[str, Any]:
        """The cut-offs as plain JSON values."""
        return {
            "n_notes": self.n_notes,
            "put_in": {key: round(one, 4) for key, one in self.put_in.items()},
            "ranks": [round(one, 4) for one in self.ranks],
            "least_mean": round(self.least_mean, 4),
        }

    @classmethod
    def from_json(cls, stored: Any) -> Cutoffs:
        """The cut-offs that `to_json` gave.

        Raises:
            ValueError, KeyError, TypeError, AttributeError: they are none.
        """
        return cls(
            n_notes=int(stored["n_notes"]),
            put_in={str(key): float(one) for key, one in stored["put_in"].items()},
            ranks=tuple(float(one) for one in stored["ranks"]),
            least_mean=float(stored["least_mean"]),
        )


DEFAULT = Cutoffs()


@dataclass(frozen=True)
class Proposed:
    """What an adapter proposed for one field of one labelled note.

    Attributes:
        key: of the field.
        confidence: that what was proposed is right, 0 to 1, from curves that this note was not fitted into.
        may_show: whether it is a value that the note holds; False for no value and for one that is not found.
        is_null: whether it is no value.
        right: whether it agrees with the label, or with another value that is accepted.
        empty_right: whether no value would be right.
        is_labelled: whether the label is a value.
    """

    key: str
    confidence: float
    may_show: bool
    is_null: bool
    right: bool
    empty_right: bool
    is_labelled: bool


def fit_cutoffs(notes: Sequence[Sequence[Proposed]], earlier: Cutoffs | None = None) -> Cutoffs:
    """The cut-offs that labelled notes speak for.

    Args:
        notes: one entry per field of each answered note.
        earlier: what held before; it counts like `PRIOR_NOTES` further notes.
    """
    answered = [note for note in notes if note]
    if not answered:
        return earlier or DEFAULT
    seen = [one for note in answered for one in note]
    floor = _floor(seen)
    put_in = {key: min(MOST, max(floor, gain)) for key, gain in _gains(seen).items()}
    now = Cutoffs(
        n_notes=len(answered),
        put_in=put_in,
        ranks=_quantiles([one.confidence for one in seen if one.is_null or _is_shown(one, put_in)]),
        least_mean=_find_low([fmean(one.confidence for one in note) for note in answered]),
    )
    return now if earlier is None or not earlier.n_notes else _update_cutoffs(earlier, now)


def shown_share(seen: Iterable[Proposed], put_in: Mapping[str, float]) -> tuple[float | None, float | None]:
    """Of the values put in, the share that is right; of the labelled fields, the share that shows a value."""
    every = list(seen)
    shown = [one for one in every if _is_shown(one, put_in)]
    n_labelled = sum(one.is_labelled for one in every)
    return (
        sum(one.right for one in shown) / len(shown) if shown else None,
        sum(one.is_labelled for one in shown) / n_labelled if n_labelled else None,
    )


def _is_shown(one: Proposed, put_in: Mapping[str, float]) -> bool:
    return one.may_show and one.confidence >= put_in.get(one.key, EVEN)


def _gains(seen: Sequence[Proposed]) -> dict[str, float]:
    """Field key to the confidence at which a value is right as often as leaving the field empty.

    Where a share h of a field's wrong values should have been none, a value of confidence c beats none where
    c > (1 - c) h.
    """
    gains = {}
    for key in dict.fromkeys(one.key for one in seen):
        wrong = [one for one in seen if one.key == key and one.may_show and not one.right]
        share = (sum(one.empty_right for one in wrong) + 1) / (len(wrong) + 2)
        gains[key] = share / (1 + share)
    return gains


def _floor(seen: Sequence[Proposed]) -> float:
    """The lowest confidence from which on `AIM` of the values is right, for all fields; lower where too few show."""
    values = sorted((one for one in seen if one.may_show), key=lambda one: -one.confidence)
    n_labelled = sum(one.is_labelled for one in seen)
    n_right = n_found = 0
    aimed = enough = None
    for n, one in enumerate(values, start=1):
        n_right, n_found = n_right + one.right, n_found + one.is_labelled
        if n < len(values) and values[n].confidence == one.confidence:
            continue  # no cut-off lies between equals
        if enough is None and n_found >= LEAST_SHOWN * n_labelled:
            enough = one.confidence
        if (n_right + AIM) / (n + 1) >= AIM:  # one more value, right as often as aimed at
            aimed = one.confidence
    if aimed is None or enough is None:
        return EVEN
    return min(aimed, enough)


def _quantiles(values: Sequence[float]) -> tuple[float, ...]:
    ordered = sorted(values)
    if not ordered:
        return ()
    return tuple(ordered[min(len(ordered) - 1, step * len(ordered) // _STEPS)] for step in range(_STEPS + 1))


def _find_low(means: Sequence[float]) -> float:
    """What one note in a hundred lies below."""
    ordered = sorted(means)
    return ordered[int(_TAIL * len(ordered))]


def _update_cutoffs(earlier: Cutoffs, now: Cutoffs) -> Cutoffs:
    """What holds after notes were added to what was known."""
    share = now.n_notes / (now.n_notes + PRIOR_NOTES)

    def mix(before: float, after: float) -> float:
        return before + (after - before) * share

    ranks = now.ranks or earlier.ranks
    if now.ranks and earlier.ranks:
        ranks = tuple(mix(*pair) for pair in zip(earlier.ranks, now.ranks, strict=True))
    return Cutoffs(
        n_notes=now.n_notes,
        put_in={**earlier.put_in, **{key: mix(earlier.takes(key), one) for key, one in now.put_in.items()}},
        ranks=ranks,
        least_mean=mix(earlier.least_mean, now.least_mean),
    )


def share_below(values: Sequence[float], at: float) -> float:
    """The share of some values that lies below one."""
    return bisect_left(sorted(values), at) / len(values) if values else 0.0
