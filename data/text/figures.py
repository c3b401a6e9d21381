"""Counts, shares and their differences as a person reads them."""

from __future__ import annotations


def percent(share: float | None) -> str:
    """A share from 0 to 1 as a percentage; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f} %"


def points(change: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return f"{round(100 * change, 1) + 0.0:+.1f}"  # + 0.0: no minus before a nought


def plural(n: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def minutes(at: float) -> str:
    """A time in minutes; below one in seconds."""
    return f"{60 * at:.0f} s" if abs(at) < 1 else f"{at:.1f} min"
