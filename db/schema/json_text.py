"""JSON values as the text that a column holds."""

from __future__ import annotations

import json
import re
from typing import Any

from db.schema.errors import NulRefused

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # not a backslash followed by these letters


def as_json(value: Any) -> str:
    """The text that stands for a JSON value.

    Raises:
        NulRefused: a text in it holds a NUL character.
    """
    text = _encode(value)
    if "\\u0000" in text and _NUL.search(text):
        raise NulRefused
    return text


def from_json(text: str) -> Any:
    """The value that a text of `as_json` stands for. The rows of an export have nine each, so the short way counts."""
    return _decode(text)[0]
