"""The options and the records of runs, without a trainer."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from app.core.errors import DeskError, InputError
from app.importing.load import import_files
from app.training.requests import (
    TrainOptions,
    mark_interrupted,
    next_run,
    read_log,
    read_progress,
    request_run,
    run_directory,
    stop_run,
    training_lock,
    usual_mode,
)
from db.notes.notes import find_note
from db.review.decisions import submit
from db.training.adapters import activate, register_adapter
from db.training.runs import get_run, update_run
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import adapter
from tests.kit.homes import ROOT, Home
from tests.kit.tiny import tiny_rows, write_labelled


@pytest.fixture
def desk(tmp_path):
    home = Home(tmp_path / "home", {"CASELOOP_BASE": "/nowhere/base", "CASELOOP_ADAPTER": "/nowhere/adapter"})
    with home.desk() as desk:
        import_files(desk.store, desk.task, [write_labelled(tmp_path / "a.jsonl", tiny_rows(60))], original=True)
        yield desk


def row(desk, run_id):
    with desk.store.reading() as session:
        return get_run(session, run_id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"epochs": float("nan")},
        {"learning_rate": 2},
        {"max_steps": -1},
        {"seed": -1},
        {"mode": "other"},
        {"activate_anyway": " "},
        {"activate_anyway": "because", "activate": False},
    ],
)
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=r"Expected|needs a reason"):
        TrainOptions(**wrong)


def test_options_survive_the_store():
    options = TrainOptions(mode="warm", epochs=2, seed=7, activate_anyway="rare tumours")
    assert TrainOptions.from_json(json.loads(json.dumps(options.to_json() | {"parent": "embedded"}))) == options
    assert options.trainer_settings() == {"mode": "warm", "epochs": 2, "seed": 7}


def test_a_run_goes_on_from_the_active_adapter_once_something_was_reviewed(desk):
    def mode_of(**options):
        run_id = request_run(desk.store, TrainOptions(**options), "ada")
        stop_run(desk.store, desk.settings, run_id, "ada")
        return row(desk, run_id).config["mode"]

    assert mode_of() == "full"
    note = tiny_rows(60)[0]
    with desk.store.transaction() as session:
        found = find_note(session, note.content_hash)
        submit(
            person_in(session, "ada"),
            note_id=found.id,
            status="submitted",
            extraction=note.extraction,
            seen_revision=0,
            token="token-1",
        )
    assert mode_of() == "warm"
    assert mode_of(mode="full") == "full"
    assert mode_of(base="/another/base") == mode_of(preset="published") == "full"


def test_a_run_goes_on_from_an_adapter_that_came_from_elsewhere(desk):
    with desk.store.transaction() as session:
        for name, path in (("embedded", "embedded"), ("pulled", "./adapters/pulled")):
            register_adapter(program_in(session), adapter(name, path=path))
    for name, mode in (("embedded", "full"), ("pulled", "warm")):
        with desk.store.transaction() as session:
            activate(person_in(session, "tests"), name, reason="test")
            assert usual_mode(session) == mode


def test_a_second_run_is_not_asked_for_while_one_waits(desk):
    request_run(desk.store, TrainOptions(), "ada")
    with pytest.raises(DeskError, match="run-0001 is requested"):
        request_run(desk.store, TrainOptions(), "ada")


def test_nothing_to_train_on_is_said_at_once(tmp_path):
    with Home(tmp_path / "other").desk() as empty, pytest.raises(DeskError, match="labelled notes to train on"):
        request_run(empty.store, TrainOptions(), "ada")


def test_no_holdout_is_said_at_once(tmp_path):
    from data.notes import split_of

    rows = [row for row in tiny_rows(30) if split_of(row.content_hash) == "train"]
    with Home(tmp_path / "other").desk() as desk:
        import_files(desk.store, desk.task, [write_labelled(tmp_path / "b.jsonl", rows)], original=True)
        with pytest.raises(DeskError, match="hold-out"):
            request_run(desk.store, TrainOptions(), "ada")


def test_a_running_run_without_a_process_is_interrupted(desk):
    run_id = request_run(desk.store, TrainOptions(), "ada")
    with desk.store.transaction() as session:
        update_run(program_in(session), run_id, status="running", pid=1)
    assert mark_interrupted(desk.store, desk.settings) == [run_id]
    assert row(desk, run_id).status == "interrupted"
    assert "caseloop train --resume 1" in row(desk, run_id).message


def test_a_run_whose_process_holds_the_lock_is_left_alone(desk):
    run_id = request_run(desk.store, TrainOptions(), "ada")
    with desk.store.transaction() as session:
        update_run(program_in(session), run_id, status="running", pid=1)
    program = (
        "import sys; from app.core.settings import load_settings; from app.training.requests import training_lock\n"
        "with training_lock(load_settings()) as lock: print(lock is not None, flush=True); sys.stdin.read()"
    )
    environ = {"CASELOOP_HOME": str(desk.settings.home), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "True\n"
        with training_lock(desk.settings) as lock:
            assert lock is None
        assert mark_interrupted(desk.store, desk.settings) == []
        assert row(desk, run_id).status == "running"
        other.stdin.close()
    assert mark_interrupted(desk.store, desk.settings) == [run_id]


def test_a_waiting_run_is_handed_out_once_nothing_trains(desk):
    assert next_run(desk.store, desk.settings) is None
    run_id = request_run(desk.store, TrainOptions(), "ada")
    assert next_run(desk.store, desk.settings) == run_id
    stopped = stop_run(desk.store, desk.settings, run_id, "local")
    assert stopped.status == "interrupted"
    assert next_run(desk.store, desk.settings) is None
    with pytest.raises(DeskError, match="it is interrupted"):
        stop_run(desk.store, desk.settings, run_id, "local")


def test_what_the_trainer_writes_is_read_while_it_writes(desk):
    directory = run_directory(desk.settings, 1)
    assert read_progress(directory) is None
    assert read_log(directory) == []
    directory.mkdir(parents=True)
    (directory / "progress.json").write_text('{"state": "evaluating", "n_done": 3, "n_notes": 9, "step": 4}')
    (directory / "log.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "lo')
    assert read_progress(directory).message == "measuring the new adapter on the hold-out, 3 of 9 notes"
    assert read_log(directory) == [{"step": 1, "loss": 2.5}]
    (directory / "progress.json").write_text("{")
    assert read_progress(directory) is None
