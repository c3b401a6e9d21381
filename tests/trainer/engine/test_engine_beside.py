"""Runners-up beside their note, look-up drafts and the choice among many logits: faster, and the same answers."""

from __future__ import annotations

import math

import pytest
import torch

from data.task import DEFAULT_TASK, load_task
from tests.kit.tiny import shared_tiny, tiny_rows
from tests.trainer.engine.test_engine_forwards import modules_forward
from trainer.engine.decoding.lookup import Lookup
from trainer.engine.decoding.rows import Beside, Places
from trainer.engine.forward.base import N_OPTIONS, Segment, Side, best_options, read_options
from trainer.engine.forward.choosing import Chooser
from trainer.engine.forward.cpu import CpuForward
from trainer.engine.local import Engine
from trainer.model.llama_weights import LlamaWeights
from trainer.model.loading import load_for_serving

TASK = load_task(DEFAULT_TASK)


@pytest.fixture(scope="module")
def loaded():
    return load_for_serving(shared_tiny().base, shared_tiny().adapter, device="cpu")


@pytest.mark.parametrize("length", [20, 700])
@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_what_stands_beside_a_note_is_read_as_in_a_slot_of_its_own(loaded, kind: str, length: int):
    weights = LlamaWeights(loaded.model)
    allowed = torch.ones(1, weights.geometry.n_logits, dtype=torch.bool)
    note = [7 + number % 90 for number in range(length)]
    part, first, second, other = length - 6, [11, 12, 13], [14, 15], [50 + number % 30 for number in range(40)]

    def asked(tokens, start, slot=0, side=None):
        return Segment(slot, start, tokens, [len(tokens) - 1], [0], side)

    forward = CpuForward(weights, {"a": loaded.lora}, allowed, 2, kind)
    forward.submit([Segment(0, 0, note, (), ())], "a")
    forward.fork(0, 1, part)
    wanted = [forward.submit([asked(tokens, part + at, 1)], "a").options[0] for at, tokens in ((0, first), (3, second))]
    goes_on = forward.submit([asked([21], length)], "a").options[0]
    # Beside the note stand two runners-up, one with more tokens than there is room for at first; the note goes on.
    one, two, three = Side((), (0, 2, 3)), Side((), tuple(range(4, 44))), Side((0, 2, 3), (1, 44))
    begun = forward.submit([asked([21], length), asked(first, part, 0, one), asked(other, part, 0, two)], "a")
    ended = forward.submit([asked([22], length + 1), asked(second, part + 3, 0, three)], "a")
    near = 1e-4 if kind == "fp32" else 0.1
    for found, right in ((begun.options[0], goes_on), (begun.options[1], wanted[0]), (ended.options[1], wanted[1])):
        assert found[0][0][0] == right[0][0][0]
        assert [sure for _, sure in found[0]] == pytest.approx([sure for _, sure in right[0]], abs=near)


def test_runners_up_cost_hardly_a_pass_and_no_copy(loaded, monkeypatch):
    texts = [row.text for row in tiny_rows(6, start=500)]
    engine = Engine(loaded, TASK, batch_size=4, alternatives=0.0001)
    without = Engine(loaded, TASK, batch_size=4, alternatives=None)
    monkeypatch.setattr(engine._forward, "fork", None)  # none is called
    found, plain = [[one.suggest_one(text) for text in texts] for one in (engine, without)]
    assert sum(len(some) for one in found for some in one.alternatives.values()) > len(texts)
    assert [one.raw_reply for one in found] == [one.raw_reply for one in plain]
    assert engine.counts.n_passes < 1.5 * without.counts.n_passes
    monkeypatch.setattr("trainer.engine.local.make_forward", modules_forward)
    copying = Engine(loaded, TASK, batch_size=4, alternatives=0.0001)
    assert [copying.suggest_one(text).alternatives for text in texts] == [one.alternatives for one in found]
    assert copying.counts.n_passes > 1.25 * engine.counts.n_passes


def test_places_that_are_given_back_are_taken_first():
    shared = Places()
    one, other = Beside(shared), Beside(shared)
    assert one.read(3) == Side((), (0, 1, 2))
    assert other.read(2) == Side((), (3, 4))
    one.keep(1)
    other.keep(2)
    assert one.read(3) == Side((0,), (1, 2, 5))
    one.end()
    assert other.read(4) == Side((3, 4), (0, 1, 2, 5))


def test_a_draft_is_what_followed_the_longest_match():
    lookup = Lookup([1, 2, 3, 4, 9, 2, 3, 5, 6, 7])
    assert lookup.propose([], [8, 2, 3], 20) == [5, 6, 7], "the later of two"
    assert lookup.propose([], [1, 2, 3], 20) == [4, 9, 2, 3, 5, 6, 7], "the longer of two"
    assert lookup.propose([], [1, 2, 3], 3) == [4, 9]
    assert lookup.propose([], [8], 20) == lookup.propose([], [7], 20) == lookup.propose([], [], 20) == []
    assert lookup.propose([], [60, 61, 62, 60, 61], 4) == [62, 60], "a value that goes round in circles"
    assert lookup.propose([40, 41], [41], 4) == []
    assert lookup.propose([40, 41, 42, 43], [41], 4) == [42, 43], "of the fields before"


@pytest.mark.parametrize("width", [640, 49_152])
def test_the_choice_is_that_among_all_tokens(width: int):
    torch.manual_seed(3)
    logits = 4 * torch.randn(6, width)
    allowed = torch.rand(3, width) < 0.5
    allowed[2] = False
    allowed[2, [3, width - 1]] = True
    logits[4, 17] = math.nan
    states = [0, 1, 2, 2, 0, 1]
    wanted = best_options(logits, allowed[states])
    tokens, sure = Chooser(allowed).choose_best(logits, states)
    assert tokens.shape == (6, N_OPTIONS)
    options, right = read_options(tokens.tolist(), sure.tolist()), read_options(*(one.tolist() for one in wanted))
    assert [[token for token, _ in some] for some in options] == [[token for token, _ in some] for some in right]
    assert [len(some) for some in options] == [3, 3, 2, 2, 0, 3], "two are allowed, and of no numbers none"
    for some, other in zip(options, right, strict=True):
        assert [one for _, one in some] == pytest.approx([one for _, one in other], abs=1e-4)
