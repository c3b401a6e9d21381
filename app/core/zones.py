"""Days: where one begins depends on the time zone of whoever asks. Times are kept in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from app.core.errors import InputError

MAX_ZONE_CHARACTERS = 100


def read_zone(name: str) -> ZoneInfo | None:
    """The zone of a name such as "Europe/Berlin"; None, the machine's own, for an empty one.

    Raises:
        InputError: there is no such zone.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name[:MAX_ZONE_CHARACTERS])
    except (ValueError, OSError, LookupError):
        raise InputError(f"Expected a time zone such as Europe/Berlin or UTC; found {name[:40]!r}.") from None


def midnight(day: date, zone: ZoneInfo | None) -> datetime:
    """When a day begins there, in UTC."""
    begins = datetime(day.year, day.month, day.day, tzinfo=zone)
    return begins.astimezone(UTC)  # without a zone it is taken for the machine's
