"""Small charts as SVG and HTML: they follow the desk's colours, light and dark, and need no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    return f'<div class="stack">{pieces}</div>'


def two_bars(old: float | None, new: float | None) -> str:
    """Two shares, from 0 to 1, one above the other: the old one and the new one."""
    return (
        f'<div class="two"><i class="old" style="width:{100 * (old or 0):.1f}%"></i>'
        f'<i class="new" style="width:{100 * (new or 0):.1f}%"></i></div>'
    )
