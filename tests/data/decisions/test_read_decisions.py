"""Records that tell of decisions: whatever stands in them, a decision or a refusal comes of it, and nothing else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.decisions.reading import Decision, decision_from_record
from data.notes import NoteError
from data.reading.records import Record
from data.task import load_task

TASK = load_task()
FIRST, SECOND, *_ = TASK.keys
TOLD: dict[str, Any] = {
    "input": "Melanoma, stage IV.",
    "id": "case-1",
    "status": "submitted",
    "output": {**dict.fromkeys(TASK.keys), FIRST: "Melanoma"},
    "set_aside": None,
    "spans": [{"field": FIRST, "start": 0, "end": 8, "text": "Melanoma", "value": "Melanoma"}],
    "provenance": {
        "reviewer": "ada",
        "submitted_at": "2026-01-31T09:30:00+00:00",
        "revision": 1,
        "adapter": "embedded",
        "prompt_version": 1,
        "suggestion": {**dict.fromkeys(TASK.keys), FIRST: "Melanoma"},
        "confidence": {FIRST: 0.5},
        "grounding": {FIRST: "exact"},
        "states": {**dict.fromkeys(TASK.keys, "untouched"), FIRST: "confirmed", SECOND: "not asked"},
        "shown": {"as": "seeded", "seeded_field": FIRST, "seeded_value": "sarcoma"},
        "lead_time_ms": 900,
        "comment": "seen",
        "source": "lab",
        "opinions": [
            {"reviewer": "bob", "status": "submitted", "given_at": "2026-01-31T09:00:00Z", "values": {FIRST: "x"}}
        ],
    },
}  # fmt: skip
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(TASK.keys),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of everything that stands in a record."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return [one for key, value in inner for one in [(*path, key), *places(value, (*path, key))]]


def read(values: dict[str, Any]) -> Decision:
    return decision_from_record(Record("a.jsonl", 1, values), TASK)


def test_what_was_told_is_read() -> None:
    found = read(copy.deepcopy(TOLD))
    assert (found.reviewer, found.status, found.comment, found.lead_time_ms) == ("ada", "submitted", "seen", 900)
    assert SECOND not in found.values
    assert found.settled == (FIRST,)
    assert found.seeded == (FIRST, "sarcoma")
    assert found.suggestion is not None
    assert [(span.start, span.end) for span in found.suggestion.evidence[FIRST]] == [(0, 8)]
    assert [one.reviewer for one in found.opinions] == ["bob"]


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(places(TOLD)), value=ANY, is_dropped=st.booleans())
def test_anything_else_is_a_decision_or_a_refusal_without_a_word_of_it(place, value, is_dropped) -> None:
    changed = copy.deepcopy(TOLD)
    *way, last = place
    part: Any = changed
    for key in way:
        part = part[key]
    if is_dropped:
        del part[last]
    else:
        part[last] = value
    told = ""
    try:
        found = read(changed)
    except NoteError as error:
        told = str(error)
    if told:
        assert "Melanoma" not in told
        return
    json.dumps([found.values, found.comment, found.submitted_at.isoformat(), found.lead_time_ms])
    assert found.submitted_at.utcoffset() is not None


def test_a_name_that_grows_as_it_is_normalised_is_refused_with_its_place() -> None:
    changed = copy.deepcopy(TOLD)
    changed["provenance"]["reviewer"] = "\u0958" * 100  # two signs each
    with pytest.raises(NoteError, match="at most 100 characters for the reviewer"):
        read(changed)
