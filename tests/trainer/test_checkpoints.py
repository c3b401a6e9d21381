"""Checkpoints: complete or invisible, whole or passed over, and the best one kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.kit.tiny import shared_tiny, tiny_rows, write_labelled
from trainer.adapter.manifest import WEIGHTS
from trainer.config import TrainConfig
from trainer.run.directory import RunDir
from trainer.run.learning.checkpoints import (
    CHECKPOINT_MANIFEST,
    WRITING,
    complete,
    find_best,
    find_latest,
    keep_newest,
    list_complete,
    writing_place,
)
from trainer.run.learning.learn import set_aside
from trainer.run.train import train


def written(checkpoints: Path, step: int) -> None:
    """What the Trainer has written before it says so."""
    folder = checkpoints / WRITING / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(b"weights of %d" % step)
    (folder / "optimizer.pt").write_bytes(b"moments")


def made(checkpoints: Path, **losses: float | None) -> None:
    for name, loss in losses.items():
        written(checkpoints, int(name[1:]))
        complete(checkpoints, int(name[1:]), loss)


def test_checkpoint_appears_with_everything_or_not_at_all(tmp_path: Path, monkeypatch):
    writing_place(tmp_path)
    written(tmp_path, 5)
    assert find_latest(tmp_path) is None

    def fail(*_: object) -> None:
        assert (tmp_path / WRITING / "checkpoint-5" / CHECKPOINT_MANIFEST).exists(), "the manifest is written last"
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", fail)
        with pytest.raises(OSError, match="No space"):
            complete(tmp_path, 5, None)
    assert find_latest(tmp_path) is None
    complete(tmp_path, 5, 0.5)
    assert find_latest(tmp_path) == tmp_path / "checkpoint-5"
    assert not list((tmp_path / WRITING).iterdir())


def test_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path):
    made(tmp_path, s5=None, s10=None, s15=None)
    (tmp_path / "checkpoint-15" / WEIGHTS).write_bytes(b"weights of 1X")
    (tmp_path / "checkpoint-10" / "optimizer.pt").unlink()
    (tmp_path / "checkpoint-99").mkdir()
    assert find_latest(tmp_path) == tmp_path / "checkpoint-5"
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == ["checkpoint-5"]


def test_newest_and_best_are_kept(tmp_path: Path):
    made(tmp_path, s5=0.9, s10=0.2, s15=0.3, s20=None, s25=0.2)
    best = find_best(tmp_path)
    assert best is not None
    assert best.step == 10
    keep_newest(tmp_path, 2)
    assert [checkpoint.step for checkpoint in list_complete(tmp_path)] == [10, 20, 25]


def test_unfinished_one_is_swept_when_the_next_run_begins(tmp_path: Path):
    writing_place(tmp_path)
    written(tmp_path, 5)
    assert not list(writing_place(tmp_path).iterdir())


def test_run_ends_with_its_best_checkpoint(tmp_path: Path):
    """The rate is so high at the end that the last state is not the best; the loss is taken on rows set aside."""
    config = TrainConfig(
        epochs=6, batch_size=8, accumulation=1, learning_rate=0.05, warmup=0.0, schedule="linear", log_steps=1,
        eval_steps=2, save_steps=2, keep_best=True, eval_rows=10, threads=1,
    )  # fmt: skip
    rows = write_labelled(tmp_path / "rows.jsonl", tiny_rows(40))
    result = train(
        tmp_path / "run",
        base=shared_tiny().base,
        parent_adapter=None,
        snapshot=rows,
        holdout=None,
        config=config,
        device="cpu",
    )
    lines = [json.loads(line) for line in RunDir(tmp_path / "run").log.read_text().splitlines()]
    losses = {line["step"]: line["eval_loss"] for line in lines if "eval_loss" in line}
    assert max(losses) == result.n_steps == 27
    assert min(losses.values()) < losses[result.n_steps], "the test needs a run whose end is not its best"
    assert eval_loss(result.adapter, set_aside(tiny_rows(40), 10)[1]) == pytest.approx(min(losses.values()), rel=1e-3)


def eval_loss(adapter: Path, rows) -> float:
    import torch

    from data.prompt import load_prompt
    from data.task import load_task
    from trainer.model.loading import load_model
    from trainer.run.learning.examples import Collator, answer_loss, as_dataset, encode_rows

    loaded = load_model(shared_tiny().base, adapter, device="cpu")
    batch = Collator(0)(
        list(as_dataset(encode_rows(loaded.tokenizer, load_prompt(load_task()), rows, max_tokens=900).examples))
    )
    with torch.inference_mode():
        output = loaded.model(input_ids=batch["input_ids"], logits_to_keep=batch["logits_to_keep"])
    return float(answer_loss(output, batch["labels"]))


def test_rows_that_choose_are_not_learned():
    rows = tiny_rows(40)
    learned, aside = set_aside(rows, 500)
    assert (len(learned), len(aside)) == (36, 4)
    assert sorted(map(id, learned + aside)) == sorted(map(id, rows))
    assert set_aside(rows, 2)[1] == aside[:2]
