"""Short and long notes on the program that a GPU runs, here on a CPU: the same answers, and none waits for ever."""

from __future__ import annotations

import itertools

import pytest

from data.task import DEFAULT_TASK, load_task
from tests.kit.tiny import shared_tiny, tiny_rows
from trainer.engine.api import Request
from trainer.engine.decoding.decoder import Script
from trainer.engine.forward.gpu import GpuForward
from trainer.engine.forward.gpu_slots import Bank, Layout, Slots
from trainer.engine.local import Engine
from trainer.model.llama_weights import LlamaWeights
from trainer.model.loading import load_for_serving

TASK = load_task(DEFAULT_TASK)
SHORT = [row.text for row in tiny_rows(80, start=400)]
LONG = [" ".join(SHORT[number : number + 16]) for number in range(30)]


@pytest.fixture(scope="module")
def loaded():
    return load_for_serving(shared_tiny().base, shared_tiny().adapter, device="cpu")


def engine_of(loaded, monkeypatch, n_slots, *, is_scripted=False, **shapes):
    """An engine with the program that a GPU runs; with a script it writes that nothing was found, in few passes."""

    def make(loaded, tables, n_slots, weights, _):
        slots = Slots(n_slots, **shapes)
        return GpuForward(
            LlamaWeights(loaded.model), {loaded.name: loaded.lora}, tables.allowed, slots, "fp32", loaded.device
        )

    monkeypatch.setattr("trainer.engine.local.make_forward", make)
    if not is_scripted:
        return Engine(loaded, TASK, batch_size=n_slots)
    engine = Engine(loaded, TASK, batch_size=n_slots, alternatives=None)
    tables = engine._tables
    nothing = list(tables.opening)
    for after in tables.after_null:
        nothing += [tables.null, *after]
    engine._decoder._script = Script(dict.fromkeys(range(300), nothing))
    return engine


def passes_until(engine, texts):
    """For each note, by its number, the pass after which it was answered."""
    requests = [Request(number, text) for number, text in enumerate(texts)]

    def source(n_free):
        some, requests[:] = requests[:n_free], requests[n_free:]
        return some

    before = engine.counts.n_passes
    done = {key: engine.counts.n_passes - before for key, _, _ in engine.answer(source)}
    assert sorted(done) == list(range(len(texts))), "each note is answered once"
    assert sorted(engine._shared.free) == sorted(engine._forward.slots), "every slot is given back"
    assert not engine._shared.taken
    return done


def test_long_notes_are_read_together_like_short_ones(loaded, monkeypatch):
    engine = engine_of(loaded, monkeypatch, 80, is_scripted=True)
    assert min(len(engine._tokenise(text)) for text in LONG) > 384
    short, long = (max(passes_until(engine, texts[:24]).values()) for texts in (SHORT, LONG))
    # Read in pieces, a long prompt takes a few passes more; one after the other these notes took 170.
    assert long <= short + 4


def test_long_notes_do_not_hold_up_short_ones(loaded, monkeypatch):
    engine = engine_of(loaded, monkeypatch, 20, is_scripted=True)
    alone = max(passes_until(engine, SHORT[:20]).values())
    done = passes_until(engine, LONG[:25] + SHORT[:20])
    assert max(done[number] for number in range(25, 45)) <= 3 * alone


def test_short_notes_do_not_starve_a_long_one(loaded, monkeypatch):
    engine = engine_of(loaded, monkeypatch, 8, is_scripted=True, room=256)
    many = list(itertools.islice(itertools.cycle(SHORT), 200))
    done = passes_until(engine, [*many[:20], LONG[0], *many[20:]])
    n_before = sum(done[number] < done[20] for number in done)
    assert n_before < 60, "it begins as soon as the notes that had begun before it are done"


@pytest.mark.parametrize("n_slots", [6, 40])
def test_notes_of_all_lengths_get_the_answers_that_they_get_alone(loaded, monkeypatch, n_slots):
    texts = [SHORT[n] if n % 3 else " ".join(SHORT[n : n + 1 + n % 5]) for n in range(24)]
    expected = [Engine(loaded, TASK, batch_size=1).suggest_one(text) for text in texts]
    engine = engine_of(loaded, monkeypatch, n_slots, room=64)
    found = list(engine.suggest(texts))
    assert [one.raw_reply for one in found] == [one.raw_reply for one in expected]
    assert [one.alternatives for one in found] == [one.alternatives for one in expected]
    assert len({engine._forward.capacity(slot) for slot in engine._forward.slots}) >= 5


def test_where_all_outgrow_their_slots_one_begins_anew(loaded, monkeypatch):
    monkeypatch.setattr("trainer.engine.local.ANSWER_TOKENS", 0)
    texts = SHORT[:34]
    expected = [one.raw_reply for one in Engine(loaded, TASK, alternatives=None).suggest(texts)]
    engine = engine_of(loaded, monkeypatch, 34, room=32)
    n_put_back = 0
    put_back = engine._put_back

    def counted(active, begun):
        nonlocal n_put_back
        n_put_back += 1
        put_back(active, begun)

    monkeypatch.setattr(engine, "_put_back", counted)
    assert [one.raw_reply for one in engine.suggest(texts)] == expected
    assert n_put_back, "the memory was full of notes that had no room to go on"
    assert sorted(engine._shared.free) == sorted(engine._forward.slots)


def test_a_note_that_waits_becomes_urgent_when_it_is_opened(loaded, monkeypatch):
    engine = engine_of(loaded, monkeypatch, 6, is_scripted=True)
    requests = [Request(number, text) for number, text in enumerate(LONG)]
    opened = [Request(11, LONG[11], is_urgent=True), Request(0, LONG[0], is_urgent=True)]

    def source(n_free):
        if len(requests) <= len(LONG) - 12 and opened:  # 11 waits in the engine; 0 is being answered
            return [opened.pop()]
        some, requests[:] = requests[:n_free], requests[n_free:]
        return some

    done = [key for key, _, _ in engine.answer(source)]
    assert sorted(done) == list(range(len(LONG))), "and is answered once"
    assert done.index(11) < 6, "before those that had waited for longer"


def test_slots_of_all_sizes_share_one_memory():
    layout = Layout(Slots(80), 8192)
    rooms = sorted({place.room for place in layout.places})
    assert rooms == [384, 768, 1536, 3072, 6144, 8448]
    assert layout.n_cells == 80 * 384
    for slot, place in enumerate(layout.places):
        assert place.offset + place.room <= layout.n_cells
        assert layout.blocks(slot).bit_count() * 384 == place.room
    assert [sum(place.room == room for place in layout.places) for room in rooms] == [80, 40, 20, 10, 5, 3]
    few = Layout(Slots(1), 8192)
    assert [place.room for place in few.places] == rooms, "one note at a time may be as long as any"


def test_rows_of_a_pass_lie_where_their_slots_are():
    layout = Layout(Slots(80), 8192)
    numbered = {(place.room, place.number): slot for slot, place in enumerate(layout.places)}
    twenty = [numbered[384, number] for number in range(40, 60)]
    long = [numbered[768, number] for number in (3, 1)]
    banks, rows = layout.arrange([*long, *twenty])
    assert banks == (Bank(40, 384, 40 * 384), Bank(4, 768))
    assert rows == [40, 41, *range(20)]
    assert layout.arrange(long[:1]) == ((Bank(1, 768),), [0])
