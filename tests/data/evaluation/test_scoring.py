"""The one definition of when a field is right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.evaluation.scoring import FieldScore, ScoreError, is_exact, is_right, items, score
from data.task import Extraction, load_task
from data.text.values import normalise

TASK = load_task()
LIST = next(field for field in TASK.fields if field.is_list)
SINGLE = next(field for field in TASK.fields if not field.is_list)
VALUES = st.none() | st.text(st.sampled_from("aB ;,.+-%()<é\u00a0ﬁßİ¼\n"), max_size=12) | st.text(max_size=12)


def extraction(**values: str | None) -> Extraction:
    named = {"single": SINGLE.key, "list": LIST.key}
    filled = {named.get(key, key): value for key, value in values.items()}
    return Extraction(TASK, {**dict.fromkeys(TASK.keys), **filled})


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("  Stage\u00a0\t IV. ", "stage iv"),
        ("(ﬁbrosis)", "fibrosis"),
        ("“Melanoma”", "melanoma"),
        ("ＥＲ", "er"),
        ("ER+", "er+"),
        ("ER-", "er-"),
        ("<1%", "<1%"),
        ("None", None),
        ("n/a", None),
        ("N/A.", None),
        ("Not reported", None),
        (" - ", None),
        ("...", None),
        ("", None),
        (None, None),
        ("no evidence of disease", "no evidence of disease"),
    ],
)
def test_normalise(value: str | None, form: str | None) -> None:
    assert normalise(value) == form


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a; b", {"a", "b"}),
        ("a, b and c", {"a", "b", "c"}),
        ("a plus b with c", {"a", "b", "c"}),
        ("a + b then c", {"a", "b", "c"}),
        ("a, then b; and c", {"a", "b", "c"}),
        ("FOLFOX+bevacizumab", {"folfox", "bevacizumab"}),
        ("ER+, PR+ and HER2 3+", {"er+", "pr+", "her2 3+"}),
        ("CA-125 1,200 U/mL", {"ca-125 1,200 u/ml"}),
        ("band with strand", {"band", "strand"}),
        ("brain; none", {"brain"}),
        ("none", set()),
        (";", set()),
    ],
)
def test_a_list_comes_apart_at_its_separators(value: str, parts: set[str]) -> None:
    assert items(value, LIST) == parts


def test_a_single_value_stays_whole() -> None:
    assert items("a, b", SINGLE) == {"a, b"}
    assert not is_right(SINGLE, "a, b", "b, a")


@pytest.mark.parametrize(
    ("gold", "predicted", "exact", "right"),
    [
        ("A; b", "a;B", False, True),
        ("A; b", "a;  B", True, True),
        ("a; b", "b and a", False, True),
        ("a; b", "a", False, False),
        ("ER+", "ER-", False, False),
        ("ER", "ER+", False, False),
        (None, None, True, True),
        ("none", None, True, True),
        ("not reported", "n/a", True, True),
        (None, "a", False, False),
        ("a", None, False, False),
    ],
)
def test_exact_and_right(gold: str | None, predicted: str | None, exact: bool, right: bool) -> None:
    assert is_exact(LIST, gold, predicted) is exact
    assert is_right(LIST, gold, predicted) is right


@given(VALUES)
def test_normalising_twice_changes_nothing(value: str | None) -> None:
    assert normalise(normalise(value)) == normalise(value)


@given(VALUES, VALUES, st.sampled_from([LIST, SINGLE]))
def test_agreement_is_fair(one: str | None, other: str | None, field: object) -> None:
    assert is_right(field, one, one)  # type: ignore[arg-type]
    assert is_exact(field, one, one)  # type: ignore[arg-type]
    assert is_right(field, one, other) == is_right(field, other, one)  # type: ignore[arg-type]
    assert is_exact(field, one, other) <= is_right(field, one, other)  # type: ignore[arg-type]


def test_what_counts_for_precision_and_recall() -> None:
    gold = ["a", "a", "a", None, None, "a"]
    predicted = ["a", "b", None, "b", None, None]  # hit, wrong, missed, invented, both null, unreadable
    found = score(
        TASK,
        [extraction(single=value) for value in gold],
        [*(extraction(single=value) for value in predicted[:5]), None],
    )
    figures = found.fields[SINGLE.key]
    assert figures == FieldScore(
        exact=2 / 6, normalised=2 / 6, precision=1 / 3, recall=1 / 4, f1=2 / (2 + 2 + 3), ungrounded=None
    )
    assert found.json_valid == 5 / 6
    assert found.all_fields == 2 / 6
    assert found.fields_changed == (3 + len(TASK.keys)) / 6
    assert found.edit_distance == (1 + 1 + 1 + 1) / 6


def test_an_unreadable_reply_is_wrong_even_where_gold_is_null() -> None:
    found = score(TASK, [Extraction.empty(TASK)] * 2, [None, Extraction.empty(TASK)])
    assert found.n_notes == 2
    assert {figures.normalised for figures in found.fields.values()} == {0.5}
    assert {figures.exact for figures in found.fields.values()} == {0.5}
    assert found.all_fields == 0.5
    assert found.fields_changed == len(TASK.keys) / 2


def test_nothing_to_find_and_nothing_proposed_is_perfect() -> None:
    found = score(TASK, [Extraction.empty(TASK)], [Extraction.empty(TASK)])
    assert (found.macro.precision, found.macro.recall, found.macro.f1) == (1, 1, 1)


def test_values_without_evidence_are_ungrounded() -> None:
    texts = ["Stage IV melanoma.", "Stage IV melanoma.", "Stage II."]
    predicted = [extraction(single="melanoma"), extraction(single="glioblastoma"), None]
    found = score(TASK, [extraction(single="melanoma")] * 3, predicted, texts)
    assert found.fields[SINGLE.key].ungrounded == 0.5
    assert found.fields[LIST.key].ungrounded == 0
    assert found.macro.ungrounded == pytest.approx(0.5 / len(TASK.keys))


def test_macro_is_the_mean_over_fields() -> None:
    found = score(TASK, [extraction(single="a")], [extraction(single="b")])
    assert found.macro.normalised == pytest.approx((len(TASK.keys) - 1) / len(TASK.keys))


def test_the_figures_as_json() -> None:
    found = score(TASK, [extraction(single="a")], [extraction(single="a")]).to_json()
    keys = {"exact", "normalised", "precision", "recall", "f1", "ungrounded"}
    assert list(found["fields"]) == list(TASK.keys)
    assert set(found["macro"]) == set(found["fields"][SINGLE.key]) == keys
    assert found["macro"]["ungrounded"] is None
    assert (found["n_notes"], found["json_valid"], found["all_fields"]) == (1, 1.0, 1.0)
    assert (found["fields_changed"], found["edit_distance"]) == (0.0, 0.0)


def test_what_cannot_be_compared_is_refused() -> None:
    one = Extraction.empty(TASK)
    for gold, predicted, texts in (([], [], None), ([one], [one, one], None), ([one], [one], [])):
        with pytest.raises(ScoreError, match="Expected one prediction"):
            score(TASK, gold, predicted, texts)
