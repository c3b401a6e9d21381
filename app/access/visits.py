"""Who opened which note, for the audit trail. Written in the background: showing a note never waits for a writer.

It stands in the trail a moment later; a process that is killed loses the entries of that moment.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from weakref import WeakValueDictionary

from app.core.logs import place
from db.people.acting import LOCAL, as_program
from db.schema.errors import StoreError
from db.store.store import Store

AGAIN_AFTER_S = 600.0  # one who goes to and fro between two notes is noted once in a while
N_REMEMBERED = 10_000
N_TRIES = 3

_log = logging.getLogger(__name__)
_current: WeakValueDictionary[int, Opened] = WeakValueDictionary()


class Opened:
    """Notes what is shown to whom. On a desk without sign-in nothing: there is nobody to tell apart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._seen: OrderedDict[tuple[str, int], float] = OrderedDict()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, reviewer: str, note_id: int) -> None:
        """Tell that a note is shown to somebody."""
        if reviewer == LOCAL:
            return
        one, now = (reviewer, note_id), time.monotonic()
        with self._guard:
            if now - self._seen.get(one, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
                return
            self._seen[one] = now
            self._seen.move_to_end(one)
            if len(self._seen) > N_REMEMBERED:
                self._seen.popitem(last=False)
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, daemon=True, name="opened")
                self._thread.start()
        self._waiting.put(one)

    def _write(self) -> None:
        while True:
            batch = [self._waiting.get()]
            with suppress(queue.Empty):
                while True:
                    batch.append(self._waiting.get_nowait())
            for attempt in range(N_TRIES):
                try:
                    with as_program(self._store) as program:
                        for reviewer, note_id in batch:
                            program.record_for(reviewer, "opened", f"note {note_id}")
                    break
                except StoreError as error:
                    _log.warning("opened notes could not be noted (%d): %s", attempt + 1, place(error))


def visits_of(store: Store) -> Opened:
    """The one of a store: whatever route shows a note, a reviewer's look at it is noted once in a while."""
    found = _current.get(id(store))
    if found is None:
        found = _current[id(store)] = Opened(store)
    return found
