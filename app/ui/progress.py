"""The progress screen: how far the review is, what becomes of the suggestions, and how adapters compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, get_args

import gradio as gr

from app.desk import Desk
from app.ui.charts import column_chart, line_chart, stacked_bar
from app.ui.context import empty, moment, percent, plural, table
from app.ui.queue import progress_bar
from data.corrections import Kind
from data.task import Task
from db.adapters import active_adapter
from db.annotations import DayCount, acceptance, reviewed_per_day
from db.notes import Counts, counts
from db.runs import EvaluationRow, evaluations

KINDS: tuple[Kind, ...] = get_args(Kind)
N_DAYS = 21

Acceptance = Mapping[str, Mapping[str, Mapping[Kind, int]]]


def build_progress(desk: Desk) -> tuple[Any, list[Any], list[Any]]:
    """Lay out the screen.

    Returns:
        The handler that fills it, its inputs and its outputs: the desk calls it when the tab is opened.
    """
    with gr.Row(elem_classes="columns-2"):
        with gr.Column():
            outputs = [gr.HTML(elem_classes="card", js_on_load=None) for _ in range(2)]
        with gr.Column():
            outputs += [gr.HTML(elem_classes="card", js_on_load=None) for _ in range(2)]
    return (lambda: show(desk)), [], outputs


def show(desk: Desk) -> list[str]:
    """The four cards: counts, reviewed per day, acceptance per field, evaluations over adapters."""
    with desk.store.reading() as session:
        figures, per_day = counts(session), reviewed_per_day(session)
        accepted, active, scored = acceptance(session, desk.task), active_adapter(session), evaluations(session)
    return [
        _counts(figures),
        _per_day(per_day),
        acceptance_html(desk.task, accepted, active.name if active else None),
        _evaluations(scored),
    ]


def _counts(figures: Counts) -> str:
    numbers = (
        (figures.n_submitted, "reviewed"),
        (figures.n_todo + figures.n_draft, "to review"),
        (figures.n_flagged, "flagged"),
        (figures.n_skipped, "skipped"),
        (figures.n_originals, "originals"),
        (figures.n_holdout, "held out"),
    )
    listed = "".join(f"<li><b>{n:,}</b>{words}</li>" for n, words in numbers)
    return f'<h3>Notes</h3><ul class="figures">{listed}</ul><p>&nbsp;</p>{progress_bar(figures)}'


def _per_day(per_day: Sequence[DayCount]) -> str:
    columns = [(f"{row.day:%d %b}", row.n_submitted) for row in per_day[-N_DAYS:]]
    chart = column_chart(columns, y="Notes reviewed per day") or '<p class="quiet">Nothing reviewed yet.</p>'
    return f"<h3>Reviewed per day</h3>{chart}"


def acceptance_html(task: Task, accepted: Acceptance, active: str | None) -> str:
    """What reviewers did with the suggestions, one bar per field for each adapter, the active one first."""
    names = sorted(accepted, key=lambda name: (name != active, name))
    if not names:
        return '<h3>What became of the suggestions</h3><p class="quiet">Nothing reviewed yet.</p>'
    tables = "".join(_of_adapter(task, name, accepted[name], is_active=name == active) for name in names)
    legend = "".join(f'<li class="{kind}">{kind}</li>' for kind in KINDS)
    return f'<h3>What became of the suggestions</h3><ul class="legend">{legend}</ul>{tables}'


def _of_adapter(task: Task, name: str, fields: Mapping[str, Mapping[Kind, int]], *, is_active: bool) -> str:
    rows = []
    for field in task.fields:
        found = fields.get(field.key, {})
        parts = [(kind, int(found.get(kind, 0))) for kind in KINDS]
        total = sum(n for _, n in parts)
        rows.append((escape(field.title), stacked_bar(parts), percent(parts[0][1] / total if total else None)))
    n_notes = max((sum(found.values()) for found in fields.values()), default=0)
    return (
        f'<p class="adapter"><b>{escape(name)}</b>{" (active)" if is_active else ""}'
        f' <span class="quiet">{plural(n_notes, "reviewed note")}</span></p>{table((), rows, numbers=[2])}'
    )


def _evaluations(scored: Sequence[EvaluationRow]) -> str:
    title = "<h3>Adapters on the hold-out</h3>"
    if not scored:
        return title + empty("Nothing evaluated yet.", "A training run scores the new adapter and the active one.")
    scored = sorted(scored, key=lambda row: row.evaluated_at)
    chart = ""
    if len(scored) > 1:
        points = [(float(number), _macro(row, "normalised") or 0.0) for number, row in enumerate(scored, 1)]
        chart = line_chart({"fields right, mean": points}, x="evaluation", y="share of fields right")
    rows = (
        (
            escape(row.adapter),
            moment(row.evaluated_at),
            str(row.n_notes),
            *(percent(_macro(row, name)) for name in ("normalised", "exact", "f1")),
        )
        for row in reversed(scored)
    )
    columns = ("Adapter", "Evaluated", "Notes", "Right", "Exact", "F1")
    return title + chart + table(columns, rows, numbers=range(2, 6))


def _macro(row: EvaluationRow, name: str) -> float | None:
    value = row.metrics.get("macro", {}).get(name)
    return None if value is None else float(value)
