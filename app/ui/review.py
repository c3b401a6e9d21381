"""The review screen: one note with its evidence marked, one row per field, one decision.

The page carries the note's id and revision with the values (in `record`), and sends them back with a decision; nothing
about a reader is kept in the server between requests. The fields' rows are filled in by `desk.js` from the record.
"""

from __future__ import annotations

import json
import secrets
from html import escape
from itertools import pairwise
from typing import Any

import gradio as gr

from app.desk import Desk
from app.ui.awaited import ask_for
from app.ui.context import QUICK, state
from app.ui.marks import marked
from app.ui.status import why_none
from data.evidence import find_evidence
from data.suggestion import Span
from data.task import MAX_VALUE_CHARACTERS, Extraction
from db.annotations import Review, open_review
from db.notes import Counts, counts, next_note
from db.session import UnknownNote
from db.suggestions import SuggestionRow

SURE = 0.9  # a confidence from which a value needs no second look
MAX_COMMENT_CHARACTERS = 2000


def build_review(desk: Desk, demo: gr.Blocks) -> None:
    """Lay out the screen and wire its two events: the page opens, and the page asks for another note."""
    with gr.Row(elem_id="review"):
        with gr.Column(elem_id="sheet", min_width=0):
            heading = gr.HTML(elem_id="note-head", js_on_load=None)
            note = gr.HTML(elem_id="note", js_on_load=None)
        with gr.Column(elem_id="form", min_width=0):
            gr.HTML('<div id="conflict" role="alert" hidden></div>', js_on_load=None)
            boxes = [_row(desk, position) for position in range(len(desk.task.fields))]
            comment = gr.Textbox(
                label="Comment",
                placeholder="for whoever reads this next; a flag needs one",
                elem_id="comment",
                max_lines=3,
                max_length=MAX_COMMENT_CHARACTERS,
                interactive=True,
            )
            with gr.Row(elem_id="actions"):
                gr.Button("Save and next", variant="primary", elem_id="save", min_width=0)
                gr.Button("Skip", elem_id="skip", min_width=0)
                gr.Button("Flag", elem_id="flag", min_width=0)
                gr.Button("Previous", elem_id="previous", min_width=0)
            gr.HTML(_FOOT.format(keys=_keys(desk)), js_on_load=None)
    record = gr.Textbox(visible="hidden", elem_id="record", container=False)
    wanted = gr.Textbox(visible="hidden", container=False)
    go = gr.Button(visible="hidden", elem_id="go")
    outputs = [record, heading, note, *boxes, comment]

    def asked(request: gr.Request, number: str) -> list[Any]:
        return show(desk, request.username, number)

    for event in (
        go.click(asked, [wanted], outputs, js="() => window.desk.wanted()", **QUICK),
        demo.load(asked, [wanted], outputs, js="() => new URL(location).searchParams.get('note') ?? ''", **QUICK),
    ):
        event.success(None, js="() => window.desk.shown()")
        event.failure(None, js="() => window.desk.failed()")


_FOOT = (
    '<p id="saved" role="status" data-state="none"></p>'
    '<p class="help">Alt {keys} goes to a field and shows its evidence, a click on a mark to its field.'
    " What you type is kept.</p>"
)


def _keys(desk: Desk) -> str:
    hotkeys = [field.hotkey for field in desk.task.fields]
    in_a_row = all(ord(right) == ord(left) + 1 for left, right in pairwise(hotkeys))
    return escape(f"{hotkeys[0]}–{hotkeys[-1]}" if in_a_row and len(hotkeys) > 2 else " ".join(hotkeys))


def _row(desk: Desk, position: int) -> gr.Textbox:
    """One field: its box, and beside it what `desk.js` says about the value."""
    field = desk.task.fields[position]
    with gr.Row(elem_classes=["field", f"field-{position}"]):
        box = gr.Textbox(
            label=field.title,
            placeholder="none",
            elem_id=f"field-{field.key}",
            max_lines=4,
            max_length=MAX_VALUE_CHARACTERS,
            interactive=True,
            html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocomplete="off"),
        )
        gr.HTML(
            f'<div class="side" data-field="{escape(field.key)}" title="{escape(field.description)}">'
            f"<kbd>Alt {escape(field.hotkey)}</kbd>"
            '<p class="confidence"><i class="shape" aria-hidden="true"></i> <span class="word"></span>'
            ' <span class="percent"></span><span class="bar" aria-hidden="true"></span></p>'
            '<p class="model" hidden>model: <span class="said"></span>'
            ' <button type="button" class="use"'
            f' aria-label="Use the model\'s {escape(field.title)}">use it</button></p></div>',
            js_on_load=None,
            elem_classes=["beside"],
        )
    return box


def show(desk: Desk, reviewer: str, wanted: str) -> list[Any]:
    """Values of the screen's parts for a note.

    Args:
        desk: the desk.
        reviewer: who looks.
        wanted: the note's number; empty for the next one to review.
    """
    with desk.store.reading() as session:
        figures = counts(session)
        number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 18 else next_note(session)
        try:
            review = open_review(session, number, reviewer) if number is not None else None
        except UnknownNote:
            return _nothing(desk, f"There is no note {number}.", "The queue lists every note.")
        why = why_none(session, review.note.id) if review is not None and review.suggestion is None else ""
    if review is None:
        return _nothing(desk, *_nothing_left(figures))
    if why:
        ask_for(desk, reviewer, review.note.id)
    view = secrets.token_hex(8)
    values = Extraction(desk.task, review.values or dict.fromkeys(desk.task.keys))
    return [
        json.dumps(_record(desk, review, values, view), ensure_ascii=False),
        _heading(review, figures, why),
        f'<div data-view="{view}">{_note(desk, review, values)}</div>',
        *[values[key] or "" for key in desk.task.keys],
        _comment(review),
    ]


def _note(desk: Desk, review: Review, values: Extraction) -> str:
    text = review.note.text
    html = marked(desk.task, text, evidence_of(desk, text, values, review.suggestion))
    return f'<div class="note-text" tabindex="-1" dir="auto">{html}</div>'


def evidence_of(
    desk: Desk, text: str, values: Extraction, suggestion: SuggestionRow | None
) -> dict[str, tuple[Span, ...]]:
    """Spans per field: the suggestion's own where its value stands, else found anew."""
    own = suggestion.evidence if suggestion else {}
    standing = {key for key in own if suggestion and values[key] == suggestion.extraction[key] is not None}
    return {**find_evidence(desk.task, text, values), **{key: own[key] for key in standing}}


def _record(desk: Desk, review: Review, values: Extraction, view: str) -> dict[str, Any]:
    """What the page knows of the note on screen; `desk.js` reads it."""
    suggestion = review.suggestion
    return {
        "view": view,
        "note": review.note.id,
        "revision": review.revision,
        "state": review.note.state,
        "suggestion": suggestion.id if suggestion else None,
        "draft": review.draft.version if review.draft else 0,
        "draft_at": review.draft.saved_at.isoformat() if review.draft else None,
        "draft_is_old": review.draft is not None and review.draft.revision < review.revision,
        "comment": _comment(review),
        "fields": {
            field.key: {
                "title": field.title,
                "hotkey": field.hotkey,
                "value": values[field.key],
                "suggested": suggestion.extraction[field.key] if suggestion else None,
                "confidence": suggestion.confidence.get(field.key) if suggestion else None,
                "word": confidence_word(suggestion, field.key, inferred=field.inferred) if suggestion else "none",
            }
            for field in desk.task.fields
        },
    }


def confidence_word(suggestion: SuggestionRow, key: str, *, inferred: bool) -> str:
    """`missing` for a value that should stand in the note and does not, else `sure` or `look`."""
    if suggestion.extraction[key] is not None and not inferred and not suggestion.evidence.get(key):
        return "missing"
    return "sure" if suggestion.confidence.get(key, 0.0) >= SURE else "look"


def _comment(review: Review) -> str:
    for written in (review.draft, review.annotation):
        if written is not None:
            return written.comment or ""
    return ""


def _heading(review: Review, figures: Counts, why_none: str) -> str:
    note, suggestion = review.note, review.suggestion
    n_left = figures.n_todo + figures.n_draft
    if note.state in ("todo", "draft") and note.origin == "incoming":
        place = f"{figures.n_incoming - n_left + 1:,} of {figures.n_incoming:,} to review"
    else:
        place = f"{n_left:,} left to review"
    by = f"suggested by <b>{escape(suggestion.adapter)}</b>" if suggestion else escape(why_none)
    return (
        f'<h2 title="external id">{escape(note.external_id or f"note {note.id}")}</h2>{state(note.state)}'
        f'<span class="place">{place}</span><span class="by">{by}</span>'
        '<button type="button" id="offer" hidden>A suggestion has arrived: show it</button>'
    )


def _nothing_left(figures: Counts) -> tuple[str, str]:
    if not figures.n_incoming:
        return "No notes yet.", "Import some: drop a file on the queue, or run caseloop import FILE."
    n_aside = figures.n_skipped + figures.n_flagged
    aside = f" {n_aside} skipped or flagged are in the queue." if n_aside else ""
    more = (
        "Import more notes (drop a file on the queue, or run caseloop import FILE), export what is reviewed, or train."
    )
    return "Nothing left to review.", f"{figures.n_submitted} reviewed.{aside} {more}"


def _nothing(desk: Desk, sentence: str, advice: str) -> list[Any]:
    view = secrets.token_hex(8)
    links = "".join(
        f'<button type="button" class="plain" data-tab="{name}">{title}</button>'
        for name, title in (("queue", "Queue"), ("export", "Export"), ("train", "Train"))
    )
    page = (
        f'<div data-view="{view}"><div class="empty"><strong>{escape(sentence)}</strong>'
        f"<p>{escape(advice)}</p><p>{links}</p></div></div>"
    )
    record = json.dumps({"view": view, "note": None, "fields": {}})
    return [record, "", page, *[""] * len(desk.task.fields), ""]
