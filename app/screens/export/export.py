"""The export screen: which notes, what of them, in which format; a look at the first record, and a link to the file."""

from __future__ import annotations

from typing import Any

import gradio as gr
from markupsafe import Markup

from app.core.desk import Desk
from app.core.errors import InputError
from app.core.templates import Pieces
from app.exporting import (
    FIRST_DAY,
    LAST_DAY,
    Choice,
    Format,
    count_records,
    format_of,
    label_config,
    preview,
    read_choice,
    told_of_samples,
)
from app.screens.markup import FOLLOWING, heading, refused
from app.screens.trouble import listen
from app.screens.zone import zone_of
from data.task import Task
from data.text.figures import plural
from db.notes.notes import counts
from db.people.reviewers import list_reviewers
from db.review.reviewed import suggesters

FORMAT_CHOICES: list[tuple[str, Format]] = [
    ("JSON lines (training input)", "jsonl"),
    ("JSON", "json"),
    ("CSV for a spreadsheet", "csv"),
    ("Parquet", "parquet"),
    ("Hugging Face dataset", "dataset"),
    ("Label Studio", "label-studio"),
]
NAMES = {form: name.split(" (")[0].removesuffix(" for a spreadsheet") for name, form in FORMAT_CHOICES}
OPENED: dict[Format, str] = {
    "jsonl": "One record a line.",
    "json": "One list of records.",
    "csv": "Opens in a spreadsheet: a cell that it would run as a formula gets an apostrophe in front.",
    "parquet": "One table, nested as in the JSON: pandas, DuckDB and Spark read it.",
    "dataset": "Unpack it, then: datasets.load_from_disk('reviewed').",
    "label-studio": "Tasks with the model's predictions and the reviewers' annotations. Paste the configuration below "
    "into a new project, then import the file. Reviewers are matched by e-mail address, if their names are addresses.",
}
ASIDE = [("skipped", "skipped"), ("flagged", "flagged")]
CORRECTED, WITH_TEXT, METADATA, PROVENANCE, SAMPLES = "corrected", "text", "metadata", "provenance", "samples"
TELL = [
    ("The note's text and the reviewer's comment", WITH_TEXT),
    ("Metadata: what else came with the note", METADATA),
    ("Provenance: who decided when, the model's own values and confidences, what became of each field", PROVENANCE),
]

_HTML = Pieces("screens/export/export.html")


def build_export(desk: Desk) -> tuple[Any, list[Any], list[Any]]:
    """Lay out the screen.

    Returns:
        The handler that fills it, its inputs and its outputs: the desk calls it when the tab is opened.
    """
    fields = [(field.title, field.key) for field in desk.task.fields]
    people: dict[str, Any] = {"choices": [("anyone", "")], "value": "", "allow_custom_value": True}
    with gr.Row(elem_classes="columns-2", elem_id="export"):
        with gr.Column(elem_classes="card", elem_id="export-choice"):
            gr.HTML(heading("Export reviewed notes"), js_on_load=None)
            form = gr.Radio(FORMAT_CHOICES, value="jsonl", label="Format", elem_id="export-format")
            tell = gr.CheckboxGroup(TELL, value=[WITH_TEXT, METADATA], label="With", elem_id="export-tell")
            keys = gr.CheckboxGroup(fields, value=list(desk.task.keys), label="Fields", elem_id="export-fields")
            with gr.Row(elem_classes="line"):
                reviewer = gr.Dropdown(label="Reviewed by", elem_id="export-reviewer", **people)
                adapter = gr.Dropdown(label="Suggested by", elem_id="export-adapter", **people)
            gr.HTML(_HTML.days(FIRST_DAY, LAST_DAY), elem_id="export-days", js_on_load=None)
            since, until = (gr.Textbox(visible="hidden", elem_id=f"export-{end}") for end in ("since", "until"))
            only = gr.CheckboxGroup(
                [
                    ("only notes in which a suggested value was changed", CORRECTED),
                    *_asides(),
                    ("sample notes too, synthetic with invented patients, beside real ones", SAMPLES),
                ],
                label="Notes",
                elem_id="export-only",
            )
        with gr.Column(elem_classes="card"):
            summary = gr.HTML(elem_id="export-summary", js_on_load=None)
    inputs = [form, tell, keys, reviewer, adapter, since, until, only]

    def shown(request: gr.Request, *chosen: Any) -> str:
        return show(desk, *chosen, zone=zone_of(request))

    def opened(request: gr.Request, *chosen: Any) -> list[Any]:
        with desk.store.reading() as session:
            people = [("anyone", ""), *((row.name, row.name) for row in list_reviewers(session))]
            adapters = [("any adapter or none", ""), *((name, name) for name in suggesters(session))]
        return [gr.Dropdown(choices=people), gr.Dropdown(choices=adapters), show(desk, *chosen, zone=zone_of(request))]

    for part in inputs:
        listen(part.change, shown, (inputs, [summary]), "export", **FOLLOWING)
    return opened, inputs, [reviewer, adapter, summary]


def _asides() -> list[tuple[str, str]]:
    return [(f"{word} notes too, marked as such and without an output", status) for word, status in ASIDE]


def show(  # noqa: PLR0913, PLR0917 - one for each control
    desk: Desk,
    form: str = "jsonl",
    tell: list[str] | None = None,
    fields: list[str] | None = None,
    reviewer: str = "",
    adapter: str = "",
    since: str = "",
    until: str = "",
    only: list[str] | None = None,
    *,
    zone: str = "UTC",
) -> Markup:
    """The count, the link, and how the file begins; or why there is nothing to take."""
    told, ticked = [WITH_TEXT, METADATA] if tell is None else tell, only or []
    if fields is not None and not fields:
        return refused("Choose at least one field.")
    try:
        choice = read_choice(
            desk.task,
            format_of("", form or None),
            fields=fields or (),
            statuses=("submitted", *(status for _, status in ASIDE if status in ticked)),
            since=since or "",
            until=until or "",
            zone=zone,
            reviewer=reviewer or "",
            adapter=adapter or "",
            is_corrected=CORRECTED in ticked,
            with_text=WITH_TEXT in told,
            with_metadata=METADATA in told,
            with_provenance=PROVENANCE in told,
            with_samples=SAMPLES in ticked,
        )
    except InputError as error:
        return refused(str(error))
    with desk.store.reading() as session:
        n_records, figures = count_records(session, choice), counts(session)
        beginning = preview(session, desk.task, choice) if n_records else ""
        of_samples = told_of_samples(session, choice)
    if not n_records:
        return _HTML.nothing(figures)
    config_address = config = ""
    if choice.form == "label-studio":
        query = "" if choice.fields is None else f"?fields={','.join(choice.fields)}"
        config_address, config = f"/export/label-studio.xml{query}", label_config(desk.task, choice)
    return _HTML.found(
        f"/export/{choice.form}{choice.query()}",
        NAMES[choice.form],
        plural(n_records, "note" if choice.is_marked else "reviewed note"),
        [*_sentences(desk.task, choice), *filter(None, [of_samples])],
        beginning,
        config_address,
        config,
    )


def _sentences(task: Task, choice: Choice) -> list[str]:
    """What whoever takes the file should know of it."""
    said = [OPENED[choice.form]]
    if choice.since or choice.until:
        said.append(f"A day begins at midnight in the time zone of this browser, {choice.zone.replace('_', ' ')}.")
    if choice.is_training_input(task):
        said.append("Training input: caseloop import FILE --original takes it.")
    elif choice.form in ("jsonl", "json", "csv", "parquet"):
        said.append("Not training input: that needs every field, the text, and reviewed notes only.")
    if not choice.with_text:
        kept = "values, ids and metadata" if choice.with_metadata else "values and ids"
        said.append(f"Without the text it is not yet anonymous: {kept} are as they were in the notes.")
    if choice.is_marked and choice.form == "label-studio":
        said.append("Skipped and flagged notes are marked as cancelled.")
    elif choice.is_marked:
        said.append("Skipped and flagged notes have no output; what was in the form is under set_aside.")
    else:
        said.append("Drafts, skipped and flagged notes and bare suggestions are not in it.")
    return said
