"""The time zone of a browser, which `zone.js` keeps in a cookie: its days are those that the page shows."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from app.core.errors import InputError
from app.core.zones import read_zone

COOKIE = "caseloop-zone"


def zone_of(request: Any) -> str:
    """The name of the zone that a request comes from; "UTC" where it names none that is known here.

    Args:
        request: Gradio's.
    """
    sent = getattr(getattr(request, "request", None), "cookies", {}).get(COOKIE, "")
    name = unquote(sent)
    try:
        return name if read_zone(name) is not None else "UTC"
    except InputError:
        return "UTC"
