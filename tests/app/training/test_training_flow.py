"""Training through the command line: snapshot, trainer, gate, activation, interruption, resumption."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import psutil
import pytest

from app.importing.load import import_files
from app.training.answers import read_answers
from app.training.requests import read_progress, run_directory
from data.gate.reach import foretell
from data.notes import content_hash, split_of
from db.notes.notes import find_note
from db.review.decisions import submit
from db.training.adapters import active_adapter
from db.training.runs import evaluations, get_run
from tests.kit.desk.permits import person_in
from tests.kit.homes import TASK, is_gone, one_sentence, wait_for
from tests.kit.tiny import tiny_rows, tiny_sides, write_labelled

N_NOTES = 240
TOO_LONG = "1 note is left out of training: with prompt and answer it has more than 2,048 tokens (max_tokens)."
NEAR = "10 notes are left out of training: near duplicates of hold-out notes."
FORETOLD = f"{NEAR} {foretell(len(tiny_sides(N_NOTES)[1]))}\n"  # before anything is learned
LONG = ("--epochs", "1000", "--mode", "warm")


@pytest.fixture
def learning_home(tiny_home, tmp_path):
    """A home with labelled notes, enough of them held out."""
    with tiny_home.desk() as desk:
        file = write_labelled(tmp_path / "originals.jsonl", tiny_rows(N_NOTES))
        report = import_files(desk.store, desk.task, [file], original=True)
        assert report.n_added == N_NOTES
    return tiny_home


def row(home, run_id=1):
    with home.desk() as desk, desk.store.reading() as session:
        return get_run(session, run_id)


def test_a_better_adapter_takes_over_and_an_equal_one_does_not(learning_home):
    home = learning_home
    long_note = bring_a_long_note(home)
    corrected = correct_a_note(home)
    done = home.run("train", "--mode", "full", "--max-steps", "3", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["adapter"] == "run-0001"
    assert outcome["active"] is True
    assert outcome["gate"]["outcome"] == "better"
    assert outcome["gate"]["change"]["low"] > 0

    run = row(home)
    assert (run.status, run.pid, run.adapter) == ("finished", None, "run-0001")
    assert run.gate["passed"] is True
    assert "It is active now." in run.gate["sentence"]
    assert (run.n_annotations, run.config["n_corrected"]) == (1, 1)
    check_what_was_left_out(home, run, outcome, done.stderr)
    assert set(run.metrics) >= {"old", "new"}
    check_the_snapshot(home, run, corrected, long_note)
    answered = read_answers(TASK, home.path / "runs" / "run-0001")
    assert len(answered) == run.n_holdout
    assert any(note.n_gained > 0 for note in answered)

    shown = home.json("adapters", "show", "run-0001")
    assert shown["active"] is True
    assert shown["parent"] == "tiny-adapter"
    with home.desk() as desk, desk.store.reading() as session:
        assert {entry.adapter for entry in evaluations(session)} == {"tiny-adapter", "run-0001"}
        assert active_adapter(session).path == "./adapters/run-0001"
    assert sorted(path.name for path in (home.path / "adapters").iterdir()) == ["run-0001"]

    again = home.run("train", "--mode", "full", "--max-steps", "3", "--seed", "0")
    assert again.returncode == 1, again.stderr
    assert "Too few notes to tell" in again.stdout
    assert all(part in again.stderr for part in (outcome["left_out"].removesuffix(f" {TOO_LONG}"), TOO_LONG))
    assert TASK.fields[0].title in again.stdout
    refused = home.run("adapters", "activate", "run-0002")
    assert "run-0002 did not pass its gate" in one_sentence(refused.stderr)
    home.ok("adapters", "reject", "run-0002", "--reason", "nothing new")
    assert "rejected by command line" in home.ok("adapters", "show", "run-0002")
    assert " rejected " in home.ok("adapters", "list")
    assert "run-0001 stays active." in again.stdout
    assert [entry["name"] for entry in home.json("adapters", "list") if entry["active"]] == ["run-0001"]
    assert home.ok("adapters", "rollback") == "tiny-adapter is active.\n"


def check_what_was_left_out(home, run, outcome, errors):
    """The near duplicates and the note that is too long are named wherever the run is."""
    n_left_out = N_NOTES + 1 - run.n_rows - run.n_holdout
    near = f"{n_left_out} notes are left out of training: near duplicates of hold-out notes."
    assert outcome["left_out"] == f"{near} {TOO_LONG}"
    assert outcome["n_too_long"] == 1
    assert home.json("status")["last_run"]["left_out"] == outcome["left_out"]
    assert TOO_LONG in home.ok("status")
    assert TOO_LONG in home.ok("adapters", "show", "run-0001")
    card = (home.path / "adapters" / "run-0001" / "README.md").read_text()
    assert "| of these left out, for more than 2,048 tokens with prompt and answer | 1 |" in card
    assert near in errors, "said before it learns"
    assert outcome["material"] == {
        "n_near_duplicates": n_left_out,
        "n_fresh": 0,
        "n_without_vote": 0,
        "n_judges": run.n_holdout,
    }
    assert f"{run.n_holdout} notes judge the new adapter: a gain of" in errors


def bring_a_long_note(home):
    """Import a labelled note of the training side that has more tokens than a run learns from; its hash."""
    row = next(one for one in long_rows() if split_of(one.content_hash) == "train")
    with home.desk() as desk:
        file = write_labelled(home.path / "long.jsonl", [row])
        assert import_files(desk.store, desk.task, [file], original=True).n_added == 1
    return row.content_hash


def long_rows():
    for row in tiny_rows(50, start=1000):
        words = " ".join(f"value {number} of the course" for number in range(400))
        text = f"{row.text} {words}"
        yield replace(row, text=text, content_hash=content_hash(text))


def correct_a_note(home):
    """Submit an annotation for a note of the training side; its text."""
    text = tiny_sides(N_NOTES)[0][0]
    with home.desk() as desk, desk.store.transaction() as session:
        note = find_note(session, text.content_hash)
        labels = {**text.extraction, desk.task.keys[-1]: "liver"}
        from data.task import Extraction

        submit(
            person_in(session, "ada"),
            note_id=note.id,
            status="submitted",
            extraction=Extraction(desk.task, labels),
            seen_revision=0,
            token="token-1",
        )
        return text.text


def check_the_snapshot(home, run, corrected, long_note):
    """It holds the correction and not one note of the hold-out."""
    directory = home.path / "runs" / "run-0001"
    rows = [json.loads(line) for line in (directory / "snapshot.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == run.n_rows
    learned = {row.content_hash for row in tiny_sides(N_NOTES)[0]} | {long_note}
    assert {entry["content_hash"] for entry in rows} == learned
    (annotated,) = [entry for entry in rows if entry["source"] == "annotation"]
    assert (annotated["input"], annotated["corrected"]) == (corrected, True)
    assert "liver" in annotated["output"].values()


def begun(home):
    """A training process whose trainer takes steps; its process and the trainer's."""
    process = home.fork("train", *LONG)
    with home.desk() as desk:
        directory = run_directory(desk.settings, 1)

    def steps():
        assert process.poll() is None, process.communicate()
        progress = read_progress(directory)
        return progress is not None and progress.step > 0

    wait_for(steps, "the first step")
    (trainer,) = psutil.Process(process.pid).children()
    return process, trainer


def test_an_interrupted_run_is_resumed_with_what_it_began_with(learning_home, tmp_path):
    home = learning_home
    process, trainer = begun(home)
    refused = home.run("train", "--max-steps", "1")
    assert refused.returncode == 2
    assert "Another training run is under way" in one_sentence(refused.stderr)

    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert (out, errors) == ("", f"{FORETOLD}Training was stopped. Go on with: caseloop train --resume 1\n")
    assert is_gone(trainer.pid)
    run = row(home)
    assert (run.status, run.pid) == ("interrupted", None)
    step = json.loads((home.path / "runs/run-0001/progress.json").read_text())["step"]
    assert step > 0
    assert list((home.path / "runs/run-0001/checkpoints").glob("checkpoint-*/checkpoint.json"))

    # What is labelled meanwhile belongs to the next run: this one goes on with its own snapshot.
    with home.desk() as desk:
        more = write_labelled(tmp_path / "more.jsonl", tiny_rows(5, start=700))
        import_files(desk.store, desk.task, [more], original=True)
    process = home.fork("train", "--resume", "run-0001")
    wait_for(lambda: row(home).status == "running", "the run to go on")

    def further():
        assert process.poll() is None, process.communicate()
        progress = read_progress(home.path / "runs" / "run-0001")
        return progress.state == "training" and progress.step > step

    wait_for(further, "steps after the checkpoint")
    assert row(home).snapshot_fingerprint == run.snapshot_fingerprint
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert row(home).status == "interrupted"


def test_a_killed_run_takes_the_trainer_along_and_is_marked(learning_home):
    home = learning_home
    process, trainer = begun(home)
    trainer.suspend()
    process.kill()
    process.communicate(timeout=60)
    # The trainer lives on for a moment: it has the lock with it, so that no second one writes beside it.
    refused = home.run("train", "--resume", "1")
    assert "Another training run is under way" in one_sentence(refused.stderr)
    trainer.resume()
    wait_for(lambda: is_gone(trainer.pid), "the end of the trainer")
    assert row(home).status == "running"
    state = home.json("status")
    assert state["last_run"]["status"] == "interrupted"
    assert "caseloop train --resume 1" in state["last_run"]["message"]
    assert [entry["name"] for entry in home.json("adapters", "list")] == ["tiny-adapter"]


def test_a_killed_trainer_fails_its_run_with_a_sentence(learning_home):
    home = learning_home
    process, trainer = begun(home)
    trainer.kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    sentence = one_sentence(errors.removeprefix(FORETOLD))
    assert "The system killed the trainer" in sentence
    assert (row(home).status, row(home).message) == ("failed", sentence)


def test_another_base_is_compared_on_the_same_holdout(learning_home, tmp_path):
    from tests.kit.tiny import tiny_base

    home = learning_home
    other = tiny_base(tmp_path / "other", seed=5)
    warm = home.run("train", "--mode", "warm", "--base", str(other))
    assert warm.returncode == 2
    assert "Warm mode" in one_sentence(warm.stderr.removeprefix(FORETOLD))
    done = home.run("train", "--max-steps", "1", "--base", str(other), "--activate-anyway", "a test", "--json")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["gate"]["old"] == pytest.approx(outcome["metrics"]["old"]["macro"]["normalised"])
    assert outcome["metrics"]["old"]["n_notes"] == outcome["metrics"]["new"]["n_notes"]
    shown = home.json("adapters", "show", outcome["adapter"])
    assert (shown["base"], shown["active"]) == (str(other), True)
    assert shown["activations"][0]["reason"] == "a test"


def test_evaluate_agrees_with_itself_and_names_the_adapter(learning_home, tmp_path):
    data = write_labelled(tmp_path / "gold.jsonl", tiny_rows(12, start=300))
    figures = learning_home.json("evaluate", "--data", str(data), "--adapter", "tiny-adapter")
    assert figures["n_notes"] == 12
    assert figures["json_valid"] == 1.0
    assert figures["adapter"] == "tiny-adapter"
    assert set(figures["fields"]) == set(TASK.keys)
    assert 0 <= figures["macro"]["normalised"] <= 1
    table = learning_home.ok("evaluate", "--data", str(data), "--limit", "2")
    assert "mean over fields" in table
