"""Plots as SVG: they follow the desk's colours, light and dark, need no script, and are told to screen readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from markupsafe import Markup

from app.core.templates import Pieces
from app.screens.charts.axes import Axes, Line, Pairs
from data.gate.learning_curve import Share
from data.text.figures import percent, plural

LARGE, SMALL = (640, 180), (300, 160)
"""Width and height of a plot of reliability, in pixels."""

_HTML = Pieces("screens/charts/charts.html")


def line_chart(series: Mapping[str, Pairs], *, x: str, y: str) -> Markup:
    """Lines over a common scale.

    Args:
        series: name of each line to its points, (x, y); empty ones are left out.
        x: what the horizontal axis counts.
        y: what the vertical axis measures.
    """
    series = {name: points for name, points in series.items() if points}
    if not series:
        return Markup()
    xs, ys = zip(*(point for points in series.values() for point in points), strict=True)
    axes = Axes((min(xs), max(xs)), (min(0.0, *ys), max(ys)))
    lines = [Line(points, [(*points[0], 3, "")] if len(points) == 1 else ()) for points in series.values()]
    ends = (f"{x} {min(xs):g}", f"{max(xs):g}")
    return _HTML.chart(_HTML.plot(axes, f"{y} over {x}", ends, lines), list(series))


def band_chart(points: Sequence[tuple[int, Share]], size: tuple[int, int], scale: tuple[float, float]) -> Markup:
    """A share over the number of reviewed notes, as a line in its band.

    Args:
        points: number of reviewed notes and share, rising.
        size: width and height, in pixels.
        scale: where the vertical axis begins, and its span; it holds all bands.
    """
    (low, span), last = scale, points[-1][0]
    axes = Axes((0, last), (low, low + span), size, figure=lambda y: f"{100 * y:.0f} %")
    dots = []
    for n, share in points:
        band = "" if share.low is None else f", band {percent(share.low)} to {percent(share.high)}"
        dots.append((n, share.value, 3, f"{plural(n, 'reviewed note')}: {percent(share.value)} right{band}"))
    lower, upper = ([(n, ends_of(share)[side]) for n, share in points] for side in (0, 1))
    line = Line([(n, share.value) for n, share in points], dots, [*upper, *reversed(lower)])
    return _HTML.plot(axes, "share right over reviewed notes", ("0", plural(last, "reviewed note")), [line])


def ends_of(share: Share) -> tuple[float, float]:
    """The ends of a share's band; the share itself where it has none."""
    return (share.value if share.low is None else share.low, share.value if share.high is None else share.high)


def reliability(bins: Sequence[Sequence[float]], title: str, size: tuple[int, int] = LARGE) -> Markup:
    """How sure an adapter was, across, against how often it was right, upwards; on the diagonal the two agree.

    Args:
        bins: number of values, mean confidence and share right of each tenth that has any.
        title: whose values they are.
        size: width and height, in pixels.
    """
    if not bins:
        return Markup()
    most = max(n for n, _, _ in bins)
    dots = [
        (
            sure,
            right,
            1.5 + 5.5 * (n / most) ** 0.5,
            f"{plural(int(n), 'value')} of confidence {sure:.2f}: {right:.2f} right",
        )
        for n, sure, right in bins
    ]
    axes = Axes((0, 1), (0, 1), size, left=28, figure="{:g}".format)
    said = f"{title}: {'; '.join(words for *_, words in dots)}"
    ends = ("confidence 0" if size == LARGE else "0", "1")
    line = Line([(sure, right) for _, sure, right in bins], dots)
    return _HTML.plot(axes, said, ends, [line], is_diagonal=True)


def days_chart(days: Sequence[tuple[date, int]], step: str = "day") -> Markup:
    """Notes reviewed, a bar for each day or week, and all of them together as a line on a scale of its own.

    Args:
        days: the first day of each bar and its count, without gaps.
        step: what a bar counts.
    """
    most, total, high = max(n for _, n in days), sum(n for _, n in days), _even_end(sum(n for _, n in days))
    axes = Axes((0, len(days)), (0, _even_end(most)), (640, 220), right=44, figure="{:,.0f}".format)
    bars, points, so_far = [], [], 0
    for number, (day, n) in enumerate(days):
        so_far += n
        bars.append((number, n, f"{day:%d %b %Y}: {plural(n, 'note')}, {so_far:,} in all"))
        points.append((number + 0.5, so_far / high * axes.y[1]))
    shown = min(len(days), 5)
    dates = sorted({round(number * (len(days) - 1) / max(shown - 1, 1)) for number in range(shown)})
    label = (
        f"{plural(total, 'note')} reviewed between {days[0][0]:%d %B %Y} and {days[-1][0]:%d %B %Y}; "
        f"at most {most:,} in a {step}"
    )
    return _HTML.days(axes, label, high, bars, points, [(at + 0.5, f"{days[at][0]:%d %b}") for at in dates], step)


def _even_end(n: int) -> int:
    """The end of a scale that holds `n`: its middle is a whole number too, and both are round where they are large."""
    step = int(2 * 10 ** max(0, len(str(n)) - 2))
    return -(-n // step) * step
