"""Changing one's own password: a page of its own, reached from the name in the top bar."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from app.access.guard import MOUNT, current_reviewer
from app.access.login import ask_to_wait, bare_page, give_cookie, kept_password
from app.access.passwords import MIN_CHARACTERS, Door, TooBusyError, TooManyError, hash_password
from app.core.desk import Desk
from app.core.errors import InputError
from app.core.templates import Pieces
from db.people.acting import LOCAL, acting
from db.people.reviewers import change_own_password
from db.people.sign_ins import sign_in
from db.schema.errors import StoreError
from db.store.store import Store

_FORM = Pieces("access/pages.html").password(MIN_CHARACTERS, MOUNT)

Reviewer = Annotated[str, Depends(current_reviewer)]


def routes(desk: Desk, door: Door, *, is_secure: bool) -> APIRouter:
    """`GET /password`, `POST /password`.

    Args:
        desk: the desk.
        door: counts wrong passwords, wherever they are asked for.
        is_secure: whether browsers reach the desk by HTTPS.
    """
    router = APIRouter()

    @router.get("/password")
    def page(by: Reviewer) -> Response:
        return RedirectResponse(f"{MOUNT}/", 303) if by == LOCAL else bare_page("Password", _FORM)

    @router.post("/password")
    async def change(
        request: Request,
        by: Reviewer,
        now: Annotated[str, Form(max_length=4096)] = "",
        new: Annotated[str, Form(max_length=4096)] = "",
        again: Annotated[str, Form(max_length=4096)] = "",
    ) -> Response:
        address = request.scope.get("state", {}).get("address", "")
        if new != again:
            return bare_page("Password", _FORM, "The two new passwords do not match.", 422)
        try:
            is_right = await door.opens(by, address, now, await run_in_threadpool(kept_password, desk.store, by))
        except (TooManyError, TooBusyError) as error:
            return ask_to_wait(bare_page("Password", _FORM, str(error)), error)
        if not is_right:
            return bare_page("Password", _FORM, "The current password is wrong.", 401)
        try:
            token = await run_in_threadpool(change_password, desk.store, by, new)
        except InputError as error:
            return bare_page("Password", _FORM, str(error), 422)
        except StoreError as error:
            return bare_page("Password", _FORM, str(error), 503)
        answer = RedirectResponse(f"{MOUNT}/", 303)
        give_cookie(answer, token, is_secure=is_secure)
        return answer

    return router


def change_password(store: Store, name: str, password: str) -> str:
    """Keep the new password; every sign-in ends, and the token of a new one is given."""
    hashed = hash_password(password, name)
    with acting(store, name, "review") as act:
        change_own_password(act, hashed)
        return sign_in(act)
