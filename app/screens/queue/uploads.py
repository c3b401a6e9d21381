"""Files in: an import is capped, checked, and goes to the import service; what was sent leaves nothing behind."""

from __future__ import annotations

import json
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, get_args
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from app.access.guard import current_reviewer
from app.core.desk import Desk
from app.core.errors import DeskError, InputError, sentence_of
from app.importing.decisions import import_decisions
from app.importing.foresight import brings_decisions, name_roles, preview_decisions
from app.importing.load import ImportReport, import_files
from app.importing.preview import preview
from app.operations.deleting import hold_directory
from app.screens.replies import refusal
from data.limits import MAX_UPLOAD_BYTES
from data.reading.records import USUAL, Columns
from data.text.figures import plural
from db.notes.identity import USUALLY, Rules, SameId
from db.people.acting import LOCAL, require
from db.schema.errors import NotAllowed, StoreError

MAX_CHOICE_CHARACTERS = 4000
MAX_NAME_BYTES = 240
Use = Callable[[Desk, Path, Columns, bool, str, Rules], dict[str, Any]]
Reviewer = Annotated[str, Depends(current_reviewer)]


def routes(desk: Desk) -> APIRouter:
    """`POST /import/preview` and `POST /import`."""
    router = APIRouter()

    async def receive(request: Request, by: str, use: Use) -> Response:
        name = file_name(request.headers.get("x-file-name", ""))
        try:
            await run_in_threadpool(may_import, desk, by)
            sent = request.headers.get("x-columns", "")
            columns, original, rules = choice(sent)
            if is_chosen(sent, "decisions"):
                doing = use_of_decisions(use, adjudicate=is_chosen(sent, "adjudicate"))
            else:
                doing = use
            with _place(desk, name) as path:
                await _receive(request, path)
                return JSONResponse(await run_in_threadpool(doing, desk, path, columns, original, by, rules))
        except (InputError, DeskError) as error:
            return JSONResponse({"detail": str(error)}, 422)
        except NotAllowed as error:
            return refusal(error)
        except (StoreError, OSError) as error:
            return JSONResponse({"detail": sentence_of(error)}, 503)

    @router.post("/import/preview")
    async def look(request: Request, by: Reviewer) -> Response:
        return await receive(request, by, foresee)

    @router.post("/import")
    async def bring(request: Request, by: Reviewer) -> Response:
        return await receive(request, by, bring_in)

    return router


def may_import(desk: Desk, reviewer: str) -> None:
    """Refuse an import by somebody who may not.

    Raises:
        NotAllowed: see `db.people.acting`.
    """
    with desk.store.reading() as session:
        require(session, reviewer, "import notes")


def file_name(sent: str) -> str:
    """The name of a file that a browser named, as it would be on this machine: a .txt file's is its note's id.

    No folder, nothing that cannot be printed, no longer than a file system takes.
    """
    name = Path(unquote(sent).replace("\0", "")).name
    plain = "".join(sign if sign.isprintable() else "-" for sign in unicodedata.normalize("NFC", name)).lstrip(".")
    while len(plain.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        stem, dot, ending = plain.rpartition(".")
        plain = f"{stem[:-1]}{dot}{ending}" if stem else plain[:-1]
    return plain.strip() or "notes"


def choice(sent: str) -> tuple[Columns, bool, Rules]:
    """What a person chose in the preview: columns, whether labels come along, what becomes of known notes.

    Args:
        sent: JSON with `text`, `id`, `original`, `update`, `same_id` and `source`, percent-encoded; empty for none.

    Raises:
        InputError: it is something else.
    """
    if not sent:
        return USUAL, False, USUALLY
    try:
        chosen = json.loads(unquote(sent[: 3 * MAX_CHOICE_CHARACTERS]))
        columns = Columns(
            *(str(chosen[name])[:MAX_CHOICE_CHARACTERS] if chosen.get(name) else None for name in ["text", "id"])
        )
        same_id: SameId = next(kind for kind in get_args(SameId) if kind == (chosen.get("same_id") or "separate"))
        source = str(chosen.get("source") or "").strip()
        return columns, chosen.get("original") is True, Rules(source, chosen.get("update") is True, same_id)
    except (ValueError, AttributeError, TypeError, RecursionError, StopIteration):
        raise InputError("The chosen columns are not valid JSON. Reload the page.") from None


def is_chosen(sent: str, name: str) -> bool:
    """Whether a box is ticked in what `choice` reads."""
    try:
        return bool(sent) and json.loads(unquote(sent[: 3 * MAX_CHOICE_CHARACTERS])).get(name) is True
    except (ValueError, AttributeError, RecursionError):
        return False


def use_of_decisions(use: Use, *, adjudicate: bool) -> Use:
    """The same with the decisions of a file, in place of its notes alone."""

    def look(desk: Desk, path: Path, columns: Columns, original: bool, by: str, rules: Rules) -> dict[str, Any]:
        found = preview(desk.store, desk.task, path, chosen=columns, original=False)
        found = name_roles(found, path, desk.task, taken=True)
        chosen = {"decisions": True, "adjudicate": adjudicate}
        return found | preview_decisions(desk.store, desk.task, path, columns) | chosen

    def bring(desk: Desk, path: Path, columns: Columns, original: bool, by: str, rules: Rules) -> dict[str, Any]:
        report = import_decisions(desk.store, desk.task, [path], columns=columns, adjudicate=adjudicate, by=by)
        return _describe_import(path, report, [*report.decision_sentences(), *report.likeness_sentences()])

    return look if use is foresee else bring


def foresee(
    desk: Desk,
    path: Path,
    columns: Columns = USUAL,
    original: bool = False,
    by: str = LOCAL,
    rules: Rules = USUALLY,
) -> dict[str, Any]:
    """What importing a file would do; nothing is written.

    Raises:
        StoreError: the store cannot be read.
    """
    found = preview(desk.store, desk.task, path, chosen=columns, original=original, rules=rules)
    found |= {"has_decisions": False, "decisions": False, "adjudicate": False}
    return name_roles(found, path, desk.task, taken=False) if brings_decisions(path) else found


def bring_in(
    desk: Desk,
    path: Path,
    columns: Columns = USUAL,
    original: bool = False,
    by: str = LOCAL,
    rules: Rules = USUALLY,
) -> dict[str, Any]:
    """Import one file; the answer is what became of it, in sentences.

    Raises:
        StoreError: the store refused.
    """
    report = import_files(desk.store, desk.task, [path], columns=columns, original=original, rules=rules, by=by)
    labelled = [f"Labels were added to {plural(report.n_labelled, 'note')} that had none."] if report.n_labelled else []
    return _describe_import(path, report, [*labelled, *report.likeness_sentences()])


def _describe_import(path: Path, report: ImportReport, further: list[str]) -> dict[str, Any]:
    """What an import did, as the page shows it."""
    first = f"{path.name}: {plural(report.n_added, 'note')} added, {report.n_known:,} already here"
    refused = f", {report.n_refused:,} refused." if report.n_refused else "."
    # The file stands in a directory that is gone by the time this is read.
    refusals = [sentence.replace(f"{path.parent}/", "") for sentence in report.sentences()]
    figures = {"n_added": report.n_added, "n_known": report.n_known, "n_refused": report.n_refused}
    return {"sentences": [first + refused, *further, *refusals], **figures}


@contextmanager
def _place(desk: Desk, name: str) -> Iterator[Path]:
    place = tempfile.TemporaryDirectory(dir=desk.settings.home / "tmp", prefix="import-")
    with (
        place as directory,
        hold_directory(Path(directory)),
    ):  # or a deletion takes it for what a killed import has left
        yield Path(directory) / name


async def _receive(request: Request, path: Path) -> None:
    n_bytes = 0
    with path.open("wb") as file:
        async for chunk in request.stream():
            n_bytes += len(chunk)
            if n_bytes > MAX_UPLOAD_BYTES:
                limit = MAX_UPLOAD_BYTES >> 20
                raise InputError(
                    f"Expected a file of at most {limit} MiB; found a larger one. Use caseloop import FILE for it."
                )
            file.write(chunk)
