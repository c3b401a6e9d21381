"""The blind comparison: no name before the choice, the right adapter behind each side, and a count with its chance."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.desk import Desk
from app.core.settings import Settings, prepare_home
from app.screens.markup import try_action
from app.screens.training import blind
from app.training.answers import sign_test
from db.training.preferences import Tally, preferences
from tests.app.screens.test_ui_marks import Reader
from tests.kit.desk.desk_store import BREAST, HOSTILE, TASK, make_store
from tests.kit.desk_runs import ALIKE, BOTH_WRONG, GOT_BETTER, GOT_WORSE, PARENT, put_finished_run

PARTS = ("at", "heading", "text", "answers", "pages", "stop")
PLAN = [GOT_WORSE, GOT_BETTER, BOTH_WRONG, ALIKE, None]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    prepare_home(settings)
    with make_store(tmp_path, [(BREAST, None)]) as store:
        yield Desk(settings, TASK, store)


def page(desk: Desk, at: str = "1:", reviewer: str = "ada") -> dict[str, Any]:
    return dict(zip(PARTS, blind.show(desk, reviewer, at), strict=True))


def text(markup: str) -> str:
    return " ".join(Reader(markup).text.split())


def note_of(at: str) -> int:
    return int(at.split(":")[1])


def test_one_note_after_the_other_until_all_are_judged(desk: Desk) -> None:
    ids = put_finished_run(desk.store, desk.settings.home, PLAN)
    seen = []
    at = "1:"
    for n_done in range(4):
        shown = page(desk, at)
        at = shown["at"]
        seen.append(note_of(at))
        assert f"{n_done} of 4 notes compared" in text(shown["heading"])
        blind.choose(desk, "ada", at, "same")
    assert sorted(seen) == sorted({*ids} - {ids[3]})  # the two answers for that one are alike
    done = page(desk, at)
    assert done["answers"] == ""
    assert done["pages"].visible is False
    assert done["stop"].value == "Back to the verdict"
    assert "new preferred 0, active 0, no difference 4" in text(done["heading"])
    assert "0 of 4 notes compared" in text(page(desk, "1:", "bob")["heading"])


def test_a_skipped_note_comes_again_last(desk: Desk) -> None:
    put_finished_run(desk.store, desk.settings.home, PLAN)
    round_ = []
    at = "1:"
    for _ in range(5):
        at = page(desk, at)["at"]
        round_.append(at)
    assert len(set(round_)) == 4
    assert round_[4] == round_[0]


def test_no_name_and_no_side_is_told_before_the_choice(desk: Desk) -> None:
    put_finished_run(desk.store, desk.settings.home, PLAN, text=HOSTILE[0])
    shown = page(desk)
    told = " ".join(str(shown[name]) for name in ("at", "heading", "text", "answers"))
    assert not re.search(rf"run-0001|\b{PARENT}\b|\bold\b|\bnew\b|right\b.*✓", told)
    assert "<img" not in told
    assert HOSTILE[0] in text(shown["text"])


def test_a_side_stays_over_a_reload_and_is_a_readers_own(desk: Desk) -> None:
    put_finished_run(desk.store, desk.settings.home, [GOT_WORSE] * 24)
    orders = {}
    for reviewer in ("ada", "bob"):
        compared = blind.compare(desk, 1, reviewer)
        again = blind.compare(desk, 1, reviewer)
        assert compared == again
        assert compared is not None
        orders[reviewer] = {row.id: note.left_is_new(compared.seed) for note, row in compared.notes}
        # Of 24 fair coins fewer than 3 of 10,000 sequences lie outside.
        assert 3 < sum(orders[reviewer].values()) < 21
    assert orders["ada"] != orders["bob"]
    compared = blind.compare(desk, 1, "ada")
    assert compared is not None
    assert [row.id for _, row in compared.notes] != sorted(row.id for _, row in compared.notes)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_choice_is_of_the_answer_that_stood_there(desk: Desk, side: str) -> None:
    put_finished_run(desk.store, desk.settings.home, [GOT_WORSE, GOT_BETTER] * 4)
    at = "1:"
    told = {}
    for _ in range(8):
        shown = page(desk, at)
        at = shown["at"]
        cells = re.search(r"Stage</td><td>(.*?)</td><td>(.*?)</td>", shown["answers"])
        assert cells
        told[note_of(at)] = text(cells[1 if side == "left" else 2])
        blind.choose(desk, "ada", at, side)
    compared = blind.compare(desk, 1, "ada")
    assert compared is not None
    answers = {row.id: note for note, row in compared.notes}
    with desk.store.reading() as session:
        kept = preferences(session, 1, "ada")
    assert len(kept) == 8
    assert {row.choice for row in kept} == {"old", "new"}
    for row in kept:
        answer = answers[row.note_id].new if row.choice == "new" else answers[row.note_id].old
        assert answer is not None
        assert told[row.note_id] == answer["stage"]
        assert (row.old_adapter, row.new_adapter) == (PARENT, "run-0001")


@pytest.mark.parametrize(
    ("at", "side"),
    [("1:1", "left"), ("1:", "left"), ("9:2", "left"), ("٣:2", "left"), ("", "left"), ("1:2", "new"), ("1:2", "")],
)
def test_what_is_no_choice_on_the_page_is_refused(desk: Desk, at: str, side: str) -> None:
    ids = put_finished_run(desk.store, desk.settings.home, [GOT_WORSE])
    assert ids == [2]
    said = text(try_action(lambda: blind.choose(desk, "ada", at, side)))
    assert said.startswith(("The choice is for neither side", "There is no training run"))
    with desk.store.reading() as session:
        assert preferences(session, 1) == []


def test_there_may_be_nothing_to_compare(desk: Desk) -> None:
    put_finished_run(desk.store, desk.settings.home, [ALIKE])
    assert "nothing to compare" in text(page(desk)["heading"])
    assert "There is no training run 77" in text(page(desk, "77:")["heading"])
    (desk.settings.runs / "run-0001" / "predictions.jsonl").write_text("{", encoding="utf-8")
    assert "cannot be read" in text(page(desk)["heading"])


@pytest.mark.parametrize(
    ("tally", "p"),
    [
        (Tally(5, 14, 4), 0.0636),
        (Tally(14, 5, 0), 0.0636),
        (Tally(0, 6, 9), 2 / 2**6),
        (Tally(3, 3, 0), 1.0),
        (Tally(0, 0, 4), 1.0),
    ],
)
def test_the_count_comes_with_its_chance(tally: Tally, p: float) -> None:
    assert sign_test(tally) == pytest.approx(p, abs=5e-5)
    said = text(blind.tallies_html({HOSTILE[0]: tally}))
    assert f"new preferred {tally.n_new}, active {tally.n_old}, no difference {tally.n_same}" in said
    assert ("hardly chance" in said) == (p < 0.05)
    assert "<img" not in blind.tallies_html({HOSTILE[0]: tally})
