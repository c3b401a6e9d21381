"""The verdict page: what it says of every outcome, the plot, the notes side by side, and what it offers to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.access.guard import LOCAL_REVIEWER
from app.core.desk import Desk
from app.core.settings import Settings, prepare_home
from app.screens.charts.rows import Effect, EffectPlot
from app.screens.markup import chance, try_action
from app.screens.training import training as train
from app.screens.training import verdict
from app.training.material import TOO_LONG
from db.training.adapters import active_adapter
from db.training.runs import get_run, update_run
from tests.app.screens.test_ui_marks import Reader
from tests.kit.desk.desk_store import BREAST, HOSTILE, TASK, make_store
from tests.kit.desk.permits import program_in
from tests.kit.desk_runs import ALIKE, BOTH_WRONG, GOT_BETTER, GOT_WORSE, put_finished_run

PARTS = ("whole", "seen", "run", "head", "activate", "reject", "back", "figures", "invitation", "compare", "notes")
MANY_BETTER = [GOT_BETTER] * 12 + [ALIKE] * 18


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    prepare_home(settings)
    with make_store(tmp_path, [(BREAST, None)]) as store:
        yield Desk(settings, TASK, store)


def finish(desk: Desk, plan: list[Any], **settings: Any) -> list[int]:
    return put_finished_run(desk.store, desk.settings.home, plan, **settings)


def page(desk: Desk, chosen: str | None = None, seen: str = "") -> dict[str, Any]:
    return dict(zip(PARTS, verdict.show(desk, chosen, seen), strict=True))


def text(markup: str) -> str:
    return " ".join(Reader(markup).text.split())


def test_a_verdict_says_which_notes_the_run_could_not_learn_from(desk: Desk) -> None:
    finish(desk, MANY_BETTER)
    counts = {"n_too_long": 2, "n_refused": 1, "max_tokens": 2048}
    with desk.store.transaction() as session:
        update_run(program_in(session), 1, config={**get_run(session, 1).config, TOO_LONG: counts})
    said = text(page(desk)["head"])
    assert "2 notes are left out of training: with prompt and answer they have more than 2,048 tokens" in said
    assert "1 note is left out of training for a special token" in said


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("first", "● the first one"),
        ("better", "▲ better"),
        ("unclear", "○ too few notes to tell"),
        ("worse", "▼ worse"),
        ("blocked", "■ blocked"),
    ],
)
def test_every_outcome_has_a_shape_a_word_and_its_sentence(desk: Desk, outcome: str, word: str) -> None:
    reason = "Stage is right less often."
    finish(desk, MANY_BETTER, outcome=outcome, sentence=f"This <b>is</b> it. {reason} Nothing else.", reasons=[reason])
    head = page(desk)["head"]
    assert word in text(head)
    assert text(head).count(reason) == 1
    assert "This <b>is</b> it. Nothing else." in text(head)


def test_each_field_shows_its_figures_and_whether_they_are_more_than_chance(desk: Desk) -> None:
    finish(desk, MANY_BETTER)
    figures = page(desk)["figures"]
    stage = re.search(r"(?s)<tr><td>Stage</td>.*?</tr>", figures)
    assert stage
    assert text(stage[0]).startswith("Stage60.0 %100.0 %+40.0+")
    assert "▶ better" in text(stage[0])
    assert figures.count("○</i> no clear change") == len(TASK.fields) - 1  # nothing else changed
    assert figures.count('class="floor"') == len(TASK.fields) + 2
    said = text(figures)
    assert "Every field right in 100.0 % of the notes (before: 60.0 %). 12 notes gained it, 0 lost it." in said
    assert "Chance alone would do as much in fewer than 1 of 100 cases: hardly chance." in said
    assert "This hold-out had never decided before." in said


def test_a_run_from_before_the_intervals_is_still_shown(desk: Desk) -> None:
    finish(desk, MANY_BETTER, outcome=None, passed=False, sentence="It is no better.")
    shown = page(desk)
    assert text(shown["head"]) == "○ not right more oftenIt is no better."
    assert shown["figures"] == ""
    shares = {key: {"normalised": 0.5} for key in TASK.keys}
    with desk.store.transaction() as session:
        update_run(program_in(session), 1, metrics={"old": {"fields": shares}, "new": {"fields": shares}})
    figures = text(page(desk)["figures"])
    assert figures.count("50.0 %50.0 %+0.0–") == len(TASK.fields)
    assert "No interval was kept for this run" in figures


def test_an_adapter_with_nothing_to_compare_with_shows_its_own_figures(desk: Desk) -> None:
    nothing = {"old": None, "change": None, "low": None, "high": None}
    figures = {key: {**nothing, "new": 0.25} for key in TASK.keys}
    whole = {"old": None, "new": 0.125, "n_gained": 0, "n_lost": 0, "p": None}
    finish(
        desk, [ALIKE], outcome="first", old=None, new=0.25, fields=figures, all_fields=whole, detectable=None,
        change={"change": None, "low": None, "high": None},
    )  # fmt: skip
    said = text(page(desk)["figures"])
    assert said.count("25.0 %") == len(TASK.fields) + 1
    assert "Every field right in 12.5 % of the notes." in said


def places(drawing: str, name: str) -> list[float]:
    """Where the lines of this class begin and end, in percent of the width."""
    line = re.search(rf'<line class="{name}" x1="([\d.]+)%" x2="([\d.]+)%"', drawing)
    assert line
    return [float(line[1]), float(line[2])]


def test_the_plot_has_one_scale_around_nought() -> None:
    effects = [Effect(0.02, 0.01, 0.03), Effect(-0.1, -0.2, -0.05), Effect(0.0, -0.01, 0.01), Effect(0.01)]
    plot = EffectPlot(effects, floor=0.03)
    rows = [plot.row(effect) for effect in effects]
    for row in rows:
        assert places(row, "zero") == [50.0, 50.0]
        assert 0 < places(row, "floor")[0] < 50
    low, high = places(rows[1], "interval")
    assert 0 < low < high < 50
    assert places(rows[0], "interval")[0] > 50
    assert places(rows[0], "interval")[1] - 50 == pytest.approx((50 - low) * 0.03 / 0.2, abs=0.02)
    assert [effect.direction for effect in effects] == ["better", "worse", "unclear", "unclear"]
    assert "interval" not in rows[3]
    assert 'aria-label="-10.0 points, 95 % interval -20.0 to -5.0"' in rows[1]
    assert re.findall(r">([-+\d]+)</text>", plot.axis()) == ["-20", "-10", "0", "+10", "+20"]
    for nothing, floor in (([], 0.03), ([Effect(0.0, 0.0, 0.0)], 0.03), ([Effect(0.0, 0.0, 0.0)], 0.0)):
        plot = EffectPlot(nothing, floor)
        assert plot.axis()
        assert plot.row(Effect(0.0, 0.0, 0.0))


def test_the_notes_that_got_worse_come_first_side_by_side(desk: Desk) -> None:
    worse, better, *_ = finish(desk, [GOT_WORSE, GOT_BETTER, BOTH_WRONG, ALIKE], text=HOSTILE[0])
    notes = page(desk)["notes"]
    assert "Fewer fields are right than before in 1 note, more in 1. In 1 note the answers differ" in text(notes)
    first, second = notes.split("<article>")[1:]
    assert f'data-note="{worse}"' in first
    assert f'data-note="{better}"' in second
    assert "FieldTruefirst (active then)run-0001 (new) StageIIIIII ✓ rightIV ✕ wrong" in text(first).replace(" …", "")
    assert "StageIIIII ✕ wrongIII ✓ right" in text(second)
    assert "CAPOX" not in text(first)  # the fields that are alike are left out
    assert "<img" not in notes
    assert "<img" in text(notes)


def test_a_long_list_of_notes_is_cut_and_says_so(desk: Desk) -> None:
    twice = ({}, {"stage": "IV", "response": "progression"})
    ids = finish(desk, [GOT_WORSE] * 22 + [twice])
    notes = page(desk)["notes"]
    assert "23 notes got worse, the 20 that changed most" in text(notes)
    shown = [int(number) for number in re.findall(r'data-note="(\d+)"', notes)]
    assert shown == [ids[-1], *ids[:19]]


def test_a_reply_that_cannot_be_read_is_wrong_in_every_field(desk: Desk) -> None:
    finish(desk, [None, ALIKE])
    notes = text(page(desk)["notes"])
    assert notes.count("the reply could not be read ✕ wrong") == len(TASK.fields)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "were not kept for both adapters"), ("{", "cannot be read"), ('{"content_hash": "x"}', "cannot be read")],
)
def test_missing_answers_are_no_fault(desk: Desk, content: str | None, said: str) -> None:
    finish(desk, [GOT_WORSE])
    file = desk.settings.runs / "run-0001" / "predictions.jsonl"
    if content is None:
        file.unlink()
    else:
        file.write_text(content, encoding="utf-8")
    shown = page(desk)
    assert said in text(shown["notes"])
    assert "Stage" in text(shown["figures"])
    assert shown["compare"].visible is False


def test_nothing_is_sent_while_nothing_changes(desk: Desk) -> None:
    assert page(desk)["whole"].visible is False
    finish(desk, MANY_BETTER)
    first = page(desk)
    assert first["run"].value == "1"
    again = page(desk, "1", first["seen"])
    assert all(part == {"__type__": "update"} for part in again.values())
    finish(desk, [GOT_WORSE] * 30)
    newer = page(desk, "1", first["seen"])
    assert newer["run"].value == "2"
    assert [word for word, _ in newer["run"].choices] == ["run-0002  ▼ worse", "run-0001  ▲ better"]
    older = page(desk, "1", newer["seen"])
    assert older["run"].value == "1"
    finish(desk, MANY_BETTER)
    assert page(desk, "1", older["seen"])["run"].value == "1"  # who reads an older one goes on reading it


def test_the_buttons_say_what_they_do(desk: Desk) -> None:
    finish(desk, MANY_BETTER)
    finish(desk, [GOT_WORSE] * 30)

    def offered(chosen: str) -> list[str]:
        shown = page(desk, chosen, "x")
        return [shown[name].value for name in ("activate", "reject", "back") if shown[name].visible]

    assert offered("1") == ["Activate run-0001", "Reject run-0001"]
    assert offered("2") == ["Activate run-0002 anyway", "Reject run-0002"]
    refused = try_action(lambda: train.activate_run(desk, LOCAL_REVIEWER, "2", " "))
    assert "so activating it needs a reason" in text(refused)
    with desk.store.reading() as session:
        assert active_adapter(session).name == "first"  # type: ignore[union-attr]
    assert "run-0002 is active" in train.activate_run(desk, LOCAL_REVIEWER, "2", "for a comparison")
    assert offered("2") == ["Roll back from run-0002"]
    assert "first is active again" in train.roll_back(desk, LOCAL_REVIEWER, "")
    assert offered("2") == ["Activate run-0002 anyway", "Reject run-0002"]


def test_a_rejected_adapter_is_marked_wherever_it_is_listed(desk: Desk) -> None:
    finish(desk, MANY_BETTER)
    assert "needs a reason" in text(try_action(lambda: train.reject_run(desk, LOCAL_REVIEWER, "1", " ")))
    assert "run-0001 is rejected" in train.reject_run(desk, LOCAL_REVIEWER, "1", HOSTILE[0])
    shown = page(desk)
    assert f"Rejected by {LOCAL_REVIEWER}: {HOSTILE[0]}" in text(shown["head"])
    assert (shown["activate"].value, shown["reject"].visible) == ("Activate run-0001 anyway", False)
    listed = train.show(desk, None)[2]
    assert f"rejected by {LOCAL_REVIEWER}" in text(listed)
    assert "<img" not in listed


def test_a_decision_stands_beside_the_verdict(desk: Desk) -> None:
    decision = {"kind": "rejected", "by": "ada", "at": "2026-01-01T09:30:00+00:00", "reason": HOSTILE[0]}
    finish(desk, MANY_BETTER)
    before = page(desk)["seen"]
    with desk.store.transaction() as session:
        run = get_run(session, 1)
        update_run(program_in(session), 1, gate={**(run.gate or {}), "decision": decision})
    shown = page(desk, "1", before)
    assert f"Rejected by ada: {HOSTILE[0]}. 2026-01-01 09:30 UTC" in text(shown["head"])
    assert "<img" not in shown["head"]
    assert shown["activate"].value == "Activate run-0001 anyway"


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.0001, "in fewer than 1 of 100 cases: hardly chance."),
        (0.049, "in 5 of 100 cases: hardly chance."),
        (0.05, "in 5 of 100 cases: could be chance."),
        (1.0, "every time: could be chance."),
    ],
)
def test_chance_is_told_in_words(p: float, said: str) -> None:
    assert chance(p) == f"Chance alone would do as much {said}"
