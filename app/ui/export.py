"""The export screen: what would be written, a look at its beginning, and a link that streams the file."""

from __future__ import annotations

import json
from html import escape
from itertools import islice
from typing import Any

import gradio as gr

from app.desk import Desk
from app.exporting import FORMATS, Format, export_lines, format_of
from app.ui.context import FOLLOWING, plural
from db.notes import counts

FORMAT_CHOICES: list[tuple[str, Format]] = [
    ("JSON lines (training input)", "jsonl"),
    ("JSON", "json"),
    ("CSV for a spreadsheet", "csv"),
]
assert {form for _, form in FORMAT_CHOICES} == set(FORMATS)


def build_export(desk: Desk) -> tuple[Any, list[Any], list[Any]]:
    """Lay out the screen.

    Returns:
        The handler that fills it, its inputs and its outputs: the desk calls it when the tab is opened.
    """
    with gr.Column(elem_classes="card", elem_id="export"):
        gr.HTML("<h3>Export reviewed notes</h3>", js_on_load=None)
        form = gr.Radio(FORMAT_CHOICES, value=FORMATS[0], label="Format", elem_id="export-format")
        provenance = gr.Checkbox(
            value=False,
            label="With provenance: who decided when, what the model had said, what was corrected",
            elem_id="export-provenance",
        )
        summary = gr.HTML(elem_id="export-summary", js_on_load=None)
    inputs, outputs = [form, provenance], [summary]

    def shown(form: str, with_provenance: bool) -> list[str]:
        return [show(desk, form, with_provenance=bool(with_provenance))]

    for part in inputs:
        part.change(shown, inputs, outputs, **FOLLOWING)
    return shown, inputs, outputs


def show(desk: Desk, chosen: str, *, with_provenance: bool) -> str:
    """The count, the link, and how the file begins."""
    form = format_of("", chosen)
    with desk.store.reading() as session:
        n_records = counts(session).n_submitted
        beginning = first_record(desk, session, form, with_provenance=with_provenance)
    if not n_records:
        return (
            '<p class="quiet">Nothing is reviewed yet, so there is nothing to export: pre-filled values count only'
            " once a person has saved them.</p>"
        )
    address = f"/export/{form}{'?with_provenance=1' if with_provenance else ''}"
    return (
        f'<p class="take"><a class="button" href="{address}" download>Download {escape(form)}</a>'
        f" <b>{plural(n_records, 'reviewed note')}</b> <span class='quiet'>Drafts, skipped and flagged notes"
        " and bare suggestions are not in it.</span></p>"
        f"<h3>How it begins</h3><pre class='record' tabindex='0'>{escape(beginning)}</pre>"
    )


def first_record(desk: Desk, session: Any, form: Format, *, with_provenance: bool) -> str:
    """The first record as a person reads it; for CSV the heading and the first line."""
    if form == "csv":
        return "".join(islice(export_lines(session, desk.task, form, with_provenance=with_provenance), 2))
    first = next(export_lines(session, desk.task, "jsonl", with_provenance=with_provenance), "null")
    return json.dumps(json.loads(first), ensure_ascii=False, indent=2)
