"""The notes that wait for a suggestion, as an engine takes them: a few read ahead, a reviewer's own at once."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from db.notes.queue.waiting import opened_notes
from db.notes.suggestions import notes_without
from db.store.store import Session, Store
from db.training.adapters import active_adapter

LOOK_S = 0.05
"""An engine asks at every step, of which it may take a thousand a second; the store is asked so often at most."""
N_AHEAD = 64

NoteText = tuple[int, str]


@dataclass
class Waiting:
    """What one adapter has to suggest for, until another is to take over.

    Attributes:
        store: where the notes are.
        adapter: the name under which suggestions are kept.
        follows: whether `adapter` is to be the active one.
        limit: notes to give out, those that come back unanswered counted once more; None for all.
        busy: number to text of the notes that were given out and are not settled.
        urgent: those of them that were given out as a reviewer's own.
        n_given: notes given out.
    """

    store: Store
    adapter: str
    follows: bool = True
    limit: int | None = None
    busy: dict[int, str] = field(default_factory=dict, init=False)
    urgent: set[int] = field(default_factory=set, init=False)
    n_given: int = field(default=0, init=False)
    _ahead: deque[NoteText] = field(default_factory=deque, init=False)
    _opened: list[NoteText] = field(default_factory=list, init=False)
    _looked: float = field(default=float("-inf"), init=False)
    _is_over: bool = field(default=False, init=False)

    def take(self, n_free: int) -> list[tuple[NoteText, bool]]:
        """The next notes, at most `n_free` and what reviewers have open, each with whether one has.

        A note that was given out with the others and is opened then is given once more: now somebody waits for it.

        Raises:
            StoreError: the store cannot be read.
        """
        self._look(n_free)
        opened = [note for note in self._opened if note[0] not in self.urgent]
        self._opened = []
        again = [(note, True) for note in opened if note[0] in self.busy]
        given = [(note, True) for note in opened if note[0] not in self.busy]
        if given:
            urgent = {number for (number, _), _ in given}
            self._ahead = deque(note for note in self._ahead if note[0] not in urgent)
        while len(given) < n_free and self._ahead:
            given.append((self._ahead.popleft(), False))
        if self.limit is not None:
            given = given[: self.limit - self.n_given]
        self.n_given += len(given)
        self.busy.update(note for note, _ in given)
        given = again + given
        self.urgent.update(number for (number, _), is_urgent in given if is_urgent)
        return given

    def settle(self, note_id: int) -> None:
        """Say that a note has its outcome, in the store already."""
        self.busy.pop(note_id, None)
        self.urgent.discard(note_id)

    def _look(self, n_free: int) -> None:
        now = time.monotonic()
        # A note that failed, or one that came while others were read ahead, is found when these are used up.
        if self._is_over or (self.busy and now - self._looked < LOOK_S):
            return
        self._looked = now
        with self.store.reading() as session:
            active = active_adapter(session) if self.follows else None
            if self.follows and (active is None or active.name != self.adapter):
                self._is_over = True
                self._ahead.clear()
                return
            self._opened = opened_notes(session, self.adapter)
            if len(self._ahead) < n_free:
                self._read_ahead(session, n_free)

    def _read_ahead(self, session: Session, n_free: int) -> None:
        n_wanted = max(N_AHEAD, 2 * n_free) + len(self.busy)
        known = self.busy.keys() | {number for number, _ in self._ahead}
        found = notes_without(session, self.adapter, n_wanted)
        self._ahead.extend(note for note in found if note[0] not in known)
