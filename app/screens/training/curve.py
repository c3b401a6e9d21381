"""The learning curve on the train screen: what further reviews would bring, and the plots that say so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from app.core.desk import Desk
from app.core.errors import DeskError, sentence_of
from app.screens.markup import QUICK, empty, percent, plural, tried
from app.training.curves import Drawn, newest_curve
from app.training.requests import TrainOptions, request_run, run_name
from data.gate.learning_curve import Curve, Finding, Kind, Share

LARGE, SMALL = (640, 330), (320, 132)
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 10, 22
FINE, COARSE = 0.02, 0.05  # steps of the vertical axis
MARKS: dict[Kind, tuple[str, str]] = {
    "gain": ("▲", "rising"),
    "flat": ("–", "flat"),
    "loss": ("▼", "falling"),
    "unsure": ("?", "unclear"),
}


def build_curve(desk: Desk, timer: gr.Timer, mode: Any) -> Any:
    """Lay out the card and wire its button.

    Args:
        desk: whose runs and reviewed notes it is about.
        timer: fills the card again while the screen is open.
        mode: the choice between full and warm.

    Returns:
        The part that `curve_html` fills.
    """
    with gr.Column(elem_classes="card", elem_id="curve"):
        shown = gr.HTML(js_on_load=None)
        with gr.Row(elem_classes="line"):
            draw = gr.Button("Draw the learning curve", elem_id="curve-draw", min_width=0)
        said = gr.HTML(elem_id="curve-said", js_on_load=None)

    def drawn(request: gr.Request, chosen: str) -> str:
        return tried(lambda: request_curve(desk, request.username, chosen))

    draw.click(drawn, [mode], [said], **QUICK)
    timer.tick(lambda: curve_html(desk), None, [shown], **QUICK)
    return shown


def request_curve(desk: Desk, reviewer: str, mode: str) -> str:
    """Ask for a run that draws a curve."""
    options = TrainOptions(mode="warm" if mode == "warm" else "full", curve=True)
    name = run_name(request_run(desk.store, options, reviewer))
    return f"{name} is waiting for the trainer; it trains several times and activates nothing."


def curve_html(desk: Desk) -> str:
    """The newest curve with what it says, or what to do to get one."""
    title = "<h3>Learning curve</h3>"
    try:
        drawn = newest_curve(desk.settings, desk.task)
    except DeskError as error:
        return f'{title}<p class="trouble">{escape(sentence_of(error))}</p>'
    if drawn is None:
        return title + empty(
            "No learning curve yet.",
            "Review some notes, then draw one: it trains five times, on more and more of them, and says for every "
            "field whether further reviews would help. No adapter is activated.",
        )
    whole, *fields = drawn.findings
    large = _figure("Mean over all fields", _plot(drawn.curve, [whole], whole, LARGE), whole, is_large=True)
    small = (
        _figure(desk.task.field(finding.key).title, _plot(drawn.curve, fields, finding, SMALL), finding)
        for finding in fields
        if finding.key in desk.task.keys
    )
    return f'{title}{_measured(drawn)}<div class="curves">{large}{"".join(small)}</div>'


def _measured(drawn: Drawn) -> str:
    curve, last = drawn.curve, drawn.curve.points[-1]
    how = "each time from the start" if curve.mode == "full" else "each time on from the active adapter"
    seeds = f", the mean of {len(curve.seeds)} seeds" if len(curve.seeds) > 1 else ""
    return (
        f'<p class="quiet">{escape(drawn.name)} trained {how} on {plural(curve.n_originals, "original")} and on up to '
        f"{plural(last.n_corrections, 'reviewed note')}, and measured the share of right values on the same "
        f"{plural(curve.n_notes, 'held-out note')}{seeds}. The band shows how far the choice of held-out notes may "
        "move a point (95 %); the sentences are read from the last step. The plots of fields differ in level, "
        "not in scale.</p>"
    )


def _plot(curve: Curve, alike: Sequence[Finding], finding: Finding, size: tuple[int, int]) -> str:
    """The plot of a finding; those that are alike get axes of the same span, so that slopes can be compared."""
    step = FINE if size == LARGE else COARSE
    span = max(_scale(_points(curve, one.key), step)[1] for one in alike)
    low, _ = _scale(_points(curve, finding.key), step)
    return band_chart(_points(curve, finding.key), size, (min(low, 1 - span), span))


def _points(curve: Curve, key: str | None) -> list[tuple[int, Share]]:
    return [(point.n_corrections, point.fields[key] if key else point.macro) for point in curve.points]


def _scale(points: Sequence[tuple[int, Share]], step: float) -> tuple[float, float]:
    """Where an axis begins that holds the bands, and its span: whole steps, also in its middle."""
    ends = [end for _, share in points for end in _ends(share)]
    low = math.floor(min(ends) / step + 1e-9)
    n_steps = math.ceil(max(ends) / step - 1e-9) - low
    return low * step, max(2, n_steps + n_steps % 2) * step


def _ends(share: Share) -> tuple[float, float]:
    return (share.value if share.low is None else share.low, share.value if share.high is None else share.high)


def _figure(title: str, chart: str, finding: Finding, *, is_large: bool = False) -> str:
    shape, word = MARKS[finding.kind]
    return (
        f'<figure class="{"large" if is_large else "small"}"><figcaption><b>{escape(title)}</b>'
        f' <span class="state {finding.kind}"><i aria-hidden="true">{shape}</i> {word}</span></figcaption>'
        f"<p>{escape(finding.sentence)}</p>{chart}</figure>"
    )


def band_chart(points: Sequence[tuple[int, Share]], size: tuple[int, int], scale: tuple[float, float]) -> str:
    """A share over the number of reviewed notes, as a line in its band.

    Args:
        points: number of reviewed notes and share, rising.
        size: width and height.
        scale: where the vertical axis begins, and its span; it holds all bands.
    """
    (width, height), (low, span), last = size, scale, points[-1][0]

    def place(n: int, value: float) -> str:
        across = _LEFT + n / last * (width - _LEFT - _RIGHT)
        down = height - _BOTTOM - (value - low) / span * (height - _TOP - _BOTTOM)
        return f"{across:.1f},{down:.1f}"

    grid = "".join(_grid_line(low, span, part, size) for part in (0.0, 0.5, 1.0))
    lower, upper = ([place(n, _ends(share)[side]) for n, share in points] for side in (0, 1))
    dots = []
    for n, share in points:
        across, down = place(n, share.value).split(",")
        said = f"{plural(n, 'reviewed note')}: {percent(share.value)} right"
        if share.low is not None:
            said += f", band {percent(share.low)} to {percent(share.high)}"
        dots.append(f'<circle class="line-0" r="3" cx="{across}" cy="{down}"><title>{said}</title></circle>')
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="share right over reviewed notes">{grid}'
        f'<polygon class="band" points="{" ".join([*upper, *reversed(lower)])}"/>'
        f'<polyline class="line-0" points="{" ".join(place(n, share.value) for n, share in points)}"/>{"".join(dots)}'
        f'<text x="{_LEFT}" y="{height - 6}">0</text><text x="{width - _RIGHT}" y="{height - 6}" text-anchor="end">'
        f"{plural(last, 'reviewed note')}</text></svg>"
    )


def _grid_line(low: float, span: float, part: float, size: tuple[int, int]) -> str:
    width, height = size
    down = height - _BOTTOM - part * (height - _TOP - _BOTTOM)
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{width - _RIGHT}" y1="{down:.1f}" y2="{down:.1f}"/>'
        f'<text x="{_LEFT - 8}" y="{down + 4:.1f}" text-anchor="end">{100 * (low + part * span):.0f} %</text>'
    )
