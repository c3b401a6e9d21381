"""What stands between the network and the desk: one pure-ASGI layer, so that streamed answers are not buffered.

It answers to this machine's own names only (a foreign site cannot reach the desk by pointing its name here), refuses
writes that another site started, hides every Gradio route that the desk does not use, lets nobody in who has to sign in
first, takes no more than what is needed (`bodies.py`), and puts the security headers on every answer. Whoever asks who
is acting asks `current_reviewer`.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from fastapi import HTTPException
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.bodies import BodyRefused, Gone, take
from app.core.proxies import Proxies
from app.core.templates import Pieces
from db.people.acting import LOCAL
from db.people.sign_ins import SignedIn
from db.schema.errors import StoreError

LOCAL_REVIEWER = LOCAL
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOUNT = "/app"
COOKIE, SECURE_COOKIE = "caseloop", "__Host-caseloop"
# Without a session there is the page to sign in with, and the health check; and files of the program.
OPEN = ("/login", "/healthz")
# Pages with nothing of the desk but a form.
BARE = ("/login", "/password")

# Scripts run only from this server's files or with the nonce of the very answer, so that markup which slipped into a
# page would be inert. Gradio compiles its templates at run time and shows nothing without 'unsafe-eval'.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}

# Gradio's bundles: their address changes with their content, by a hash in the name. Like the desk's own files they hold
# nothing of anybody.
_BUNDLE = re.compile(re.escape(MOUNT) + r"/assets/\w[\w-]*(\.\w+)+")

# Gradio 6.31 mounts about sixty routes; these are the ones that the desk's page asks for. The rest (uploads, tokens,
# deep links, MCP, proxying, monitoring, run history ...) does not exist here.
_GRADIO = re.compile(
    re.escape(MOUNT)
    + r"(/?|/config/?|/theme\.css|/(assets|static|svelte)/.*|/gradio_api/(run/[a-z_]+/?|info|app_id|login_check))"
)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_FORWARDED = re.compile(rb"x-forwarded-.*|forwarded|x-gradio-server|x-direct-url")
_SCRIPT = re.compile(rb"<script(?=[\s>])")
# Preview cards name a foreign host, and there is no manifest to fetch.
_PREVIEW = re.compile(rb"""<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*|<link rel="manifest"[^>]*>\s*""")


class Known(Protocol):
    """What the guard asks who somebody is; see `app.access.login.People`."""

    def identify(self, token: str | None, *, is_active: bool) -> SignedIn | None:
        """Who has this token; None for somebody who has to sign in."""
        ...


def current_reviewer(request: HTTPConnection) -> str:
    """Name of the person who acts in this request.

    Raises:
        HTTPException: 401, nobody is signed in; the guard lets no such request through.
    """
    person: SignedIn | None = request.scope.get("state", {}).get("person")
    if person is None:
        raise HTTPException(401, "Sign in first.")
    return person.name


class Guard:
    """Checks each request, then adds the headers to its answer.

    Args:
        app: what is guarded.
        people: who somebody is.
        hosts: host names the desk answers to, without a port.
        head: markup put before `</head>` of every page: the desk's own styles and scripts.
        files: addresses of the desk's own files, each with a fingerprint of the content in its query. They hold nothing
            of anybody and only a page tells the fingerprint, so that is enough to get them.
        first: markup put before the first script of every page: an import map counts only before all modules.
        is_secure: whether browsers reach the desk by HTTPS, through a proxy.
        proxies: who is believed about where a request comes from.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        people: Known,
        hosts: Collection[str] = LOOPBACK,
        head: str = "",
        files: Collection[str] = (),
        first: str = "",
        is_secure: bool = False,
        proxies: Proxies = Proxies(),  # noqa: B008 - nobody, which never changes
    ) -> None:
        self._app = app
        self._people = people
        self._hosts = frozenset(host.lower() for host in hosts)
        self._head = head
        self._first = first
        self._files = frozenset(files)
        self._is_secure = is_secure
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        person = None
        path = scope["path"]
        is_file = f"{path}?{scope['query_string'].decode('latin-1')}" in self._files or bool(_BUNDLE.fullmatch(path))
        if refusal is None and not is_file and path not in OPEN:
            person, refusal = await self._admit(scope)
        if refusal is None:
            try:
                receive = await take(scope, receive, is_for_gradio=path.startswith(MOUNT))
            except BodyRefused as error:
                refusal = JSONResponse({"detail": error.sentence}, error.status)
            except Gone:
                return
        is_bare = path in (*OPEN, *BARE)
        head, first = ("", "") if is_bare else (_person_markup(person) + self._head, self._first)
        answer = _Answer(send, path, head.encode(), first.encode(), is_kept=is_file, is_secure=self._is_secure)
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        state = {**scope.get("state", {}), "person": person, "address": self._address(scope)}
        try:
            await self._app({**_strip_scope(scope), "state": state}, receive, answer)
        except ClientDisconnect:  # who sends went away, or silent, in which case this is heard
            if not answer.has_begun:
                late = JSONResponse({"detail": "The upload stopped before the end of the file. Send it again."}, 408)
                await late(scope, receive, answer)

    async def _admit(self, scope: Scope) -> tuple[SignedIn | None, Response | None]:
        """Who asks, or else the answer to somebody who may not."""
        connection = HTTPConnection(scope)
        token = connection.cookies.get(SECURE_COOKIE if self._is_secure else COOKIE)
        try:
            person = await run_in_threadpool(self._people.identify, token, is_active=_is_active(connection))
        except StoreError as error:
            return None, JSONResponse({"detail": str(error)}, 503)
        if person is None:
            if scope["method"] == "GET" and "text/html" in connection.headers.get("accept", ""):
                query = scope["query_string"].decode("latin-1")
                return None, RedirectResponse(f"/login?to={quote(scope['path'] + ('?' + query if query else ''))}", 303)
            return None, JSONResponse({"detail": "You are signed out."}, 401)
        meant = unquote(connection.headers.get("x-reviewer", ""))
        if meant and meant != person.name:  # what one person typed is never saved as another's
            sentence = f"{meant} opened this page, but {person.name} is signed in. Sign in as {meant}, or reload it."
            return None, JSONResponse({"detail": sentence}, 401)
        return person, None

    def _address(self, scope: Scope) -> str:
        client = scope.get("client")
        return self._proxies.origin(client[0] if client else "", Headers(scope=scope).getlist("x-forwarded-for"))

    def _refusal(self, scope: Scope) -> Response | None:
        refused = self._objection(scope)
        return None if refused is None else JSONResponse({"detail": refused[1]}, refused[0])

    def _objection(self, scope: Scope) -> tuple[int, str] | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            return 400, "The desk does not answer to this host name. Open it at http://127.0.0.1 and its port."
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "This request came from another site and was refused."
        if scope["method"] not in _SAFE_METHODS:
            if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                return 403, "This request came from another site and was refused."
            if path.startswith(MOUNT) and not headers.get("content-type", "").startswith("application/json"):
                return 415, "The request must be JSON."
        if (path == MOUNT or path.startswith(f"{MOUNT}/")) and not _GRADIO.fullmatch(path):
            return 404, "Nothing is here."
        return None


class _Answer:
    """A `send` that adds headers, and rewrites pages: they are held back whole, everything else streams through."""

    def __init__(self, send: Send, path: str, head: bytes, first: bytes, *, is_kept: bool, is_secure: bool) -> None:
        self._send, self._path, self._is_kept, self._is_secure = send, path, is_kept, is_secure
        self._head, self._first = head, first
        self._nonce = secrets.token_urlsafe(16)
        self._start: Message | None = None  # of a page, until its body is complete
        self._body = bytearray()
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            headers = MutableHeaders(raw=message["headers"])
            self._secure(headers, is_found=message["status"] == 200)
            if headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers:
                self._start = message
                return
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            await self._send_page(self._start)
            return
        await self._send(message)

    def _secure(self, headers: MutableHeaders, *, is_found: bool) -> None:
        headers["content-security-policy"] = CONTENT_SECURITY_POLICY.format(nonce=self._nonce)
        for name, value in SECURITY_HEADERS.items():
            headers[name] = value
        if self._path in BARE:
            # Without a referrer browsers send a form's origin as null, which is refused here.
            headers["referrer-policy"] = "same-origin"
        if self._is_secure:
            headers["strict-transport-security"] = "max-age=31536000"
        # Everything but files may show a note and is not to be kept.
        if self._is_kept:
            if is_found:  # a reload need not ask whether they have changed
                headers["cache-control"] = "max-age=31536000, immutable"
        elif not self._path.startswith(f"{MOUNT}/static/"):
            headers["cache-control"] = "no-store"

    async def _send_page(self, start: Message) -> None:
        page = _PREVIEW.sub(b"", bytes(self._body)).replace(b"</head>", self._head + b"</head>", 1)
        page = _SCRIPT.sub(lambda script: self._first + script[0], page, count=1)
        page = _SCRIPT.sub(b'<script nonce="' + self._nonce.encode() + b'"', page)
        MutableHeaders(raw=start["headers"])["content-length"] = str(len(page))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": page})


def _person_markup(person: SignedIn | None) -> str:
    """Markup that tells the page whom it was opened by."""
    if person is None:
        return ""
    told = json.dumps({"name": person.name, "role": person.role, "is_local": person.name == LOCAL_REVIEWER})
    return str(Pieces("access/pages.html").reviewer(told))  # a string like the head that it is put before


def _is_active(connection: HTTPConnection) -> bool:
    """Whether a request shows that somebody is there: what a page asks by itself, on a timer, does not."""
    path = connection.url.path
    if path == "/status":
        return "active" in connection.query_params
    return not path.startswith(f"{MOUNT}/gradio_api/")


def _name(host: str) -> str:
    """The host without its port, brackets of an IPv6 address kept."""
    return re.sub(r":\d*$", "", host.lower())


def _strip_scope(scope: Scope) -> Scope:
    """Without the headers by which Gradio would let a stranger choose where the page sends its data."""
    headers = [(name, value) for name, value in scope["headers"] if not _FORWARDED.fullmatch(name)]
    return {**scope, "headers": headers}
