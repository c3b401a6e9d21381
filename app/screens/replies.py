"""How the desk's own routes answer: what an action gives, or a status and a sentence where it was refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi.responses import JSONResponse

from app.core.errors import DeskError
from data.task import TaskError
from db.schema.errors import NotAllowed, StoreError, StoreFull, UnknownNote


def answer_with(action: Callable[[], dict[str, Any]]) -> JSONResponse:
    """Run `action`; a refusal becomes a status and a sentence."""
    try:
        return JSONResponse(action())
    except DeskError as error:
        return JSONResponse({"detail": str(error)}, 422)
    except (TaskError, StoreError) as error:
        return refusal(error)


def refusal(error: TaskError | StoreError) -> JSONResponse:
    """422 for values that no field has and for a note that is gone, 403 for what a person may not do, 507 for a full
    disk, 503 for the rest, which a page sends again."""
    if isinstance(error, (TaskError, UnknownNote)):
        return JSONResponse({"detail": str(error)}, 422)
    if isinstance(error, NotAllowed):
        return JSONResponse({"detail": str(error)}, 403)
    return JSONResponse({"detail": str(error)}, 507 if isinstance(error, StoreFull) else 503)
