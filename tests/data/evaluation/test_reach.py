"""What a number of judges can show, said before a run and in its verdict."""

from __future__ import annotations

import pytest

from app.training.material import N_JUDGES, foretell_reach
from data.gate.gate import judge
from data.gate.reach import (
    N_LEAST,
    STEPS,
    USUAL_SPREAD,
    detectable_gain,
    foretell,
    in_points,
    more_notes,
    more_would_show,
    spread_of,
    spread_seen,
)
from data.task import Extraction, load_task
from db.training.runs import create_run, update_run
from tests.kit.desk.permits import person_in, program_in
from tests.kit.homes import Home

TASK = load_task()


def test_a_small_team_is_told_what_it_can_see_and_what_it_takes_to_see_more() -> None:
    assert foretell(100) == (
        "100 notes judge the new adapter: a gain of 4.9 points would show in 8 of 10 cases; with 150 notes a gain of "
        "4 points would show."
    )
    assert foretell(24).startswith("24 notes judge the new adapter: a gain of 10 points would show")
    assert foretell(1).startswith("1 note judges the new adapter, too few to show any gain (at least 6 can); with 15 ")
    assert more_would_show(USUAL_SPREAD, 80, "hold-out ") == "with 150 hold-out notes a gain of 4 points would show"


def test_twice_the_precision_takes_four_times_the_notes() -> None:
    assert detectable_gain(0.2, 400) == pytest.approx(detectable_gain(0.2, 100) / 2)
    assert detectable_gain(0.2, N_LEAST - 1) == 1
    assert spread_seen(detectable_gain(0.2, 50), 50) == pytest.approx(0.2)


@pytest.mark.parametrize("n_notes", [0, 1, 15, 99, 100, 101, 4999, 12345])
def test_more_notes_are_a_round_number_well_above(n_notes: int) -> None:
    n_more = more_notes(n_notes)
    assert n_more >= max(1.5 * n_notes, STEPS[0])
    assert n_more % 5 == 0


def test_the_spread_is_that_of_earlier_verdicts_as_far_as_they_had_notes() -> None:
    assert spread_of([]) == pytest.approx(USUAL_SPREAD)
    assert spread_of([(None, 40), (1.0, 5)]) == pytest.approx(USUAL_SPREAD), "verdicts that could show nothing"
    small = [(detectable_gain(0.05, n), n) for n in (6, 60, 600)]
    found = [spread_of([one]) for one in small]
    assert USUAL_SPREAD > found[0] > found[1] > found[2] > 0.05
    assert found[2] == pytest.approx(0.05, abs=0.01)


def test_points_are_whole_where_they_have_two_digits() -> None:
    assert [in_points(gain) for gain in (0.0404, 0.04, 0.01, 0.1234, 0.155)] == [
        "4 points", "4 points", "1 point", "12 points", "16 points",
    ]  # fmt: skip


def answers(n_right: int, n_notes: int) -> list[Extraction]:
    wrong = Extraction(TASK, dict.fromkeys(TASK.keys, "wrong"))
    return [Extraction.empty(TASK) if number < n_right else wrong for number in range(n_notes)]


def test_the_verdict_names_its_judges_as_what_they_are() -> None:
    gold = answers(24, 24)
    held_out = judge(TASK, gold, answers(20, 24), answers(21, 24)).sentence
    assert "on 24 hold-out notes it is right" in held_out
    assert "; with 40 hold-out notes a gain of " in held_out
    mixed = judge(TASK, gold, answers(20, 24), answers(21, 24), n_fresh=18).sentence
    assert "on 24 notes it is right" in mixed
    assert "hold-out" not in mixed, "18 of them are ordinary notes"
    assert "hold-out" not in judge(TASK, gold, None, gold, n_fresh=18).sentence
    few = judge(TASK, gold[:3], answers(0, 3), answers(1, 3)).sentence
    assert few.endswith("at least 6 are needed, and with 15 hold-out notes a gain of 13 points would show.")


def test_the_next_run_is_foretold_by_what_the_last_ones_saw(home: Home) -> None:
    with home.desk() as desk, desk.store.transaction() as session:
        assert foretell_reach(session, {}) == "", "nobody counted"
        assert foretell_reach(session, {N_JUDGES: 60}) == foretell(60)
        run = create_run(person_in(session, "ann"), config={})
        gate = {"detectable": detectable_gain(0.05, 60), "n_notes": 60, "passed": False}
        update_run(program_in(session), run.id, status="finished", gate=gate)
        assert foretell_reach(session, {N_JUDGES: 60}) == foretell(60, spread_of([(gate["detectable"], 60)]))
        assert "a gain of 3.3 points" in foretell_reach(session, {N_JUDGES: 60})
