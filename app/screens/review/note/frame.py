"""The review screen: a frame for one note with its evidence marked, one row per field, one decision.

What is in the frame comes from `note.py` and is put there by `note.js`; nothing about a reader is kept in the server
between requests.
"""

from __future__ import annotations

from itertools import pairwise

import gradio as gr

from app.core.desk import Desk
from app.core.templates import Pieces
from data.limits import MAX_VALUE_CHARACTERS

MAX_COMMENT_CHARACTERS = 2000

_HTML = Pieces("screens/review/review.html")


def build_review(desk: Desk) -> None:
    """Lay out the screen."""
    with gr.Row(elem_id="review"):
        with gr.Column(elem_id="sheet", min_width=0):
            gr.HTML(_HTML.sheet_head(), elem_id="note-head", js_on_load=None)
            gr.HTML(_HTML.sheet(), elem_id="note", js_on_load=None)
            gr.HTML(_HTML.tour(), elem_id="tour", js_on_load=None)
        with gr.Column(elem_id="form", min_width=0):
            gr.HTML(_HTML.form_head(), js_on_load=None)
            for position in range(len(desk.task.fields)):
                _row(desk, position)
            gr.Textbox(
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
            gr.HTML(_HTML.foot(_keys(desk)), js_on_load=None)


def _keys(desk: Desk) -> str:
    hotkeys = [field.hotkey for field in desk.task.fields]
    in_a_row = all(ord(right) == ord(left) + 1 for left, right in pairwise(hotkeys))
    return f"{hotkeys[0]}–{hotkeys[-1]}" if in_a_row and len(hotkeys) > 2 else " ".join(hotkeys)


def _row(desk: Desk, position: int) -> None:
    """One field: its box, and beside it what `fields.js` says about the value."""
    field = desk.task.fields[position]
    with gr.Row(elem_classes=["field", f"field-{position}"]):
        gr.Textbox(
            label=field.title,
            placeholder="none",
            elem_id=f"field-{field.key}",
            max_lines=4,
            max_length=MAX_VALUE_CHARACTERS,
            interactive=True,
            html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocomplete="off"),
        )
        gr.HTML(_HTML.beside(field), js_on_load=None, elem_classes=["beside"])
