"""What an adapter has learned, and how often a note has judged: told by the directories of this home's runs.

An adapter that went on from another knows what that one learned as well. Of one that came from elsewhere nothing is
known here, and it counts as having learned none of this store's notes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from app.core.settings import Settings
from app.training.requests import run_directory
from data.snapshot import Row
from data.storage.files import write_whole
from db.store.store import Session
from db.training.adapters import AdapterRow, get_adapter
from db.training.runs import get_run

SNAPSHOT = "snapshot.jsonl"
FRESH = "fresh.json"
"""In a run's directory: the content hashes of the notes of the training side that judged it."""


def learned_texts(settings: Settings, session: Session, adapter: AdapterRow) -> list[str] | None:
    """The texts that an adapter was trained on, with those of every adapter that it went on from.

    Returns:
        None where a run's snapshot is gone, so that nobody can tell.
    """
    texts: list[str] = []
    run_id = adapter.run_id
    while run_id is not None:
        found = _texts(run_directory(settings, run_id) / SNAPSHOT)
        if found is None:
            return None
        texts += found
        config = get_run(session, run_id).config
        run_id = get_adapter(session, config["parent"]).run_id if config.get("mode") == "warm" else None
    return texts


def _texts(snapshot: Path) -> list[str] | None:
    try:
        with snapshot.open(encoding="utf-8", newline="\n") as file:  # a note may hold a line separator
            return [str(json.loads(line)["input"]) for line in file]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_fresh(directory: Path, fresh: Sequence[Row]) -> None:
    """Keep in a run's directory which notes of the training side judge it."""
    write_whole(directory / FRESH, json.dumps([row.content_hash for row in fresh]))


def count_judged(settings: Settings) -> Counter[str]:
    """How often each note of the training side has judged, by its content hash."""
    counted: Counter[str] = Counter()
    for path in settings.runs.glob(f"run-*/{FRESH}"):
        try:
            counted.update(set(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            continue  # it only decides whose turn it is
    return counted
