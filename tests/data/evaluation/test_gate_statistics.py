"""The gate's statistics: known values, both directions, what blocks, and hold-outs too small for any interval."""

from __future__ import annotations

import json
import math
import random
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.evaluation.scoring import ScoreError, score
from data.gate.gate import N_LEAST, judge
from data.gate.verdict import N_USES_WORN
from tests.kit.compared import ALL, LAST_WRONG, N_FIELDS, NONE, answer, answers, judged, labels
from tests.kit.homes import TASK

KEYS = {
    "outcome", "passed", "sentence", "reasons", "n_notes", "old", "new", "change", "fields", "all_fields",
    "hallucination", "json_valid", "detectable", "n_better_notes", "n_worse_notes", "n_uses",
}  # fmt: skip
ONE_WRONG = "0" + ALL[1:]
PATTERN = st.one_of(st.just(""), st.text("01", min_size=N_FIELDS, max_size=N_FIELDS))
PAIRS = st.lists(st.tuples(PATTERN, PATTERN), min_size=1, max_size=25)


@pytest.fixture(autouse=True)
def no_warning():
    """A hold-out without spread must not end in a warning or a figure that is no number."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_figures_are_those_of_the_scoring():
    verdict = judged(40, [(NONE, 10), (ALL, 0)], [(ONE_WRONG, 4), (ALL, 0)])
    gold = labels(40)
    figures = score(TASK, gold, answers(gold, (ONE_WRONG, 4), (ALL, 0)))
    assert verdict.outcome == "better"
    assert (verdict.old, verdict.new) == (0.75, pytest.approx(figures.macro.normalised))
    assert verdict.fields[TASK.keys[0]].new == figures.fields[TASK.keys[0]].normalised == 0.9
    assert verdict.fields[TASK.keys[1]].by.change == 0.25
    assert (verdict.all_fields.new, verdict.all_fields.n_gained, verdict.all_fields.n_lost) == (0.9, 6, 0)
    assert (verdict.n_better_notes, verdict.n_worse_notes) == (10, 0)


def test_mcnemar_is_the_exact_binomial_test():
    verdict = judged(60, [(ONE_WRONG, 15), (ALL, 0)], [(ALL, 15), (ONE_WRONG, 5), (ALL, 0)])
    assert (verdict.all_fields.n_gained, verdict.all_fields.n_lost) == (15, 5)
    tail = sum(math.comb(20, k) for k in range(6)) / 2**20
    assert verdict.all_fields.p == pytest.approx(2 * tail)
    assert verdict.all_fields.p == pytest.approx(0.0414, abs=1e-4)  # as statsmodels gives it for 15 and 5


def test_the_interval_is_that_of_the_mean_of_the_notes():
    """Changes of whole notes: the interval must be as wide as for so many notes, not for seven times as many."""
    verdict = judged(400, [(NONE, 60), (ALL, 0)], [(ALL, 60), (NONE, 40), (ALL, 0)])
    spread = math.sqrt(100 / 400 - (20 / 400) ** 2)
    half = 1.96 * spread / math.sqrt(400)
    assert verdict.change.change == pytest.approx(0.05)
    assert verdict.change.low == pytest.approx(0.05 - half, abs=0.005)
    assert verdict.change.high == pytest.approx(0.05 + half, abs=0.005)
    assert verdict.detectable == pytest.approx(2.80 * spread / math.sqrt(400), rel=0.01)


@pytest.mark.parametrize(("n_notes", "outcome"), [(1, "unclear"), (2, "unclear"), (5, "unclear"), (6, "better")])
def test_a_few_notes_that_gain_alike_do_not_pass(n_notes, outcome):
    verdict = judged(n_notes, [(ONE_WRONG, 0)], [(ALL, 0)])
    assert verdict.outcome == outcome
    assert judged(n_notes, [(ALL, 0)], [(ONE_WRONG, 0)]).outcome == ("worse" if outcome == "better" else outcome)
    assert judged(300, [(ONE_WRONG, n_notes), (ALL, 0)], [(ALL, 0)]).outcome == outcome, "the others tell nothing"
    if n_notes < N_LEAST:
        assert "at least 6 are needed" in verdict.sentence
        assert verdict.detectable == 1


def test_the_same_answers_are_no_difference():
    for n_notes in (1, 2, 50):
        verdict = judged(n_notes, [(ONE_WRONG, 0)], [(ONE_WRONG, 0)])
        assert (verdict.outcome, verdict.change.change, verdict.all_fields.p) == ("unclear", 0, 1)
        assert 0 < verdict.detectable <= 1


def test_too_few_notes_are_said_plainly():
    verdict = judged(30, [(ONE_WRONG, 4), (ALL, 0)], [(ALL, 4), (LAST_WRONG, 2), (ALL, 0)])
    assert (verdict.outcome, verdict.passed) == ("unclear", False)
    assert verdict.sentence.startswith("Too few notes to tell whether second is better")
    for said in ("30 hold-out notes", "change +1.0 points", f"{100 * verdict.detectable:.1f} points in 8 of 10 cases"):
        assert said in verdict.sentence


def test_a_field_that_falls_beyond_chance_blocks():
    old = [(NONE, 60), (ALL, 0)]
    for n_lost, outcome in ((4, "better"), (16, "blocked")):  # of 500
        verdict = judged(500, old, [(LAST_WRONG, 60 + n_lost), (ALL, 0)])
        assert (verdict.outcome, verdict.passed) == (outcome, outcome == "better")
    reason = verdict.reasons[0]
    assert reason.startswith(TASK.fields[-1].title)
    assert "84.8 % instead of 88.0 % (-3.2 points), which is more than chance." in reason
    assert reason in verdict.sentence


def test_a_few_notes_more_or_less_in_one_field_of_a_small_hold_out_do_not_block():
    old, new = [(NONE, 8), (LAST_WRONG, 4), (ALL, 0)], [(LAST_WRONG, 8), (ALL, 4), (LAST_WRONG, 7), (ALL, 0)]
    verdict = judged(26, old, new)
    last = verdict.fields[TASK.keys[-1]].by
    assert last.change == pytest.approx(-3 / 26)
    assert last.high >= 0
    assert (verdict.outcome, verdict.reasons) == ("better", ())


def test_a_fall_that_may_be_chance_blocks_where_the_gain_does_not_make_up_for_it():
    for n_gained, outcome in ((40, "blocked"), (70, "better")):
        verdict = judged(
            200,
            [(ONE_WRONG, n_gained), (LAST_WRONG, 20), (ALL, 0)],
            [(ALL, n_gained + 20), (LAST_WRONG, 32), (ALL, 0)],
        )
        last = verdict.fields[TASK.keys[-1]].by
        assert last.change == pytest.approx(-0.06)
        assert last.high >= 0
        assert verdict.outcome == outcome
        assert all(
            reason.endswith("(-6.0 points), more than the +2.0 points of the mean make up for.")
            for reason in verdict.reasons
        )
        assert len(verdict.reasons) == (outcome == "blocked")


def test_fewer_notes_with_all_fields_right_block_a_higher_mean():
    halves = ["1" * 3 + "0" * 4, "0" * 3 + "1" * 4]
    old = [(NONE, 200), (ALL, 0)]
    # Every field gains, but notes that were right as a whole no longer are.
    spoilt = [(ALL[:k] + "0" + ALL[k + 1 :], 10) for k in range(N_FIELDS)]
    verdict = judged(500, old, [(halves[0], 100), (halves[1], 100), *spoilt, (ALL, 0)])
    assert verdict.change.low > 0
    assert verdict.outcome == "blocked"
    assert any("70 notes are no longer right in every field" in reason for reason in verdict.reasons)


def test_values_where_the_note_has_none_block():
    old = [(NONE[:-1] + "1", 150), (ALL, 0)]
    verdict = judged(500, old, [(ALL, 150), (LAST_WRONG, 14), (ALL, 0)], n_null=1)
    assert verdict.hallucination.by.change == pytest.approx(14 / 500)
    assert verdict.outcome == "blocked"
    assert any("where the note has none" in reason for reason in verdict.reasons)
    assert judged(500, old, [(ALL, 150), (LAST_WRONG, 4), (ALL, 0)], n_null=1).outcome == "better", "within chance"


def test_hallucination_is_counted_in_fields_without_a_gold_value():
    gold = labels(10, n_null=2) + labels(30)
    verdict = judge(TASK, gold, answers(gold, (ALL, 0)), answers(gold, (ALL[:-2] + "00", 5), (ALL, 0)))
    assert (verdict.hallucination.old, verdict.hallucination.new) == (0, 0.5)
    assert verdict.hallucination.by.low <= 0.5 <= verdict.hallucination.by.high
    nothing = judged(20, [(ALL, 0)], [(NONE, 5), (ALL, 0)])
    assert (nothing.hallucination.new, nothing.hallucination.by.high) == (0, 0)


def test_replies_that_cannot_be_read_are_wrong_and_block():
    old = [(NONE, 100), (ALL, 0)]
    verdict = judged(500, old, [(ALL, 100), ("", 5), (ALL, 0)])
    assert (verdict.json_valid.new, verdict.new) == (0.99, pytest.approx(0.99))
    assert verdict.outcome == "blocked"
    assert "Fewer replies can be read: 99.0 % instead of 100.0 %" in verdict.reasons[0]
    assert judged(500, old, [(ALL, 100), ("", 2), (ALL, 0)]).outcome == "better"  # 99.6 %
    assert judged(500, [("", 6), (NONE, 94), (ALL, 0)], [(ALL, 100), ("", 5), (ALL, 0)]).outcome == "better"


def test_the_first_adapter_has_nothing_to_beat():
    gold = labels(1)
    verdict = judge(TASK, gold, None, answers(gold, (NONE, 0)), new_name="second")
    assert (verdict.outcome, verdict.passed) == ("first", True)
    assert verdict.sentence == (
        "second is right in 0.0 % of the fields on 1 hold-out note; there is no adapter to compare with."
    )
    kept = verdict.to_json()
    assert set(kept) == KEYS
    assert kept["change"] == {"change": None, "low": None, "high": None}
    assert kept["old"] is kept["fields"][TASK.keys[0]]["change"] is kept["all_fields"]["p"] is None


def test_a_worn_hold_out_says_so():
    verdict = judged(40, [(NONE, 10), (ALL, 0)], [(ALL, 0)])
    fresh, worn = verdict.with_uses(N_USES_WORN), verdict.with_uses(N_USES_WORN + 1)
    assert (fresh.sentence, fresh.n_uses) == (verdict.sentence, N_USES_WORN)
    assert "has decided 6 times before" in worn.sentence
    assert worn.passed


@pytest.mark.parametrize(("n_gold", "n_old", "n_new"), [(0, 0, 0), (2, 1, 2), (2, 2, 1)])
def test_answers_that_do_not_pair_up_are_refused(n_gold, n_old, n_new):
    gold = labels(2)
    with pytest.raises(ScoreError, match="Expected an answer of each adapter"):
        judge(TASK, gold[:n_gold], gold[:n_old], gold[:n_new])


def test_the_same_answers_give_the_same_verdict_twice():
    drawn = random.Random(5)
    gold = labels(80)
    old, new = ([answer(true, [drawn.random() < 0.8 for _ in TASK.keys]) for true in gold] for _ in range(2))
    assert judge(TASK, gold, old, new).to_json() == judge(TASK, gold, old, new).to_json()


@given(PAIRS)
@settings(max_examples=25)
def test_old_and_new_exchanged_turn_the_verdict_round(pairs):
    gold = labels(len(pairs), n_null=2)
    old, new = (answers(gold, *[(pair[side], 1) for pair in pairs]) for side in (0, 1))
    there, back = (judge(TASK, gold, *given, n_resamples=200) for given in ((old, new), (new, old)))
    assert there.change.change == pytest.approx(-back.change.change)
    assert (there.n_better_notes, there.all_fields.n_gained) == (back.n_worse_notes, back.all_fields.n_lost)
    assert there.all_fields.p == pytest.approx(back.all_fields.p)
    assert there.detectable == pytest.approx(back.detectable)
    assert not (there.passed and back.passed)
    for verdict in (there, back):
        kept = verdict.to_json()
        assert json.loads(json.dumps(kept, allow_nan=False)) == kept
        assert set(kept) == KEYS
        for by in (verdict.change, verdict.hallucination.by, *(figures.by for figures in verdict.fields.values())):
            assert -1 <= by.low <= by.change + 1e-12
            assert by.change - 1e-12 <= by.high <= 1
        assert verdict.passed == (verdict.change.low > 0 and not verdict.reasons)
