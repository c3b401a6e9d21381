"""`python -m trainer`: figures as JSON, errors as one sentence."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from data.task import DEFAULT_TASK, load_task
from tests.kit.tiny import shared_tiny, tiny_rows, write_labelled
from trainer.__main__ import main
from trainer.engine import Engine
from trainer.evaluation.evaluate import EvaluationError, answer_rows, evaluate, write_predictions
from trainer.model.loading import load_model

TASK = load_task(DEFAULT_TASK)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_labelled(tmp_path / "rows.jsonl", tiny_rows(12))


def model_options(adapter: bool = True) -> list[str]:
    words = ["--base", str(shared_tiny().base), "--device", "cpu"]
    return [*words, "--adapter", str(shared_tiny().adapter)] if adapter else words


def failure(capsys, *words: str) -> str:
    assert main(list(words)) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("Expected")
    assert "\n" not in said
    return said


def test_evaluate_prints_the_figures(rows, capsys):
    kept = rows.with_name("kept.jsonl")
    asked = ["evaluate", "--data", str(rows), "--json", "--limit", "10", "--predictions", str(kept)]
    assert main([*asked, *model_options()]) == 0
    lines = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 10
    assert set(lines[0]) == {"content_hash", "text_hash", "gold", "answer"}
    figures = json.loads(capsys.readouterr().out)
    assert figures["n_notes"] == 10
    assert figures["json_valid"] == 1.0
    assert {"exact", "normalised", "f1", "ungrounded", "accepted", "empty_form"} <= figures["macro"].keys()
    assert {"precision", "share"} <= figures["shown"].keys()
    assert sum(one["n_notes"] for one in figures["lengths"]) == 10
    assert list(figures["fields"]) == list(TASK.keys)
    assert figures["adapter"] == "tiny-adapter"
    assert main(["evaluate", "--data", str(rows), *model_options()]) == 0
    assert "an empty one would be in" in capsys.readouterr().out


def test_trained_base_scores_better_than_with_a_random_adapter(capsys):
    labelled = tiny_rows(24, start=30)
    bare = evaluate(Engine(load_model(shared_tiny().base, None, device="cpu"), TASK), labelled, TASK)
    spoiled = evaluate(
        Engine(load_model(shared_tiny().base, shared_tiny().adapter, device="cpu"), TASK), labelled, TASK
    )
    assert bare.macro.normalised > max(0.8, spoiled.macro.normalised)


def test_note_that_cannot_be_answered_counts_as_wrong(tmp_path):
    engine = Engine(load_model(shared_tiny().base, None, device="cpu"), TASK)
    labelled = tiny_rows(3)
    engine.max_tokens = len(engine._tokenise(labelled[0].text)) - 1
    seen: list[tuple[int, int]] = []
    answers = answer_rows(engine, labelled, lambda done, total: seen.append((done, total)))
    assert answers[0] is None
    assert seen[-1] == (3, 3)
    assert evaluate(engine, labelled, TASK).json_valid == pytest.approx(sum(a is not None for a in answers) / 3)
    write_predictions(tmp_path / "p.jsonl", labelled, {"old": None, "new": answers})
    first = json.loads((tmp_path / "p.jsonl").read_text().splitlines()[0])
    assert (first["old"], first["new"]) == (None, None)
    with pytest.raises(EvaluationError):
        evaluate(engine, [], TASK)


def test_extract_prints_one_object(tmp_path, capsys, monkeypatch):
    note = tmp_path / "note.txt"
    note.write_text(tiny_rows(1)[0].text + "\n")
    assert main(["extract", str(note), *model_options()]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == list(TASK.keys)
    monkeypatch.setattr("sys.stdin", io.StringIO(note.read_text()))
    assert main(["extract", "--json", *model_options()]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["extraction"] == answer
    assert set(told["confidence"]) == set(TASK.keys)


def test_train_takes_files_of_the_run_directory(tmp_path, capsys):
    run_dir = tmp_path / "runs" / "r"
    run_dir.mkdir(parents=True)
    write_labelled(run_dir / "snapshot.jsonl", tiny_rows(8))
    write_labelled(run_dir / "holdout.jsonl", tiny_rows(2, start=50))
    (run_dir / "config.json").write_text(json.dumps({"batch_size": 4, "epochs": 5}))
    assert main(["train", str(run_dir), "--max-steps", "2", "--json", *model_options(adapter=False)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["n_steps"] == 2
    assert told["adapter"] == str(run_dir / "adapter")
    assert told["new"]["n_notes"] == told["n_notes"] == 2
    assert told["old"] is None


def test_errors_are_sentences(rows, tmp_path, capsys):
    base = ["--base", str(tmp_path / "none")]
    assert "there is none" in failure(capsys, "evaluate", "--data", str(rows), *base)
    failure(capsys, "evaluate", "--data", str(tmp_path / "none.jsonl"), *model_options())
    failure(capsys, "extract", str(tmp_path / "none.txt"), *model_options())
    failure(capsys, "train", str(tmp_path / "run"), *model_options(adapter=False))
    failure(capsys, "train", str(tmp_path / "run"), "--snapshot", str(rows), "--epochs", "-1")
    failure(capsys, "extract", str(rows), "--task", str(tmp_path / "none.toml"), *model_options())


def test_network_is_asked_only_for_a_hub_name(rows, tmp_path, capsys):
    failure(capsys, "evaluate", "--data", str(rows), "--base", str(tmp_path / "none"))
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_baseline_copies_the_answer_of_the_most_similar_other_note(tmp_path, capsys):
    rows = tiny_rows(6)
    data = write_labelled(tmp_path / "data.jsonl", [*rows, *rows])
    assert main(["baseline", "--data", str(data), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["n_notes"] == len(rows) * 2
    assert figures["macro"]["normalised"] < 1.0, "a note must not be its own neighbour, nor its copy"
