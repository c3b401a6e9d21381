"""Answers of two adapters made to order, so that the gate's figures can be known beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from data.gate.gate import judge
from data.gate.verdict import Verdict
from data.task import Extraction
from tests.kit.homes import TASK

TRUE, WRONG = "true", "wrong"
N_FIELDS = len(TASK.fields)
ALL, NONE = "1" * N_FIELDS, "0" * N_FIELDS
LAST_WRONG = ALL[:-1] + "0"


def extraction(values: Iterable[str | None]) -> Extraction:
    return Extraction(TASK, dict(zip(TASK.keys, values, strict=True)))


def labels(n_notes: int, *, n_null: int = 0) -> list[Extraction]:
    """Gold records whose last `n_null` fields have no value."""
    return [extraction([TRUE] * (N_FIELDS - n_null) + [None] * n_null)] * n_notes


def answer(gold: Extraction, right: Sequence[bool]) -> Extraction:
    """An answer that is right in the fields named; where gold has no value, a wrong one invents one."""
    return extraction(gold[key] if is_right else WRONG for key, is_right in zip(TASK.keys, right, strict=True))


def answers(gold: Sequence[Extraction], *patterns: tuple[str, int]) -> list[Extraction | None]:
    """Answers by pattern and number of notes; a digit 1 is a field that is right, an empty pattern an unreadable reply.

    The notes that are left get the last pattern.
    """
    given = [pattern for pattern, n_notes in patterns for _ in range(n_notes)]
    given += [patterns[-1][0]] * (len(gold) - len(given))
    return [
        answer(true, [digit == "1" for digit in pattern]) if pattern else None
        for true, pattern in zip(gold, given, strict=True)
    ]


def judged(n_notes: int, old: Sequence[tuple[str, int]], new: Sequence[tuple[str, int]], *, n_null: int = 0) -> Verdict:
    """The verdict on answers by pattern."""
    gold = labels(n_notes, n_null=n_null)
    return judge(TASK, gold, answers(gold, *old), answers(gold, *new), old_name="first", new_name="second")
