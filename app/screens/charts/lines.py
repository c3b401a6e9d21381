"""Small charts as SVG and HTML: they follow the desk's colours, light and dark, and need no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 24

Points = Sequence[tuple[float, float]]


def line_chart(series: Mapping[str, Points], *, x: str, y: str, n_digits: int = 2) -> str:
    """Lines over a common scale.

    Args:
        series: name of each line to its points, (x, y); empty ones are left out.
        x: what the horizontal axis counts.
        y: what the vertical axis measures.
        n_digits: decimals of the vertical axis.
    """
    series = {name: points for name, points in series.items() if points}
    if not series:
        return ""
    xs = [point[0] for points in series.values() for point in points]
    ys = [point[1] for points in series.values() for point in points]
    left, right, low, high = min(xs), max(xs), min(0.0, *ys), max(ys)
    right, high = right if right > left else left + 1, high if high > low else low + 1

    def place(point: tuple[float, float]) -> str:
        across = _LEFT + (point[0] - left) / (right - left) * (WIDTH - _LEFT - _RIGHT)
        down = HEIGHT - _BOTTOM - (point[1] - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)
        return f"{across:.1f},{down:.1f}"

    lines = "".join(
        f'<polyline class="line-{index}" points="{" ".join(map(place, points))}"/>'
        + (f'<circle class="line-{index}" r="3" {_centre(place(points[0]))}/>' if len(points) == 1 else "")
        for index, points in enumerate(series.values())
    )
    legend = "".join(f'<li class="line-{index}">{escape(name)}</li>' for index, name in enumerate(series))
    label = f"{escape(y)} over {escape(x)}"
    return (
        f'<figure class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{_grid(low, high, n_digits)}{_ends(left, right, x)}{lines}</svg>"
        f'<ul class="legend">{legend}</ul></figure>'
    )


def _centre(place: str) -> str:
    across, down = place.split(",")
    return f'cx="{across}" cy="{down}"'


def _grid(low: float, high: float, n_digits: int) -> str:
    rows = []
    for share in (0.0, 0.5, 1.0):
        down = HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)
        rows.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>'
            f'<text x="{_LEFT - 8}" y="{down + 4:.1f}" text-anchor="end">'
            f"{low + share * (high - low):.{n_digits}f}</text>"
        )
    return "".join(rows)


def _ends(left: float, right: float, x: str) -> str:
    return (
        f'<text x="{_LEFT}" y="{HEIGHT - 6}">{escape(x)} {left:g}</text>'
        f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{right:g}</text>'
    )


def reliability_chart(bins: Sequence[Sequence[float]]) -> str:
    """How sure an adapter was against how often it was right; on the diagonal the two agree.

    Args:
        bins: number of values, their mean confidence, the share that is right, of each bin; both from 0 to 1.
    """
    if not bins:
        return ""
    most = max(n for n, _, _ in bins)

    def place(sure: float, right: float) -> tuple[float, float]:
        across = _LEFT + sure * (WIDTH - _LEFT - _RIGHT)
        return across, HEIGHT - _BOTTOM - right * (HEIGHT - _TOP - _BOTTOM)

    dots = []
    for n, sure, right in bins:
        across, down = place(sure, right)
        said = f"{n:,.0f} values, confidence {sure:.2f}, right {right:.2f}"
        dots.append(
            f'<circle class="line-0" fill="none" stroke-width="2" cx="{across:.1f}" cy="{down:.1f}"'
            f' r="{2 + 8 * (n / most) ** 0.5:.1f}"><title>{said}</title></circle>'
        )
    line = " ".join(f"{across:.1f},{down:.1f}" for across, down in (place(sure, right) for _, sure, right in bins))
    (left, bottom), (end, top) = place(0, 0), place(1, 1)
    return (
        f'<figure class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="share right over confidence">{_grid(0, 1, 1)}{_ends(0, 1, "confidence")}'
        f'<line class="grid" x1="{left}" y1="{bottom}" x2="{end}" y2="{top}"/>'
        f'<polyline class="line-0" points="{line}"/>{"".join(dots)}</svg>'
        '<ul class="legend"><li class="line-0">share right</li></ul></figure>'
    )


def column_chart(columns: Sequence[tuple[str, int]], *, y: str) -> str:
    """One column per name, its count on top; for a few dozen columns."""
    if not columns:
        return ""
    high = max(1, *(n for _, n in columns))
    bars = "".join(
        f'<li title="{escape(name)}: {n}"><b>{n}</b><i style="height:{100 * n / high:.1f}%"></i>'
        f"<span>{escape(name)}</span></li>"
        for name, n in columns
    )
    return f'<ol class="columns" aria-label="{escape(y)}">{bars}</ol>'


def stacked_bar(parts: Sequence[tuple[str, int]]) -> str:
    """Shares of a whole as one bar; each part is a style class and a count."""
    total = sum(n for _, n in parts)
    if not total:
        return '<div class="stack"></div>'
    pieces = "".join(
        f'<i class="{escape(name)}" style="width:{100 * n / total:.2f}%" title="{escape(name)}: {n}"></i>'
        for name, n in parts
        if n
    )
    said = ", ".join(f"{n:,} {escape(name)}" for name, n in parts if n)
    return f'<div class="stack" role="img" aria-label="{said}">{pieces}</div>'


ROW_HEIGHT = 36
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_MARKS = {"better": "M-5 -6L7 0L-5 6Z", "worse": "M5 -6L-7 0L5 6Z", "unclear": "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0 -5 0Z"}


@dataclass(frozen=True)
class Effect:
    """A difference of two shares, and the interval that it lies in where one was kept; shares."""

    change: float
    low: float | None = None
    high: float | None = None

    @property
    def direction(self) -> str:
        """`better` or `worse` where the interval leaves 0 out; `unclear` where it does not, or there is none."""
        if self.low is not None and self.low > 0:
            return "better"
        return "worse" if self.high is not None and self.high < 0 else "unclear"


class EffectPlot:
    """A forest plot for the rows of a table: one drawing per row, and an axis, all on one scale around 0.

    Positions are shares of the width, so that the rows line up in a column of any width and nothing is distorted.

    Args:
        effects: everything that is to be drawn.
        floor: the loss at which a line is drawn where it is within the scale, as a share above 0.
    """

    def __init__(self, effects: Iterable[Effect], floor: float) -> None:
        ends = [end for one in effects for end in (one.change, one.low, one.high) if end is not None]
        reach = max(map(abs, ends), default=0.0) or floor * 1.25 or _STEPS[0]  # nothing differs
        self._step = next(step for step in _STEPS if reach / step <= 2.5 or step == _STEPS[-1])
        self._reach = math.ceil(reach * 1.06 / self._step - 1e-9) * self._step
        self._floor = floor

    def row(self, effect: Effect) -> str:
        """One effect with its interval."""
        interval, said = "", f"{100 * effect.change:+.1f} points"
        if effect.low is not None and effect.high is not None:
            interval = (
                f'<line class="interval" x1="{self._at(effect.low)}" x2="{self._at(effect.high)}" y1="50%" y2="50%"/>'
            )
            said += f", 95 % interval {100 * effect.low:+.1f} to {100 * effect.high:+.1f}"
        mark = (
            f'<svg class="{effect.direction}" x="{self._at(effect.change)}" y="50%" overflow="visible">'
            f'<path d="{_MARKS[effect.direction]}"/></svg>'
        )
        return self._drawing(f"{interval}{mark}", f'role="img" aria-label="{said}"', ROW_HEIGHT)

    def axis(self) -> str:
        """The scale, in percentage points."""
        n = round(self._reach / self._step)
        ticks = "".join(
            f'<text x="{self._at(number * self._step)}" y="15" text-anchor="middle">'
            f"{round(100 * number * self._step):+d}</text>".replace("+0<", "0<")
            for number in range(-n + 1, n)
        )
        return self._drawing(ticks, 'aria-hidden="true"', 20, to="4")

    def _at(self, share: float) -> str:
        return f"{50 + 50 * share / self._reach:.2f}%"

    def _drawing(self, inside: str, described: str, height: int, to: str = "100%") -> str:
        lines = "".join(
            f'<line class="{name}" x1="{self._at(at)}" x2="{self._at(at)}" y1="0" y2="{to}"/>'
            for name, at in (("zero", 0.0), ("floor", -self._floor))
            if name == "zero" or 0 < self._floor < self._reach
        )
        return f'<svg class="effect" width="100%" height="{height}" {described}>{lines}{inside}</svg>'
