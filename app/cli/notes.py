"""import, prefill, extract: notes in, and suggestions for them."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.shared import import_options as options
from app.cli.shared.decisions import Adjudicate, Decisions, bring_decisions
from app.cli.shared.engine_options import AdapterName, BaseUrl, Engine, Model, Weights, choose_engine
from app.core.errors import BAD_INPUT, InputError
from app.core.terminal import progress_bar, say, write, write_json
from data.limits import MAX_NOTE_CHARACTERS, MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.desk import Desk
    from app.importing.load import ImportReport
    from data.reading.records import Columns
    from data.suggestion import Suggestion
    from data.task import Task
    from db.notes.identity import Rules


REFUSED = 1
Json = Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import", help=options.HELP)(import_notes)
    app.command()(prefill)
    app.command()(extract)


def import_notes(  # noqa: PLR0913, PLR0917 - one for each option
    files: options.Files,
    original: options.Original = False,
    strict: options.Strict = False,
    text_column: options.TextColumn = None,
    id_column: options.IdColumn = None,
    update: options.Update = False,
    same_id: options.WithSameId = options.SameId.separate,
    source: options.Source = "",
    encoding: options.Letters = None,
    decisions: Decisions = False,
    adjudicate: Adjudicate = False,
    dry_run: options.DryRun = False,
    as_json: Json = False,
) -> int:
    """Bring notes in; the exit code says whether all of it could be read, see `import_options.HELP`."""
    from app.cli.shared.beginning import open_or_begin_desk
    from app.importing.load import import_files, plan_files
    from data.reading.records import Columns
    from db.notes.identity import Rules

    columns = Columns(text_column, id_column, _codec(encoding))
    if decisions:
        if original or strict or update or source or dry_run or same_id is not options.SameId.separate:
            others = "--original, --strict, --update, --same-id, --source and --dry-run"
            raise InputError(f"Expected --decisions without {others}; found both. Leave one out.")
        return bring_decisions(files, columns=columns, adjudicate=adjudicate, as_json=as_json)
    if adjudicate:
        raise InputError("Expected --adjudicate with --decisions; found it alone. Add --decisions.")
    rules = Rules(source=source.strip(), update=update, same_id=same_id.value)
    with open_or_begin_desk() as desk:
        plans = plan_files(desk.task, files, original=original, columns=columns)
        if dry_run:
            return _show_previews(desk, files, columns, rules, original, as_json)
        for plan in plans:
            for sentence in plan.sentences(on_terminal=True):
                say(sentence)
        with progress_bar("Importing") as advance:
            report = import_files(
                desk.store,
                desk.task,
                files,
                original=original,
                strict=strict,
                plans=plans,
                rules=rules,
                on_read=lambda n_read: advance(n_read, None, ""),
            )
    if as_json:
        write_json(report.to_json())
    return _report_import(report, as_json)


def _show_previews(
    desk: Desk, files: Sequence[Path], columns: Columns, rules: Rules, original: bool, as_json: bool
) -> int:
    """Print what importing these files would do."""
    from app.importing.preview import preview

    settings: dict[str, Any] = {"chosen": columns, "original": original, "rules": rules, "on_terminal": True}
    found = [preview(desk.store, desk.task, path, **settings) for path in files]
    if as_json:
        write_json({"files": found})
    for one in found:
        for sentence in [*one["remarks"], *one["refusals"]]:
            say(sentence)
        if as_json:
            continue
        write(
            f"{one['file']}: {one['n_rows']:,} read: {one['n_new']:,} new, {one['n_known']:,} already known, "
            f"{one['n_refused']:,} refused. Nothing was written."
        )
        widths = [max((len(column[part]) for column in one["columns"]), default=0) for part in ("name", "becomes")]
        for column in one["columns"]:
            write(f"  {column['name']:{widths[0]}}  {column['becomes']:{widths[1]}}  {column['holds']}".rstrip())
    return REFUSED if any(one["n_files_refused"] for one in found) else 0


def _codec(name: str | None) -> str | None:
    """Python's name for an encoding, if there is one.

    Raises:
        InputError: nobody knows it.
    """
    from data.reading.encodings import title_of

    try:
        title_of(name or "utf-8")
    except LookupError:
        raise InputError(
            f"Expected the name of an encoding, such as utf-8, cp1252 or latin-1; found {name!r}. Use another name."
        ) from None
    return name


def _report_import(report: ImportReport, as_json: bool) -> int:
    for sentence in report.sentences():
        say(sentence)
    n_read = report.n_added + report.n_known
    if not report.is_kept:
        say(f"Nothing was kept: --strict, and {report.n_refused} refused.")
        return REFUSED
    if report.n_refused and not n_read:
        return BAD_INPUT
    if not as_json:
        write(f"{report.n_added} added, {report.n_known} already known, {report.n_refused} refused.")
        for sentence in report.likeness_sentences():
            write(sentence)
        if report.likenesses.n_namesakes:
            write("They are separate notes. For new versions of the same report: --same-id supersede.")
    return REFUSED if report.n_files_refused else 0


def prefill(
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep running, and take notes and adapters as they come.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after this many notes.")] = None,
    engine: Engine = None,
    base_url: BaseUrl = None,
    model: Model = None,
    adapter_name: AdapterName = None,
    weights: Weights = None,
    as_json: Json = False,
) -> int:
    """Let the active adapter suggest values for every note that lacks a suggestion of it, in the order of review.

    \b
    Example:
      caseloop prefill
      caseloop prefill --limit 100
      caseloop prefill --weights bf16
      caseloop prefill --engine openai --base-url http://127.0.0.1:8000/v1 --model my-model
    """
    choose_engine(engine, base_url, model, adapter_name, weights)
    from app.core.desk import open_desk
    from app.operations.task_fit import adapter_fit
    from app.worker.engines import served_adapter
    from app.worker.prefill import Prefill
    from db.notes.suggestions import count_without
    from db.training.adapters import active_adapter

    with open_desk("worker") as desk:
        worker = Prefill(desk)
        if watch:
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            worker.watch(stop)
            return 0
        with desk.store.reading() as session:
            adapter = served_adapter(session, desk.settings) or active_adapter(session)
            n_waiting = count_without(session, adapter.name) if adapter else 0
        if adapter is not None and (other_fields := adapter_fit(adapter, desk.task)):
            say(f"{other_fields}.")
        with progress_bar("Pre-filling") as advance:
            report = worker.run(limit, lambda n_done: advance(n_done, min(n_waiting, limit or n_waiting), ""))
    figures = {"n_done": report.n_done, "n_failed": report.n_failed, "adapter": report.adapter}
    if as_json:
        write_json(figures)
    else:
        write(f"{report.n_done} notes pre-filled by {report.adapter}, {report.n_failed} tries failed.")
    return 0


def extract(
    file: Annotated[str, typer.Argument(help="A text file; - reads standard input.")] = "-",
    as_json: Annotated[
        bool, typer.Option("--json", help="Add confidence, evidence, how values rest on it, the adapter and the time.")
    ] = False,
    engine: Engine = None,
    base_url: BaseUrl = None,
    model: Model = None,
    adapter_name: AdapterName = None,
) -> None:
    """Read one note and print its values as one JSON object. Nothing is stored.

    \b
    Example:
      caseloop extract report.txt
      cat report.txt | caseloop extract --json
      caseloop extract report.txt --engine openai --base-url http://127.0.0.1:8000/v1 --model my-model
    """
    choose_engine(engine, base_url, model, adapter_name)
    from app.worker.engines import chosen_engine
    from data.notes import make_note
    from data.task import load_task
    from trainer.engine.reading import line_on_terminal, suggest_with_progress

    logging.getLogger().addHandler(logging.NullHandler())  # keeps libraries from writing to the terminal
    logging.getLogger("trainer.adapter.files").addHandler(
        logging.StreamHandler()
    )  # a base of another name is worth a word
    task = load_task()
    note = make_note(task, _read_text(file))
    loaded = chosen_engine(task)
    with line_on_terminal() as tell:
        suggestion = suggest_with_progress(loaded, note.text, tell)
    if as_json and suggestion.is_raw:
        told = "none was given" if not suggestion.confidence else "it is the model's own probability, usually too high"
        say(f"Confidence is not calibrated: {told}.")
    write(json.dumps(_answer(task, note.text, suggestion, as_json), ensure_ascii=False))


def _read_text(file: str) -> str:
    name = "standard input" if file == "-" else file
    with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
        raw = stream.read(MAX_RECORD_BYTES + 1)
    if len(raw) > MAX_RECORD_BYTES:
        raise InputError(
            f"Expected a note of at most {MAX_NOTE_CHARACTERS:,} characters in {name}; found more than "
            f"{MAX_RECORD_BYTES:,} bytes. Give one note."
        )
    try:
        return raw.decode("utf-8-sig").rstrip()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise InputError(
            f"Expected UTF-8 text in {name}; found the byte 0x{raw[error.start]:02x} at line {line}, column {column}. "
            "Save the file as UTF-8."
        ) from error


def _answer(task: Task, text: str, suggestion: Suggestion, as_json: bool) -> dict[str, Any]:
    if not as_json:
        return dict(suggestion.extraction.as_dict())
    from data.grounding.evidence import find_inferred

    return {
        "extraction": suggestion.extraction.as_dict(),
        "confidence": {key: round(suggestion.confidence[key], 4) for key in task.keys if key in suggestion.confidence},
        "calibrated": not suggestion.is_raw,
        "evidence": {key: [[span.start, span.end] for span in suggestion.evidence.get(key, ())] for key in task.keys},
        "grounding": {key: str(suggestion.grounding[key]) for key in task.keys if key in suggestion.grounding},
        "rules": find_inferred(task, text, suggestion.extraction, suggestion.grounding),
        "times_longest": suggestion.times_longest and round(suggestion.times_longest, 2),
        "alternatives": {key: list(others) for key, others in suggestion.alternatives.items()},
        "adapter": suggestion.adapter,
        "prompt_version": suggestion.prompt_version,
        "latency_ms": suggestion.latency_ms,
    }
