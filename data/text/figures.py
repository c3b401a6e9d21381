"""Shares and their differences as a person reads them."""

from __future__ import annotations


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage."""
    return f"{100 * share:.1f} %"


def points(change: float) -> str:
    """A difference of two shares in percentage points, with its sign."""
    return f"{round(100 * change, 1) + 0.0:+.1f}"  # + 0.0: no minus before a nought
