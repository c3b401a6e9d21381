"""Every test process gets a home of its own, so that no test can touch real data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.kit.desk.postgres import database_url, postgres  # noqa: F401 - fixtures
from tests.kit.homes import TINY_PLACE, Home

# What a person's or a build machine's environment says, and no test may depend on.
_NOT_THEIRS = ("CASELOOP_BASE", "CASELOOP_ADAPTER", "CASELOOP_DEBUG", "CASELOOP_PUBLIC_URL", "CASELOOP_DB_URL")
_NOT_THEIRS += ("CASELOOP_PROXY",)
_NOT_THEIRS += ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")  # hundreds of processes would compile the desk anew
_NOT_THEIRS += ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_ENDPOINT", "HF_TOKEN")
for _name in _NOT_THEIRS:  # at import, because some packages read theirs once, when a test module imports them
    os.environ.pop(_name, None)

settings.register_profile("caseloop", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("caseloop")

# Begun first, so that two processes finish at about the same time; the others follow by their names.
_LONGEST = ("end_to_end", "training_flow", "bad_input", "served_worker", "supervisor", "engine_forwards", "privacy")
_LONGEST += ("trainer_train", "postgres_desk", "ranks", "peer_failures")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files: the longest first."""
    places = {f"test_{name}.py": place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session", autouse=True)
def _not_the_real_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = dict(os.environ)
    os.environ["CASELOOP_HOME"] = str(tmp_path_factory.mktemp("home"))
    base = tmp_path_factory.getbasetemp()
    # Beside the folders of the workers, where there are several: one of them makes the model for all.
    os.environ[TINY_PLACE] = str((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny")
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home with the model of `tests/tiny_model`, which stands in for the one that comes with caseloop."""
    return Home(tmp_path / "home")


@pytest.fixture
def tiny_home(tmp_path: Path) -> Home:
    """An empty home with a model that loads and trains in seconds."""
    from tests.kit.tiny import shared_tiny

    tiny = shared_tiny()
    return Home(tmp_path / "home", {"CASELOOP_BASE": str(tiny.base), "CASELOOP_ADAPTER": str(tiny.adapter)})
