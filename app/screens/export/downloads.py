"""Files out: exports are streamed and leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel

from app.access.guard import current_reviewer
from app.core.desk import Desk
from app.core.errors import InputError
from app.exporting.choice import Choice, note_export, read_choice
from app.exporting.formats import FORMATS, KINDS
from app.exporting.tools.label_studio import label_config
from app.exporting.writing import check_needs, export_pieces
from app.screens.replies import refusal
from db.people.acting import acting
from db.schema.errors import StoreError

Reviewer = Annotated[str, Depends(current_reviewer)]


class Chosen(BaseModel):
    """What the address of an export may say; see `app.exporting.Choice`. Lists stand between commas."""

    fields: str = ""
    statuses: str = ""
    since: str = ""
    until: str = ""
    zone: str = ""
    reviewer: str = ""
    adapter: str = ""
    corrected: bool = False
    with_text: bool = True
    with_metadata: bool | None = None
    with_provenance: bool = False
    with_samples: bool = False
    with_spans: bool = True


def routes(desk: Desk) -> APIRouter:
    """`GET /export/{form}`, and the labelling configuration beside it."""
    router = APIRouter()

    @router.get("/export/label-studio.xml")
    def configuration(by: Reviewer, fields: str = "") -> Response:
        try:
            choice = read_choice(desk.task, "label-studio", fields=split_names(fields))
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
                fields=split_names(chosen.fields),
                statuses=split_names(chosen.statuses),
                since=chosen.since,
                until=chosen.until,
                zone=chosen.zone,
                reviewer=chosen.reviewer,
                adapter=chosen.adapter,
                is_corrected=chosen.corrected,
                with_text=chosen.with_text,
                with_metadata=chosen.with_metadata,
                with_provenance=chosen.with_provenance,
                with_samples=chosen.with_samples,
                with_spans=chosen.with_spans,
            )
            check_needs(desk.task, choice)
        except InputError as error:
            return JSONResponse({"detail": str(error)}, 422)
        try:
            with acting(desk.store, by, "export") as act:  # who exported what is kept before anything leaves
                note_export(act, choice)
        except StoreError as error:
            return refusal(error)
        name = f"reviewed-{date.today():%Y-%m-%d}.{KINDS[known].ending}"
        return StreamingResponse(
            _pieces(desk, choice),
            media_type=KINDS[known].media_type,
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    return router


def split_names(names: str) -> list[str]:
    """Names that stand between commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def _pieces(desk: Desk, choice: Choice) -> Iterator[bytes]:
    """The file piece by piece; the session stays open until the last one was sent."""
    with desk.store.reading() as session:
        yield from export_pieces(session, desk.task, choice)
