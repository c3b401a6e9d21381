"""One desk: its settings, its task and its store, opened the same way by every command."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from app.core.adapters import ensure_adapter
from app.core.errors import DeskError, InputError
from app.core.logs import ignore_logs, log_to
from app.core.settings import Settings, is_home_named, load_settings, prepare_home
from app.core.vanished import expected_store, refuse_vanished
from data.synthetic.sets.shipped import sample_notes
from data.task import Task, load_task
from db.notes.notes import add_notes
from db.notes.queue.search import counts
from db.notes.samples import removed_up_to
from db.people.acting import as_program
from db.store.store import Store, open_store


@dataclass(frozen=True)
class Desk:
    """One desk: where things are, what is extracted, and its store.

    Attributes:
        is_new: whether it was made as it was opened.
    """

    settings: Settings
    task: Task
    store: Store
    is_new: bool = False


@contextmanager
def open_desk(log: str = "caseloop", *, may_begin: bool = False) -> Iterator[Desk]:
    """Open the desk of `$CASELOOP_HOME`, and of `$CASELOOP_DB_URL` if that is set.

    Args:
        log: the kind of process, which names its log file.
        may_begin: make a new desk where there is none. A command that was started in another folder must
            not: to its user, all work would be gone.

    Raises:
        InputError: there is no desk.
        SettingsError: the home cannot be written.
        StoreError: the store cannot be opened.
        StoreGone: this home was served with a store, which is not there.
    """
    settings = load_settings()
    refuse_vanished(settings)
    is_new = not settings.database and not settings.store.exists()
    if is_new and not may_begin:
        raise InputError(_describe_no_desk(settings))
    prepare_home(settings)
    log_to(settings.logs, log)
    with open_store(settings.place, expected=expected_store()) as store:
        with suppress(DeskError):  # a desk without a model still shows, imports and exports; who needs one is told
            ensure_adapter(settings, store)
        yield Desk(settings, load_task(), store, is_new)


@contextmanager
def open_desk_to_read() -> Iterator[Desk]:
    """The same for a command that only reads: it also opens a home that it may not write, such as a snapshot's.

    Raises:
        InputError: there is no desk.
        StoreError: the store cannot be read.
        StoreGone: see `open_desk`.
    """
    settings = load_settings()
    if settings.database or not settings.store.exists() or is_writable(settings):
        with open_desk() as desk:
            yield desk
        return
    ignore_logs()
    with open_store(settings.place, readonly=True, expected=expected_store()) as store:
        yield Desk(settings, load_task(), store)


def is_writable(settings: Settings) -> bool:
    """Whether this process may write what is in the home."""
    return all(os.access(path, os.W_OK) for path in (settings.home, settings.store) if path.exists())


def _describe_no_desk(settings: Settings) -> str:
    how = "Correct it" if is_home_named() else "Name its folder with CASELOOP_HOME, or run this where it was started"
    return f"There is no desk in {settings.home}. {how}, or start a new one there: caseloop serve"


def load_samples(desk: Desk) -> int:
    """Put the samples into a desk that has no notes, so that a first start has something to show.

    They fit the task and the model that come with caseloop: where another task is set up, or a base was named, none are
    loaded. Nor are they loaded again once somebody has taken them out.

    Returns:
        Notes added.
    """
    if not desk.settings.is_embedded:
        return 0
    with desk.store.reading() as session:
        if counts(session).n_notes or removed_up_to(session):
            return 0
    notes = sample_notes(desk.task)
    with as_program(desk.store) as program:
        return add_notes(program, notes, files=["samples"]).n_added
