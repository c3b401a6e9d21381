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

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response, StreamingResponse

from app.desk import Desk
from app.exporting import FORMATS, MEDIA_TYPES, Format, export_lines
from app.failures import DeskError, InputError, sentence_of
from app.guard import current_reviewer
from app.importing import import_files
from app.ui.context import plural
from db.session import StoreError

MAX_IMPORT_BYTES = 64 << 20
Reviewer = Annotated[str, Depends(current_reviewer)]
SUFFIXES = (".jsonl", ".json", ".csv", ".parquet", ".txt")


def routes(desk: Desk) -> APIRouter:
    """`GET /export/{form}` and `POST /import`."""
    router = APIRouter()

    @router.get("/export/{form}")
    def export(form: str, by: Reviewer, with_provenance: bool = False) -> Response:
        if form not in FORMATS:
            return JSONResponse({"detail": f"Expected one of {', '.join(FORMATS)}; found another format."}, 404)
        return StreamingResponse(
            _lines(desk, form, with_provenance),
            media_type=MEDIA_TYPES[form],
            headers={"content-disposition": f'attachment; filename="reviewed-{date.today():%Y-%m-%d}.{form}"'},
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


def _lines(desk: Desk, form: Format, with_provenance: bool) -> Iterator[str]:
    """The file piece by piece; the session stays open until the last one was sent."""
    with desk.store.reading() as session:
        yield from export_lines(session, desk.task, form, with_provenance=with_provenance)


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
