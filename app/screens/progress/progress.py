"""The progress screen: how far the review is, what becomes of the suggestions, what they save, how adapters compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.core.desk import Desk
from app.core.rules import read_rules
from app.core.templates import Pieces
from app.core.zones import read_zone
from app.screens.charts.plots import line_chart
from app.screens.markup import QUICK
from app.screens.progress import cards as figures
from app.screens.progress.agreement import agreement_card
from app.screens.queue.queue import progress_bar
from app.screens.trouble import listen
from app.screens.zone.zone import zone_of
from app.worker.calibration import Trust, trust_in
from data.task import Task
from db.notes.queue.search import counts
from db.review.figures.statistics import Outcome, lead_times, note_names, outcomes
from db.review.reviewed import reviewed_per_day
from db.review.trials import trial_outcomes
from db.store.store import Session
from db.training.adapters import active_adapter
from db.training.runs import EvaluationRow, evaluations

_HTML = Pieces("screens/progress/progress.html")


def build_progress(desk: Desk) -> tuple[Any, list[Any], list[Any]]:
    """Lay out the screen.

    Returns:
        The handler that fills it, its inputs and its outputs: the desk calls it when the tab is opened.
    """
    with gr.Column(elem_id="progress"):
        with gr.Row(elem_classes="columns-2"):
            with gr.Column():
                left = [gr.HTML(elem_classes="card", js_on_load=None) for _ in range(4)]
            with gr.Column():
                right = [gr.HTML(elem_classes="card", js_on_load=None) for _ in range(3)]
        with gr.Row(elem_classes="line", elem_id="progress-by"):
            adapter = gr.Dropdown(
                [("all adapters", "")],
                value="",
                label="Suggestions of",
                visible=False,
                allow_custom_value=True,
                elem_id="progress-adapter",
            )
        wide = [gr.HTML(elem_classes="card", js_on_load=None) for _ in range(2)]

    def fill(request: gr.Request, chosen: str) -> list[Any]:
        with desk.store.reading() as session:
            found, zone = figures.keep_task_fields(desk.task, outcomes(session)), zone_of(request)
            parts = [
                *show(desk, session, found, zone),
                *show_suggestions(desk.task, session, found, chosen or ""),
            ]
        names = sorted({one.adapter for one in found})
        choices = [("all adapters", ""), *((name, name) for name in names)]
        return [gr.Dropdown(choices=choices, visible=len(names) > 1), *parts]

    def show_adapter(chosen: str) -> list[str]:
        with desk.store.reading() as session:
            return show_suggestions(
                desk.task, session, figures.keep_task_fields(desk.task, outcomes(session)), chosen or ""
            )

    listen(adapter.change, show_adapter, ([adapter], wide), "progress", **QUICK)
    return fill, [adapter], [adapter, *left, *right, *wide]


def show(desk: Desk, session: Session, found: Sequence[Outcome], zone: str = "UTC") -> list[str]:
    """The cards that hold for everything: counts, days, minutes, evaluations; suggestions, seeded values, agreement.

    Args:
        found: what became of the suggested values.
        zone: the time zone whose days are counted.
    """
    counted, scored = counts(session), _evaluations(evaluations(session), trust_in(desk.settings, session))
    if not counted.n_submitted:
        return [
            _HTML.counts(counted, progress_bar(counted)),
            _HTML.nothing_at_all(counted.n_notes > 0),
            "",
            scored,
            "",
            "",
            agreement_card(desk, session),
        ]
    active, trials, rules = active_adapter(session), trial_outcomes(session), read_rules(session)
    name = active.name if active else None
    return [
        _HTML.counts(counted, progress_bar(counted)),
        figures.notes_over_time(reviewed_per_day(session, read_zone(zone))),
        figures.time_taken(lead_times(session), name, trials, blind_share=rules.blind_share),
        scored,
        figures.acceptance(desk.task, found, name),
        figures.seeded_errors(desk.task, trials, rules.seeded_share),
        agreement_card(desk, session),
    ]


def show_suggestions(task: Task, session: Session, found: Sequence[Outcome], adapter: str) -> list[str]:
    """The cards about the suggestions of one adapter, or of all: its confidence, and what it mistakes.

    Args:
        adapter: its name; empty for all of them.
    """
    if not found:
        return ["", ""]
    chosen = [one for one in found if not adapter or one.adapter == adapter]
    confused = figures.confusions(task, chosen)
    names = note_names(session, {note for *_, notes in confused for note in notes})
    return [figures.calibration(task, chosen), figures.confusions_html(task, confused, names)]


def _evaluations(scored: Sequence[EvaluationRow], trust: Trust | None) -> Markup:
    scored = sorted(scored, key=lambda row: row.evaluated_at)
    points = [(float(number), _macro(row, "normalised") or 0.0) for number, row in enumerate(scored, 1)]
    chart = line_chart({"fields right, mean": points}, x="evaluation", y="share of fields right")
    rows = [(row, [_macro(row, name) for name in ("normalised", "exact", "f1")]) for row in reversed(scored)]
    return _HTML.evaluations(rows, chart if len(scored) > 1 else "", trust)


def _macro(row: EvaluationRow, name: str) -> float | None:
    value = row.metrics.get("macro", {}).get(name)
    return None if value is None else float(value)
