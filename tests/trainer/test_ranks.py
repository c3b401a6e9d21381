"""Two processes on one run, meeting through gloo, do what one process does at the same rows a step."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kit.tiny import shared_tiny, tiny_sides, write_labelled
from trainer.run.directory import RunDir

ROOT = Path(__file__).parents[2]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    kept, held = tiny_sides(90)
    snapshot = write_labelled(tmp_path / "snapshot.jsonl", kept[:45])
    return ["--snapshot", str(snapshot), "--holdout", str(write_labelled(tmp_path / "holdout.jsonl", held[:3]))]


def words(run_dir: Path, files: list[str], *settings: str) -> list[str]:
    model = ["--base", str(shared_tiny().base), "--device", "cpu", "--threads", "1"]
    # Dropout is off: two processes draw other masks than one.
    return ["trainer", "train", str(run_dir), *files, *model, "--lora-dropout", "0", "--log-steps", "1", *settings]


def launched(n: int, arguments: list[str]) -> list[str]:
    """What `accelerate launch` starts for several GPUs, on the CPU: torch's launcher."""
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n)]
    return [sys.executable, *launch, "-m", *arguments]


def losses(run_dir: Path) -> list[float]:
    lines = [json.loads(line) for line in RunDir(run_dir).log.read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_two_processes_lose_what_one_does(files, tmp_path: Path):
    alone, shared = tmp_path / "a" / "run", tmp_path / "b" / "run"
    settings = ("--epochs", "2", "--save-steps", "3")
    one = [sys.executable, "-m", *words(alone, files, *settings, "--batch-size", "4", "--accumulation", "4")]
    two = launched(2, words(shared, files, *settings, "--batch-size", "4", "--accumulation", "4"))
    for command in (one, two):
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    assert len(losses(alone)) == 6
    assert losses(shared) == pytest.approx(losses(alone), rel=2e-5)
    assert json.loads(RunDir(shared).fit.read_text())["accumulation"] == 2
    assert RunDir(shared).adapter.is_dir()
    assert json.loads(RunDir(shared).progress.read_text())["state"] == "finished"


@pytest.mark.long
def test_processes_stop_and_go_on_together(files, tmp_path: Path):
    run_dir = tmp_path / "run"
    command = launched(2, words(run_dir, files, "--epochs", "60", "--batch-size", "4", "--accumulation", "4"))
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 120
    while not RunDir(run_dir).log.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) != 0
    assert json.loads(RunDir(run_dir).progress.read_text())["state"] == "interrupted"
    assert not RunDir(run_dir).adapter.exists()
    assert list(RunDir(run_dir).checkpoints.glob("checkpoint-*/checkpoint.json"))
