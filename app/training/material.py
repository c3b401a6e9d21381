"""What a run learns from, is judged by and leaves out, as the store stands; the same before it is asked for and in it.

An adapter that went on from another knows what that one learned as well. Of one that came from elsewhere nothing is
known here, and it counts as having learned none of this store's notes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.core.desk import Desk
from app.core.settings import Settings
from app.training.requests import came_from_elsewhere, run_directory
from data.gate.judges import ENOUGH, Sides, divide, without_judges
from data.gate.reach import foretell, spread_of
from data.notes import content_hash
from data.snapshot import Row
from data.storage.files import write_whole
from db.review.reviewed import holdout_rows, holdout_texts, training_rows
from db.store.store import Session
from db.training.adapters import AdapterRow, get_adapter
from db.training.runs import get_run, list_runs

SNAPSHOT = "snapshot.jsonl"
FRESH = "fresh.json"
"""In a run's directory: the content hashes of the notes of the training side that judged it."""
LEFT_OUT = "left_out.json"
"""In a run's directory: what the trainer, which has the base's tokenizer, counted as too long to learn from."""

N_NEAR_DUPLICATES = "n_near_duplicates"
"""Where a run's row keeps how many labelled notes were left out of its snapshot."""
TOO_LONG = "too_long"
"""Where it keeps what the trainer counted."""
N_FRESH = "n_fresh"
"""Where it keeps how many notes of the training side judge beside the hold-out."""
N_WITHOUT_VOTE = "n_without_vote"
"""Where it keeps how many notes of the hold-out do not judge, because the active adapter learned one like them."""

N_JUDGES = "n_judges"
"""Where it keeps how many notes judge in all."""

N_VERDICTS = 5
"""The newest verdicts that are looked at: an older adapter changed by more, as a rule."""

N_PLACEHOLDERS = "n_placeholders"
"""Where it keeps how many labels of its snapshot only said that there is no value, and were read as null."""

COUNTED = (N_NEAR_DUPLICATES, N_FRESH, N_WITHOUT_VOTE, N_JUDGES)


def read_sides(desk: Desk, active: AdapterRow | None, *, is_judged: bool = True, n_enough: int = ENOUGH) -> Sides:
    """Divide the labelled notes of one moment.

    Args:
        desk: whose.
        active: the adapter that the new one is compared with.
        is_judged: whether a gate decides about the run; a learning curve learns from everything.
        n_enough: see `data.gate.judges.divide`.
    """
    with desk.store.reading() as session:  # one state of the store for all
        rows, held_out = list(training_rows(session, desk.task)), list(holdout_rows(session, desk.task))
        labelled = {row.text for row in held_out}
        unlabelled = [text for text in holdout_texts(session) if text not in labelled]
        learned = [] if active is None else learned_texts(desk.settings, session, active)
    if not is_judged:
        sides = without_judges(rows, held_out, unlabelled)
    else:
        sides = divide(rows, held_out, unlabelled, learned, count_judged(desk.settings), n_enough)
    # Of an adapter from elsewhere nobody knows; its originals are, as a rule, what it was made from.
    if active is None or learned is None or came_from_elsewhere(active):
        return sides
    return replace(sides, rows=mark_new(sides.rows, learned))


def mark_new(rows: Sequence[Row], learned: Sequence[str]) -> list[Row]:
    """The rows, each with whether it is new to an adapter that learned these texts."""
    known = {content_hash(text) for text in learned}
    return [replace(row, is_new=content_hash(row.text) not in known) for row in rows]


def counts_of(sides: Sides) -> dict[str, int]:
    """What a run's row keeps about the division."""
    n_judges = len(sides.judges)
    return {
        N_NEAR_DUPLICATES: sides.n_near,
        N_FRESH: len(sides.fresh),
        N_WITHOUT_VOTE: sides.n_without_vote,
        N_JUDGES: n_judges,
        N_PLACEHOLDERS: sum(row.n_placeholders for row in sides.rows),
    }


def describe_judges(config: Mapping[str, Any]) -> str:
    """A sentence beside the verdict: which judges were not of the hold-out, and who of the hold-out was none."""
    n = int(config.get(N_FRESH) or 0)
    if not n:
        return _describe_voteless(config)
    notes, them = ("1 of these is an ordinary note", "it") if n == 1 else (f"{n:,} of these are ordinary notes", "them")
    said = f"{notes} that neither adapter had learned from; the next run learns from {them}."
    return " ".join(filter(None, (said, _describe_voteless(config))))


def _describe_voteless(config: Mapping[str, Any]) -> str:
    n = int(config.get(N_WITHOUT_VOTE) or 0)
    if not n:
        return ""
    if n == 1:
        return "1 hold-out note does not count: the active adapter was trained on a copy of it."
    return f"{n:,} hold-out notes do not count: the active adapter was trained on copies of them."


def foretell_material(config: Mapping[str, Any]) -> str:
    """What a person is told before a run learns: what it leaves out, and who judges; may be empty."""
    n = int(config.get(N_FRESH) or 0)
    notes = "1 reviewed note is" if n == 1 else f"{n:,} reviewed notes are"
    judges = (
        f"{notes} set aside to judge the new adapter beside the hold-out; the next run learns from them." if n else ""
    )
    parts = (describe_left_out(config), _describe_placeholders(config), judges, _describe_voteless(config))
    return " ".join(filter(None, parts))


def _describe_placeholders(config: Mapping[str, Any]) -> str:
    n = int(config.get(N_PLACEHOLDERS) or 0)
    if not n:
        return ""
    were = "1 label such as “N/A” is" if n == 1 else f"{n:,} labels such as “N/A” are"
    return f"{were} read as no value."


def foretell_reach(session: Session, config: Mapping[str, Any]) -> str:
    """A sentence about how small a gain would show; empty where nobody counted the judges.

    Args:
        session: of the store.
        config: counts by the names of this module, of a run's row or foreseen.
    """
    if not config.get(N_JUDGES):
        return ""
    gates = [run.gate for run in list_runs(session, status="finished", limit=4 * N_VERDICTS) if run.gate]
    seen = [(gate.get("detectable"), int(gate.get("n_notes") or 0)) for gate in gates[:N_VERDICTS]]
    return foretell(int(config[N_JUDGES]), spread_of(seen))


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


def read_counts(directory: Path) -> dict[str, Any]:
    """What the trainer left in a run's directory, as a run's row holds it; empty where it did not count yet."""
    try:
        values = json.loads((directory / LEFT_OUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {TOO_LONG: values} if isinstance(values, dict) else {}


def n_too_long(config: Mapping[str, Any]) -> int:
    """How many notes were too long, from the config of a run's row."""
    return int((config.get(TOO_LONG) or {}).get("n_too_long") or 0)


def describe_too_long(config: Mapping[str, Any]) -> str:
    """What to say of the notes that the trainer left out, from the config of a run's row; empty where it left none."""
    values = config.get(TOO_LONG) or {}
    limit, said = int(values.get("max_tokens") or 0), []
    if n := n_too_long(config):
        notes, have = ("1 note is", "it has") if n == 1 else (f"{n:,} notes are", "they have")
        said.append(
            f"{notes} left out of training: with prompt and answer {have} more than {limit:,} tokens (max_tokens)."
        )
    if n := int(values.get("n_refused") or 0):
        notes = "1 note is" if n == 1 else f"{n:,} notes are"
        said.append(f"{notes} left out of training for a special token of the model in the text.")
    return " ".join(said)


def describe_left_out(config: Mapping[str, Any]) -> str:
    """What to say of the labelled notes that a run leaves out, from its row's config; empty where it leaves none."""
    return " ".join(filter(None, (_near_duplicates(config), describe_too_long(config))))


def _near_duplicates(config: Mapping[str, Any]) -> str:
    n = int(config.get(N_NEAR_DUPLICATES) or 0)
    if not n:
        return ""
    if n == 1:
        return "1 note is left out of training: a near duplicate of a hold-out note."
    return f"{n:,} notes are left out of training: near duplicates of hold-out notes."
