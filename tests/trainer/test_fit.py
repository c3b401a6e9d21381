"""How a run is cut to the memory: which ways are tried, and what is done when it runs out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from data.storage.files import sha256_of
from tests.kit.tiny import shared_tiny, tiny_rows, write_labelled
from trainer.adapter.manifest import WEIGHTS
from trainer.config import TrainConfig, make_config
from trainer.model.loading import load_model
from trainer.model.nf4 import unpack_scales
from trainer.run.directory import RunDir
from trainer.run.learning import loop
from trainer.run.learning.learn import cpu_precision
from trainer.run.learning.memory_fit import Fit, candidates, fit_memory, read_fit, write_fit
from trainer.run.progress import OutOfMemory
from trainer.run.train import train

QUICK = TrainConfig(epochs=2, batch_size=8, accumulation=1, log_steps=1, save_steps=2, threads=1)


def test_ways_go_from_the_fastest_to_the_most_frugal():
    ways = candidates(make_config(), 16, compiled=True)
    assert [(way.batch_size, way.checkpointing) for way in ways[:4]] == [
        (16, False),
        (8, False),
        (4, False),
        (16, True),
    ]
    assert (ways[-1].batch_size, ways[-1].checkpointing) == (1, True)
    assert {way.batch_size * way.accumulation for way in ways} == {16}
    assert all(way.compiled for way in ways)
    published = make_config("published")
    assert candidates(published, 16, compiled=False) == [Fit(4, 4, checkpointing=True, compiled=False)]
    shared = candidates(make_config(batch_size=4, accumulation=4), 8, compiled=False)
    assert {way.accumulation for way in shared} == {2}, "of two processes each does half of a step's 16 rows"
    assert {way.batch_size for way in candidates(make_config(), 6, compiled=False)} == {2, 1}


def test_smaller_keeps_the_rows_of_a_step():
    fit = Fit(16, 1, checkpointing=False, compiled=False)
    half = fit.shrink()
    assert half == Fit(8, 2, checkpointing=False, compiled=False, n_shrunk=1)
    assert Fit(1, 16, checkpointing=False, compiled=False).shrink() == Fit(1, 16, True, False, 1)
    assert Fit(1, 16, checkpointing=True, compiled=False).shrink() is None
    assert Fit(3, 2, checkpointing=False, compiled=False).shrink() == Fit(1, 6, False, False, 1)


def test_passes_shrink_to_the_memory_and_steps_stay_the_same():
    fit = Fit(16, 1, checkpointing=False, compiled=False)
    assert fit_memory(fit, longest=100, n_bytes=1e6, n_bytes_per_token=100) == fit
    small = fit_memory(fit, longest=100, n_bytes=5e4, n_bytes_per_token=100)
    assert (small.batch_size, small.accumulation, small.n_shrunk) == (4, 4, 0)
    assert fit_memory(fit, longest=10_000, n_bytes=1, n_bytes_per_token=100).batch_size == 1


def test_fit_is_kept(tmp_path: Path):
    fit = Fit(8, 2, checkpointing=True, compiled=False, n_shrunk=1)
    assert read_fit(tmp_path / "fit.json") is None
    write_fit(tmp_path / "fit.json", fit)
    assert read_fit(tmp_path / "fit.json") == fit


class Short:
    """A loss that finds no room for passes of more than so many rows, from its n-th pass on."""

    def __init__(self, monkeypatch, most: int, after: int = 0) -> None:
        self.most, self.after, self.n, self.real = most, after, 0, loop.answer_loss
        monkeypatch.setattr(loop, "answer_loss", self)

    def __call__(self, outputs, labels, num_items_in_batch=None):
        self.n += 1
        if len(labels) > self.most and self.n > self.after and torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.real(outputs, labels, num_items_in_batch)


def run(folder: Path, rows: int = 20, config: TrainConfig = QUICK):
    folder.mkdir(parents=True)
    snapshot = write_labelled(folder / "rows.jsonl", tiny_rows(rows))
    return train(
        folder / "run",
        base=shared_tiny().base,
        parent_adapter=None,
        snapshot=snapshot,
        holdout=None,
        config=config,
        device="cpu",
    )


def losses(folder: Path) -> dict[int, float]:
    lines = [json.loads(line) for line in RunDir(folder / "run").log.read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines if "loss" in line}


def test_batch_is_halved_when_memory_runs_out(tmp_path: Path, monkeypatch):
    no_dropout = QUICK.model_copy(update={"lora": QUICK.lora.model_copy(update={"dropout": 0.0})})
    run(tmp_path / "whole", config=no_dropout)
    Short(monkeypatch, most=4, after=3)
    result = run(tmp_path / "short", config=no_dropout)
    assert result.n_steps == 5
    fit = read_fit(RunDir(tmp_path / "short" / "run").fit)
    assert fit == Fit(4, 2, checkpointing=False, compiled=False, n_shrunk=1)
    assert losses(tmp_path / "short") == pytest.approx(losses(tmp_path / "whole"), rel=1e-4)


def test_it_is_halved_twice_and_then_refused(tmp_path: Path, monkeypatch):
    short = Short(monkeypatch, most=1)
    with pytest.raises(OutOfMemory, match="2 rows in a pass to fit the GPU's memory; it does not"):
        run(tmp_path / "never")
    assert short.n == 3
    assert "smaller batch_size" in RunDir(tmp_path / "never" / "run").error.read_text()


def test_unpacked_scales_change_no_bit(tmp_path: Path):
    lean = QUICK.model_copy(update={"max_steps": 3})
    first = run(tmp_path / "lean", config=lean).adapter
    second = run(tmp_path / "plain", config=lean.model_copy(update={"lean": False})).adapter
    assert sha256_of(first / WEIGHTS) == sha256_of(second / WEIGHTS)


def test_scales_are_unpacked_once():
    model = load_model(shared_tiny().base, None, device="cpu", for_training=True).model
    layer = model.get_base_model().model.layers[0].mlp.up_proj
    assert layer.weight.quant_state.nested
    unpack_scales(model)
    assert not layer.weight.quant_state.nested
    assert layer.weight.quant_state.absmax.dtype is torch.float32


def test_precision_on_a_cpu_follows_from_the_size_of_the_base(monkeypatch):
    sizes = (17_000_000, 135_000_000, 8_000_000_000)
    for has_bf16, expected in ((True, ["fp32", "bf16", "fp32"]), (False, ["fp32"] * 3)):
        monkeypatch.setattr("trainer.run.learning.learn.multiplies_bf16", lambda answer=has_bf16: answer)
        assert [cpu_precision(QUICK, n) for n in sizes] == expected
        assert cpu_precision(QUICK.model_copy(update={"precision": "fp32"}), sizes[1]) == "fp32"
