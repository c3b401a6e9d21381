"""One desk: its settings, its task and its store, opened the same way by every command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from app.core.adapters import ensure_adapter
from app.core.errors import DeskError
from app.core.logs import log_to
from app.core.settings import Settings, load_settings, prepare_home
from app.core.vanished import expected_store, refuse_vanished
from data.synthetic.sets.shipped import sample_notes
from data.task import Task, load_task
from db.notes.notes import add_notes, counts
from db.notes.samples import removed_up_to
from db.people.acting import as_program
from db.store.store import Store, open_store


@dataclass(frozen=True)
class Desk:
    """One desk: where things are, what is extracted, and its store."""

    settings: Settings
    task: Task
    store: Store


@contextmanager
def open_desk(log: str = "caseloop") -> Iterator[Desk]:
    """Open the desk of `$CASELOOP_HOME`, and of `$CASELOOP_DB_URL` if that is set; it is made if it is not there.

    Args:
        log: the kind of process, which names its log file.

    Raises:
        SettingsError: the home cannot be written.
        StoreError: the store cannot be opened.
        StoreGone: this home was served with a store, which is not there.
    """
    settings = load_settings()
    refuse_vanished(settings)
    prepare_home(settings)
    log_to(settings.logs, log)
    with open_store(settings.place, expected=expected_store()) as store:
        with suppress(DeskError):  # a desk without a model still shows, imports and exports; who needs one is told
            ensure_adapter(settings, store)
        yield Desk(settings, load_task(), store)


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
