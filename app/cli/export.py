"""export: reviewed records out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.core.terminal import progress_bar, say, write, write_json

if TYPE_CHECKING:
    from app.core.desk import Desk
    from app.exporting import Choice


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


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


def export(  # noqa: PLR0913, PLR0917 - one for each option
    out: Annotated[str, typer.Argument(help="The file or folder to write; - writes to standard output.")],
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="jsonl, json, csv, parquet, dataset or label-studio; default: by the file's ending."
        ),
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
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Write the reviewed records: submitted annotations only, never a mere suggestion.

    The synthetic sample notes are left out as soon as a real note is reviewed. What came with a note is under metadata,
    in a table in a column meta.NAME each, or meta_json.NAME where it is not only text.

    JSON lines are training input: caseloop import OUT --original. In CSV a cell that begins with =, +, -, @, a tab
    or a carriage return gets an apostrophe in front, so that no spreadsheet runs it as a formula. "dataset" writes the
    folder that datasets.load_from_disk opens, or an archive of it where OUT ends in .zip; "label-studio" writes
    tasks, and beside them OUT.xml, the labelling configuration that they fit.

    \b
    Example:
      caseloop export reviewed.jsonl
      caseloop export reviewed.csv --with-provenance
      caseloop export ward-3.csv --where "ward = 3"
      caseloop export reviewed --format dataset --since 2026-01-01
    """
    from app.core.desk import open_desk
    from app.exporting import format_of, read_choice, told_of_samples

    with open_desk() as desk:
        choice = read_choice(
            desk.task,
            format_of(out, form),
            fields=_listed(fields),
            statuses=_listed(status),
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
        )
        with desk.store.reading() as session:
            of_samples = told_of_samples(session, choice)
        n_records = _write(desk, out, choice)
    if of_samples:
        say(of_samples)
    if out != "-":
        _say(n_records, choice, out, as_json)


def _write(desk: Desk, out: str, choice: Choice) -> int:
    from app.exporting import check_place, export_pieces, note_export, write_export
    from db.people.acting import OPERATOR, acting

    if out != "-":
        check_place(Path(out), choice)
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
        from app.exporting import config_path

        beside = (
            f" Its labelling configuration is in {config_path(Path(out))}." if choice.form == "label-studio" else ""
        )
        write(f"{n_records} {'' if choice.is_marked else 'reviewed '}records written to {out}.{beside}")


def _listed(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
