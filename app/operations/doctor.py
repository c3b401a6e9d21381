"""What `caseloop doctor` looks at. It changes nothing: not the store, not its schema, not a file's permissions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.core.adapters import WEIGHTS, is_of_another_version, weights_place
from app.core.desk import is_writable
from app.core.settings import Settings, is_hub_id
from app.operations.deleting import unfinished_sentence
from app.operations.task_fit import adapter_fit, store_fit
from app.processes.supervisor import has_gpu
from data.storage.files import sha256_of
from data.task import Task, load_task
from data.text.figures import plural
from db.people.audit import entries_of, verify
from db.schema.errors import StoreError
from db.schema.files import sqlite
from db.store.sqlite import WAL_SAFE
from db.store.store import Store, open_store
from db.training.adapters import AdapterRow, active_adapter, list_adapters

State = Literal["ok", "warn", "bad"]
SHORT_BYTES, SCARCE_BYTES = 100_000_000, 2_000_000_000
"""Below the first a save may fail at any moment; below the second a training run would."""
SHOWN = 3
N_IMPORTS = 1000
"""Of the newest that are looked at."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: of what.
        state: "ok"; "warn" for what may be left as it is; "bad" for what may not.
        said: what was found, and what to do about it.
    """

    name: str
    state: State
    said: str


def examine(settings: Settings, task: Task | None = None) -> Iterator[Finding]:
    """Look at everything, one after the other; the store is read whole.

    Args:
        settings: of the desk.
        task: what it extracts; None for the program's own.
    """
    if not settings.home.is_dir():
        said = (
            f"{settings.home} does not exist. Set CASELOOP_HOME to the desk's directory, or start one: caseloop serve"
        )
        yield Finding("home", "bad", said)
        return
    if is_writable(settings):
        yield Finding("home", "ok", str(settings.home))
    else:
        said = f"{settings.home} can be read only: status, export and backup work, and nothing can be saved"
        yield Finding("home", "warn", said)
    yield _permissions(settings.home)
    yield _room(settings)
    yield from _store(settings, task or load_task())
    yield _gpu(settings)


def _store(settings: Settings, task: Task) -> Iterator[Finding]:
    if not settings.database and not settings.store.exists():
        said = f"there is none at {settings.store}. Start the desk once: caseloop serve"
        yield Finding("store", "bad", said)
        return
    try:
        with open_store(settings.place, readonly=True) as store:
            yield _server(store) if settings.database else _sqlite(store.journal_mode)
            yield Finding("schema", "ok", f"version {store.schema_version}, the newest")
            yield _integrity(store)
            yield _audit(store)
            yield _fields(store, task)
            yield from _notes(store)
            yield from _adapters(settings, store, task)
    except StoreError as error:
        yield Finding("store", "bad", str(error))


def _sqlite(journal_mode: str) -> Finding:
    found = f"{sqlite.sqlite_version}, journal {journal_mode}"
    if WAL_SAFE:
        return Finding("sqlite", "ok", found)
    advice = "pip install pysqlite3==0.6.1, and start caseloop again"
    if journal_mode != "wal":
        return Finding("sqlite", "warn", f"{found}: safe, but fewer people can work at once. {advice}")
    said = f"{found}: this version can, very rarely, damage a write-ahead log (fixed in 3.51.3). {advice}"
    return Finding("sqlite", "bad", said)


def _server(store: Store) -> Finding:
    found, weak = f"{store.database} at {store.place}", store.weaknesses()
    if not weak:
        return Finding("postgresql", "ok", f"{found}; saves are flushed to its disk")
    said = f"{found}: {', '.join(weak)} is off, so saves may be lost with the power. Set it to on and reload the server"
    return Finding("postgresql", "bad", said)


def _permissions(home: Path) -> Finding:
    """Whether others on this machine can reach what is kept: a closed home closes all that is in it."""
    opened = [path for path in (home, *sorted(home.glob("caseloop.db*"))) if path.stat().st_mode & 0o077]
    if not opened:
        return Finding("permissions", "ok", "only the owner can read the home and the store (0700, 0600)")
    shown = ", ".join(str(path) for path in opened[:SHOWN])
    said = f"others on this machine can read {shown}. Fix it: chmod -R go= {home}"
    return Finding("permissions", "bad" if home in opened else "warn", said)


def _room(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.home).free
    said = f"{free / 1e9:.1f} GB free"
    if free < SHORT_BYTES:
        return Finding("disk", "bad", f"{said}: saves may fail. Free some space on the disk of {settings.home}")
    if free < SCARCE_BYTES:
        return Finding("disk", "warn", f"{said}: enough to review, perhaps not to train or to back up. Free some space")
    return Finding("disk", "ok", said)


def _integrity(store: Store) -> Finding:
    problems = store.problems()
    if not problems:
        return Finding("integrity", "ok", f"{store.database} finds no damage and no missing rows")
    said = f"{len(problems)} problems, first: {problems[0]}. Stop caseloop and restore the latest backup"
    return Finding("integrity", "bad", said)


def _audit(store: Store) -> Finding:
    with store.reading() as session:
        found = verify(session)
    if found.is_sound:
        return Finding("audit", "ok", f"{found.n_entries} entries, all in the chain; head {found.head[:16]}")
    said = f"entry {found.broken_at} was changed, removed or inserted. Compare it with a backup"
    return Finding("audit", "bad", said)


def _notes(store: Store) -> Iterator[Finding]:
    """Deletions that are not finished, and imports from when notes were told apart by their words alone."""
    with store.reading() as session:
        unfinished = unfinished_sentence(session)
        old = [entry for entry in entries_of(session, "imported", N_IMPORTS) if "n_known" not in entry.detail]
    yield Finding("deletions", "warn" if unfinished else "ok", unfinished or "none is unfinished")
    if old:
        said = (
            f"{plural(len(old), 'import')} up to {old[0].at.date()} may have merged notes that differed in signs only, "
            "such as ER+ and ER-. Import those files again: what is missing is added, and nothing twice"
        )
        yield Finding("merged notes", "warn", said)


def _fields(store: Store, task: Task) -> Finding:
    with store.reading() as session:
        fits, said = store_fit(session, task)
    return Finding("fields", "ok" if fits else "warn", said)


def _adapters(settings: Settings, store: Store, task: Task) -> Iterator[Finding]:
    with store.reading() as session:
        active, rows = active_adapter(session), list_adapters(session)
    if active is None:
        yield Finding("adapter", "warn", "none is active: no note is pre-filled. See: caseloop adapters list")
    others, past = [], []
    for row in rows:
        is_active = active is not None and row.name == active.name
        if not is_active and is_of_another_version(settings, row):
            past.append(row.name)
            continue
        wrong = _find_fault(settings, row)
        if is_active:
            said = f"{row.name} is active, with unchanged weights" if not wrong else _add_advice(row.name, wrong)
            yield Finding("adapter", "bad" if wrong else "ok", said)
            if other_fields := adapter_fit(row, task):
                yield Finding("adapter", "warn", other_fields)
        elif wrong:
            others.append(f"{row.name} {wrong}")
    if past:
        said = f"{', '.join(past)}: from another version of caseloop, kept for its suggestions; cannot be activated"
        yield Finding("adapters", "ok", said)
    if others:
        said = f"{'; '.join(others[:SHOWN])}: cannot be activated. Put the files back from a backup"
        yield Finding("adapters", "warn", said)


def _add_advice(name: str, wrong: str) -> str:
    return f"{name}, which is active, {wrong}. Put the files back from a backup, or: caseloop adapters rollback"


def _find_fault(settings: Settings, row: AdapterRow) -> str:
    """What is wrong with an adapter's weights; empty where nothing is, or where the hub has them."""
    place = weights_place(settings, row)
    if is_hub_id(place):
        return ""
    try:
        found = sha256_of(Path(place) / WEIGHTS)
    except OSError:
        return "has no weights that can be read"
    return "" if row.weights_sha256 in ("", found) else "has other weights than when it was added"


def _gpu(settings: Settings) -> Finding:
    if settings.served is not None:
        return Finding("gpu", "ok", f"not needed: the model runs at {settings.served.base_url}")
    if has_gpu():
        return Finding("gpu", "ok", "NVIDIA, shared by pre-fill and training in turns")
    if settings.is_embedded:
        return Finding("gpu", "ok", "none, and the embedded model needs none")
    return Finding("gpu", "warn", "none: a large base is very slow on a CPU. Serve it elsewhere: --engine openai")
