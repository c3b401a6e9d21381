"""The web process without a socket: fixtures and what the page would send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.access.guard import LOCAL_REVIEWER
from app.core.settings import Settings, prepare_home
from app.web.application import create_app
from db.review.decisions import open_review
from db.store.store import Store
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, COLON_VALUES, MELANOMA, empty_values, make_store

HERE = "http://127.0.0.1"
NOTE = 1


def _app(store: Store, home: Path) -> FastAPI:
    settings = Settings(home=home, base="embedded", adapter="embedded")
    prepare_home(settings)
    return create_app(store, settings)


NOTES = [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES), (MELANOMA, None)]


@pytest.fixture(scope="module")
def quiet_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """For tests that write nothing."""
    with make_store(tmp_path_factory.mktemp("home"), NOTES) as opened:
        yield opened


@pytest.fixture(scope="module")
def app(quiet_store: Store) -> FastAPI:
    return _app(quiet_store, quiet_store.path.parent)


@pytest.fixture(scope="module")
def quiet(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=HERE) as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with make_store(tmp_path, NOTES) as opened:
        yield opened


@pytest.fixture
def web(store: Store, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(_app(store, tmp_path), base_url=HERE) as client:
        yield client


def form(store: Store, note_id: int = NOTE, **changes: str | None) -> dict[str, Any]:
    """What the page would send for a note that it shows now."""
    with store.reading() as session:
        review = open_review(session, note_id, LOCAL_REVIEWER)
    return {
        "note": note_id,
        "revision": review.revision,
        "draft": review.draft.version if review.draft else 0,
        "suggestion": review.suggestion.id if review.suggestion else None,
        "values": {**(review.values or empty_values()), **changes},
        "comment": "",
        "lead_time_ms": 1234,
    }
