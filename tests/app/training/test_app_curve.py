"""The desk's learning curve: requested like a run, drawn by the trainer, shown with what it says, nothing activated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.desk import Desk
from app.core.errors import DeskError, InputError
from app.core.settings import Settings, prepare_home
from app.importing.load import import_files
from app.screens.training import curve as screen
from app.screens.training import training as train
from app.training.curves import newest_curve
from app.training.requests import TrainOptions, read_progress, request_run, run_directory
from data.gate.learning_curve import Share
from data.notes import split_of
from db.notes.notes import find_note
from db.review.decisions import submit
from db.training.adapters import active_adapter
from db.training.runs import get_run
from tests.app.screens.test_ui_marks import Reader
from tests.kit.curves import made_curve
from tests.kit.desk.desk_store import COLON, COLON_VALUES, HOSTILE, TASK, make_store
from tests.kit.desk.permits import person_in
from tests.kit.homes import Home
from tests.kit.tiny import tiny_rows, write_labelled

GAIN = Share(value=0.024, low=0.006, high=0.042)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    prepare_home(settings)
    with make_store(tmp_path, [(COLON, COLON_VALUES)]) as store:
        yield Desk(settings, TASK, store)


def text(markup: str) -> str:
    return " ".join(Reader(markup).text.split())


def keep(desk: Desk, number: int, content: str) -> Path:
    directory = run_directory(desk.settings, number)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "curve.json").write_text(content)
    return directory


def test_the_screen_says_what_to_do_and_then_what_the_newest_curve_shows(desk: Desk) -> None:
    assert "Review some notes, then draw one" in text(screen.curve_html(desk))
    keep(desk, 3, made_curve(GAIN, n_notes=7).model_dump_json())
    keep(desk, 4, made_curve(GAIN).model_dump_json())
    run_directory(desk.settings, 5).mkdir()  # a run that draws none
    shown = screen.curve_html(desk)
    title = TASK.fields[0].title
    assert "run-0004 trained each time from the start on 20 originals and on up to 200 reviewed notes" in text(shown)
    assert f"50 more reviewed notes are worth about +1.2 points of {title} (+0.3 to +2.1)." in text(shown)
    assert "The mean over all fields is flat" in text(shown)
    assert text(shown).count("rising") == 1
    assert shown.count('class="band"') == 1 + len(TASK.fields)
    assert "100 reviewed notes: 80.0 % right, band 75.0 % to 84.0 %" in shown
    assert "<script" not in shown
    keep(desk, 6, HOSTILE[0])
    assert "it cannot be read. Draw one again." in text(screen.curve_html(desk))


def test_a_plot_holds_its_band_and_axes_of_one_span_can_be_compared(desk: Desk) -> None:
    level = Share(value=0.99, low=0.914, high=1.0)
    curve = made_curve(GAIN)
    points = [point.model_copy(update={"fields": {**point.fields, TASK.keys[0]: level}}) for point in curve.points]
    keep(desk, 1, curve.model_copy(update={"points": tuple(points)}).model_dump_json())
    shown = screen.curve_html(desk)
    first, second, *_ = shown.split("<figure")[2:]
    assert [f">{share} %<" in first for share in (90, 95, 100)] == [True] * 3
    assert [f">{share} %<" in second for share in (75, 80, 85)] == [True] * 3
    for plot in shown.split('points="')[1:]:
        places = [float(pair.split(",")[1]) for pair in plot.split('"')[0].split()]
        assert all(0 <= place <= screen.LARGE[1] for place in places)


def test_a_curve_needs_reviewed_notes_and_activates_nothing(desk: Desk) -> None:
    with pytest.raises(DeskError, match="needs reviewed notes outside the hold-out"):
        request_run(desk.store, TrainOptions(curve=True), "ada")
    with pytest.raises(InputError, match="activates no adapter"):
        TrainOptions(curve=True, activate_anyway="why not")
    assert TrainOptions.from_json(TrainOptions(curve=True).to_json()).curve


def test_progress_tells_of_the_point_under_way(tmp_path: Path) -> None:
    point = tmp_path / "points" / "00004-seed-0"
    point.mkdir(parents=True)
    told = {
        "state": "training",
        "step": 1,
        "n_steps": 5,
        "message": "with 4 reviewed notes",
        "run": "points/00004-seed-0",
    }
    (tmp_path / "progress.json").write_text(json.dumps(told))
    (point / "progress.json").write_text(json.dumps({"state": "training", "step": 7, "n_steps": 20}))
    progress = read_progress(tmp_path)
    assert progress is not None
    assert (progress.step, progress.n_steps) == (1, 5)
    assert progress.message == "with 4 reviewed notes: step 7 of 20"
    (tmp_path / "progress.json").write_text(json.dumps({**told, "state": "finished", "message": ""}))
    assert read_progress(tmp_path) == replace(progress, state="finished", message="")


def test_a_requested_curve_is_drawn_by_the_trainer_and_kept(tiny_home: Home, tmp_path: Path) -> None:
    home, rows = tiny_home, tiny_rows(30)
    wanted = next(row for row in rows if split_of(row.content_hash) == "train")
    with home.desk() as desk:
        import_files(desk.store, TASK, [write_labelled(tmp_path / "originals.jsonl", rows)], original=True)
        with desk.store.transaction() as session:
            note = find_note(session, wanted.content_hash)
            assert note is not None
            submit(
                person_in(session, "ada"),
                note_id=note.id,
                status="submitted",
                extraction=wanted.extraction,
                seen_revision=0,
                token="token-1",
            )
        request_run(desk.store, TrainOptions(mode="full", curve=True, max_steps=1), "ada")
    out = home.ok("train", "--resume", "1")  # as the supervisor performs it
    assert "reviewed notes" in out.splitlines()[0]
    assert "too few notes to tell" in out
    with home.desk() as desk:
        with desk.store.reading() as session:
            run, active = get_run(session, 1), active_adapter(session)
        assert (run.status, run.pid, run.adapter, run.gate) == ("finished", None, None, None)
        assert run.message.startswith("The mean over all fields")
        assert active is not None
        assert active.name == "tiny-adapter"
        drawn = newest_curve(desk.settings, TASK)
        assert drawn is not None
        assert [point.n_corrections for point in drawn.curve.points] == [0, 1]
        assert drawn.curve.n_originals == run.n_originals
        assert (run.n_annotations, run.n_holdout) == (1, drawn.curve.n_notes)
        assert "run-0001 trained each time from the start" in text(screen.curve_html(desk))
        assert "The mean over all fields" in text(train.run_html(desk, run))
    assert not list((home.path / "adapters").iterdir())
