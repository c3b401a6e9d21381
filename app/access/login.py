"""Signing in and out: the page, its two routes, and who acts in a request.

A desk where nobody has a password has one local reviewer and no sign-in. As soon as one person has a password,
everybody needs one, whatever the address.
"""

from __future__ import annotations

import logging
import math
import unicodedata
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from app.access.guard import COOKIE, MOUNT, SECURE_COOKIE
from app.access.passwords import Door, TooBusyError, TooManyError
from app.core.desk import Desk
from app.core.logs import place
from app.core.templates import Pieces
from db.notes.queue.claims import leave_desk
from db.people.acting import LOCAL, acting, as_program, needs_sign_in
from db.people.reviewers import find_reviewer, password_of
from db.people.sign_ins import LONGEST, SignedIn, find_sign_in, note_action, sign_in
from db.schema.errors import StoreError
from db.store.store import Store

BUSY_S = 10
"""When to come back to a desk at which many sign in."""

_log = logging.getLogger(__name__)

_HTML = Pieces("access/pages.html")


class NobodyCanSignIn(StoreError):  # noqa: N818 - a situation, which is told
    """A desk that other machines reach has nobody who can sign in, and is open to nobody."""

    def __init__(self) -> None:
        super().__init__(
            "Nobody can sign in to this desk, which other machines can reach, so it is "
            "closed. Add an admin on the server: caseloop reviewers add NAME --role admin."
        )


class People:
    """Who acts in a request, by the token of the browser's cookie. What the guard asks.

    Args:
        store: with the people and their sign-ins.
        is_private: whether only this machine reaches the desk, so that nobody has to sign in while nobody can.
    """

    def __init__(self, store: Store, *, is_private: bool = True) -> None:
        self._store, self._is_private = store, is_private

    def identify(self, token: str | None, *, is_active: bool) -> SignedIn | None:
        """Who this is; the local reviewer where nobody has a password; None for somebody who has to sign in.

        Args:
            token: of the cookie.
            is_active: whether the request shows that the person is there, which puts off the end of the sign-in.

        Raises:
            StoreError: the store cannot be read, or nobody in it can sign in to a desk that others can reach.
        """
        with self._store.reading() as session:
            if not needs_sign_in(session):
                if not self._is_private:
                    raise NobodyCanSignIn
                return SignedIn(LOCAL, "admin")
            person = find_sign_in(session, token) if token else None
        if person is not None and person.is_due and is_active:
            assert token is not None
            try:
                with as_program(self._store) as program:
                    note_action(program, token)
            except StoreError as error:  # a full disk must not keep a reviewer from reading
                _log.warning("a sign-in could not be put off: %s", place(error))
        return person


def routes(desk: Desk, door: Door, *, is_secure: bool) -> APIRouter:
    """`GET /login`, `POST /login`, `POST /logout`.

    Args:
        desk: the desk.
        door: counts wrong passwords, wherever they are asked for.
        is_secure: whether browsers reach it by HTTPS; then the cookie never travels otherwise.
    """
    router = APIRouter()
    cookie = SECURE_COOKIE if is_secure else COOKIE

    @router.get("/login")
    def page(to: str = "") -> Response:
        return login_page(to=to)

    @router.post("/login")
    async def login(
        request: Request,
        name: Annotated[str, Form(max_length=400)] = "",
        password: Annotated[str, Form(max_length=4096)] = "",
        to: Annotated[str, Form(max_length=2000)] = "",
    ) -> Response:
        name = unicodedata.normalize("NFC", name.strip())
        address = request.scope.get("state", {}).get("address", "")
        try:
            door.refuse_many(name, address)
            kept = await run_in_threadpool(kept_password, desk.store, name)
            is_right = await door.opens(name, address, password, kept)
        except (TooManyError, TooBusyError) as error:
            return ask_to_wait(login_page(str(error), name=name, to=to), error)
        if not is_right:
            if kept is not None or not door.is_spent(address):  # made-up names without end are not all kept
                await run_in_threadpool(_note_failure, desk.store, name)
            return login_page("Wrong name or password.", name=name, to=to, status=401)
        try:
            token = await run_in_threadpool(_begin, desk.store, name)
        except StoreError as error:
            return login_page(str(error), name=name, to=to, status=503)
        answer = RedirectResponse(own_place(to), 303)
        give_cookie(answer, token, is_secure=is_secure)
        return answer

    @router.post("/logout")
    def logout(request: Request) -> Response:
        token = request.cookies.get(cookie)
        if token:
            with as_program(desk.store) as program:
                leave_desk(program, token)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(cookie, httponly=True, samesite="strict", secure=is_secure)
        return answer

    return router


def login_page(trouble: str = "", *, name: str = "", to: str = "", status: int = 200) -> HTMLResponse:
    """The page to sign in with; what was typed before stands in it, but for the password."""
    return bare_page("Sign in", _HTML.sign_in(own_place(to), name), trouble, status)


def bare_page(title: str, form: Markup, trouble: str = "", status: int = 200) -> HTMLResponse:
    """A page with nothing of the desk but a form.

    Args:
        title: of the browser's tab.
        form: a piece of markup.
        trouble: what is told above it, as text.
        status: of the answer.
    """
    return HTMLResponse(_HTML.page(title, trouble, form), status)


def give_cookie(answer: Response, token: str, *, is_secure: bool) -> None:
    """Let the browser keep a sign-in's token, out of reach of scripts and of other sites."""
    name, age_s = SECURE_COOKIE if is_secure else COOKIE, int(LONGEST.total_seconds())
    answer.set_cookie(name, token, max_age=age_s, httponly=True, samesite="strict", secure=is_secure)


def own_place(to: str) -> str:
    """Where to go after signing in: a place of the desk's own page, whatever was asked for."""
    parts = urlsplit(to)
    is_own = not parts.scheme and not parts.netloc and parts.path == f"{MOUNT}/" and to.startswith("/")
    return f"{parts.path}{'?' + quote(parts.query, safe='=&%+') if parts.query else ''}" if is_own else f"{MOUNT}/"


def ask_to_wait(page: Response, error: TooManyError | TooBusyError) -> Response:
    """The same page, as an answer that says when to come back."""
    status, wait_s = (429, error.wait_s) if isinstance(error, TooManyError) else (503, BUSY_S)
    page.status_code = status
    page.headers["retry-after"] = str(math.ceil(wait_s))
    return page


def kept_password(store: Store, name: str) -> str | None:
    """The hash of a person's password, or None."""
    with store.reading() as session:
        return password_of(session, name)


def _begin(store: Store, name: str) -> str:
    with acting(store, name, "review") as act:
        return sign_in(act)


def _note_failure(store: Store, name: str) -> None:
    """Kept for those who watch; never what was typed where a name belongs, which may be a password."""
    try:
        with as_program(store) as program:
            known = find_reviewer(program.session, name)
            program.record_for(known.name if known else "somebody", "failed to sign in")
    except StoreError as error:
        _log.warning("a failed sign-in could not be noted: %s", place(error))
