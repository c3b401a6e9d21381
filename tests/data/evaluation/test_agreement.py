"""Agreement between people: the coefficients by their definitions, and where they are not defined."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.evaluation.agreement import agreement, differing_fields, same_record
from data.evaluation.alpha import nominal_alpha
from tests.kit.desk.stores import FIRST, SECOND, TASK

NULL = dict.fromkeys(TASK.keys)
LIST_FIELD = next(field.key for field in TASK.fields if field.is_list)


def said(**values: str | None) -> dict[str, dict[str, str | None]]:
    """What each person says about the first field of one note."""
    return {person: {**NULL, FIRST: value} for person, value in values.items()}


def table(*columns: str) -> list[dict[str, dict[str, str | None]]]:
    """Notes from what each person says in turn, a letter a note; a dot for a note not looked at."""
    people = ("ada", "bob", "cyd")
    return [
        said(**{who: letter for who, letter in zip(people, note, strict=False) if letter != "."})
        for note in zip(*columns, strict=True)
    ]


def test_two_people() -> None:
    # Cohen 1960: 20 of 50 both yes, 15 both no, 5 and 10 apart: kappa 0.4.
    notes = table("y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15)
    found = agreement(TASK, notes)[FIRST]
    assert (found.n_notes, found.agreed) == (50, 0.7)
    assert found.cohen == pytest.approx(0.4)
    assert found.fleiss == pytest.approx(_fleiss(notes))
    assert found.alpha == pytest.approx(_alpha(notes))


letters = st.text("abc.", min_size=8, max_size=8)


@given(letters, letters, letters)
def test_the_coefficients_are_what_their_definitions_say(ada: str, bob: str, cyd: str) -> None:
    notes = [note for note in table(ada, bob, cyd) if len(note) > 1]
    found = agreement(TASK, table(ada, bob, cyd))[FIRST]
    assert found.n_notes == len(notes)
    values = {values[FIRST] for note in notes for values in note.values()}
    if len(values) < 2:
        assert (found.cohen, found.fleiss, found.alpha) == (None, None, None)
        return
    assert found.alpha == pytest.approx(_alpha(notes))
    usual = Counter(len(note) for note in notes).most_common(1)[0][0]
    alike = [note for note in notes if len(note) == usual]
    if found.fleiss is None:
        assert len({values[FIRST] for note in alike for values in note.values()}) < 2
    else:
        assert found.fleiss == pytest.approx(_fleiss(alike))
    if found.cohen is not None:
        assert -1 <= found.cohen <= 1


def _fleiss(notes: list[dict[str, dict[str, str | None]]]) -> float:
    """As Fleiss 1971 writes it."""
    n = len(notes[0])
    counts = [Counter(values[FIRST] for values in note.values()) for note in notes]
    per_note = [(sum(c * c for c in count.values()) - n) / (n * (n - 1)) for count in counts]
    total = sum(counts, Counter())
    by_chance = sum((c / (n * len(notes))) ** 2 for c in total.values())
    return (sum(per_note) / len(notes) - by_chance) / (1 - by_chance)


def _alpha(notes: list[dict[str, dict[str, str | None]]]) -> float:
    """As Krippendorff writes it: 1 less observed over expected disagreement, from the coincidences."""
    pairs: Counter[tuple[str | None, str | None]] = Counter()
    for note in notes:
        for one, other in permutations([values[FIRST] for values in note.values()], 2):
            pairs[one, other] += 1 / (len(note) - 1)
    total = Counter[str | None]()
    for (one, _), weight in pairs.items():
        total[one] += weight
    n = sum(total.values())
    observed = sum(weight for (one, other), weight in pairs.items() if one != other) / n
    expected = sum(total[a] * total[b] for a, b in permutations(total, 2)) / (n * (n - 1))
    return 1 - observed / expected


@pytest.mark.parametrize(
    ("said", "alpha"),
    [
        (["0100000010", "1110010000"], 0.095),
        (["aabbdcccedda", "babbbccceddd"], 0.692),
        (["123321412...", "1233224125.3", ".3332342251.", "12332441251."], 0.743),
    ],
)
def test_the_worked_examples_of_krippendorff_2011(said: list[str], alpha: float) -> None:
    units = [[value for value in unit if value != "."] for unit in zip(*said, strict=True)]
    assert nominal_alpha(units) == pytest.approx(alpha, abs=5e-4)
    assert nominal_alpha([["a"], []]) is nominal_alpha([["a", "a"], ["a"]]) is None


def test_values_that_say_the_same_agree() -> None:
    one = {**NULL, FIRST: "Breast Cancer", LIST_FIELD: "FOLFOX and bevacizumab"}
    other = {**NULL, FIRST: " breast  cancer.", LIST_FIELD: "bevacizumab; folfox", SECOND: "none"}
    assert same_record(TASK, one, other)
    assert differing_fields(TASK, {"ada": one, "bob": other}) == []
    assert differing_fields(TASK, {"ada": one, "bob": {**other, SECOND: "IV"}}) == [SECOND]
    assert not same_record(TASK, one, {**other, SECOND: "IV"})
    assert all(found.agreed == 1 for found in agreement(TASK, [{"ada": one, "bob": other}]).values())


def test_nothing_to_compare_is_no_figure() -> None:
    for notes in ([], [said(ada="x")]):
        found = agreement(TASK, notes)[FIRST]
        assert found.n_notes == 0
        assert math.isnan(found.agreed)
        assert found.cohen is found.fleiss is found.alpha is None
