"""Plots of the progress screen as SVG: days, spreads, intervals, reliability. They follow the desk's colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from app.screens.markup import plural

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 40, 44, 14, 24
SMALL = (300, 160)
"""Width and height of a small plot of reliability."""


def days_chart(days: Sequence[tuple[date, int]], step: str = "day") -> str:
    """Notes reviewed, a bar for each day or week, and all of them together as a line on a scale of its own.

    Args:
        days: the first day of each bar and its count, without gaps.
        step: what a bar counts.
    """
    most, total = _even(max(n for _, n in days)), sum(n for _, n in days)
    high = _even(total)
    width = (WIDTH - LEFT - RIGHT) / len(days)
    height = HEIGHT - TOP - BOTTOM
    bars, points, so_far = [], [], 0
    for number, (day, n) in enumerate(days):
        so_far += n
        tall = n / most * height
        across = LEFT + number * width
        said = f"{day:%d %b %Y}: {plural(n, 'note')}, {so_far:,} in all"
        bars.append(
            f'<g><title>{said}</title><rect class="hit" x="{across:.1f}" y="{TOP}" width="{width:.1f}"'
            f' height="{height}"/><rect class="bar" x="{across + width * 0.1:.1f}" y="{HEIGHT - BOTTOM - tall:.1f}"'
            f' width="{max(width * 0.8, 1):.1f}" height="{tall:.1f}" rx="{min(2.0, width / 4):.1f}"/></g>'
        )
        points.append(f"{across + width / 2:.1f},{HEIGHT - BOTTOM - so_far / high * height:.1f}")
    last = points[-1].split(",")
    label = (
        f"{plural(total, 'note')} reviewed between {days[0][0]:%d %B %Y} and {days[-1][0]:%d %B %Y}; "
        f"at most {max(n for _, n in days):,} in a {step}"
    )
    return (
        f'<figure class="chart days"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{_scales(most, high)}{''.join(bars)}"
        f'<polyline class="line-1" points="{" ".join(points)}"/>'
        f'<circle class="dot-1" r="3.5" cx="{last[0]}" cy="{last[1]}"/>{_dates(days, width)}</svg>'
        f'<ul class="legend"><li class="done">reviewed each {step} (left scale)</li>'
        '<li class="line-1">all together (right scale)</li></ul></figure>'
    )


def _scales(most: int, high: int) -> str:
    rows = []
    for part in (0.0, 0.5, 1.0):
        down = HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
        rows.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>'
            f'<text x="{LEFT - 6}" y="{down + 4:.1f}" text-anchor="end">{part * most:,.0f}</text>'
            f'<text x="{WIDTH - RIGHT + 6}" y="{down + 4:.1f}">{part * high:,.0f}</text>'
        )
    return "".join(rows)


def _even(n: int) -> int:
    """The end of a scale that holds `n`: its middle is a whole number too, and both are round where they are large."""
    step = int(2 * 10 ** max(0, len(str(n)) - 2))
    return -(-n // step) * step


def _dates(days: Sequence[tuple[date, int]], width: float) -> str:
    """The first day, the last, and as many between as have room."""
    n_shown = min(len(days), 5)
    places = sorted({round(number * (len(days) - 1) / max(n_shown - 1, 1)) for number in range(n_shown)})
    return "".join(
        f'<text x="{LEFT + (place + 0.5) * width:.1f}" y="{HEIGHT - 7}" text-anchor="middle">'
        f"{days[place][0]:%d %b}</text>"
        for place in places
    )


@dataclass(frozen=True)
class Spread:
    """The middle half of some numbers, their median, and how many they are."""

    low: float
    median: float
    high: float
    n: int


def spread_row(spread: Spread, reach: float) -> str:
    """The middle half as a bar with its median, on a scale from 0 to `reach`."""
    left, middle, right = (100 * min(at / reach, 1) for at in (spread.low, spread.median, spread.high))
    said = f"half of them between {minutes(spread.low)} and {minutes(spread.high)}, median {minutes(spread.median)}"
    return (
        f'<svg class="spread" width="100%" height="26" role="img" aria-label="{said}"><title>{said}</title>'
        f'<line class="grid" x1="0" x2="100%" y1="13" y2="13"/>'
        f'<rect class="half" x="{left:.2f}%" y="6" width="{max(right - left, 0.5):.2f}%" height="14" rx="3"/>'
        f'<line class="middle" x1="{middle:.2f}%" x2="{middle:.2f}%" y1="3" y2="23"/></svg>'
    )


def share_row(share: float, low: float, high: float) -> str:
    """A share with its interval, on a scale from 0 to 1."""
    said = f"{100 * share:.0f} %, 95 % interval {100 * low:.0f} to {100 * high:.0f} %"
    return (
        f'<svg class="spread" width="100%" height="26" role="img" aria-label="{said}"><title>{said}</title>'
        f'<line class="grid" x1="0" x2="100%" y1="13" y2="13"/>'
        f'<line class="interval" x1="{100 * low:.2f}%" x2="{100 * high:.2f}%" y1="13" y2="13"/>'
        f'<circle class="share" cx="{100 * share:.2f}%" cy="13" r="5"/></svg>'
    )


def minutes(at: float) -> str:
    """A time in minutes as people say it."""
    return f"{60 * at:.0f} s" if abs(at) < 1 else f"{at:.1f} min"


def small_reliability(bins: Sequence[tuple[int, float, float]], title: str) -> str:
    """Confidence across, share right upwards, both from 0 to 1; on the diagonal they agree.

    Args:
        bins: number of values, mean confidence and share right of each tenth that has any.
        title: whose values they are.
    """
    (width, height), pad, above = SMALL, 20, 10

    def place(sure: float, right: float) -> tuple[float, float]:
        return pad + sure * (width - pad - above), height - pad - right * (height - pad - above)

    most = max(n for n, _, _ in bins)
    dots, said = [], []
    for n, sure, right in bins:
        across, down = place(sure, right)
        words = f"{plural(n, 'value')} of confidence {sure:.2f}: {right:.2f} right"
        said.append(words)
        dots.append(
            f'<circle class="share" cx="{across:.1f}" cy="{down:.1f}" r="{1.5 + 5.5 * (n / most) ** 0.5:.1f}">'
            f"<title>{words}</title></circle>"
        )
    (left, bottom), (end, top) = place(0, 0), place(1, 1)
    line = " ".join(f"{across:.1f},{down:.1f}" for across, down in (place(sure, right) for _, sure, right in bins))
    frame = "".join(
        f'<line class="grid" x1="{left:.0f}" x2="{end:.0f}" y1="{at:.0f}" y2="{at:.0f}"/>'
        for at in (bottom, (bottom + top) / 2, top)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}: {"; ".join(said)}">{frame}'
        f'<line class="diagonal" x1="{left:.0f}" y1="{bottom:.0f}" x2="{end:.0f}" y2="{top:.0f}"/>'
        f'<polyline class="line-0" points="{line}"/>{"".join(dots)}'
        f'<text x="{left}" y="{height - 6}">0</text><text x="{end}" y="{height - 6}" text-anchor="end">1</text>'
        f'<text x="{left - 5}" y="{bottom + 3:.0f}" text-anchor="end">0</text>'
        f'<text x="{left - 5}" y="{top + 4:.0f}" text-anchor="end">1</text></svg>'
    )
