"""The pre-fill worker: owns the model and stores a suggestion for every note that lacks one.

It meets the desk in the store only. Each suggestion is a transaction of its own, so a worker that is killed loses at
most the notes that it was thinking about.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.adapters import base_place, described_adapter, ensure_adapter, named_adapter, weights_place
from app.children import parent_is_gone
from app.desk import Desk, open_desk
from app.failures import DeskError, sentence_of
from app.logs import place
from app.settings import Settings, is_hub_id, load_settings
from data.suggestion import Suggestion
from data.task import Task
from db.adapters import AdapterRow, active_adapter
from db.health import set_heartbeat
from db.session import StoreError
from db.suggestions import MAX_FAILURES, add_suggestion, notes_without, record_failure

if TYPE_CHECKING:
    from trainer.engine import Engine

WORKER = "worker"
BATCH = 8
POLL_S = 0.7
HEARTBEAT_S = 10.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0

_log = logging.getLogger(__name__)

# What a model may raise on a note: nothing else is caught, and a fault of the store is not one of a note.
_MODEL_FAULTS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, MemoryError)

NoteText = tuple[int, str]


@dataclass(frozen=True)
class PrefillReport:
    """What one pre-fill did.

    Attributes:
        n_done: suggestions stored.
        n_failed: tries that gave none; the store knows the reasons.
        adapter: name of the adapter that suggested.
    """

    n_done: int
    n_failed: int
    adapter: str


def load_engine(settings: Settings, adapter: AdapterRow, task: Task) -> Engine:
    """Load the model of an adapter; takes seconds and imports torch.

    Raises:
        ModelError: base or adapter is missing, damaged, or not made for the other.
    """
    from trainer.engine import Engine
    from trainer.model import load_model

    base, weights = base_place(settings, adapter), weights_place(settings, adapter)
    allow_hub = is_hub_id(str(base)) or is_hub_id(str(weights))
    return Engine(load_model(base, weights, allow_hub=allow_hub), task)


class Prefill:
    """Suggests values for the notes of one desk, always with the adapter that is active."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._adapter: AdapterRow | None = None
        self._engine: Engine | None = None
        self._said: tuple[str, float] = ("", 0.0)
        self.n_done = 0
        self.n_failed = 0

    def run(self, limit: int | None = None, on_done: Callable[[int], None] = lambda n_done: None) -> PrefillReport:
        """Suggest for every note that lacks a suggestion, or for `limit` of them.

        Raises:
            ModelError: the model cannot be loaded.
            StoreError: the store refused.
        """
        while limit is None or self.n_done + self.n_failed < limit:
            n_wanted = BATCH if limit is None else min(BATCH, limit - self.n_done - self.n_failed)
            notes = self._waiting(n_wanted)
            if not notes:
                break
            for _ in self._suggest(notes):
                on_done(self.n_done)
        self._say("stopped")
        return PrefillReport(self.n_done, self.n_failed, self._name)

    def watch(self, stop: threading.Event) -> None:
        """Go on suggesting until `stop` is set or the parent process is gone; never raises for a model or a store.

        A model that does not load is tried again after a pause that doubles up to a minute, or at once when another
        adapter is activated.
        """
        n_troubles = 0
        while not (stop.is_set() or parent_is_gone()):
            try:
                notes = self._waiting(BATCH)
                for _ in self._suggest(notes):
                    if stop.is_set() or parent_is_gone():
                        return
                n_troubles = 0
                if not notes:
                    self._say("idle")
                    stop.wait(POLL_S)
            except (*_MODEL_FAULTS, OSError) as error:
                n_troubles += 1
                self._report_trouble(error)
                self._pause(stop, min(FIRST_PAUSE_S * 2 ** (n_troubles - 1), LONGEST_PAUSE_S))
        self._say("stopped")

    def _waiting(self, limit: int) -> list[NoteText]:
        """Notes that the active adapter has not seen, those next for review first; loads that adapter if it is new."""
        with self._desk.store.reading() as session:
            adapter = active_adapter(session)
            notes = [] if adapter is None else notes_without(session, adapter.name, limit)
        if adapter is None:  # it may have been put there since
            adapter = ensure_adapter(self._desk.settings, self._desk.store)
        # The model is loaded even while nothing waits, so that the next note need not wait for it.
        if self._adapter is None or self._engine is None or adapter.name != self._adapter.name:
            self._load(adapter)
        return notes

    def _load(self, adapter: AdapterRow) -> None:
        self._engine, self._adapter = None, adapter  # two large models at once may not fit
        self._say("loading")
        began = time.monotonic()
        self._engine = load_engine(self._desk.settings, adapter, self._desk.task)
        _log.info("loaded adapter %s in %.1f s", adapter.name, time.monotonic() - began)

    def _suggest(self, notes: Sequence[NoteText]) -> Iterator[int]:
        """Store an outcome for each note, one transaction each; yields the note's id after it."""
        for (note_id, _), outcome in zip(notes, self._outcomes(notes), strict=True):
            if isinstance(outcome, Suggestion):
                self._store(note_id, outcome)
            else:
                self._give_up(note_id, outcome)
            yield note_id

    def _outcomes(self, notes: Sequence[NoteText]) -> Iterator[Suggestion | str]:
        """A suggestion for each note, or the reason why there is none.

        Raises:
            DeskError: the model answers none of several notes: it is broken, not they.
        """
        engine = self._loaded_engine()
        texts = [text for _, text in notes]
        n_given = 0
        try:
            for outcome in engine.attempt(texts):
                yield outcome if isinstance(outcome, Suggestion) else sentence_of(outcome)
                n_given += 1
            return
        except _MODEL_FAULTS as error:
            # One of them breaks the model; alone, each of the others is answered and the culprit is known.
            _log.warning("a batch of %d notes failed: %s", len(texts) - n_given, place(error))
        alone = [_answer_alone(engine, text) for text in texts[n_given:]]
        if len(alone) > 1 and all(isinstance(one, BaseException) for one in alone):
            raise DeskError(
                f"Expected answers from the model; found none in {len(alone)} tries. Look at the worker's log."
            )
        yield from (sentence_of(one) if isinstance(one, BaseException) else one for one in alone)

    def _loaded_engine(self) -> Engine:
        if self._engine is None:
            raise DeskError("Expected a loaded model; found none. Start the worker again.")
        return self._engine

    def _store(self, note_id: int, suggestion: Suggestion) -> None:
        # The store's name for the adapter, which two adapters never share; the adapter's own may be taken.
        named = replace(suggestion, adapter=self._name)
        with self._desk.store.transaction() as session:
            add_suggestion(session, note_id, named)
            set_heartbeat(session, WORKER, self._words("busy", self.n_done + 1))
        self.n_done += 1
        self._said = ("busy", time.monotonic())

    def _give_up(self, note_id: int, reason: str) -> None:
        with self._desk.store.transaction() as session:
            n_failures = record_failure(session, note_id, self._name, reason)
        self.n_failed += 1
        _log.warning("no suggestion for note %d, try %d of %d", note_id, n_failures, MAX_FAILURES)

    def _say(self, state: str) -> None:
        """Tell the store what the worker does, at once when it is new and now and then when it is not."""
        said, at = self._said
        if state != said or time.monotonic() - at >= HEARTBEAT_S:
            with self._desk.store.transaction() as session:
                set_heartbeat(session, WORKER, self._words(state, self.n_done))
            self._said = (state, time.monotonic())

    def _report_trouble(self, error: BaseException) -> None:
        sentence = sentence_of(error)
        _log.warning("worker trouble: %s", place(error))
        if not isinstance(error, StoreError):
            self._engine = None
        with contextlib.suppress(StoreError):  # the store itself may be the trouble; then the log has to do
            self._say(f"failed: {sentence}")

    def _pause(self, stop: threading.Event, pause_s: float) -> None:
        """Wait, but no longer than until another adapter is activated or the process is to end."""
        until = time.monotonic() + pause_s
        failed = self._name
        while time.monotonic() < until and not parent_is_gone() and not stop.wait(min(POLL_S, pause_s)):
            with contextlib.suppress(StoreError), self._desk.store.reading() as session:
                active = active_adapter(session)
                if active is not None and active.name != failed:
                    return

    def _words(self, state: str, n_done: int) -> dict[str, Any]:
        return {"state": state, "adapter": self._name, "n_done": n_done, "n_failed": self.n_failed, "pid": os.getpid()}

    @property
    def _name(self) -> str:
        return self._adapter.name if self._adapter is not None else ""


def _answer_alone(engine: Engine, text: str) -> Suggestion | BaseException:
    try:
        return engine.suggest_one(text)
    except _MODEL_FAULTS as error:
        return error


def chosen_engine(task: Task, name: str | None = None) -> Engine:
    """The engine for one answer: of the named adapter, or the active one's; without a store, the settings' own.

    Raises:
        DeskError: there is no such adapter.
        ModelError: the model cannot be loaded.
    """
    settings = load_settings()
    if not settings.store.exists():
        adapter = described_adapter(settings)
        if name not in (None, adapter.name):
            raise DeskError(f"Expected the name of an adapter ({adapter.name}); found {name!r}. Choose this one.")
        return load_engine(settings, adapter, task)
    with open_desk() as desk:
        adapter = ensure_adapter(settings, desk.store)
        if name is not None:
            with desk.store.reading() as session:
                adapter = named_adapter(session, name)
    return load_engine(settings, adapter, task)
