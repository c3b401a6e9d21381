"""The queue: every note, searched and filtered in the store, fifty at a time; and where a file is dropped."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from app.desk import Desk
from app.rules import SURE
from app.ui.context import FOLLOWING, QUICK, empty, moment, percent, plural, state
from db.notes import Counts, Order, QueueRow, count_notes, counts, search_notes

N_ROWS = 50
STATE_CHOICES = [
    ("Any state", ""),
    ("To review", "todo"),
    ("Draft", "draft"),
    ("Reviewed", "submitted"),
    ("Skipped", "skipped"),
    ("Flagged", "flagged"),
]
ORIGIN_CHOICES = [("Incoming", "incoming"), ("Originals", "original"), ("All notes", "")]
ORDER_CHOICES: list[tuple[str, Order]] = [
    ("As imported", "imported"),
    ("Least certain first", "confidence"),
    ("Last changed first", "updated"),
]


def build_queue(desk: Desk) -> tuple[Any, list[Any], list[Any]]:
    """Lay out the screen.

    Returns:
        The handler that fills it, its inputs and its outputs: the desk calls it when the tab is opened.
    """
    with gr.Row(elem_id="queue-top"):
        figures = gr.HTML(elem_id="queue-counts", js_on_load=None)
        gr.HTML(_IMPORT, js_on_load=None)
    with gr.Row(elem_id="queue-filters"):
        text = gr.Textbox(
            placeholder="Search the notes", label="Search", show_label=False, container=False, scale=3, elem_id="search"
        )
        chosen_state = gr.Dropdown(
            STATE_CHOICES, value="", label="State", show_label=False, container=False, min_width=120
        )
        origin = gr.Dropdown(
            ORIGIN_CHOICES, value="incoming", label="Origin", show_label=False, container=False, min_width=120
        )
        reviewer = gr.Textbox(
            placeholder="Reviewer", label="Reviewer", show_label=False, container=False, min_width=100
        )
        order = gr.Dropdown(
            ORDER_CHOICES, value="imported", label="Order", show_label=False, container=False, min_width=150
        )
    table = gr.HTML(elem_id="queue-table", js_on_load=None)
    page = gr.Number(0, visible="hidden", precision=0)
    with gr.Row(elem_id="queue-pages"):
        back = gr.Button("Earlier", min_width=0, elem_id="queue-back")
        place = gr.HTML(elem_id="queue-place", js_on_load=None)
        on = gr.Button("Later", min_width=0, elem_id="queue-on")
    refresh = gr.Button(visible="hidden", elem_id="queue-refresh")
    filters = [text, chosen_state, origin, reviewer, order]
    outputs = [figures, table, page, place, back, on]

    def listed(number: float, *chosen: str) -> list[Any]:
        return show(desk, int(number or 0), *chosen)

    def first(*chosen: str) -> list[Any]:
        return show(desk, 0, *chosen)

    for part in filters:
        part.change(first, filters, outputs, **FOLLOWING)
    refresh.click(listed, [page, *filters], outputs, **QUICK)
    back.click(lambda number, *chosen: show(desk, int(number) - 1, *chosen), [page, *filters], outputs, **QUICK)
    on.click(lambda number, *chosen: show(desk, int(number) + 1, *chosen), [page, *filters], outputs, **QUICK)
    return listed, [page, *filters], outputs


def show(desk: Desk, page: int, text: str, chosen_state: str, origin: str, reviewer: str, order: str) -> list[Any]:
    """One page of the queue: counts, table, page number, place, and the two buttons."""
    filters: dict[str, Any] = {
        "text": text.strip(),
        "state": chosen_state or None,
        "origin": origin or None,
        "reviewer": reviewer.strip() or None,
    }
    chosen_order: Order = next((known for _, known in ORDER_CHOICES if known == order), "imported")
    with desk.store.reading() as session:
        figures = counts(session)
        n_found = count_notes(session, **filters)
        page = max(0, min(page, (n_found - 1) // N_ROWS))
        rows = search_notes(session, **filters, order=chosen_order, offset=page * N_ROWS, limit=N_ROWS)
    n_pages = max(1, -(-n_found // N_ROWS))
    place = plural(n_found, "note") + (f", page {page + 1} of {n_pages}" if n_pages > 1 else "")
    return [
        progress_bar(figures),
        table_html(rows) if rows else _no_rows(figures),
        page,
        f'<p class="quiet">{place}</p>',
        gr.Button(interactive=page > 0, visible=n_pages > 1),
        gr.Button(interactive=page + 1 < n_pages, visible=n_pages > 1),
    ]


def progress_bar(figures: Counts) -> str:
    """Reviewed, pre-filled and still bare notes as one bar with a legend."""
    n_done = figures.n_submitted + figures.n_skipped + figures.n_flagged
    n_left = max(0, figures.n_incoming - n_done)
    n_bare = min(n_left, max(0, figures.n_incoming - figures.n_prefilled))
    parts = [
        ("done", figures.n_submitted, "reviewed"),
        ("aside", figures.n_skipped + figures.n_flagged, "skipped or flagged"),
        ("ready", n_left - n_bare, "pre-filled, to review"),
        ("bare", n_bare, "not pre-filled yet"),
    ]
    total = max(1, figures.n_incoming)
    bar = "".join(f'<i class="{name}" style="width:{100 * n / total:.2f}%"></i>' for name, n, _ in parts if n)
    legend = "".join(f'<li class="{name}"><b>{n:,}</b> {words}</li>' for name, n, words in parts)
    return f'<div class="stack" role="img" aria-label="Progress">{bar}</div><ul class="legend">{legend}</ul>'


def table_html(rows: list[QueueRow]) -> str:
    """The notes as rows that open in the review screen."""
    head = "".join(
        f'<th scope="col"{name}>{title}</th>'
        for title, name in (
            ("Note", ""), ("Begins", ""), ("State", ""), ("Least certain", ' class="number"'),
            ("Changed", ' class="number"'), ("Reviewer", ""), ("Last change", ""),
        )
    )  # fmt: skip
    return f'<table class="list"><thead><tr>{head}</tr></thead><tbody>{"".join(map(_row, rows))}</tbody></table>'


def _row(row: QueueRow) -> str:
    doubt = row.min_confidence
    certain = "–" if doubt is None else f'<span class="{"" if doubt >= SURE else "doubt"}">{percent(doubt)}</span>'
    changed = "–" if row.n_changed is None else str(row.n_changed)
    return (
        f'<tr data-note="{row.id}" tabindex="0"><td class="name"><a href="?note={row.id}">'
        f"{escape(row.external_id or f'note {row.id}')}</a></td>"
        f'<td class="begins" dir="auto">{escape(row.preview)}</td><td>{state(row.state)}</td>'
        f'<td class="number">{certain}</td><td class="number">{changed}</td>'
        f"<td>{escape(row.reviewer or '–')}</td><td>{moment(row.updated_at)}</td></tr>"
    )


def _no_rows(figures: Counts) -> str:
    if not figures.n_notes:
        return empty("No notes yet.", "Drop a file below, or run caseloop import FILE.")
    return empty("No note fits.", "Take a filter away, or search for fewer words; every word must be in the note.")


_IMPORT = (
    '<div id="import" role="button" tabindex="0" title="Notes that are already here are left as they are.">'
    '<p><b>Import notes:</b> drop a file here or choose one <span class="quiet">(.jsonl .json .csv .txt)</span></p>'
    '<input id="import-file" type="file" accept=".jsonl,.json,.csv,.txt,.parquet" hidden>'
    '<div id="import-report" role="status"></div></div>'
)
