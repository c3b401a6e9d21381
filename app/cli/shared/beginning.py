"""The commands with which a desk may begin: they say so, since a mistaken folder would look like lost work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.core.terminal import say

if TYPE_CHECKING:
    from app.core.desk import Desk


@contextmanager
def open_or_begin_desk(log: str = "caseloop", *, anywhere: bool = False) -> Iterator[Desk]:
    """The desk, which is made where there is none.

    Args:
        log: see `app.core.desk.open_desk`.
        anywhere: also where CASELOOP_HOME does not name the home, so that it depends on the current folder.
    """
    from app.core.desk import open_desk
    from app.core.settings import is_home_named

    with open_desk(log, may_begin=anywhere or is_home_named()) as desk:
        if desk.is_new:
            say(f"There was no desk in {desk.settings.home}, so a new one was made there.")
        yield desk
