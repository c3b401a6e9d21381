"""Values of tables that JSON does not have: each as what a person would write for it."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Any


def plain_value(value: Any) -> str | int | float | bool | None:
    """A value as JSON has it: times and numbers of other kinds as text, and null for NaN, which stands for no value."""
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        if abs(value) == float("inf"):
            return "Infinity" if value > 0 else "-Infinity"
        return None if value != value else value  # noqa: PLR0124 - only NaN differs from itself
    if isinstance(value, (date, time)):
        return value.isoformat()
    return as_text(value) if isinstance(value, bytes) else str(value)


def plain_id(value: Any) -> Any:
    """A number as an id: a whole one without its decimals, as pandas writes ids where one is missing."""
    if not isinstance(value, (float, Decimal)):
        return value.isoformat() if isinstance(value, date) else value
    if value != value or abs(value) == float("inf"):  # noqa: PLR0124 - only NaN differs from itself
        return None
    return str(int(value)) if value == int(value) else str(value)


def as_text(raw: bytes) -> str:
    """Bytes as text: what they say in UTF-8, as tables of Spark hold text, or else their hexadecimal digits."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.hex()
    return text if all(sign >= " " or sign in "\t\r\n" for sign in text) else raw.hex()
