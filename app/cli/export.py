"""export: reviewed records out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.core.terminal import UNRECORDED, progress_bar, say, write, write_json

if TYPE_CHECKING:
    from app.core.desk import Desk
    from app.exporting.choice import Choice


WithProvenance = Annotated[
    bool, typer.Option("--with-provenance", help="Add who decided what and when, and what was suggested.")
]
WithoutText = Annotated[bool, typer.Option("--without-text", help="Leave the notes' text and the comments out.")]
WithMetadata = Annotated[
    bool | None,
    typer.Option("--metadata/--no-metadata", help="Add what came with the notes; on, but with --without-text off."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help='Only notes that came with this: "ward = 3", "site contains lung", "mrn present"; several hold together.',
    ),
]
Corrected = Annotated[bool, typer.Option("--corrected", help="Only notes in which a suggested value was changed.")]
Status = Annotated[
    str, typer.Option(help="submitted, flagged, skipped, separated by commas; all but the first have no output.")
]
WithSamples = Annotated[
    bool, typer.Option("--with-samples", help="Include the synthetic sample notes beside real ones.")
]
WithSuperseded = Annotated[
    bool, typer.Option("--with-superseded", help="Include texts that a newer version under the same id replaces.")
]


Spans = Annotated[bool, typer.Option("--spans/--no-spans", help="Say where in the text the values stand.")]
MappingFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What becomes of each field in fhir, omop and naaccr, in place of the task's."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


def export(  # noqa: PLR0913, PLR0917 - one for each option
    out: Annotated[str, typer.Argument(help="The file or folder to write; - writes to standard output.")],
    form: Annotated[
        str | None,
        typer.Option("--format", help="See below; default: by the file's ending, or else jsonl."),
    ] = None,
    with_provenance: WithProvenance = False,
    without_text: WithoutText = False,
    metadata: WithMetadata = None,
    fields: Annotated[str, typer.Option(help="Only these fields, separated by commas.")] = "",
    reviewer: Annotated[str, typer.Option(help="Only notes that this reviewer decided.")] = "",
    adapter: Annotated[str, typer.Option(help="Only notes that started from a suggestion of this adapter.")] = "",
    since: Annotated[str, typer.Option(help="Only notes decided on this day (2026-01-31) or later.")] = "",
    until: Annotated[str, typer.Option(help="Only notes decided on this day or earlier.")] = "",
    zone: Annotated[
        str, typer.Option(metavar="NAME", help="The time zone of these days, as Asia/Tokyo or UTC; else the machine's.")
    ] = "",
    where: Where = None,
    corrected: Corrected = False,
    status: Status = "submitted",
    with_samples: WithSamples = False,
    spans: Spans = True,
    mapping: MappingFile = None,
    with_superseded: WithSuperseded = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Write the reviewed records: submitted annotations only, never a mere suggestion.

    The synthetic sample notes are left out as soon as a real note is reviewed. What came with a note is under metadata,
    in a table in a column meta.NAME each, or meta_json.NAME where it is not only text.

    Formats for training: jsonl, json, parquet, dataset (a folder for datasets.load_from_disk), alpaca, messages;
    for spreadsheets: csv, tsv, xlsx; for annotation tools: label-studio, brat, spacy; for registries: fhir (R4 with
    mCODE profiles), omop (NOTE and NOTE_NLP), naaccr (XML). Those of several files are a folder, or an archive of it
    where OUT ends in .zip. Beside JSON lines stands OUT.features.json, their types for the package datasets; beside
    Label Studio's tasks OUT.xml, the labelling configuration that they fit.

    JSON, tables and Label Studio come back: as labels with caseloop import OUT --original, and with provenance as
    the decisions that they were: caseloop import OUT --decisions. In a table a cell that begins with =, +, -, @, a tab
    or a carriage return gets an apostrophe in front, so that no spreadsheet runs it as a formula.

    \b
    Example:
      caseloop export reviewed.jsonl
      caseloop export reviewed.csv --with-provenance
      caseloop export ward-3.csv --where "ward = 3"
      caseloop export reviewed --format dataset --since 2026-01-01
      caseloop export registry.json --format fhir --mapping ours.toml
    """
    from app.core.desk import open_desk_to_read
    from app.exporting.choice import mention_columns, mention_samples, read_choice
    from app.exporting.formats import format_of
    from app.exporting.writing import check_needs

    with open_desk_to_read() as desk:
        choice = read_choice(
            desk.task,
            format_of(out, form),
            fields=_split_names(fields),
            statuses=_split_names(status),
            since=since,
            until=until,
            zone=zone,
            reviewer=reviewer,
            adapter=adapter,
            where=where or (),
            is_corrected=corrected,
            with_text=not without_text,
            with_metadata=metadata,
            with_provenance=with_provenance,
            with_samples=with_samples,
            with_spans=spans,
            mapping=mapping,
            with_superseded=with_superseded,
        )
        check_needs(desk.task, choice)
        with desk.store.reading() as session:
            remarks = [mention_columns(session, choice), mention_samples(session, choice)]
        n_records = _write(desk, out, choice)
    for remark in filter(None, remarks):
        say(remark)
    if out != "-":
        _say(n_records, choice, out, as_json)


def _write(desk: Desk, out: str, choice: Choice) -> int:
    from app.exporting.choice import count_records, note_export
    from app.exporting.writing import check_place, export_pieces, write_export
    from db.people.acting import OPERATOR, acting

    if out != "-":
        check_place(Path(out), choice)
    if desk.store.readonly:
        say(UNRECORDED.format("export"))
        with desk.store.reading() as session:
            n_expected = count_records(session, choice)
    else:
        with acting(desk.store, OPERATOR, "export") as act:  # kept before anything leaves
            n_expected = note_export(act, choice)
    if out == "-":
        with desk.store.reading() as session:
            for piece in export_pieces(session, desk.task, choice):
                typer.echo(piece, nl=False)
        return n_expected
    with progress_bar("Exporting") as advance:
        return write_export(desk.store, desk.task, Path(out), choice, on_record=lambda n: advance(n, n_expected, ""))


def _say(n_records: int, choice: Choice, out: str, as_json: bool) -> None:
    if as_json:
        write_json({"n_records": n_records, "format": choice.form, "out": out})
    else:
        from app.exporting.writing import config_path, features_path

        beside = ""
        if choice.form == "label-studio":
            beside = f" Its labelling configuration is in {config_path(Path(out))}."
        elif choice.form == "jsonl":
            beside = f" Their types for the package datasets are in {features_path(Path(out))}."
        write(f"{n_records} {'' if choice.is_marked else 'reviewed '}records written to {out}.{beside}")


def _split_names(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
