"""How what is kept fits the task of today, whose file may have been changed since: for those who run a desk."""

from __future__ import annotations

from data.task import Task
from db.review.revisions import count_held_fields
from db.store.store import Session
from db.training.adapters import AdapterRow

MAX_NAMED = 10


def store_fit(session: Session, task: Task) -> tuple[bool, str]:
    """Whether decisions and labels have just the fields of the task, and a sentence; reads all of them."""
    held, total = count_held_fields(session)
    aside = {key: n for key, n in sorted(held.items()) if key not in task.keys}
    lacking = {key: total - held.get(key, 0) for key in task.keys if held.get(key, 0) < total}
    if not aside and not lacking:
        return True, f"{total:,} decisions and labels, all with the {len(task.keys)} fields of the task"
    said = []
    if aside:
        said.append(f"the task does not ask for {_count_fields(aside)}: kept aside, neither shown nor exported")
    if lacking:
        said.append(f"the task asks for {_count_fields(lacking, 'missing in ')}: null there")
    return False, f"of {total:,} decisions and labels, {'; '.join(said)}. Put the old task file back to undo it"


def adapter_fit(adapter: AdapterRow, task: Task) -> str:
    """A sentence about an adapter that was measured on other fields than the task has; empty where nothing is known."""
    known = (adapter.metrics or {}).get("fields") or {}
    missing = [key for key in task.keys if key not in known]
    former = [key for key in known if key not in task.keys]
    if not known or not (missing or former):
        return ""
    said = [f"without {_join_keys(missing)}"] if missing else []
    said += [f"with {_join_keys(former)}, which the task does not ask for"] if former else []
    return f"{adapter.name} was trained for other fields, {' and '.join(said)}: train again before you rely on it"


def _count_fields(fields: dict[str, int], word: str = "held by ") -> str:
    shown = [f"{key} ({word}{n:,})" for key, n in list(fields.items())[:MAX_NAMED]]
    return ", ".join(shown) + (f" and {len(fields) - MAX_NAMED} more" if len(fields) > MAX_NAMED else "")


def _join_keys(keys: list[str]) -> str:
    return ", ".join(keys[:MAX_NAMED]) + (f" and {len(keys) - MAX_NAMED} more" if len(keys) > MAX_NAMED else "")
