"""Times as HL7 writes them, 20240131083000.12+0100, as ISO 8601: as exact as they were said and no more."""

from __future__ import annotations

import re

_TIME = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?)?)?\s*([+-]\d{4})?", re.ASCII
)


def iso_time(said: str | None) -> str | None:
    """The same time in ISO 8601; what is none stays as it is, and nothing is None."""
    said = (said or "").strip()
    match = _TIME.fullmatch(said)
    if not match:
        return said or None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    text = "-".join(part for part in (year, month, day) if part)
    if hour:
        text += f"T{hour}:{minute or '00'}" + (f":{second}" if second else "")
        text += f".{fraction}" if fraction else ""
        text += f"{zone[:3]}:{zone[3:]}" if zone else ""
    return text
