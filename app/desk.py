"""One desk: its settings, its task and its store, opened the same way by every command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from app.adapters import BY, ensure_adapter
from app.failures import DeskError
from app.logs import log_to
from app.settings import SAMPLES, Settings, load_settings, prepare_home
from data.task import Task, load_task
from db.notes import counts
from db.session import Store, open_store


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
    """
    settings = load_settings()
    prepare_home(settings)
    log_to(settings.logs, log)
    with open_store(settings.place) as store:
        with suppress(DeskError):  # a desk without a model still shows, imports and exports; who needs one is told
            ensure_adapter(settings, store)
        yield Desk(settings, load_task(), store)


def load_samples(desk: Desk) -> int:
    """Import the sample notes and originals into a desk that has none, so that it is never empty.

    Returns:
        Notes added; 0 where there were some already.
    """
    from app.importing import import_files

    with desk.store.reading() as session:
        if counts(session).n_notes:
            return 0
    originals = import_files(desk.store, desk.task, [SAMPLES / "originals.jsonl"], original=True, by=BY)
    incoming = import_files(desk.store, desk.task, [SAMPLES / "notes.jsonl"], by=BY)
    return originals.n_added + incoming.n_added
