"""The learning curve on the train screen: what further reviews would bring, and the plots that say so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.core.desk import Desk
from app.core.errors import DeskError, sentence_of
from app.core.templates import Pieces
from app.screens.charts.plots import band_chart, ends_of
from app.screens.markup import QUICK, try_action
from app.training.curves import newest_curve
from app.training.requests import TrainOptions, request_run, run_name
from data.gate.learning_curve import Curve, Finding, Kind, Share

LARGE, SMALL = (640, 330), (320, 132)
FINE, COARSE = 0.02, 0.05  # steps of the vertical axis
MARKS: dict[Kind, tuple[str, str]] = {
    "gain": ("▲", "rising"),
    "flat": ("–", "flat"),
    "loss": ("▼", "falling"),
    "unsure": ("?", "unclear"),
}


_HTML = Pieces("screens/training/training.html")


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

    def draw_curve(request: gr.Request, chosen: str) -> str:
        return try_action(lambda: request_curve(desk, request.username, chosen))

    draw.click(draw_curve, [mode], [said], **QUICK)
    timer.tick(lambda: curve_html(desk), None, [shown], **QUICK)
    return shown


def request_curve(desk: Desk, reviewer: str, mode: str) -> str:
    """Ask for a run that draws a curve."""
    options = TrainOptions(mode="warm" if mode == "warm" else "full", curve=True)
    name = run_name(request_run(desk.store, options, reviewer))
    return f"{name} is waiting for the trainer; it trains several times and activates nothing."


def curve_html(desk: Desk) -> Markup:
    """The newest curve with what it says, or what to do to get one."""
    try:
        drawn = newest_curve(desk.settings, desk.task)
    except DeskError as error:
        return _HTML.no_curve(sentence_of(error))
    if drawn is None:
        return _HTML.no_curve()
    whole, *fields = drawn.findings
    figures = [("Mean over all fields", whole, MARKS[whole.kind], _plot(drawn.curve, [whole], whole, LARGE))]
    for finding in fields:
        if finding.key in desk.task.keys:
            plot = _plot(drawn.curve, fields, finding, SMALL)
            figures.append((desk.task.field(finding.key).title, finding, MARKS[finding.kind], plot))
    return _HTML.curve(drawn.name, drawn.curve, figures)


def _plot(curve: Curve, alike: Sequence[Finding], finding: Finding, size: tuple[int, int]) -> Markup:
    """The plot of a finding; those that are alike get axes of the same span, so that slopes can be compared."""
    step = FINE if size == LARGE else COARSE
    span = max(_scale(_points(curve, one.key), step)[1] for one in alike)
    low, _ = _scale(_points(curve, finding.key), step)
    return band_chart(_points(curve, finding.key), size, (min(low, 1 - span), span))


def _points(curve: Curve, key: str | None) -> list[tuple[int, Share]]:
    return [(point.n_corrections, point.fields[key] if key else point.macro) for point in curve.points]


def _scale(points: Sequence[tuple[int, Share]], step: float) -> tuple[float, float]:
    """Where an axis begins that holds the bands, and its span: whole steps, also in its middle."""
    ends = [end for _, share in points for end in ends_of(share)]
    low = math.floor(min(ends) / step + 1e-9)
    n_steps = math.ceil(max(ends) / step - 1e-9) - low
    return low * step, max(2, n_steps + n_steps % 2) * step
