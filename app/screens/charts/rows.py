"""Drawings in the rows of a table: their positions are shares of the width, so that the rows line up in any column."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from app.core.templates import Pieces
from data.text.figures import minutes

_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

_HTML = Pieces("screens/charts/charts.html")


@dataclass(frozen=True)
class Spread:
    """The middle half of some numbers, their median, and how many they are."""

    low: float
    median: float
    high: float
    n: int


def spread_row(spread: Spread, reach: float) -> Markup:
    """The middle half of some minutes as a bar with its median, on a scale from 0 to `reach`."""
    left, middle, right = (min(at / reach, 1) for at in (spread.low, spread.median, spread.high))
    said = f"half of them between {minutes(spread.low)} and {minutes(spread.high)}, median {minutes(spread.median)}"
    return _HTML.spread(left, middle, max(right - left, 0.005), said)


def share_row(share: float, low: float, high: float) -> Markup:
    """A share with its interval, on a scale from 0 to 1."""
    said = f"{100 * share:.0f} %, 95 % interval {100 * low:.0f} to {100 * high:.0f} %"
    return _HTML.share(share, low, high, said)


@dataclass(frozen=True)
class Effect:
    """A difference of two shares, and the interval that it lies in where one was kept; shares."""

    change: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval, where one was kept."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def direction(self) -> str:
        """`better` or `worse` where the interval leaves 0 out; `unclear` where it does not, or there is none."""
        if self.low is not None and self.low > 0:
            return "better"
        return "worse" if self.high is not None and self.high < 0 else "unclear"

    @property
    def said(self) -> str:
        """The same in words."""
        said = f"{100 * self.change:+.1f} points"
        if self.interval is None:
            return said
        return f"{said}, 95 % interval {100 * self.interval[0]:+.1f} to {100 * self.interval[1]:+.1f}"


class EffectPlot:
    """A forest plot for the rows of a table: one drawing per row, and an axis, all on one scale around 0.

    Args:
        effects: everything that is to be drawn.
        floor: the loss at which a line is drawn where it is within the scale, as a share above 0.
    """

    def __init__(self, effects: Iterable[Effect], floor: float) -> None:
        ends = [end for one in effects for end in (one.change, one.low, one.high) if end is not None]
        reach = max(map(abs, ends), default=0.0) or floor * 1.25 or _STEPS[0]  # nothing differs
        self._step = next(step for step in _STEPS if reach / step <= 2.5 or step == _STEPS[-1])
        self._reach = math.ceil(reach * 1.06 / self._step - 1e-9) * self._step
        floors = [("floor", self.place_x(-floor))] if 0 < floor < self._reach else []
        self.lines = [("zero", self.place_x(0)), *floors]

    def place_x(self, share: float) -> str:
        """Where a difference stands, as a part of the width."""
        return f"{50 + 50 * share / self._reach:.2f}%"

    def row(self, effect: Effect) -> Markup:
        """One effect with its interval."""
        return _HTML.effect(self, effect)

    def axis(self) -> Markup:
        """The scale, in percentage points."""
        n = round(self._reach / self._step)
        points = ((number * self._step, round(100 * number * self._step)) for number in range(-n + 1, n))
        return _HTML.effect_axis(
            self, [(self.place_x(share), f"{of_100:+d}" if of_100 else "0") for share, of_100 in points]
        )
