"""export: reviewed records out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.shared import export_options as options
from app.core.terminal import UNRECORDED, progress_bar, say, write, write_json

if TYPE_CHECKING:
    from app.core.desk import Desk
    from app.exporting.choice import Choice


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(help=options.HELP)(export)


def export(  # noqa: PLR0913, PLR0917 - one for each option
    out: options.Out,
    form: options.Form = None,
    with_provenance: options.WithProvenance = False,
    without_text: options.WithoutText = False,
    metadata: options.WithMetadata = None,
    fields: options.Fields = "",
    reviewer: options.Reviewer = "",
    adapter: options.Adapter = "",
    since: options.Since = "",
    until: options.Until = "",
    zone: options.Zone = "",
    where: options.Where = None,
    corrected: options.Corrected = False,
    status: options.Status = "submitted",
    with_samples: options.WithSamples = False,
    spans: options.Spans = True,
    mapping: options.MappingFile = None,
    with_superseded: options.WithSuperseded = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Write the reviewed records, see `export_options.HELP`."""
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
