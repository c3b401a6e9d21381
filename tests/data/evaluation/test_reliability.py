"""Whether confidence means what it says: the figures, against sums by hand and against chance."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.screens.training.verdict import confidence_html
from data.evaluation.reliability import COLUMNS, COVERAGES, reliability, table

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def measured(*answers: tuple[float, bool]):
    found = reliability([sure for sure, _ in answers], [right for _, right in answers])
    assert found is not None
    return found


def test_the_error_is_the_mean_gap_between_confidence_and_share_right() -> None:
    found = measured((0.95, True), (0.95, False), (0.42, False), (0.48, True))
    assert found.ece == pytest.approx((2 * abs(0.95 - 0.5) + 2 * abs(0.45 - 0.5)) / 4)
    assert found.brier == pytest.approx((0.05**2 + 0.95**2 + 0.42**2 + 0.52**2) / 4)
    assert [(one.n, one.right) for one in found.bins] == [(2, 0.5), (2, 0.5)]
    assert measured((1.0, True), (0.0, False)).ece == 0


def test_the_surest_are_kept_first_and_equal_ones_shared_out() -> None:
    found = measured((0.9, True), (0.6, True), (0.6, False), (0.1, False))
    assert found.accuracy_at == {50: pytest.approx(0.75), 80: pytest.approx(2 / 3), 90: 0.5, 100: 0.5}
    assert found.coverage == 0.25


def test_coverage_counts_all_answers_of_one_confidence() -> None:
    assert measured(*[(0.9, True)] * 19, (0.9, False)).coverage == 1
    assert measured(*[(0.9, True)] * 18, (0.9, False)).coverage == 0
    assert measured((0.9, False), *[(0.8, True)] * 19).coverage == 1, "a threshold may lie below a wrong answer"


@given(ANSWERS)
def test_figures_are_shares_whatever_the_answers(answers: list[tuple[float, bool]]) -> None:
    found = measured(*answers)
    shares = [found.ece, found.ece_15, found.brier, found.coverage, *found.accuracy_at.values()]
    assert all(0 <= share <= 1 for share in shares)
    assert sum(one.n for one in found.bins) == found.n == len(answers)
    assert found.accuracy_at[100] == pytest.approx(sum(right for _, right in answers) / len(answers))
    assert found.coverage == 0 or found.coverage * len(answers) >= 1


@pytest.mark.parametrize("spread", [0.0, 0.45])
def test_chance_alone_makes_the_error_that_is_stated(spread: float) -> None:
    draw = random.Random(7)
    errors, stated = [], []
    for _ in range(300):
        confidence = [0.5 + draw.uniform(-spread, spread) for _ in range(500)]
        found = reliability(confidence, [draw.random() < sure for sure in confidence])
        assert found is not None
        errors.append(found.ece)
        stated.append(found.noise)
    assert sum(errors) / 300 == pytest.approx(sum(stated) / 300, rel=0.1)


def test_nothing_answered_has_no_figures() -> None:
    assert reliability([], []) is None


def test_a_table_has_a_row_for_each_field_and_one_for_all() -> None:
    found = reliability([0.9, 0.2], [True, False], [1.0, 0.5])
    assert found is not None
    told = found.to_json()
    rows = table({"fields": {"a": told, "b": None}, "overall": told})
    assert [row[0] for row in rows] == ["a", "all fields"]
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert list(told["accuracy_at"]) == [str(share) for share in COVERAGES]
    assert (told["ece_raw"], told["brier_raw"]) == (pytest.approx(0.25), pytest.approx(0.125))


def test_the_train_screen_shows_what_confidence_means_with_its_diagram() -> None:
    found = measured(*[(0.97, True)] * 30, *[(0.5, False)] * 10)
    shown = confidence_html({"source": "<b>", "overall": found.to_json(), "fields": {}})
    assert "off by 14.8 % on average" in shown
    assert "of the surest 75.0 % of its values 95.0 % are right" in shown
    assert shown.count("<circle") == 2
    assert "30 values of confidence 0.97: 1.00 right" in shown
    assert "&lt;b&gt;" in shown
    never = measured((0.9, False))
    assert "no share of its values" in confidence_html({"source": "", "overall": never.to_json(), "fields": {}})
    assert confidence_html(None) == confidence_html({"source": "", "overall": None, "fields": {}}) == ""
