"""The export screen: which notes, what of them, in which format; a look at the first record, and a link to the file."""

from __future__ import annotations

from typing import Any

import gradio as gr
from markupsafe import Markup

from app.core.desk import Desk
from app.core.errors import InputError
from app.core.templates import Pieces
from app.exporting.choice import FIRST_DAY, LAST_DAY, Choice, count_records, mention_samples, read_choice
from app.exporting.formats import GROUPS, KINDS, MAPPED, TRAINING, format_of
from app.exporting.tools.label_studio import label_config
from app.exporting.writing import check_needs, preview
from app.screens.markup import FOLLOWING, heading, refused
from app.screens.trouble import listen
from app.screens.zone.zone import zone_of
from data.task import Task
from data.text.figures import plural
from db.notes.queue.search import counts
from db.people.acting import OPERATOR, require
from db.people.reviewers import list_reviewers
from db.review.reviewed import suggesters
from db.schema.errors import NotAllowed

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
            gr.HTML(_HTML.formats(_groups(), "jsonl"), elem_id="export-format", js_on_load=None)
            form = gr.Textbox("jsonl", visible="hidden", elem_id="export-form")
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

    def show_choice(request: gr.Request, *chosen: Any) -> str:
        return show(desk, *chosen, zone=zone_of(request), by=request.username)

    def fill(request: gr.Request, *chosen: Any) -> list[Any]:
        with desk.store.reading() as session:
            people = [("anyone", ""), *((row.name, row.name) for row in list_reviewers(session))]
            adapters = [("any adapter or none", ""), *((name, name) for name in suggesters(session))]
        return [gr.Dropdown(choices=people), gr.Dropdown(choices=adapters), show_choice(request, *chosen)]

    for part in inputs:
        listen(part.change, show_choice, (inputs, [summary]), "export", **FOLLOWING)
    return fill, inputs, [reviewer, adapter, summary]


def _groups() -> list[tuple[str, list[tuple[str, str, str]]]]:
    """The formats by what they are for: name, title and purpose of each."""
    return [
        (group, [(form, kind.title, kind.purpose) for form, kind in KINDS.items() if kind.group == group])
        for group in GROUPS
    ]


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
    by: str = OPERATOR,
) -> Markup:
    """The count, the link, and how the file begins, for whoever may take it; or why there is nothing to take."""
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
        check_needs(desk.task, choice)
    except InputError as error:
        return refused(str(error))
    with desk.store.reading() as session:
        try:
            require(session, by, "export")
        except NotAllowed as error:
            return refused(str(error))
        n_records, figures = count_records(session, choice), counts(session)
        beginning = preview(session, desk.task, choice) if n_records else ""
        of_samples = mention_samples(session, choice)
    if not n_records:
        return _HTML.nothing(figures)
    return _HTML.found(
        f"/export/{choice.form}{choice.query()}",
        KINDS[choice.form].title,
        plural(n_records, "note" if choice.is_marked else "reviewed note"),
        [*_sentences(desk.task, choice), *filter(None, [of_samples])],
        beginning,
        *_configuration(desk.task, choice),
    )


def _configuration(task: Task, choice: Choice) -> tuple[str, str]:
    """Where Label Studio's labelling configuration is to be had, and what it says; empty of other formats."""
    if choice.form != "label-studio":
        return "", ""
    query = "" if choice.fields is None else f"?fields={','.join(choice.fields)}"
    return f"/export/label-studio.xml{query}", label_config(task, choice)


def _sentences(task: Task, choice: Choice) -> list[str]:
    """What whoever takes the file should know of it."""
    said = [KINDS[choice.form].purpose]
    if choice.since or choice.until:
        said.append(f"A day begins at midnight in the time zone of this browser, {choice.zone.replace('_', ' ')}.")
    if choice.form == "jsonl":
        said.append("With caseloop export its types are written beside it, for the package datasets.")
    if choice.is_training_input(task):
        said.append("Training input: caseloop import FILE --original takes it.")
    elif choice.form in TRAINING:
        said.append("Not training input: that needs every field, the text, and reviewed notes only.")
    if choice.comes_back(task):
        said.append(
            "Another desk takes it with caseloop import FILE --decisions: who decided what and when stands there."
        )
    if choice.form in MAPPED:
        said.append(
            "What becomes of each field stands in a mapping file: caseloop export OUT --mapping FILE takes yours."
        )
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
