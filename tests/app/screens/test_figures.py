"""The figures of the work done, against notes whose ends are known, and what the progress screen makes of them."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import UTC, date, datetime

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.screens.charts.plots import days_chart, reliability
from app.screens.progress import cards as figures
from data.evaluation.intervals import median_change, wilson
from data.suggestion import Suggestion
from db.notes.suggestions import add_suggestion
from db.review.figures.statistics import lead_times, note_names, outcomes
from db.review.reviewed import DayCount, acceptance
from db.review.trials import TrialOutcome, begin_trial, trial_outcomes
from db.schema import tables as t
from tests.app.screens.test_ui_marks import Reader
from tests.kit.desk.desk_store import HOSTILE
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import FIRST, SECOND, TASK, add, decide, empty_session, extraction, store

__all__ = ["empty_session", "store"]

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def text(markup: str) -> str:
    return " ".join(Reader(markup).text.split())


def review(
    session: Session, note_id: int, suggested: dict, decided: dict, *, adapter="first", sure=0.85, **more
) -> None:
    values = extraction(**suggested)
    number = add_suggestion(
        program_in(session), note_id, Suggestion(values, dict.fromkeys(TASK.keys, sure), "{}", adapter, 1, 9)
    )
    decide(session, note_id, 0, values=extraction(**decided), suggestion_id=number, **more)


@pytest.fixture
def session(empty_session: Session) -> Session:
    """Five notes: three corrected alike by two adapters' hands, one kept, one flagged."""
    add(empty_session, 6)
    for note_id, adapter in ((1, "first"), (2, "first"), (3, "second")):
        review(
            empty_session,
            note_id,
            {"first": "progression"},
            {"first": HOSTILE[0]},
            adapter=adapter,
            lead_time_ms=60_000,
        )
    review(empty_session, 4, {"first": "kept", "second": "IV"}, {"first": "kept"}, sure=1.0, lead_time_ms=120_000)
    review(empty_session, 5, {"first": "x"}, {"first": "y"}, status="flagged")
    return empty_session


def counted(session: Session) -> dict:
    found: dict = {}
    for one in outcomes(session):
        fields = found.setdefault(one.adapter, {key: Counter() for key in TASK.keys})
        fields[one.field][one.kind] += one.n
    return found


def test_outcomes_are_the_corrections_counted(session: Session) -> None:
    expected = {
        adapter: {key: Counter({kind: n for kind, n in kinds.items() if n}) for key, kinds in fields.items()}
        for adapter, fields in acceptance(session, TASK).items()
    }
    assert counted(session) == expected
    assert expected["first"][FIRST] == Counter(edited=2, accepted=1)
    (cleared,) = [one for one in outcomes(session) if one.kind == "cleared"]
    assert (cleared.field, cleared.suggested, cleared.bin, cleared.confidence) == (SECOND, "IV", 9, 1.0)


def test_random_decisions_are_counted_as_they_are_compared(empty_session: Session) -> None:
    rng = random.Random(7)
    add(empty_session, 60)
    for note_id in range(1, 61):
        suggested, decided = ({key: rng.choice([None, "a", "B", 'c"\\']) for key in TASK.keys} for _ in range(2))
        review(empty_session, note_id, suggested, decided, adapter=rng.choice("xy"), sure=rng.random())
    plain = acceptance(empty_session, TASK)
    assert all(counted(empty_session)[a][f][k] == n for a in plain for f in plain[a] for k, n in plain[a][f].items())
    shares = [one.confidence / one.n for one in outcomes(empty_session)]
    bins = [one.bin for one in outcomes(empty_session)]
    assert all(tenth / 10 <= share <= (tenth + 1) / 10 for share, tenth in zip(shares, bins, strict=True))


def test_a_seeded_field_is_no_answer_of_the_adapter(session: Session) -> None:
    begin_trial(person_in(session, "ada"), note_id=6, kind="seeded", field=FIRST, value="wrong")
    before = sum(one.n for one in outcomes(session))
    review(session, 6, {"first": "right", "second": "II"}, {"first": "wrong", "second": "II"})
    assert sum(one.n for one in outcomes(session)) == before + len(TASK.keys) - 1
    assert "wrong" not in {one.decided for one in outcomes(session)}
    assert [one.is_passed for one in trial_outcomes(session)] == [True]


def test_a_note_that_was_shown_blind_tells_of_the_adapter_only(session: Session) -> None:
    begin_trial(person_in(session, "ada"), note_id=6, kind="blind")
    review(session, 6, {"first": "progression"}, {"first": HOSTILE[0]}, sure=0.35)
    found = outcomes(session)
    assert {one.is_shown for one in found if one.bin == 3} == {False}
    assert figures.confusions(TASK, found)[0][3:] == (3, [3, 2, 1])
    assert "4 notes" not in text(figures.acceptance(TASK, found, "first"))
    assert "1 value of confidence 0.35: 0.00 right" in figures.calibration(TASK, found)


def test_confusions_are_merged_over_adapters_and_open_their_newest_notes(session: Session) -> None:
    found = figures.confusions(TASK, outcomes(session))
    assert found[0] == (FIRST, "progression", HOSTILE[0], 3, [3, 2, 1])
    assert found[1][:4] == (SECOND, "IV", None, 1)
    shown = figures.confusions_html(TASK, found, note_names(session, {1, 2, 3, 4}))
    assert '<button type="button" class="note" data-note="3">note 3</button>' in shown
    assert "<img" not in shown
    assert HOSTILE[0] in text(shown)
    assert "No suggested value was changed yet" in figures.confusions_html(TASK, [], {})


def test_calibration_calls_right_what_scoring_does(session: Session) -> None:
    review(session, 6, {"first": "Melanoma."}, {"first": "melanoma"}, sure=0.85)  # differs, says the same
    shown = figures.calibration(TASK, [one for one in outcomes(session) if one.field == FIRST])
    assert "4 values of confidence 0.85: 0.25 right; 1 value of confidence 1.00: 1.00 right" in shown
    assert "All fields 5 values" in text(shown)
    assert "No reviewed value" in figures.calibration(TASK, [])


def test_time_is_told_by_adapter_and_blind_notes_have_none(session: Session) -> None:
    begin_trial(person_in(session, "ada"), note_id=6, kind="blind")
    review(session, 6, {}, {}, lead_time_ms=90_000)
    times = lead_times(session)
    assert {name: sorted(some) for name, some in times.items()} == {
        "first": [60_000, 60_000, 120_000],
        "second": [60_000],
        None: [90_000],
    }
    shown = text(figures.time_taken(times, "second", []))
    assert shown.index("second") < shown.index("first") < shown.index("without a suggestion")
    assert "1.5 min" in shown
    assert "No note was reviewed blind yet" in shown


def outcome(kind: str, minutes: float, field: str | None = None, *, is_passed: bool = False) -> TrialOutcome:
    return TrialOutcome(1, "ada", kind, field, round(minutes * 60_000), is_passed)  # type: ignore[arg-type]


def test_what_prefilling_saves_is_told_only_where_it_can_be() -> None:
    rng = random.Random(1)
    blind = [outcome("blind", rng.uniform(3, 5)) for _ in range(40)]
    filled = [outcome("prefilled", rng.uniform(1, 3)) for _ in range(40)]
    assert "Too few notes to tell: 19 shown blind, 40 pre-filled" in figures.time_saved([*blind[:19], *filled])
    assert "Pre-filling saves 1.8 min a note, 47 % of its time" in text(figures.time_saved([*blind, *filled]))
    slow = [outcome("prefilled", one.lead_time_ms / 10_000) for one in blind]
    assert "costs" in figures.time_saved([*blind, *slow])
    same = [outcome("seeded", one.lead_time_ms / 60_000) for one in blind]
    assert "could be chance" in figures.time_saved([*blind, *same])


def test_seeded_values_that_passed_are_a_share_with_its_interval() -> None:
    some = [outcome("seeded", 1, FIRST, is_passed=number < 3) for number in range(12)]
    few = [outcome("seeded", 1, SECOND) for _ in range(9)]
    shown = text(figures.seeded_errors(TASK, [*some, *few, outcome("blind", 1)]))
    share, low, high = (100 * part for part in wilson(3, 21))
    assert f"{share:.1f} % of 21 wrong values" in shown
    assert f"{low:.1f} % to {high:.1f} %" in shown
    assert "25.0 %" in shown
    assert f"Fewer than 10 seeded values: {len(TASK.keys) - 1} fields" in shown
    assert "No seeded value was reviewed yet" in figures.seeded_errors(TASK, [])


def test_an_empty_card_says_where_its_share_is_set() -> None:
    times = {"first": [60_000]}
    for shown, later in (
        (figures.time_taken(times, None, []), figures.time_taken(times, None, [], blind_share=0.025)),
        (figures.seeded_errors(TASK, []), figures.seeded_errors(TASK, [], 0.025)),
    ):
        kinds = "(shown blind|given a wrong value) now; the share is set under Settings"
        assert re.search(f"No note is {kinds}", text(shown))
        assert re.search(f"2.5 % of the notes are {kinds}", text(later))
        assert 'data-tab="settings"' in shown
    answered = figures.seeded_errors(TASK, [outcome("seeded", 1, FIRST)])
    assert "Settings" not in answered


def test_days_are_drawn_without_gaps_and_long_times_by_the_week() -> None:
    days = [
        DayCount(date(2026, 1, 1), 3, 0, 0),
        DayCount(date(2026, 1, 4), 5, 1, 0),
        DayCount(date(2026, 1, 9), 0, 2, 0),
    ]
    shown = figures.notes_over_time(days)
    assert shown.count('class="bar"') == 4
    assert "8 notes reviewed between 01 January 2026 and 04 January 2026; at most 5 in a day" in shown
    weeks = figures.notes_over_time([*days, DayCount(date(2026, 6, 1), 1, 0, 0)])
    assert weeks.count('class="bar"') == 23
    assert "reviewed each week" in weeks
    assert "Nothing reviewed yet" in figures.notes_over_time([])
    ages = [DayCount(date(year, 1, 1), 1, 0, 0) for year in (1900, 2026, 2999)]  # as another desk may have told
    assert figures.notes_over_time(ages).count('class="bar"') == 3
    for n in (1, 7, 435, 9578, 100_000):
        assert "nan" not in days_chart([(date(2026, 1, 1), n)])
    assert "<script" not in reliability([(1, 0.5, 1.0)], "<script>")


def test_acceptance_of_many_adapters_stays_readable(session: Session) -> None:
    found = outcomes(session)
    shown = figures.acceptance(TASK, found, "second")
    assert text(shown).index("second (active) 1 note") < text(shown).index("first 3 notes")
    assert shown.count('class="stack"') == 2 * len(TASK.keys)
    many = [one for name in "abcdef" for one in [found[0].__class__(**{**vars(found[0]), "adapter": name})]]
    assert "2 older adapters left out" in figures.acceptance(TASK, many, "a")
    assert "Nothing reviewed yet" in figures.acceptance(TASK, [], None)


@pytest.mark.parametrize("sizes", [(20, 20), (21, 33), (400, 25)])
def test_the_shortcut_of_the_bootstrap_is_the_bootstrap(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    before, after = (rng.lognormal(0, 0.5, n) for n in sizes)
    drawn = [np.median(rng.choice(after, len(after))) - np.median(rng.choice(before, len(before))) for _ in range(4000)]
    change, low, high = median_change(list(before), list(after))
    assert change == np.median(after) - np.median(before)
    width = high - low
    assert np.allclose([low, high], np.quantile(drawn, [0.025, 0.975]), atol=0.12 * width)


@pytest.mark.parametrize(("n_hits", "n"), [(0, 10), (3, 21), (10, 10), (1, 1), (489, 9_578)])
def test_wilson_is_what_scipy_says(n_hits: int, n: int) -> None:
    from scipy import stats

    expected = stats.binomtest(n_hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(n_hits, n) == pytest.approx((n_hits / n, expected.low, expected.high), abs=1e-12)


def test_a_note_that_is_reviewed_again_counts_once(session: Session) -> None:
    decide(session, 4, 1, values=extraction(first="kept", second="IV"))
    assert "cleared" not in {one.kind for one in outcomes(session)}
    assert session.execute(sa.select(sa.func.count()).select_from(t.annotation)).scalar_one() == 6
