"""What stands between the network and the desk: one pure-ASGI layer, so that streamed answers are not buffered.

It answers to this machine's own names only (a foreign site cannot reach the desk by pointing its name here), refuses
writes that another site started, hides every Gradio route that the desk does not use, and puts the security headers
on every answer. There is one local reviewer and no sign-in; whoever asks who is acting asks `current_reviewer`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_REVIEWER = "local"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOUNT = "/app"

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


def current_reviewer(request: HTTPConnection) -> str:
    """Name of the person who acts in this request; for now, always the one local reviewer."""
    return LOCAL_REVIEWER


class Guard:
    """Checks each request, then adds the headers to its answer.

    Args:
        app: what is guarded.
        hosts: host names the desk answers to, without a port.
        head: markup put before `</head>` of every page: the desk's own style and script.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] = LOOPBACK, head: str = "") -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._head = head.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, scope["path"], self._head)
        refusal = self._refusal(scope)
        if refusal is not None:
            status, sentence = refusal
            await JSONResponse({"detail": sentence}, status)(scope, receive, answer)
            return
        await self._app(_stripped(scope), receive, answer)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers, path = Headers(scope=scope), scope["path"]
        host = headers.get("host", "")
        if _name(host) not in self._hosts:
            return 400, "Expected this machine's own name as the host. Open the desk at http://127.0.0.1 and its port."
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, "Expected a request from the desk's own page; found one from another site."
        if scope["method"] not in _SAFE_METHODS:
            if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
                return 403, "Expected a request from the desk's own page; found one from another site."
            if path.startswith(MOUNT) and not headers.get("content-type", "").startswith("application/json"):
                return 415, "Expected JSON."
        if (path == MOUNT or path.startswith(f"{MOUNT}/")) and not _GRADIO.fullmatch(path):
            return 404, "Nothing is here."
        return None


class _Answer:
    """A `send` that adds headers, and rewrites pages: they are held back whole, everything else streams through."""

    def __init__(self, send: Send, path: str, head: bytes) -> None:
        self._send, self._path, self._head = send, path, head
        self._nonce = secrets.token_urlsafe(16)
        self._start: Message | None = None  # of a page, until its body is complete
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            self._secure(headers)
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

    def _secure(self, headers: MutableHeaders) -> None:
        headers["content-security-policy"] = CONTENT_SECURITY_POLICY.format(nonce=self._nonce)
        for name, value in SECURITY_HEADERS.items():
            headers[name] = value
        # Gradio's bundles carry a hash in their name; everything else may show a note and is not to be kept.
        if not self._path.startswith((f"{MOUNT}/assets/", f"{MOUNT}/static/", "/desk/")):
            headers["cache-control"] = "no-store"

    async def _send_page(self, start: Message) -> None:
        page = _PREVIEW.sub(b"", bytes(self._body)).replace(b"</head>", self._head + b"</head>", 1)
        page = _SCRIPT.sub(b'<script nonce="' + self._nonce.encode() + b'"', page)
        MutableHeaders(raw=start["headers"])["content-length"] = str(len(page))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": page})


def _name(host: str) -> str:
    """The host without its port, brackets of an IPv6 address kept."""
    return re.sub(r":\d*$", "", host.lower())


def _stripped(scope: Scope) -> Scope:
    """Without the headers by which Gradio would let a stranger choose where the page sends its data."""
    headers = [(name, value) for name, value in scope["headers"] if not _FORWARDED.fullmatch(name)]
    return {**scope, "headers": headers}
