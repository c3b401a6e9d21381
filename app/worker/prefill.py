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
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from app.core.adapters import ensure_adapter
from app.core.desk import Desk
from app.core.errors import DeskError, sentence_of
from app.core.logs import place
from app.processes.child import parent_is_gone
from app.worker.engines import Drafts, can_switch, close, load_engine, served_adapter
from app.worker.novelty import Novelty
from app.worker.pending import Waiting
from app.worker.refitting import Refitting
from data.suggestion import Suggestion
from db.notes.suggestions import MAX_FAILURES, add_suggestion, record_failure
from db.people.acting import as_program
from db.schema.errors import StoreError, UnknownNote
from db.store.heartbeats import set_heartbeat
from db.training.adapters import AdapterRow, active_adapter
from trainer.engine.api import EngineUnavailableError, Request, Suggester
from trainer.engine.reading import Reading

WORKER = "worker"
POLL_S = 0.7
HEARTBEAT_S = 10.0
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
PATIENCE_S = 600.0
"""How long a pre-fill that had answers waits for an engine that gives no more."""

_log = logging.getLogger(__name__)

# What a model may raise on a note: nothing else is caught, and a fault of the store is not one of a note.
_MODEL_FAULTS = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError, MemoryError)


class _Left(Exception):  # noqa: N818 - no error: the way out of an engine that is at work
    """The worker is to end at once."""


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


class Prefill:
    """Suggests values for the notes of one desk, always with the adapter that is active or that a server has."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._adapter: AdapterRow | None = None
        self._follows = True
        self._engine: Suggester | None = None
        self._drafts = Drafts(desk.store, desk.task)
        self._novelty: Novelty | None = Novelty(desk.store)
        self._refitting = Refitting(desk)
        self._said: tuple[str, float] = ("", 0.0)
        self.n_done = 0
        self.n_failed = 0

    def run(self, limit: int | None = None, on_done: Callable[[int], None] = lambda n_done: None) -> PrefillReport:
        """Suggest for every note that lacks a suggestion, or for `limit` of them.

        Raises:
            ModelError: the model cannot be loaded.
            EngineUnavailableError: the server answers nothing, or nothing any more for `PATIENCE_S`.
            StoreError: the store refused.
        """
        trouble = _Trouble()
        while limit is None or self.n_done + self.n_failed < limit:
            n_before = self.n_done
            try:
                if not sum(1 for _ in self._round(limit, on_done)):
                    break
            except EngineUnavailableError as error:
                self._report_trouble(error)
                trouble.note(has_progress=self.n_done > n_before)
                if not self.n_done or trouble.lasted_s > PATIENCE_S:
                    raise
                self._pause(threading.Event(), trouble)
        self._say("stopped")
        return PrefillReport(self.n_done, self.n_failed, self._name)

    def watch(self, stop: threading.Event) -> None:
        """Go on suggesting until `stop` is set or the parent process is gone; never raises for a model or a store.

        A model that does not load, or a server that does not answer, is tried again after a pause that doubles up to
        a minute, or at once when another adapter is activated.
        """
        trouble = _Trouble()
        with contextlib.suppress(_Left):
            while not _is_to_end(stop):
                n_before = self.n_done
                try:
                    n_notes = sum(1 for _ in self._round(None, lambda n_done: None, stop))
                    trouble = _Trouble()
                    if not n_notes:
                        self._say("idle")
                        self._drafts.teach(self._engine)
                        self._refit(is_idle=True)
                        self._compare()
                        stop.wait(POLL_S)
                except (*_MODEL_FAULTS, OSError) as error:
                    trouble.note(has_progress=self.n_done > n_before)
                    self._report_trouble(error)
                    self._pause(stop, trouble)
        self._say("stopped")

    def _refit(self, *, is_idle: bool) -> None:
        if self._adapter is not None and self._engine is not None:
            self._refitting.turn(self._adapter, self._engine, is_idle=is_idle)

    def _compare(self) -> None:
        """Compare a few notes with the reviewed ones; a fault in that must not stop suggestions."""
        try:
            if self._novelty is not None:
                self._novelty.turn()
        except StoreError:
            raise
        except (*_MODEL_FAULTS, ImportError) as error:
            _log.warning("notes are not compared any more: %s", place(error))
            self._novelty = None

    def _round(
        self, limit: int | None, on_done: Callable[[int], None], stop: threading.Event | None = None
    ) -> Iterator[int]:
        """Store an outcome for each note, one transaction each, until none waits or another adapter is active.

        Yields the note's number after it.
        """
        adapter = self._current()
        # The model is loaded even while nothing waits, so that the next note need not wait for it.
        if self._adapter is None or self._engine is None or adapter.name != self._adapter.name:
            self._load(adapter)
        rest = None if limit is None else limit - self.n_done - self.n_failed
        waiting = Waiting(self._desk.store, self._name, self._follows, rest)
        for note_id, outcome in self._outcomes(waiting, stop):
            if isinstance(outcome, Suggestion):
                self._store(note_id, outcome)
            else:
                self._give_up(note_id, outcome)
            waiting.settle(note_id)
            on_done(self.n_done)
            yield note_id

    def _current(self) -> AdapterRow:
        with self._desk.store.reading() as session:
            served, active = served_adapter(session, self._desk.settings), active_adapter(session)
        self._follows = served is None
        # Where none is active, it may have been put there since.
        return served or active or ensure_adapter(self._desk.settings, self._desk.store)

    def _load(self, adapter: AdapterRow) -> None:
        if not can_switch(self._engine, self._desk.settings, adapter):
            self._drop_engine()
        previous, self._engine = self._engine, None
        self._adapter = adapter
        self._say("loading")
        began = time.monotonic()
        self._engine = load_engine(self._desk.settings, adapter, self._desk.task, previous)
        self._drafts.teach(self._engine, at_once=True)
        self._refitting.begin(adapter, self._engine)
        _log.info("loaded adapter %s in %.1f s", adapter.name, time.monotonic() - began)

    def _drop_engine(self) -> None:
        engine, self._engine = self._engine, None
        close(engine)

    def _outcomes(self, waiting: Waiting, stop: threading.Event | None) -> Iterator[tuple[int, Suggestion | str]]:
        """A suggestion for each note, or the reason why there is none.

        Raises:
            DeskError: the model answers none of several notes: it is broken, not they.
            EngineUnavailableError: the engine says so itself.
        """
        engine, reading = self._loaded_engine(), Reading()

        def source(n_free: int) -> list[Request]:
            if stop is not None and _is_to_end(stop):
                raise _Left
            if waiting.busy:
                self._say("busy")
            self._say_read(reading.look(engine, waiting.urgent))
            return [Request(number, text, is_urgent) for (number, text), is_urgent in waiting.take(n_free)]

        try:
            for number, outcome in engine.serve(source):
                yield int(str(number)), outcome if isinstance(outcome, Suggestion) else sentence_of(outcome)
            return
        except (StoreError, EngineUnavailableError):
            raise
        except _MODEL_FAULTS as error:
            # One of them breaks the model; alone, each of the others is answered and the culprit is known.
            _log.warning("a batch of %d notes failed: %s", len(waiting.busy), place(error))
            if not waiting.busy:
                raise
        alone = {number: _answer_alone(engine, text) for number, text in waiting.busy.items()}
        if len(alone) > 1 and all(isinstance(one, BaseException) for one in alone.values()):
            raise DeskError(f"The model gave no answer in {len(alone)} tries. See the worker's log.")
        for number, one in alone.items():
            yield number, sentence_of(one) if isinstance(one, BaseException) else one

    def _loaded_engine(self) -> Suggester:
        if self._engine is None:
            raise DeskError("No model is loaded. Start the worker again.")
        return self._engine

    def _store(self, note_id: int, suggestion: Suggestion) -> None:
        # The store's name for the adapter, which two adapters never share; the adapter's own may be taken.
        named = replace(suggestion, adapter=self._name)
        with as_program(self._desk.store) as program:
            with contextlib.suppress(UnknownNote):  # a sample that was taken out meanwhile
                add_suggestion(program, note_id, named)
            set_heartbeat(program, WORKER, self._words("busy", self.n_done + 1))
        self.n_done += 1
        self._said = ("busy", time.monotonic())
        self._refit(is_idle=False)

    def _give_up(self, note_id: int, reason: str) -> None:
        with as_program(self._desk.store) as program:
            n_failures = record_failure(program, note_id, self._name, reason)
        self.n_failed += 1
        self._said = ("", 0.0)  # how far the note was read is not told any more
        _log.warning("no suggestion for note %d, try %d of %d", note_id, n_failures, MAX_FAILURES)

    def _say(self, state: str) -> None:
        """Tell the store what the worker does, at once when it is new and now and then when it is not."""
        said, at = self._said
        if state != said or time.monotonic() - at >= HEARTBEAT_S:
            with as_program(self._desk.store) as program:
                set_heartbeat(program, WORKER, self._words(state, self.n_done))
            self._said = (state, time.monotonic())

    def _say_read(self, shares: dict[Hashable, float]) -> None:
        """Tell the store how far the notes are read that reviewers wait for; no fault in that ends the reading."""
        if shares:
            read = {str(number): round(share, 2) for number, share in shares.items()}
            with contextlib.suppress(StoreError), as_program(self._desk.store) as program:
                set_heartbeat(program, WORKER, self._words("busy", self.n_done) | {"read": read})
            self._said = ("busy", time.monotonic())

    def _report_trouble(self, error: BaseException) -> None:
        sentence = sentence_of(error)
        _log.warning("worker trouble: %s", place(error))
        if not isinstance(error, (StoreError, EngineUnavailableError)):
            self._drop_engine()
        with contextlib.suppress(StoreError):  # the store itself may be the trouble; then the log has to do
            self._say(f"failed: {sentence}")

    def _pause(self, stop: threading.Event, trouble: _Trouble) -> None:
        """Wait, but no longer than until another adapter is activated or the process is to end."""
        until = time.monotonic() + trouble.pause_s
        failed, (state, _) = self._name, self._said
        while time.monotonic() < until and not _is_to_end(stop):
            stop.wait(min(POLL_S, trouble.pause_s))
            with contextlib.suppress(StoreError):
                self._say(state)
                with self._desk.store.reading() as session:
                    active = active_adapter(session)
                if self._follows and active is not None and active.name != failed:
                    return

    def _words(self, state: str, n_done: int) -> dict[str, Any]:
        return {"state": state, "adapter": self._name, "n_done": n_done, "n_failed": self.n_failed, "pid": os.getpid()}

    @property
    def _name(self) -> str:
        return self._adapter.name if self._adapter is not None else ""


@dataclass
class _Trouble:
    """How long there has been trouble without an answer in between, and how long to wait before the next try."""

    n_troubles: int = 0
    since: float = 0.0

    def note(self, *, has_progress: bool) -> None:
        """Count once more; from the beginning where notes were answered since the last time."""
        if has_progress or not self.n_troubles:
            self.n_troubles, self.since = 0, time.monotonic()
        self.n_troubles += 1

    @property
    def pause_s(self) -> float:
        return float(min(FIRST_PAUSE_S * 2 ** min(self.n_troubles - 1, 20), LONGEST_PAUSE_S))

    @property
    def lasted_s(self) -> float:
        return time.monotonic() - self.since


def _is_to_end(stop: threading.Event) -> bool:
    return stop.is_set() or parent_is_gone()


def _answer_alone(engine: Suggester, text: str) -> Suggestion | BaseException:
    try:
        return engine.suggest_one(text)
    except _MODEL_FAULTS as error:
        return error
