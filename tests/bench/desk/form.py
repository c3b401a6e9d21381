"""What a form is worth on labelled notes, and how many keys it costs to finish it, without a browser.

The keys are those of `tests.bench.desk.keystrokes`, counted by the same rules but for completion, of which nothing is
known here: what has to be typed is typed whole, from scratch and with the desk alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.rules import Rules
from app.screens.review.note.note import confidence_word
from data.accepted import Accepted
from data.cutoffs import SURE
from data.evaluation.accepted import is_accepted, right_values
from data.evaluation.scoring import items
from data.grounding.evidence import Grounded
from data.prefill.outside import judge_outside
from data.prefill.withholding import find_withheld, form_values
from data.snapshot import Row
from data.suggestion import Grounding, Suggestion
from data.task import Field, Task


def readings(field: Field, right: Sequence[str | None]) -> list[str | None]:
    """The different ones among the values of a field that are right, the shortest to type first."""
    values = [one if items(one, field) else None for one in right]
    return sorted(dict.fromkeys(values), key=lambda one: len(one or ""))


def measure_forms(
    task: Task,
    rows: Sequence[Row],
    answers: Sequence[Suggestion],
    accepted: Sequence[Accepted],
    rules: Rules | None = None,
) -> dict[str, Any]:
    """Figures of the forms that some suggestions make.

    Args:
        task: names the fields.
        rows: the labelled notes.
        answers: what was suggested for each, in the same order, with the cut-offs that hold.
        accepted: for each note, field key to further values that count as right.
        rules: what a lead decided; None for the defaults.

    Returns:
        Shares from 0 to 1: `macro` of the fields that are right as the form begins, `empty_form` of those that are
        right left empty, `fields` (both for each), `precision` of the values put in, `shown` of the labelled fields
        that have one, `asks` of all fields, `sure` and `sure_right`; `keys` over `keys_from_scratch` is `keys_share`;
        `presses_as_it_stands` is the mean for a note that needs no correction, None where there is none.
    """
    fields = {key: [0, 0] for key in task.keys}
    n = dict.fromkeys(("put_in", "put_in_right", "labelled", "labelled_shown", "asks", "sure", "sure_right"), 0)
    keys = scratch = 0
    presses = []
    for row, answer, others in zip(rows, answers, accepted, strict=True):
        form = form_values(task, lambda text=row.text: text, answer)  # type: ignore[misc]
        aside = find_withheld(task, lambda text=row.text: text, answer)  # type: ignore[misc]
        asks, n_wrong = False, 0
        for field in task.fields:
            key, value, gold = field.key, form[field.key], row.extraction[field.key]
            known = right_values(field, row.extraction, others)
            right = is_accepted(field, known, value)
            word = "withheld" if key in aside else _word(answer, key, rules or Rules())
            fields[key][0] += right
            fields[key][1] += is_accepted(field, known, None)
            _count(n, has_value=bool(items(value, field)), has_gold=bool(items(gold, field)), right=right)
            n["asks"] += word == "look"
            is_sure = word != "withheld" and _is_sure(answer, key)
            n["sure"] += is_sure
            n["sure_right"] += is_sure and right
            asks = asks or (word == "look" and right)  # what is put right is confirmed by that
            n_wrong += not right
            typed = readings(field, known)
            scratch += len(typed[0] or "") + 1
            keys += 0 if right else 1 + _keys(field, answer, key in aside, typed)
        scratch += 1
        keys += 1 + asks
        if not n_wrong:
            presses.append(1 + asks)
    n_notes, n_fields = len(rows), len(rows) * len(task.fields)
    per_field = {key: {"right": a / n_notes, "empty": b / n_notes} for key, (a, b) in fields.items()}
    return {
        "n_notes": n_notes,
        "macro": sum(one["right"] for one in per_field.values()) / len(per_field),
        "empty_form": sum(one["empty"] for one in per_field.values()) / len(per_field),
        "fields": per_field,
        "precision": _share(n["put_in_right"], n["put_in"]),
        "shown": _share(n["labelled_shown"], n["labelled"]),
        "asks": n["asks"] / n_fields,
        "sure": n["sure"] / n_fields,
        "sure_right": _share(n["sure_right"], n["sure"]),
        "keys": keys,
        "keys_from_scratch": scratch,
        "keys_share": keys / scratch,
        "n_as_it_stands": len(presses),
        "presses_as_it_stands": _share(sum(presses), len(presses)),
    }


def _is_sure(answer: Suggestion, key: str) -> bool:
    return not answer.is_raw and judge_outside(answer) is None and answer.confidence[key] >= SURE


def _word(answer: Suggestion, key: str, rules: Rules) -> str:
    kind = answer.grounding.get(key)
    found = Grounded((), kind) if kind is Grounding.NOT_FOUND else None
    return confidence_word(answer, key, found, rules)


def _count(n: dict[str, int], *, has_value: bool, has_gold: bool, right: bool) -> None:
    n["put_in"] += has_value
    n["put_in_right"] += has_value and right
    n["labelled"] += has_gold
    n["labelled_shown"] += has_gold and has_value


def _keys(field: Field, answer: Suggestion, is_aside: bool, right: Sequence[str | None]) -> int:
    """What it takes to put a field right once it is reached: empty it, take a value beside it, or type."""
    if None in right:
        return 1
    beside = [*([answer.extraction[field.key]] if is_aside else []), *answer.alternatives.get(field.key, ())]
    ways = [len(right[0] or "")]
    for place, other in enumerate(one for one in beside if one is not None):
        if any(items(other, field) == items(one, field) for one in right):
            ways.append(1 if place < 2 else 2 + place)
    return min(ways)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
