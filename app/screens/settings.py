"""The settings screen: what asks to be looked at, what a save needs, guidelines, and what is measured on the side."""

from __future__ import annotations

from typing import Any, Literal

import gradio as gr

from app.core.desk import Desk
from app.core.rules import MAX_GUIDELINE_CHARACTERS, Confirm, change_rules, read_guidelines, read_rules, write_guideline
from app.core.templates import Pieces
from app.screens.markup import QUICK, heading, try_action
from app.screens.trouble import listen
from db.notes.queue.metadata import metadata_names
from db.notes.queue.overlap import MAX_OPINIONS, Overlap, read_overlap
from db.people.acting import acting
from db.review.overlap_changes import set_overlap

CONFIRM_CHOICES: list[tuple[str, Confirm]] = [
    ("The fields that ask to be looked at", "asked"),
    ("Every field", "all"),
    ("None: a note can be saved as it is", "none"),
]
ShownMode = Literal["first", "chosen", "none"]
SHOWN_CHOICES: list[tuple[str, ShownMode]] = [
    ("The first short ones", "first"),
    ("Those chosen below", "chosen"),
    ("None", "none"),
]

_HTML = Pieces("screens/page.html")


def build_settings(desk: Desk) -> tuple[Any, list[Any], list[Any]]:
    """Lay out the screen.

    Returns:
        The handler that fills it, its inputs and its outputs: the desk calls it when the tab is opened.
    """
    with gr.Row(elem_classes="columns-2", elem_id="settings"):
        with gr.Column(elem_classes="card"):
            gr.HTML(heading("Before a note is saved"), js_on_load=None)
            confirm = gr.Radio(CONFIRM_CHOICES, label="A person has confirmed or changed", elem_id="settings-confirm")
            gr.HTML(_HTML.asking(), js_on_load=None)
            with gr.Row(elem_id="settings-below"):
                look = gr.Number(
                    label="The least sure, % of the fields", minimum=0, maximum=100, elem_id="settings-look"
                )
                below = [
                    gr.Number(label=f"{field.title}, below %", minimum=0, maximum=100, precision=0, min_width=140)
                    for field in desk.task.fields
                ]
            gr.HTML(_HTML.brought(), js_on_load=None)
            mode = gr.Radio(SHOWN_CHOICES, label="Metadata shown beside a note", elem_id="settings-metadata")
            names = gr.Dropdown(
                label="These columns, in the order in which they are chosen",
                multiselect=True,
                allow_custom_value=True,
                elem_id="settings-columns",
            )
        with gr.Column(elem_classes="card"):
            gr.HTML(heading("Guidelines, shown where the field is edited"), js_on_load=None)
            texts = [
                gr.Textbox(label=field.title, max_lines=4, max_length=MAX_GUIDELINE_CHARACTERS)
                for field in desk.task.fields
            ]
        with gr.Column(elem_classes="card"):
            gr.HTML(_HTML.trials(), js_on_load=None)
            blind = gr.Number(label="Shown without the suggested values, % of notes", minimum=0, maximum=50)
            seeded = gr.Number(label="Shown with one wrong value, % of notes", minimum=0, maximum=50)
            gr.HTML(_HTML.overlap(), js_on_load=None)
            with gr.Row():
                share = gr.Number(label="Given to several reviewers, % of notes", minimum=0, maximum=100)
                asked = gr.Number(
                    label="Reviewers for each of these", minimum=2, maximum=MAX_OPINIONS, precision=0, step=1
                )
            save = gr.Button("Save settings", variant="primary", elem_id="settings-save")
            said = gr.HTML(elem_id="settings-said", js_on_load=None)
    parts = [confirm, look, *below, *texts, mode, names, blind, seeded, share, asked]

    def save_settings(request: gr.Request, *values: Any) -> str:
        return try_action(lambda: keep(desk, request.username or "", list(values)))

    listen(save.click, save_settings, (parts, [said]), "settings", "The settings were not saved", **QUICK)
    return (lambda: show(desk)), [], parts


def show(desk: Desk) -> list[Any]:
    """The values of the screen's parts."""
    with desk.store.reading() as session:
        rules, written = read_rules(session), read_guidelines(session, desk.task)
        overlap, columns = read_overlap(session), metadata_names(session)
    chosen = list(rules.metadata_shown or ())
    mode: ShownMode = "first" if rules.metadata_shown is None else "chosen" if chosen else "none"
    return [
        rules.confirm,
        round(100 * rules.look_share, 1),
        *(round(100 * below) if (below := rules.look_below.get(key)) is not None else None for key in desk.task.keys),
        *(written[key] for key in desk.task.keys),
        mode,
        gr.update(choices=list(dict.fromkeys([*columns, *chosen])), value=chosen),
        round(100 * rules.blind_share, 1),
        round(100 * rules.seeded_share, 1),
        round(100 * overlap.share, 1),
        overlap.n_opinions,
    ]


def keep(desk: Desk, by: str, values: list[Any]) -> str:
    """Keep what stands on the screen, all of it or nothing.

    Raises:
        DeskError: a value is none that the setting can have.
    """
    keys = desk.task.keys
    (confirm, look), below = values[:2], values[2 : 2 + len(keys)]
    texts, (mode, names, blind, seeded, share, asked) = values[2 + len(keys) : 2 + 2 * len(keys)], values[-6:]
    overlap = Overlap(round((share or 0) / 100, 6), int(asked or 2))
    changes = {
        "confirm": confirm,
        "look_share": (look or 0) / 100,
        "look_below": {key: value / 100 for key, value in zip(keys, below, strict=True) if value is not None},
        "blind_share": (blind or 0) / 100,
        "seeded_share": (seeded or 0) / 100,
        "metadata_shown": {"none": (), "chosen": tuple(names or ())}.get(mode),
    }
    with acting(desk.store, by, "change rules") as act:
        change_rules(act, desk.task, changes)
        set_overlap(act, overlap)
        for key, text in zip(keys, texts, strict=True):
            write_guideline(act, desk.task, key, str(text or ""))
    return "Saved. Open notes follow from the next one on."
