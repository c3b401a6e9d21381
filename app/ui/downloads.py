"""Files in and out: exports are streamed and leave nothing behind; imports are capped and go to the import service."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel

from app.desk import Desk
from app.exporting import ENDINGS, FORMATS, MEDIA_TYPES, Choice, export_pieces, label_config, read_choice
from app.failures import DeskError, InputError, sentence_of
from app.guard import current_reviewer
from app.importing import import_files
from app.ui.context import plural
from db.session import StoreError

MAX_IMPORT_BYTES = 64 << 20
Reviewer = Annotated[str, Depends(current_reviewer)]
SUFFIXES = (".jsonl", ".json", ".csv", ".parquet", ".txt")


class Chosen(BaseModel):
    """What the address of an export may say; see `app.exporting.Choice`. Lists stand between commas."""

    fields: str = ""
    statuses: str = ""
    since: str = ""
    until: str = ""
    reviewer: str = ""
    adapter: str = ""
    corrected: bool = False
    with_text: bool = True
    with_provenance: bool = False


def routes(desk: Desk) -> APIRouter:
    """`GET /export/{form}`, the labelling configuration beside it, and `POST /import`."""
    router = APIRouter()

    @router.get("/export/label-studio.xml")
    def configuration(by: Reviewer, fields: str = "") -> Response:
        try:
            choice = read_choice(desk.task, "label-studio", fields=listed(fields))
        except InputError as error:
            return JSONResponse({"detail": str(error)}, 422)
        headers = {"content-disposition": 'attachment; filename="label-studio.xml"'}
        return Response(label_config(desk.task, choice), media_type="application/xml", headers=headers)

    @router.get("/export/{form}")
    def export(form: str, by: Reviewer, chosen: Annotated[Chosen, Query()]) -> Response:
        known = next((one for one in FORMATS if one == form), None)
        if known is None:
            return JSONResponse({"detail": f"Expected one of {', '.join(FORMATS)}; found another format."}, 404)
        try:
            choice = read_choice(
                desk.task,
                known,
                fields=listed(chosen.fields),
                statuses=listed(chosen.statuses),
                since=chosen.since,
                until=chosen.until,
                reviewer=chosen.reviewer,
                adapter=chosen.adapter,
                is_corrected=chosen.corrected,
                with_text=chosen.with_text,
                with_provenance=chosen.with_provenance,
            )
        except InputError as error:
            return JSONResponse({"detail": str(error)}, 422)
        name = f"reviewed-{date.today():%Y-%m-%d}.{ENDINGS[known]}"
        return StreamingResponse(
            _pieces(desk, choice),
            media_type=MEDIA_TYPES[known],
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    @router.post("/import")
    async def bring(request: Request, by: Reviewer) -> Response:
        name = file_name(request.headers.get("x-file-name", ""))
        try:
            with _place(desk, name) as path:
                await _receive(request, path)
                return JSONResponse(await run_in_threadpool(bring_in, desk, path))
        except (InputError, DeskError) as error:
            return JSONResponse({"detail": str(error)}, 422)
        except (StoreError, OSError) as error:
            return JSONResponse({"detail": sentence_of(error)}, 503)

    return router


def listed(names: str) -> list[str]:
    """Names that stand between commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def _pieces(desk: Desk, choice: Choice) -> Iterator[bytes]:
    """The file piece by piece; the session stays open until the last one was sent."""
    with desk.store.reading() as session:
        yield from export_pieces(session, desk.task, choice)


def file_name(sent: str) -> str:
    """A plain name for a file that a browser named: no directory, nothing unusual, with its ending."""
    return re.sub(r"[^\w.-]+", "-", Path(unquote(sent)).name)[-80:].lstrip(".-") or "notes"


def bring_in(desk: Desk, path: Path) -> dict[str, Any]:
    """Import one file; the answer is what became of it, in sentences.

    Raises:
        InputError: the ending of its name is none that can be read.
        StoreError: the store refused.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"Expected a file ending in {', '.join(SUFFIXES)}; found {path.name}. Rename or convert it.")
    report = import_files(desk.store, desk.task, [path])
    first = f"{path.name}: {plural(report.n_added, 'note')} added, {report.n_known:,} already here"
    refused = f", {report.n_refused:,} refused." if report.n_refused else "."
    # The file stands in a directory that is gone by the time this is read.
    refusals = [sentence.replace(f"{path.parent}/", "") for sentence in report.sentences()]
    return {"sentences": [first + refused, *refusals], "n_added": report.n_added, "n_refused": report.n_refused}


@contextmanager
def _place(desk: Desk, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=desk.settings.home / "tmp", prefix="import-") as directory:
        yield Path(directory) / name


async def _receive(request: Request, path: Path) -> None:
    n_bytes = 0
    with path.open("wb") as file:
        async for chunk in request.stream():
            n_bytes += len(chunk)
            if n_bytes > MAX_IMPORT_BYTES:
                limit = MAX_IMPORT_BYTES >> 20
                raise InputError(
                    f"Expected a file of at most {limit} MiB; found a larger one. Use caseloop import FILE for it."
                )
            file.write(chunk)
