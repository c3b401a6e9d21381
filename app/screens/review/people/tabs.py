"""Which notes each tab of a person has: two tabs of one person do not give back each other's claims.

The store knows a claim's person alone, so this is kept in memory; after a restart each tab says again what it has.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import Annotated
from weakref import WeakKeyDictionary

from fastapi import Header

from db.store.store import Store

Tab = Annotated[str, Header(alias="x-tab", max_length=40)]
"""The name that a page made up for itself as it was loaded; see browser/api.js."""

HEARD_S = 120.0
"""A tab that was not heard of for so long is gone: hidden ones still ask for the status once a minute."""
MOST = 20
"""Tabs of one person that are remembered."""

_of_stores: WeakKeyDictionary[Store, Tabs] = WeakKeyDictionary()


class Tabs:
    """The tabs of all people, with their notes and when they were last heard of."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._notes: dict[str, dict[str, tuple[frozenset[int], float]]] = {}

    def hear(self, reviewer: str, tab: str, notes: Collection[int] | None = None) -> None:
        """A tab is there, and has these notes; None for those that it had."""
        with self._guard:
            own = self._notes.setdefault(reviewer, {})
            before, _ = own.pop(tab, (frozenset(), 0.0))
            own[tab] = (before if notes is None else frozenset(notes), time.monotonic())
            while len(own) > MOST:
                del own[next(iter(own))]

    def others(self, reviewer: str, tab: str) -> set[int]:
        """The notes of a person's other tabs."""
        since = time.monotonic() - HEARD_S
        with self._guard:
            own = self._notes.get(reviewer, {})
            return {note for name, (notes, at) in own.items() if name != tab and at > since for note in notes}

    def forget(self, reviewer: str, tab: str) -> None:
        """A tab was closed."""
        with self._guard:
            self._notes.get(reviewer, {}).pop(tab, None)


def tabs_of(store: Store) -> Tabs:
    """Those of the desk on a store."""
    return _of_stores.setdefault(store, Tabs())
