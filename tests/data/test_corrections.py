"""What a reviewer did to a suggestion."""

from __future__ import annotations

import pytest

from data.corrections import compare, is_corrected
from data.task import Extraction, load_task

TASK = load_task()
FIRST, *REST = TASK.keys


def extraction(value: str | None) -> Extraction:
    return Extraction(TASK, {**dict.fromkeys(TASK.keys), FIRST: value})


@pytest.mark.parametrize(
    ("suggested", "decided", "kind"),
    [
        ("IV", "IV", "accepted"),
        (None, None, "accepted"),
        ("IV", "III", "edited"),
        ("IV", "iv", "edited"),
        (None, "IV", "added"),
        ("IV", None, "cleared"),
    ],
)
def test_each_kind(suggested: str | None, decided: str | None, kind: str) -> None:
    found = compare(TASK, extraction(suggested), extraction(decided))
    assert found == {FIRST: kind, **dict.fromkeys(REST, "accepted")}
    assert tuple(found) == TASK.keys
    assert is_corrected(TASK, extraction(suggested), extraction(decided)) is (kind != "accepted")


def test_without_a_suggestion_what_is_filled_was_added() -> None:
    assert compare(TASK, None, extraction("IV")) == {FIRST: "added", **dict.fromkeys(REST, "accepted")}
    assert is_corrected(TASK, None, extraction("IV"))
    assert not is_corrected(TASK, None, extraction(None))
