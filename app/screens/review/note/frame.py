"""The review screen: a frame for one note with its evidence marked, one row per field, one decision.

What is in the frame comes from `note.py` and is put there by `note.js`; nothing about a reader is kept in the server
between requests.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise

import gradio as gr

from app.core.desk import Desk
from data.limits import MAX_VALUE_CHARACTERS

MAX_COMMENT_CHARACTERS = 2000


def build_review(desk: Desk) -> None:
    """Lay out the screen."""
    with gr.Row(elem_id="review"):
        with gr.Column(elem_id="sheet", min_width=0):
            gr.HTML('<div id="heading"></div>', elem_id="note-head", js_on_load=None)
            gr.HTML('<div id="note-place"></div>', elem_id="note", js_on_load=None)
            gr.HTML(_TOUR, elem_id="tour", js_on_load=None)
        with gr.Column(elem_id="form", min_width=0):
            gr.HTML(
                '<div id="conflict" role="alert" hidden></div>'
                '<section id="opinions" aria-label="What the reviewers say" hidden></section>',
                js_on_load=None,
            )
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
            gr.HTML(_FOOT.format(keys=_keys(desk)), js_on_load=None)


_TOUR = '<section id="tour-panel" role="dialog" aria-labelledby="tour-title" hidden></section>'
_FOOT = (
    '<div class="line-of-saving"><p id="saved" role="status" data-state="none"></p>'
    '<button type="button" id="undo" class="plain" hidden>Undo</button></div>'
    '<div id="notice" role="alert" hidden></div>'
    '<div id="elsewhere" role="status" hidden></div>'
    '<p id="guideline"></p>'
    '<p class="help">Alt {keys} goes to a field and shows its evidence; with text selected in the note, puts it there.'
    ' <button type="button" id="keys-open" class="plain">All keys</button>'
    '<button type="button" id="history-open" class="plain">History</button>'
    '<button type="button" id="tour-open" class="plain">Tour</button></p>'
)


def _keys(desk: Desk) -> str:
    hotkeys = [field.hotkey for field in desk.task.fields]
    in_a_row = all(ord(right) == ord(left) + 1 for left, right in pairwise(hotkeys))
    return escape(f"{hotkeys[0]}–{hotkeys[-1]}" if in_a_row and len(hotkeys) > 2 else " ".join(hotkeys))


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
        gr.HTML(
            f'<div class="side" data-field="{escape(field.key)}" title="{escape(field.description)}">'
            f"<kbd>Alt {escape(field.hotkey)}</kbd>"
            '<p class="confidence"><i class="shape" aria-hidden="true"></i> <span class="word"></span>'
            ' <span class="percent"></span><span class="bar" aria-hidden="true"></span></p>'
            f'<p class="grounding" id="grounding-{escape(field.key)}">'
            '<i class="shape" aria-hidden="true"></i> <span class="word"></span></p>'
            f'<p class="rule" id="rule-{escape(field.key)}" hidden><i class="shape" aria-hidden="true">∴</i> '
            '<span class="word"></span></p>'
            '<p class="model" hidden>model: <span class="said"></span>'
            ' <button type="button" class="use"'
            f' aria-label="Use the model\'s {escape(field.title)}">use it</button></p>'
            f'<div class="others" role="toolbar" aria-label="Other values for {escape(field.title)}" hidden></div>'
            "</div>",
            js_on_load=None,
            elem_classes=["beside"],
        )
