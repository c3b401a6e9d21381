"""What may be sent to the desk: how much, how slowly, and to Gradio nothing that stands for a file.

A body is read whole before anybody looks at it, up to a limit that what the pages send never reaches; only files that
are imported stream, and have a limit of their own. Gradio takes an object of a certain form for a file or an address,
and copies what it finds there; no screen of the desk sends one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

FORMS = ("/login", "/password")
UPLOADS = ("/import", "/import/preview")
MAX_FORM_BYTES = 64 << 10
MAX_JSON_BYTES = 1 << 20
MAX_DEPTH = 32
WHOLE_S = 30.0
"""What a body that is read whole may take."""
SILENCE_S = 60.0
"""What may pass between two parts of a file."""

_FORM = "application/x-www-form-urlencoded"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Where Gradio looks for a file: a path with a type beside it, or in older forms a path alone.
_OF_FILES = frozenset({"path", "url", "meta", "_type"})


class BodyRefused(Exception):  # noqa: N818 - an answer, not a fault
    """What was sent is not taken.

    Attributes:
        status: of the answer.
        sentence: what was expected, what was found.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence


class Gone(Exception):  # noqa: N818 - nobody is left to be answered
    """Whoever asked went away in the middle of it."""


async def take(scope: Scope, receive: Receive, *, is_for_gradio: bool) -> Receive:
    """Read what was sent, within the limits of its path; from what comes back it can be read again.

    Args:
        scope: of the request.
        receive: its messages.
        is_for_gradio: whether Gradio gets it, so that it may name no file.

    Raises:
        BodyRefused: it is too large, too slow, of another type, or names a file.
        Gone: the sender went away.
    """
    path, headers = scope["path"], Headers(scope=scope)
    if path in UPLOADS and scope["method"] == "POST":
        return _limit_silence(receive)
    is_form = path in FORMS
    limit = MAX_FORM_BYTES if is_form else MAX_JSON_BYTES
    if _declared_length(headers) > limit:
        raise _too_large(limit)
    if scope["method"] in _SAFE_METHODS:  # nobody reads what comes with these
        return receive
    if is_form and headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise BodyRefused(415, "This is not the desk's own form. Reload the page and send it again.")
    body = await _read(receive, limit)
    if is_for_gradio:
        refuse_files(body)
    return _replay_body(body, receive)


def refuse_files(body: bytes) -> None:
    """Refuse what is no plain JSON, or has an object at any depth that Gradio could take for a file or an address.

    Whatever could be read in two ways is refused: names that stand twice, other encodings, numbers that are none.

    Raises:
        BodyRefused: see above.
    """
    try:
        sent = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_refuse_number)
    except (ValueError, RecursionError):
        raise BodyRefused(400, "The request is not valid JSON. Reload the page and try again.") from None
    waiting: list[tuple[Any, int]] = [(sent, 0)]
    while waiting:
        value, depth = waiting.pop()
        if not isinstance(value, (dict, list)):
            continue
        if depth > MAX_DEPTH:
            raise BodyRefused(400, f"The JSON is nested more than {MAX_DEPTH} levels deep.")
        if isinstance(value, dict) and not _OF_FILES.isdisjoint(value):
            raise BodyRefused(422, "Files cannot be sent here. Import them under Queue.")
        waiting += [(inner, depth + 1) for inner in (value.values() if isinstance(value, dict) else value)]


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _refuse_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _declared_length(headers: Headers) -> int:
    said = headers.get("content-length", "0")
    return int(said[:20]) if said.isdecimal() else 0


def _too_large(limit: int) -> BodyRefused:
    return BodyRefused(413, f"The request is larger than {limit >> 10:,} KiB. Nothing was saved.")


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(WHOLE_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Gone
                body += message.get("body", b"")
                if len(body) > limit:
                    raise _too_large(limit)
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise BodyRefused(408, f"The request did not arrive within {WHOLE_S:.0f} s. Send it again.") from None


def _replay_body(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give


def _limit_silence(receive: Receive) -> Receive:
    """The same messages; silence in the middle of a file ends it, as if the sender had gone."""
    is_whole = False

    async def give() -> Message:
        nonlocal is_whole
        if is_whole:
            return await receive()  # until the sender goes, which may take as long as the answer
        try:
            async with asyncio.timeout(SILENCE_S):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        is_whole = not message.get("more_body")
        return message

    return give
