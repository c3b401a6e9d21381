"""The demonstration: the whole loop on made-up notes in a home of its own, and nothing left where it is stopped."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from app.core.errors import InputError, Interrupted
from app.operations import demo
from app.training.requests import Progress
from data.gate.near_duplicates import near_pairs
from data.notes import split_of
from data.synthetic.sets.demo_notes import LONGEST, N_NEXT, demo_notes
from tests.kit.homes import TASK, Home, one_sentence


def test_its_notes_are_the_same_each_time_and_on_their_sides() -> None:
    notes = demo_notes(TASK, 60)
    assert notes == demo_notes(TASK, 60)
    assert (len(notes.learned), len(notes.held_out), len(notes.upcoming)) == (60, 60, N_NEXT)
    sides = [split_of(row.content_hash) for row in (*notes.learned, *notes.upcoming)]
    assert set(sides) == {"train"}
    assert {split_of(row.content_hash) for row in notes.held_out} == {"holdout"}
    unseen = [row.text for row in (*notes.held_out, *notes.upcoming)]
    assert not list(near_pairs([row.text for row in notes.learned], unseen)), "what is learned is not what is judged by"
    assert max(len(row.text) for row in (*notes.learned, *notes.held_out)) <= LONGEST
    assert len({row.text for row in (*notes.learned, *notes.held_out, *notes.upcoming)}) == 120 + N_NEXT


def begun(keep: Path | None, stop_at: str, error: BaseException) -> list[str]:
    """Run it up to a step and stop it there; what was said."""
    said: list[str] = []

    def say(sentence: str) -> None:
        said.append(sentence)
        if stop_at in sentence:
            raise error

    demo.run_demo(keep, 12, 1.0, say, lambda n_done, n_all, beside: None)
    return said


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("Training was stopped.")])
def test_stopped_at_any_step_it_leaves_nothing(tmp_path: Path, error: BaseException, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("CASELOOP_DB_URL", "postgresql://nobody@nowhere/none")  # the user's own store is not touched
    before = dict(os.environ)
    for keep in (None, tmp_path / "deep" / "kept"):
        with pytest.raises(Interrupted, match="left nothing behind"):
            begun(keep, "Step 2", error)
        assert not keep or not keep.exists()
    assert [path for path in tmp_path.rglob("*") if path.name not in ("tmp", "deep")] == []
    assert dict(os.environ) == before


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(InputError, match="already exists"):
        begun(tmp_path / "kept", "Step 1", AssertionError())


def test_the_pace_counts_from_the_first_step(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    told: list[tuple[int, int | None, str]] = []
    pace = demo._Pace(60, 4.0, lambda *of: told.append(of))
    at = iter([100.0, 110.0, 160.0])
    monkeypatch.setattr("app.operations.demo.time.monotonic", lambda: next(at))
    pace.follow(Progress("loading", 0, 0, None, None, "loading the base"))
    assert told == [(0, None, "loading the base")]
    for step in (0, 15, 45):
        pace.follow(Progress("training", step, 60, 0.5, None, ""))
    assert told[-1] == (45, 60, "step 45 of 60, 3.00 samples/s, loss 0.500")
    assert pace.samples_per_s == 45 / 60 * 240 / 60
    assert (pace.seconds, pace.n_steps) == (60, 60)


def test_it_runs_from_end_to_end_and_the_desk_can_be_kept(tiny_home: Home, tmp_path: Path) -> None:
    kept = tmp_path / "learned"
    done = tiny_home.run("demo", "--keep", str(kept), "--notes", "12", "--epochs", "1", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == (0 if told["passed"] else 1), done.stderr
    assert not tiny_home.path.exists(), "the user's own desk is not touched"
    assert (told["n_rows"], told["n_steps"], told["n_held_out"]) == (12, 3, 12), "none is set aside to judge"
    assert 0 < told["n_changed"] <= told["n_fields"] == 12 * len(TASK.keys)
    assert len(told["notes"]) == (N_NEXT if told["passed"] else 0)
    assert [line[:11] for line in done.stderr.splitlines() if line.startswith("Step")][:5] == [
        f"Step {n} of 6" for n in range(1, 6)
    ]
    assert "12 rows, 3 steps" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    home = Home(kept, tiny_home.variables)
    run = home.json("status")["last_run"]
    assert (run["status"], run["name"]) == ("finished", "run-0001")
    assert home.json("samples", "show")["n_decided"] == 12
    assert "already exists" in one_sentence(tiny_home.run("demo", "--keep", str(kept)).stderr)


@pytest.mark.long
def test_sixty_corrections_pass_the_gate_and_change_the_next_pre_fill(home: Home) -> None:
    told = home.json("demo")
    assert told["passed"], told["sentence"]
    assert told["right_after"] - told["right_before"] >= 0.03
    shown = [field for note in told["notes"] for field in note["fields"]]
    assert len(shown) == N_NEXT * len(TASK.keys)
    assert sum(field["is_right"] for field in shown) > sum(field["was_right"] for field in shown)
    assert not home.path.exists()
