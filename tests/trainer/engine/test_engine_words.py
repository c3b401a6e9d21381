"""Answers held to note, lexicon and house words: those of decoding token by token with the whole mask, however they
came."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import islice

import pytest
import torch

from data.notes import content_hash
from data.snapshot import Row
from data.storage.files import save_json
from data.task import DEFAULT_TASK, Extraction, load_task
from data.vocabulary.house_words import HOUSE_WORDS, NONE, HouseWords
from data.vocabulary.wording import START, Words, invented_words, is_word, words_of
from tests.kit.tiny import shared_tiny, tiny_rows
from tests.trainer.engine.test_engine_forwards import gpu_forward, modules_forward
from trainer.engine import Engine
from trainer.engine.api import MAX_VALUE_TOKENS, Request
from trainer.engine.decoding.record import Cursor
from trainer.evaluation.evaluate import evaluate
from trainer.model.loading import load_adapter, load_for_serving

TASK = load_task(DEFAULT_TASK)
NOTES = [
    *(row.text for row in tiny_rows(2, start=500)),
    "Case 3: nothing that the model has learned stands here, not even a word of its tongue.",
    "Case 4: 41-year-old patient with osimer, carbo\u2011platinum, naïve café-au-lait, 5 %, 6 µg, ER\u00a0+ 中文 🙂.",
    "x",
    "",
]


def spoilt(scale: float = 0.1):
    """The tiny model with noise in its weights: it writes what no note holds."""
    loaded = load_for_serving(shared_tiny().base, None, device="cpu")
    torch.manual_seed(11)
    for parameter in loaded.model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data + scale * torch.randn_like(parameter)
    return loaded


@pytest.fixture(scope="module")
def loaded():
    """A model that writes anything, with every other word of what it would write for the words of the house."""
    plain = spoilt()
    free = Engine(plain, TASK, constrained=False, alternatives=None)
    written: dict[str, list[str]] = {key: [] for key in TASK.keys}
    for text, one in zip(NOTES, free.suggest(NOTES), strict=True):
        for key, words in invented_words(TASK, text, one.extraction).items():
            written[key] += filter(is_word, words)
    return replace(plain, house_words=HouseWords({key: tuple(words[::2]) for key, words in written.items()}))


def fitting(engine: Engine, cursor: Cursor, words: Words) -> list[bool]:
    """For every token whether it may follow; the value so far is read anew each time."""
    tables, index = engine._tables, cursor.index
    must_close = len(cursor.current) > MAX_VALUE_TOKENS
    before = words.read(START, b"".join(tables.pieces[one] or b"" for one in cursor.current)[2:])
    fits = tables.allowed[cursor.state].tolist()[: len(tables.pieces)]
    for token in [token for token, fit in enumerate(fits) if fit and not must_close]:
        piece = tables.pieces[token] or b""
        if cursor.is_opening:
            fits[token] = token == tables.null or words.read(START, piece[2:]) is not None
        elif token in tables.closers[index]:
            reading = words.read(before, piece[: piece.index(b'"')])
            fits[token] = reading is not None and words.is_whole(reading)
        else:
            fits[token] = words.read(before, piece) is not None
    return fits


def token_by_token(engine: Engine, loaded, text: str) -> tuple[list[int], dict[str, float]]:
    """The answer and its log-probabilities, one pass over everything and a look at every token for each step."""
    cursor, words = Cursor(engine._tables, MAX_VALUE_TOKENS), words_of(TASK, text, loaded.house_words.known)
    prompt = engine._tokenise(text)
    while not cursor.is_done:
        with torch.inference_mode():
            logits = loaded.model(torch.tensor([prompt + cursor.path])).logits[0, -1].float()
        sure = torch.log_softmax(logits, -1)
        fits = torch.tensor(fitting(engine, cursor, words[cursor.index]))
        token = int(torch.where(fits, logits[: len(fits)], -torch.inf).argmax())
        cursor.advance(token, float(sure[token]))
    return cursor.path, cursor.log_probabilities


@pytest.fixture(scope="module")
def expected(loaded):
    engine = Engine(loaded, TASK, batch_size=1)
    return [token_by_token(engine, loaded, text) for text in NOTES]


def answers(engine: Engine) -> list[tuple[list[int], dict[str, float]]]:
    requests = iter([Request(number, text) for number, text in enumerate(NOTES)])
    found = {key: row.answer for key, _, row in engine.answer(lambda n_free: list(islice(requests, n_free)))}
    return [(found[number].path, found[number].log_probabilities) for number in range(len(NOTES))]


@pytest.mark.parametrize("forward", [None, gpu_forward, modules_forward], ids=["cpu", "gpu", "modules"])
@pytest.mark.parametrize(("n_slots", "n_known"), [(1, 0), (1, 40), (5, 40)])
def test_answers_are_those_of_decoding_token_by_token(loaded, expected, forward, n_slots, n_known, monkeypatch):
    if forward is not None:
        monkeypatch.setattr("trainer.engine.local.make_forward", forward)
    engine = Engine(loaded, TASK, batch_size=n_slots)
    engine.learn((row.text, row.extraction) for row in tiny_rows(n_known))
    found = answers(engine)
    assert [path for path, _ in found] == [path for path, _ in expected]
    for (_, one), (_, other) in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=1e-3)
    assert engine.counts.n_more > 0, "a model that writes anything should run out of named options"


@pytest.mark.parametrize("forward", [None, gpu_forward, modules_forward], ids=["cpu", "gpu", "modules"])
def test_drafts_that_foresee_every_detour_change_nothing(loaded, expected, forward, monkeypatch):
    if forward is not None:
        monkeypatch.setattr("trainer.engine.local.make_forward", forward)
    engine = Engine(loaded, TASK, batch_size=2, alternatives=None)
    plain = Engine(loaded, TASK, batch_size=2, alternatives=None)
    engine.learn((text, one.extraction) for text, one in zip(NOTES, plain.suggest(NOTES), strict=True))
    assert [path for path, _ in answers(engine)] == [path for path, _ in expected]
    assert engine.counts.n_more >= plain.counts.n_more > 0
    assert engine.counts.n_kept > plain.counts.n_kept


def test_the_constraint_is_what_keeps_words_out(loaded, expected):
    house = loaded.house_words.known
    free = Engine(loaded, TASK, constrained=False)
    held = Engine(loaded, TASK, alternatives=1e-6)
    written = [
        (text, one, other) for text, one, other in zip(NOTES, free.suggest(NOTES), held.suggest(NOTES), strict=True)
    ]
    assert any(invented_words(TASK, text, one.extraction, house) for text, one, _ in written)
    assert any(invented_words(TASK, text, one.extraction) for text, _, one in written), "the house's own words are used"
    for text, one, other in written:
        assert invented_words(TASK, text, other.extraction, house) == {}
        for key, values in other.alternatives.items():
            for value in values:
                assert not invented_words(TASK, text, {**dict.fromkeys(TASK.keys), key: value}, house)
        if one.raw_reply == other.raw_reply:
            assert one.raw_confidence == pytest.approx(other.raw_confidence)


def test_the_words_of_the_house_are_counted_apart_from_invented_ones(loaded, expected):
    nothing = Extraction.empty(TASK)
    rows = [Row(text, nothing, "original", content_hash(text)) for text in NOTES]
    held = evaluate(Engine(loaded, TASK, alternatives=None), rows, TASK).to_json()
    assert held["invented_names"] == 0
    assert held["house_words"] > 0
    plain = evaluate(Engine(replace(loaded, house_words=NONE), TASK, alternatives=None), rows, TASK).to_json()
    assert plain["invented_names"] == 0
    assert "house_words" not in plain


def test_a_value_that_is_taken_up_again_is_read_as_far_as_it_was(loaded):
    engine, value = Engine(loaded, TASK), "ductal carcinoma (breast)"
    words = words_of(TASK, "x")
    cursor = Cursor(engine._tables, MAX_VALUE_TOKENS, words=words)
    tokens = engine._shared.book.encode_value(0, value)
    n_inside = next(n for n, token in enumerate(tokens) if n and token in engine._tables.closers[0])
    for n in range(n_inside):
        begun = b"".join(engine._tables.pieces[token] for token in tokens[:n])[2:]
        assert cursor.rewind(0, tokens[:n])._reading == words[0].read(START, begun)


def test_an_endless_value_is_cut_at_a_whole_word(loaded, monkeypatch):
    monkeypatch.setattr("trainer.engine.local.MAX_VALUE_TOKENS", 4)
    engine = Engine(loaded, TASK, batch_size=4)
    for closers in engine._tables.closers:  # a model that would never close a string by itself
        engine._tables.allowed[1:8, list(closers)] = False
    engine._tables.allowed[0, engine._tables.null] = False
    for text, one in zip(NOTES, engine.suggest(NOTES), strict=True):
        assert invented_words(TASK, text, one.extraction, loaded.house_words.known) == {}


def test_an_engine_beside_another_is_held_to_its_own_words(tmp_path):
    house = HouseWords({"cancer_type": ("mamma-qx",)})
    taught = shutil.copytree(shared_tiny().adapter, tmp_path / "taught")
    save_json(taught / HOUSE_WORDS, house.to_json())

    def may_write(engine: Engine) -> bool:
        return engine._dialogue.words("x")[0].accepts("mamma-qx")

    plain = load_for_serving(shared_tiny().base, shared_tiny().adapter, device="cpu")
    engine = Engine(plain, TASK)
    other = engine.share_base(load_adapter(plain, taught))
    third = other.share_base(load_adapter(other.loaded, shared_tiny().adapter))
    assert (engine.house_words, other.house_words, third.house_words) == (NONE, house, NONE)
    assert [may_write(one) for one in (engine, other, third)] == [False, True, False]
    free = Engine(plain, TASK, constrained=False)
    assert list(free.share_base(load_adapter(plain, taught))._dialogue.words("x")) == []
