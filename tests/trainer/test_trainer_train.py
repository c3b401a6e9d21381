"""Training runs: what they leave, how they stop, and that they go on exactly where they were stopped."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data.snapshot import Row, read_rows, write_holdout, write_snapshot
from data.storage.files import save_json, sha256_of
from data.task import DEFAULT_TASK, Extraction, load_task
from data.vocabulary.house_words import HOUSE_WORDS, HouseWords
from tests.kit.commands import Forked
from tests.kit.tiny import shared_tiny, tiny_rows, tiny_sides, write_labelled
from trainer.adapter.manifest import WEIGHTS, Manifest, RunError, publish_adapter, read_manifest
from trainer.config import ConfigError, TrainConfig, make_config, read_config
from trainer.model.loading import load_for_serving, load_model
from trainer.run.directory import RunDir, check_disk_space, trainer_lock
from trainer.run.learning.checkpoints import CHECKPOINT_MANIFEST, find_latest
from trainer.run.progress import Diverged, Interrupted, TrainError
from trainer.run.train import train

TASK = load_task(DEFAULT_TASK)
ROOT = Path(__file__).parents[2]
QUICK = TrainConfig(epochs=1, batch_size=8, log_steps=1, threads=1)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A snapshot and a hold-out, as the store writes them."""
    train_rows, held_out = tiny_sides(70)
    snapshot = write_snapshot(TASK, train_rows[:40], tmp_path / "snapshot.jsonl")
    holdout = write_holdout(TASK, held_out, tmp_path / "holdout.jsonl")
    return snapshot.path, holdout.path


def run(files: tuple[Path, Path], run_dir: Path, config: TrainConfig = QUICK, **given):
    options = {"parent_adapter": shared_tiny().adapter, "holdout": files[1], "device": "cpu", **given}
    return train(run_dir, base=shared_tiny().base, snapshot=files[0], config=config, **options)


def command(files: tuple[Path, Path], run_dir: Path, *more: str) -> list[str]:
    words = ["train", str(run_dir), "--base", str(shared_tiny().base)]
    words += ["--snapshot", str(files[0]), "--device", "cpu", "--batch-size", "4", "--threads", "1"]
    return [*words, "--log-steps", "1", "--save-steps", "2", *more]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def losses(run_dir: Path) -> dict[int, float]:
    return {line["step"]: line["loss"] for line in lines(RunDir(run_dir).log) if "loss" in line}


def wait_until(condition, process: Forked, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the run ended before it was stopped"
        assert time.monotonic() < end
        time.sleep(0.01)


def test_run_leaves_everything(files, tmp_path: Path):
    parent = taught(tmp_path / "parent")  # a fresh adapter takes over none of its words
    result = run(files, tmp_path / "runs" / "first", name="first", parent_adapter=parent)
    there = RunDir(tmp_path / "runs" / "first")
    manifest = read_manifest(there.adapter)
    assert result.manifest == manifest
    assert (manifest.name, manifest.parent, manifest.base) == ("first", "tiny-adapter", "tiny")
    assert manifest.snapshot_fingerprint == sha256_of(files[0])
    assert manifest.metrics == result.new
    assert not (there.adapter / HOUSE_WORDS).exists(), "no reviewer has taught it any"
    from transformers import AutoTokenizer

    from data.prompt import load_prompt

    prompt, tokenizer = load_prompt(TASK), AutoTokenizer.from_pretrained(shared_tiny().base)
    learned = [prompt.render(line["input"]) for line in lines(files[0])]
    assert manifest.longest_prompt == max(len(tokenizer(one, add_special_tokens=False)["input_ids"]) for one in learned)
    metrics = json.loads(there.metrics.read_text())
    assert metrics["old"]["json_valid"] == metrics["new"]["json_valid"] == 1.0
    assert metrics["n_notes"] == result.n_notes == len(lines(files[1]))
    answers = lines(there.predictions)
    assert list(answers[0]) == ["content_hash", "text_hash", "gold", "old", "new"]
    assert list(answers[0]["new"]) == list(TASK.keys)
    assert there.predictions.stat().st_mode & 0o077 == 0
    progress = json.loads(there.progress.read_text())
    assert progress["state"] == "finished"
    assert progress["step"] == progress["n_steps"] == result.n_steps == 5
    assert any("eval_loss" in line for line in lines(there.log))
    assert list(there.tensorboard.iterdir())
    assert not there.checkpoints.exists()
    assert not there.error.exists()
    texts = "".join(p.read_text() for p in (there.log, there.predictions, there.identity, there.progress))
    assert "-year-old" not in texts, "note text stays in the snapshot"
    assert load_model(shared_tiny().base, there.adapter, device="cpu").name == "first"


def test_training_lowers_the_loss_and_keeps_the_base(files, tmp_path: Path):
    before = sha256_of(shared_tiny().base / "model.safetensors")
    new_habit = [Row(row.text, Extraction.empty(TASK), row.source, row.content_hash) for row in tiny_rows(32)]
    other = write_labelled(tmp_path / "other.jsonl", new_habit)
    run((other, files[1]), tmp_path / "run", QUICK.model_copy(update={"epochs": 3.0}), holdout=None)
    found = losses(tmp_path / "run")
    assert found[max(found)] < 0.7 * found[1]
    assert sha256_of(shared_tiny().base / "model.safetensors") == before


def taught(directory: Path) -> Path:
    """The tiny adapter with a word that its reviewers taught it."""
    shutil.copytree(shared_tiny().adapter, directory)
    save_json(directory / HOUSE_WORDS, HouseWords({"cancer_type": ("oldqx",)}).to_json())
    return directory


def test_warm_run_goes_on_from_its_parent(files, tmp_path: Path):
    warm = QUICK.model_copy(update={"mode": "warm", "learning_rate": 1e-6, "max_steps": 1})
    rows = read_rows(TASK, files[0])
    for number, said in enumerate(("melanoma qx", "qx", "mqxma")):
        label = Extraction(TASK, {**rows[number].extraction, "cancer_type": said})
        rows[number] = replace(rows[number], extraction=label, source="annotation", corrected=True)
    snapshot = write_snapshot(TASK, rows, tmp_path / "reviewed.jsonl")
    result = run((snapshot.path, files[1]), tmp_path / "warm", warm, parent_adapter=taught(tmp_path / "parent"))
    assert load_for_serving(shared_tiny().base, result.adapter, device="cpu").house_words == HouseWords(
        {"cancer_type": ("oldqx", "qx")}
    )
    assert HOUSE_WORDS in result.manifest.files
    from safetensors.torch import load_file

    parent, child = load_file(shared_tiny().adapter / WEIGHTS), load_file(result.adapter / WEIGHTS)
    assert parent.keys() == child.keys()
    assert all(torch.allclose(parent[key], child[key], atol=1e-4) for key in parent)
    assert any(not torch.equal(parent[key], child[key]) for key in parent)


def test_run_that_changes_nothing_is_an_error(files, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("trainer.run.learning.loop.run_loop", lambda *_: (1, 1, 0.5))
    with pytest.raises(TrainError, match="did not change the adapter's weights"):
        run(files, tmp_path / "run")
    assert "did not change" in RunDir(tmp_path / "run").error.read_text()


def test_killed_run_resumes_bit_by_bit(files, tmp_path: Path):
    """`kill -9` in the middle; the resumed run ends with the very weights of one that was never stopped."""
    config = TrainConfig(epochs=3, seed=4, batch_size=4, threads=1, log_steps=1, save_steps=2)
    whole, killed = tmp_path / "a" / "run", tmp_path / "b" / "run"
    words = command(files, killed, "--epochs", "3", "--seed", "4", "--name", "x")
    process = Forked("trainer.__main__", words, os.environ)
    checkpoints = RunDir(killed).checkpoints
    wait_until(lambda: list(checkpoints.glob(f"checkpoint-*/{CHECKPOINT_MANIFEST}")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not RunDir(killed).adapter.exists()
    n_before = len(losses(killed))
    (checkpoints / "checkpoint-999").mkdir()  # what a crash in the middle of saving leaves
    resumed = run(files, killed, config, name="x", parent_adapter=None, holdout=None)
    never_stopped = run(files, whole, config, name="x", parent_adapter=None, holdout=None)
    assert 2 <= n_before < resumed.n_steps == never_stopped.n_steps
    assert [line["step"] for line in lines(RunDir(killed).log)].count(1) == 1, "it went on, not from the start"
    assert losses(killed) == losses(whole)
    assert sha256_of(resumed.adapter / WEIGHTS) == sha256_of(never_stopped.adapter / WEIGHTS)


def test_terminated_run_saves_and_says_interrupted(files, tmp_path: Path):
    run_dir = tmp_path / "run"
    more = ("--epochs", "40", "--save-steps", "1000")
    process = Forked("trainer.__main__", command(files, run_dir, *more), os.environ)
    wait_until(RunDir(run_dir).log.exists, process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 143
    assert said.strip().splitlines()[-1].startswith("Training was interrupted")
    assert find_latest(RunDir(run_dir).checkpoints) is not None
    progress = json.loads(RunDir(run_dir).progress.read_text())
    assert progress["state"] == "interrupted"
    assert not RunDir(run_dir).error.exists()


def test_other_settings_or_rows_do_not_resume(files, tmp_path: Path, monkeypatch):
    def interrupt(*_):
        raise Interrupted(15)

    monkeypatch.setattr("trainer.run.learning.loop.run_loop", interrupt)
    with pytest.raises(Interrupted):
        run(files, tmp_path / "run")
    with pytest.raises(TrainError, match="config changed"):
        run(files, tmp_path / "run", QUICK.model_copy(update={"seed": 9}))
    other = write_labelled(tmp_path / "other.jsonl", tiny_rows(5))
    with pytest.raises(TrainError, match="snapshot_fingerprint changed"):
        run((other, files[1]), tmp_path / "run")


def test_run_that_diverges_stops_with_its_last_good_checkpoint(files, tmp_path: Path):
    config = QUICK.model_copy(update={"epochs": 4.0, "save_steps": 1, "learning_rate": 1.0, "max_grad_norm": 1e30})
    model = load_model(shared_tiny().base, None, device="cpu", for_training=True).model
    spoil_after(2)
    try:
        with pytest.raises(Diverged, match="finite gradients at step 3"):
            run(files, tmp_path / "run", config)
    finally:
        spoil_after(None)
    there = RunDir(tmp_path / "run")
    assert find_latest(there.checkpoints).name == "checkpoint-2"
    assert "learning rate" in there.error.read_text()
    assert json.loads(there.progress.read_text())["state"] == "failed"
    assert not there.adapter.exists()
    assert model is not None


def spoil_after(n_losses: int | None) -> None:
    """Let the loss be NaN after so many; None puts the real one back."""
    from trainer.run.learning import loop
    from trainer.run.learning.examples import answer_loss

    count = 0

    def spoiled(outputs, labels, num_items_in_batch=None):
        nonlocal count
        count += 1
        loss = answer_loss(outputs, labels, num_items_in_batch)
        return loss * float("nan") if count > n_losses else loss

    loop.answer_loss = spoiled if n_losses is not None else answer_loss


def test_full_disk_is_one_sentence_and_leaves_nothing_half_written(files, tmp_path: Path):
    """A limit on the size of files stands for the full disk: writing fails in the same places."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    run_dir = tmp_path / "run"
    words = [sys.executable, "-m", "trainer", *command(files, run_dir, "--epochs", "1")]
    done = subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 3, done.stderr[-2000:]
    assert "The disk is full" in RunDir(run_dir).error.read_text()
    # Not always the last line: TensorBoard's own thread may say at the end that it could not write either.
    assert [line for line in done.stderr.splitlines() if line.startswith("The disk is full")]
    assert not RunDir(run_dir).adapter.exists()
    assert find_latest(RunDir(run_dir).checkpoints) is None
    config = TrainConfig(epochs=1, batch_size=4, threads=1, log_steps=1, save_steps=2)
    assert run(files, run_dir, config, parent_adapter=None, holdout=None).n_steps == 10


def test_too_little_space_is_refused_before(tmp_path: Path):
    with pytest.raises(RunError, match="Free some space"):
        check_disk_space(tmp_path, 1 << 60)


def test_one_training_at_a_time(files, tmp_path: Path):
    with trainer_lock(tmp_path / "runs"), pytest.raises(RunError, match="is under way"):
        run(files, tmp_path / "runs" / "second")


def test_holdout_note_in_the_snapshot_is_refused(tmp_path: Path):
    both = write_labelled(tmp_path / "both.jsonl", tiny_rows(4))
    with pytest.raises(TrainError, match="found 4, such as line 1 of the snapshot"):
        run((both, both), tmp_path / "run")


def test_warm_without_parent_is_refused(files, tmp_path: Path):
    with pytest.raises(TrainError, match="parent"):
        run(files, tmp_path / "run", TrainConfig(mode="warm"), parent_adapter=None)


def test_rows_that_are_all_too_long_are_refused(files, tmp_path: Path):
    with pytest.raises(TrainError, match="max_tokens"):
        run(files, tmp_path / "run", QUICK.model_copy(update={"max_tokens": 20}))


def test_finished_run_is_not_trained_again(files, tmp_path: Path):
    first = run(files, tmp_path / "run")
    there = RunDir(tmp_path / "run")
    # What a kill between publishing and tidying up leaves.
    for place in (there.checkpoints / "checkpoint-1", there.unpublished):
        place.mkdir(parents=True)
    (there.path / ".progress.json.1.tmp").touch()
    again = run(files, tmp_path / "run")
    assert not [path for path in (there.checkpoints, there.unpublished) if path.exists()]
    assert not list(there.path.glob(".*.tmp"))
    assert again.n_steps == 0
    assert (again.manifest, again.new, again.old) == (first.manifest, first.new, first.old)


def test_published_adapter_is_whole_or_absent(tmp_path: Path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    manifest = Manifest(name="x", base="tiny", prompt_version=1, weights_sha256="")
    with pytest.raises(RunError, match="is missing"):
        publish_adapter(source, tmp_path / "target", manifest)
    for name in (WEIGHTS, "adapter_config.json"):
        (source / name).write_bytes(b"{}")

    def fail(*_):
        assert not (tmp_path / "target").exists(), "nothing may stand there until everything is written"
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", fail)
        with pytest.raises(OSError, match="No space"):
            publish_adapter(source, tmp_path / "target", manifest)
    assert not (tmp_path / "target").exists()
    assert not list(tmp_path.glob(".target*"))
    written = publish_adapter(source, tmp_path / "target", manifest)
    assert read_manifest(tmp_path / "target") == written
    assert not source.exists()
    source.mkdir()
    with pytest.raises(RunError, match="already an adapter"):
        publish_adapter(source, tmp_path / "target", manifest)


def test_defaults_depend_on_the_size_of_the_base():
    small, large = TrainConfig().resolve(15_000_000), TrainConfig().resolve(8_000_000_000)
    assert (small.learning_rate, small.batch_size, small.accumulation) == (1e-3, 16, 1)
    assert (large.learning_rate, large.batch_size, large.rows_per_step) == (2e-4, None, 16)
    assert TrainConfig(learning_rate=0.1).resolve(1).learning_rate == 0.1
    assert TrainConfig(mode="warm").resolve(8_000_000_000).learning_rate == 1e-4


@pytest.mark.parametrize(
    ("mode", "n_examples", "epochs"),
    [
        ("full", 4000, 3),
        ("warm", 4000, 2),
        ("full", 800, 3),
        ("full", 799, 4),
        ("warm", 300, 8),
        ("warm", 160, 10),
        ("warm", 108, 15),
        ("warm", 54, 30),
        ("warm", 5, 40),
        ("full", 54, 30),
    ],
)
def test_few_rows_are_shown_oftener(mode: str, n_examples: int, epochs: float):
    config = TrainConfig(mode=mode).resolve(15_000_000)
    assert config.epochs is None
    assert config.with_epochs(n_examples).epochs == epochs
    assert config.model_copy(update={"epochs": 1.5}).with_epochs(n_examples).epochs == 1.5


def test_settings_that_do_not_fit_are_sentences(tmp_path: Path):
    with pytest.raises(ConfigError, match="epochs: input should be greater than 0, found -1"):
        make_config(epochs=-1)
    with pytest.raises(ConfigError, match="invented"):
        make_config(invented=1)
    with pytest.raises(ConfigError, match="max_steps"):
        make_config(max_steps=0)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="Expected training settings"):
        read_config(tmp_path / "bad.json")
