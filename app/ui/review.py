"""The review screen: one note with its evidence marked, one row per field, one decision.

The page carries the note's id and revision with the values (in `record`), and sends them back with a decision; nothing
about a reader is kept in the server between requests. The fields' rows are filled in by `fields.js` from the record.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from itertools import pairwise
from typing import Any

import gradio as gr

from app.desk import Desk
from app.ui.awaited import ask_for
from app.ui.context import QUICK, state
from app.ui.marks import marked
from app.ui.status import why_none
from data.evidence import Grounded, ground
from data.suggestion import Grounding
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
    " Alt ↓ goes to other values for it, Ctrl Z undoes. What you type is kept.</p>"
)


def _keys(desk: Desk) -> str:
    hotkeys = [field.hotkey for field in desk.task.fields]
    in_a_row = all(ord(right) == ord(left) + 1 for left, right in pairwise(hotkeys))
    return escape(f"{hotkeys[0]}–{hotkeys[-1]}" if in_a_row and len(hotkeys) > 2 else " ".join(hotkeys))


def _row(desk: Desk, position: int) -> gr.Textbox:
    """One field: its box, and beside it what `fields.js` says about the value."""
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
            f'<p class="grounding" id="grounding-{escape(field.key)}">'
            '<i class="shape" aria-hidden="true"></i> <span class="word"></span></p>'
            '<p class="model" hidden>model: <span class="said"></span>'
            ' <button type="button" class="use"'
            f' aria-label="Use the model\'s {escape(field.title)}">use it</button></p>'
            f'<div class="others" role="toolbar" aria-label="Other values for {escape(field.title)}" hidden></div>'
            "</div>",
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
    found = grounded(desk, review.note.text, values, review.suggestion)
    return [
        json.dumps(_record(desk, review, values, found, view), ensure_ascii=False),
        _heading(review, figures, why),
        f'<div data-view="{view}">{_note(desk, review, found)}</div>',
        *[values[key] or "" for key in desk.task.keys],
        _comment(review),
    ]


def _note(desk: Desk, review: Review, found: Mapping[str, Grounded]) -> str:
    text = review.note.text
    html = marked(desk.task, text, {key: one.spans for key, one in found.items()})
    return f'<div class="note-text" tabindex="-1" dir="auto">{html}</div>'


def grounded(desk: Desk, text: str, values: Extraction, suggestion: SuggestionRow | None) -> dict[str, Grounded]:
    """How the values rest on the note: as the suggestion says where its value stands, else found anew."""
    found = ground(desk.task, text, values)
    if suggestion is None:
        return found
    own, kinds = suggestion.evidence, suggestion.grounding
    standing = [key for key in found if values[key] == suggestion.extraction[key]]
    return found | {
        key: replace(found[key], spans=own.get(key, found[key].spans), grounding=kinds.get(key, found[key].grounding))
        for key in standing
    }


def told(found: Grounded | None) -> dict[str, Any] | None:
    """How a value rests on the note, for the page."""
    return {"kind": str(found.grounding), "missing": list(found.missing)} if found else None


def _record(desk: Desk, review: Review, values: Extraction, found: Mapping[str, Grounded], view: str) -> dict[str, Any]:
    """What the page knows of the note on screen; `desk.js` and `fields.js` read it."""
    suggestion = review.suggestion
    proposed = _proposed(desk, review)
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
                "word": confidence_word(suggestion, field.key, proposed.get(field.key)) if suggestion else "none",
                "grounding": {
                    value: told(of[field.key])
                    for value, of in (
                        (suggestion.extraction[field.key] if suggestion else None, proposed),
                        (values[field.key], found),
                    )
                    if value is not None and field.key in of
                },
                "alternatives": list(suggestion.alternatives.get(field.key, ())) if suggestion else [],
            }
            for field in desk.task.fields
        },
    }


def _proposed(desk: Desk, review: Review) -> dict[str, Grounded]:
    """How the suggestion's own values rest on the note."""
    if review.suggestion is None:
        return {}
    extraction = Extraction(desk.task, review.suggestion.extraction)
    return grounded(desk, review.note.text, extraction, review.suggestion)


def confidence_word(suggestion: SuggestionRow, key: str, found: Grounded | None) -> str:
    """`sure` or `look`; nobody is sure of a value that the note does not hold."""
    if found is not None and found.grounding == Grounding.NOT_FOUND:
        return "look"
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
