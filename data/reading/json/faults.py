"""Where in a JSON text something stands that the decoder lets pass: positions for a person, found only when needed."""

from __future__ import annotations

import re

from data.limits import MAX_DIGITS

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|-?Infinity|NaN|-?\d[\d.eE+-]*+', re.DOTALL)
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
# Read from left to right, so that a backslash that is itself escaped begins nothing. Two halves that make one
# character are passed over before a half alone is looked for.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def number_fault(text: str) -> int | None:
    """Where the first number stands that JSON does not have or that no number can hold; None without one."""
    for token in _TOKEN.finditer(text):
        said = token.group()
        if not said.startswith('"') and is_bad_number(said):
            return token.start()
    return None


def is_bad_number(said: str) -> bool:
    """Whether it is NaN, an infinity, beyond the range of numbers, or a whole number of too many digits."""
    if said.lstrip("-").isdigit():
        return len(said) > MAX_DIGITS
    return not abs(float(said)) < float("inf")  # NaN is not less than anything


def escape_fault(text: str, start: int, end: int) -> tuple[int, str] | None:
    r"""The first \u escape between two positions that no text can hold: where it stands, and its code point."""
    if text.find("\\u", start, end) < 0 or not _SUSPECT.search(text, start, end):
        return None
    for escape in _ESCAPE.finditer(text, start, end):
        if escape.group(1):
            return escape.start(), f"U+{escape.group(1).upper()}"
    return None
