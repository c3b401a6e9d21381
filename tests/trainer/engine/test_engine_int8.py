"""Weights in 8 bits on a CPU: close to fp32, the same alone and among others, with drafts and without."""

from __future__ import annotations

import pytest
import torch

from data.task import DEFAULT_TASK, load_task
from tests.kit.tiny import shared_tiny, tiny_rows
from trainer.engine import choose_forward as serving
from trainer.engine.api import EngineError
from trainer.engine.forward import int8
from trainer.engine.forward.cpu import CpuForward
from trainer.engine.forward.int8 import ByteWeights, Turn, runs_in_int8
from trainer.engine.local import Engine
from trainer.model.llama_weights import GROUPS, LlamaWeights
from trainer.model.loading import load_for_serving

TASK = load_task(DEFAULT_TASK)
needs_bytes = pytest.mark.skipif(not runs_in_int8(), reason="this CPU has neither AVX512-VNNI nor AMX")


@pytest.fixture
def loaded():
    return load_for_serving(shared_tiny().base, shared_tiny().adapter, device="cpu")


@pytest.mark.parametrize(("width", "most"), [(576, None), (64, None), (1536, 64), (96, 64), (7, None)])
def test_turning_keeps_lengths_and_spreads_what_stands_out(width: int, most: int | None):
    turn = Turn(width, most)
    matrix = turn(torch.eye(width))
    assert torch.allclose(matrix @ matrix.t(), torch.eye(width), atol=1e-5)
    if most is None and width % 64 == 0:
        alone = torch.zeros(1, width)
        alone[0, 5] = 1
        assert turn(alone).abs().max() < 3 / width**0.5


@needs_bytes
def test_products_are_those_of_the_dense_weights(loaded):
    weights = LlamaWeights(loaded.model)
    store, torch_rows = ByteWeights(weights), torch.randn(9, weights.geometry.width)
    norm = weights.norms(0)[1].float()
    dense = weights.unpack(0, GROUPS[2], loaded.lora, torch.float32)
    wanted = torch.nn.functional.rms_norm(torch_rows, norm.shape, norm, weights.geometry.eps) @ dense.t()
    found = store.stack(0, GROUPS[2], loaded.lora)(store._turn(torch_rows))
    assert (found - wanted).norm() / wanted.norm() < 0.02


@needs_bytes
def test_a_token_that_stands_out_leaves_the_others_as_they_are(loaded):
    product = ByteWeights(LlamaWeights(loaded.model)).stack(0, GROUPS[1], {})
    rows = torch.randn(12, 64)
    among = rows.clone()
    among[7] *= 1000
    assert torch.equal(product(rows)[:7], product(among)[:7])
    assert torch.equal(product(rows)[3:4], product(rows[3:4]))


@needs_bytes
def test_answers_do_not_depend_on_company_or_drafts(loaded):
    rows = tiny_rows(12)
    texts = [row.text for row in rows]
    engine = Engine(loaded, TASK, weights="int8")
    alone = [engine.suggest_one(text) for text in texts]
    assert [one.extraction for one in engine.suggest(texts)] == [one.extraction for one in alone]
    engine.learn([(row.text, row.extraction) for row in rows])
    for known, unknown in zip(engine.suggest(texts), alone, strict=True):
        assert known.extraction == unknown.extraction
        for key, value in unknown.raw_confidence.items():
            assert known.raw_confidence[key] == pytest.approx(value, rel=0.02, abs=1e-4)
    fp32 = [one.extraction for one in Engine(loaded, TASK, weights="fp32").suggest(texts)]
    n_same = sum(one[key] == two.extraction[key] for one, two in zip(fp32, alone, strict=True) for key in TASK.keys)
    assert n_same >= 0.9 * len(TASK.keys) * len(texts)


def test_what_suits_a_base_follows_from_its_size_and_the_cpu(loaded, monkeypatch):
    def chosen(*, has_bytes: bool, has_bf16: bool) -> list[str]:
        monkeypatch.setattr(serving, "runs_in_int8", lambda: has_bytes)
        monkeypatch.setattr(serving, "multiplies_bf16", lambda: has_bf16)
        return [serving.usual_weights(n, on_cpu=True) for n in (17_000_000, 135_000_000, 8_000_000_000)]

    assert chosen(has_bytes=True, has_bf16=True) == ["fp32", "int8", "nf4"]
    assert chosen(has_bytes=False, has_bf16=True) == ["fp32", "bf16", "nf4"]
    assert chosen(has_bytes=False, has_bf16=False) == ["fp32", "fp32", "nf4"]
    assert serving.usual_weights(135_000_000, on_cpu=False) == "fp32"
    with pytest.raises(EngineError, match="Use bf16 or fp32"):
        Engine(loaded, TASK, weights="int8")


def test_a_cpu_or_a_torch_without_products_of_bytes_is_seen(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_vnni": False})
    assert not runs_in_int8()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_vnni": True})
    monkeypatch.setattr(int8, "_product", lambda weight: weight.no_such_product)
    assert not runs_in_int8()


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_a_long_prompt_gives_the_same_whether_its_keys_are_far_or_near(loaded, kind: str, monkeypatch):
    from trainer.engine.forward import cpu
    from trainer.engine.forward.base import Segment

    weights = LlamaWeights(loaded.model)
    allowed = torch.ones(1, weights.geometry.n_logits, dtype=torch.bool)
    tokens = [7 + number % 90 for number in range(700)]
    found = []
    for far in (512, 10_000):
        monkeypatch.setattr(cpu, "_FAR", far)
        forward = CpuForward(weights, {"a": loaded.lora}, allowed, 1, kind)
        forward.submit([Segment(0, 0, tokens[:400], (), ())], "a")
        found.append(forward.submit([Segment(0, 400, tokens[400:], [299], [0])], "a").options[0][0][0])
    assert found[0][0] == found[1][0]
    assert found[0][1] == pytest.approx(found[1][1], abs=1e-4 if kind == "fp32" else 0.05)
