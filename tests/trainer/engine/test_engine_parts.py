"""A pass in parts gives what a whole one does, whichever thread computed it; runners-up end where they get unlikely."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
import torch

from data.task import DEFAULT_TASK, load_task
from tests.kit.tiny import shared_tiny, tiny_rows
from tests.trainer.engine.test_engine_forwards import modules_forward
from trainer.engine.api import Request
from trainer.engine.forward import cpu, parts
from trainer.engine.forward.base import Asked, Segment
from trainer.engine.forward.cpu import CpuForward
from trainer.engine.forward.int8 import runs_in_int8
from trainer.engine.forward.parts import MOST_TOKENS, PIECE, Workers, divide, pieces_of
from trainer.engine.local import Engine
from trainer.model.llama_weights import LlamaWeights
from trainer.model.loading import load_for_serving

TASK = load_task(DEFAULT_TASK)
needs_bytes = pytest.mark.skipif(not runs_in_int8(), reason="this CPU has neither AVX512-VNNI nor AMX")


@pytest.fixture(scope="module")
def loaded():
    return load_for_serving(shared_tiny().base, shared_tiny().adapter, device="cpu")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("n_threads", [1, 2, 8])
@pytest.mark.parametrize("sizes", [[1], [5] * 8, [230] * 8, [230, 1, 2, 1, 3, 1, 1, 1], [512] * 3, [60, 60]])
def test_each_segment_is_in_one_part(sizes: list[int], n_threads: int):
    found = divide(sizes, n_threads)
    assert sorted(number for part in found for number in part) == list(range(len(sizes)))
    loads = [sum(sizes[number] for number in part) for part in found]
    assert max(loads) <= max(*sizes, 2 * MOST_TOKENS - 1) if len(sizes) > 1 else len(found) == 1
    assert loads == sorted(loads, reverse=True), "the longest goes first, so that no thread waits for it alone"


def test_a_pass_in_parts_is_the_pass_as_a_whole(loaded, two_threads, monkeypatch):
    weights = LlamaWeights(loaded.model)
    allowed = torch.ones(3, weights.geometry.n_logits, dtype=torch.bool)
    allowed[1, ::2] = False
    sizes = (120, 3, 90, 1, 200, 40)
    segments = [
        Segment(slot, 0, [7 + (slot * 31 + place) % 90 for place in range(size)], [0, size - 1], [slot % 3, 0])
        for slot, size in enumerate(sizes)
    ]
    asked = [Asked(slot, 1, 0) for slot in range(len(sizes))]
    found = []
    for most in (100_000, 128):
        monkeypatch.setattr(parts, "MOST_TOKENS", most)
        monkeypatch.setattr(parts, "LEAST_TOKENS", 48 if most == 128 else 100_000)
        forward = CpuForward(weights, {"a": loaded.lora}, allowed, len(sizes))
        passed = forward.submit(segments, "a")
        found.append((forward.collect(passed), forward.read_more(passed, asked, 5), torch.get_num_threads()))
    for one, other in zip(*(options for options, _, _ in found), strict=True):
        assert [[token for token, _ in some] for some in one] == [[token for token, _ in some] for some in other]
        assert [sure for some in one for _, sure in some] == pytest.approx(
            [s for some in other for _, s in some], abs=1e-4
        )
    whole, divided_too = (more for _, more, _ in found)
    assert [[token for token, _ in some] for some in whole] == [[token for token, _ in some] for some in divided_too]
    assert {threads for _, _, threads in found} == {2}, "the caller keeps its threads"


def prompt(slot: int, n_tokens: int, n_drafted: int = 0) -> Segment:
    tokens = [7 + (slot * 31 + place) % 90 for place in range(n_tokens)]
    return Segment(slot, 5, tokens, range(n_tokens - 1 - n_drafted, n_tokens), [0] * (1 + n_drafted))


@pytest.mark.parametrize("n_threads", [1, 2, 8])
@pytest.mark.parametrize("sizes", [[300], [30], [47], [300, 4, 4, 4], [4, 300, 280, 4], [90, 2], [250, 250, 250]])
def test_a_long_prompt_is_shared_out_among_the_threads(sizes: list[int], n_threads: int):
    segments = [prompt(slot, size, n_drafted=min(20, size - 1)) for slot, size in enumerate(sizes)]
    parts = pieces_of(segments, n_threads)
    found: dict[int, list] = {}
    for piece in (piece for part in parts for piece in part):
        found.setdefault(piece.number, []).append(piece)
    for number, segment in enumerate(segments):
        pieces = found[number]
        assert [token for piece in pieces for token in piece.segment.tokens] == segment.tokens
        starts = [piece.segment.start for piece in pieces]
        assert starts == [5 + sum(len(one.segment.tokens) for one in pieces[:n]) for n in range(len(pieces))]
        last = pieces[-1].segment
        assert [last.start + at for at in last.wanted] == [5 + at for at in segment.wanted]
        assert not any(piece.segment.wanted for piece in pieces[:-1])
        assert [piece.before for piece in pieces] == [None, *(piece.after for piece in pieces[:-1])]
        if len(pieces) > 1:
            assert all(part[0] in pieces for part in parts[: len(pieces)]), "its pieces begin before all others"
            assert min(len(piece.segment.tokens) for piece in pieces[:-1]) >= PIECE
    if n_threads > 1 and sizes in ([300], [300, 4, 4, 4]):
        loads = [sum(len(piece.segment.tokens) for piece in part) for part in parts]
        assert len(parts) == n_threads
        assert max(loads) - min(loads) < 64


@pytest.mark.parametrize("kind", ["fp32", "bf16", pytest.param("int8", marks=needs_bytes)])
def test_a_prompt_that_two_threads_read_is_the_prompt_that_one_reads(loaded, two_threads, kind: str, monkeypatch):
    weights = LlamaWeights(loaded.model)
    allowed = torch.ones(1, weights.geometry.n_logits, dtype=torch.bool)
    segments = [prompt(0, 200, n_drafted=3), prompt(1, 9)]
    found = []
    for most in (2, 1):
        monkeypatch.setattr(cpu, "pieces_of", lambda some, _, most=most: pieces_of(some, most))
        forward = CpuForward(weights, {"a": loaded.lora}, allowed, 2, kind)
        for slot in (0, 1):
            forward.submit([Segment(slot, 0, [3, 4, 5, 6, 7], (), ())], "a")
        assert any(piece.after for part in pieces_of(segments, most) for piece in part) == (most == 2)
        passed = forward.submit(segments, "a")
        goes_on = forward.submit([Segment(0, 205, [8, 9], [1], [0])], "a")
        found.append([options for some in (*passed.options, *goes_on.options) for options in some])
        assert passed.logits is not None
        assert passed.logits.shape[0] == sum(len(segment.wanted) for segment in segments)
    assert found[0] == found[1], "to the last bit: rounded to 8 bits, the smallest difference grows"


def test_a_later_piece_waits_for_the_keys_before_it_and_is_let_go_where_they_never_come(loaded):
    weights = LlamaWeights(loaded.model)
    allowed = torch.ones(1, weights.geometry.n_logits, dtype=torch.bool)
    forward = CpuForward(weights, {"a": loaded.lora}, allowed, 2)
    tokens = [7 + place % 90 for place in range(100)]
    whole = forward.submit([Segment(0, 0, tokens, [99], [0])], "a").options[0]
    forward._memory.reserve(1, 100, 0)
    first, last = pieces_of([Segment(1, 0, tokens, [99], [0])], 2)
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(forward._compute, last, "a")
        time.sleep(0.1)  # more than it needs, did it not wait
        forward._compute(first, "a")
        assert ahead.result().options[0][0][0] == whole[0][0]
    first, last = pieces_of([Segment(1, 0, [10**6] * 50 + tokens, [149], [0])], 2)
    with pytest.raises(IndexError):
        Workers(2).run([lambda part=part: forward._compute(part, "a") for part in (first, last)])


def test_a_part_that_fails_waits_for_the_others():
    ended = []

    def fail():
        raise RuntimeError("a part went wrong")

    with pytest.raises(RuntimeError, match="a part went wrong"):
        Workers(2).run([fail, lambda: ended.append(torch.get_num_threads())])
    assert ended in ([], [1])
    assert Workers(2).run([lambda number=number: number for number in range(9)]) == list(range(9))


def test_a_runner_up_has_a_share_of_its_values_probability(loaded):
    torch.manual_seed(11)
    for parameter in loaded.model.parameters():  # a model that hesitates everywhere
        if parameter.is_floating_point():
            parameter.data = parameter.data + 0.03 * torch.randn_like(parameter)
    engine = Engine(loaded, TASK, batch_size=3, alternatives=0.01)
    requests = iter([Request(number, row.text) for number, row in enumerate(tiny_rows(4, start=500))])
    n_written = 0
    for _, _, row in engine.answer(lambda n_free: list(islice(requests, n_free))):
        for index, written in row.found.items():
            chosen = row.answer.log_probabilities[engine._tables.keys[index]]
            n_written += len(written)
            for one in written:
                assert one.log_probability >= math.log(0.01) + min(0.0, chosen)
    assert n_written > 0


def test_a_long_note_writes_its_runners_up_in_its_own_slot(loaded, monkeypatch):
    text = tiny_rows(1, start=500)[0].text
    found = []
    monkeypatch.setattr("trainer.engine.local.make_forward", modules_forward)  # which has no room beside a note
    for most in (1500, 10):
        engine = Engine(loaded, TASK, batch_size=4, alternatives=0.0001)
        forks: list[int] = []
        fork = engine._forward.fork
        monkeypatch.setattr(engine._forward, "most_forked", most)
        monkeypatch.setattr(
            engine._forward, "fork", lambda a, b, n, fork=fork, forks=forks: (forks.append(n), fork(a, b, n))
        )
        found.append((engine.suggest_one(text).alternatives, bool(forks)))
    assert found[0][0] == found[1][0]
    assert [forked for _, forked in found] == [True, False]
