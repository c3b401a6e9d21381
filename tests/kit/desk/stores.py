"""A store, and notes, suggestions and saves for tests of it."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from data.notes import Note, make_note
from data.suggestion import Grounding, Span, Suggestion
from data.task import Extraction, load_task
from db.notes.notes import add_notes
from db.review.decisions import submit
from db.review.reviewed import Status
from db.review.revisions import Saved
from db.store.store import Store, open_store
from db.training.adapters import AdapterRow, register_adapter
from tests.kit.desk.empty_stores import empty_store
from tests.kit.desk.permits import person_in, program_in

TASK = load_task()
FIRST, SECOND, *_ = TASK.keys
_tokens = count()


DATABASES = ("sqlite", "postgres")


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of the test's own: in a file, and in PostgreSQL."""
    is_file = request.param == "sqlite"
    with _in_file(tmp_path) if is_file else open_store(request.getfixturevalue("postgres").emptied()) as opened:
        yield opened


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store of the test's own in a file, `home/store.db`, for what only SQLite has."""
    with _in_file(tmp_path) as opened:
        yield opened


def _in_file(folder: Path) -> Store:
    return empty_store(folder / "home" / "store.db")


@pytest.fixture
def empty_session(store: Store) -> Iterator[Session]:
    """A transaction on the empty store, kept when the test ends."""
    with store.transaction() as opened:
        yield opened


def mode(path: Path) -> int:
    """Who may read and write a file."""
    return stat.S_IMODE(path.stat().st_mode)


def extraction(**values: str | None) -> Extraction:
    """An extraction with these values and null elsewhere; `first` and `second` stand for the task's first fields."""
    named = {FIRST: values.pop("first", None), SECOND: values.pop("second", None), **values}
    return Extraction(TASK, {**dict.fromkeys(TASK.keys), **named})


def note(number: int, *, text: str = "", gold: Extraction | None = None, external_id: str | None = None) -> Note:
    """A note with a text of its own."""
    return make_note(
        TASK, text or f"Report number {number}.", external_id=external_id, metadata={"n": number}, gold=gold
    )


def add(session: Session, n: int, **settings: Any) -> tuple[int, ...]:
    """Add `n` notes; their numbers."""
    return add_notes(program_in(session), [note(number, **settings) for number in range(n)]).note_ids


def suggestion(adapter: str = "first", **values: str | None) -> Suggestion:
    """A suggestion of an adapter."""
    return Suggestion(
        extraction=extraction(**values),
        confidence={FIRST: 0.9, SECOND: 0.25},
        raw_reply='{"raw": "réponse"}',
        adapter=adapter,
        prompt_version=1,
        latency_ms=12,
        evidence={FIRST: (Span(0, 6), Span(7, 13))},
        alternatives={SECOND: ("IV", None)},
        raw_confidence={FIRST: 0.875, SECOND: 0.125},
        grounding={FIRST: Grounding.FUZZY, SECOND: Grounding.NOT_FOUND},
    )


def decide(session: Session, note_id: int, seen: int, *, by: str = "ada", **settings: Any) -> Saved:
    """Submit a decision with a token of its own."""
    status: Status = settings.pop("status", "submitted")
    token = settings.pop("token", None) or f"token {next(_tokens)}"
    values = settings.pop("values", None) or extraction(first="decided")
    return submit(
        person_in(session, by),
        note_id=note_id,
        status=status,
        extraction=values,
        seen_revision=seen,
        token=token,
        **settings,
    )


def register(session: Session, names: Sequence[str]) -> None:
    """Register adapters of these names."""
    for name in names:
        register_adapter(program_in(session), adapter(name))


def adapter(name: str, **settings: Any) -> AdapterRow:
    """An adapter's row; its weights' hash follows from its name."""
    fixed = {"path": f"adapters/{name}", "base": "tiny", "base_revision": "1", "prompt_version": 1}
    return AdapterRow(**{"name": name, "weights_sha256": f"{hash(name) & 0xFFFF:064x}", **fixed, **settings})
