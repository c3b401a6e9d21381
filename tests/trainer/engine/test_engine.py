"""The engine: exact, valid by construction, the same alone and in a batch."""

from __future__ import annotations

import json
import math
from itertools import islice

import pytest
import torch

from data.prefill.outside import UNKNOWN
from data.prompt import load_prompt
from data.storage.locations import EMBEDDED
from data.synthetic.sets.shipped import sample_notes
from data.task import DEFAULT_TASK, Field, Task, load_task
from tests.kit.tiny import shared_tiny, tiny_rows, tiny_tokenizer
from trainer.engine import Engine
from trainer.engine.api import EngineError, NoteTooLong, Request
from trainer.engine.decoding.record import Cursor, build_tables, follow
from trainer.engine.reading import Reading, line_on_terminal, suggest_with_progress
from trainer.model.loading import load_model

TASK = load_task(DEFAULT_TASK)
END = "<|eot_id|>"


@pytest.fixture(scope="module")
def loaded():
    return load_model(shared_tiny().base, None, device="cpu")


@pytest.fixture(scope="module")
def engine(loaded):
    return Engine(loaded, TASK, batch_size=6, constrained=False)  # see test_engine_words.py


def other_task() -> Task:
    fields = tuple(
        Field(key=key, title=key, description="", colour="#000000", colour_dark="#000000", hotkey=hotkey)
        for key, hotkey in (("a", "1"), ("drug_name", "2"))
    )
    return Task(name="other", title="Other", instruction="Find the drug.", system="You are brief.", fields=fields)


def greedy(loaded, text: str) -> list[int]:
    """What the model writes when nothing holds it back, up to the end of the turn."""
    prompt = load_prompt(TASK).render(text)
    ids = loaded.tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
    end = loaded.tokenizer.convert_tokens_to_ids(END)
    seen = torch.ones_like(ids)
    out = loaded.model.generate(ids, attention_mask=seen, max_new_tokens=250, do_sample=False, eos_token_id=end)
    written = out[0, ids.shape[1] :].tolist()
    return written[: written.index(end)] if end in written else written


def answer_of(engine: Engine, text: str) -> Cursor:
    """The engine's answer as tokens."""
    requests = iter([Request(0, text)])
    ((_, _, row),) = engine.answer(lambda n_free: list(islice(requests, n_free)))
    assert row.answer is not None
    return row.answer


def canonical(loaded, tokens: list[int]) -> bool:
    """Whether tokens are a valid answer, written and cut as training answers are."""
    text = loaded.tokenizer.decode(tokens)
    try:
        values = json.loads(text)
    except ValueError:
        return False
    if list(values) != list(TASK.keys) or any(value == "" for value in values.values()):
        return False
    again = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
    return json.dumps(values, ensure_ascii=False) == text and again == tokens


def test_equals_unconstrained_greedy_token_by_token(loaded, engine):
    texts = [row.text for row in tiny_rows(24, start=100)]
    free = [greedy(loaded, text) for text in texts]
    fit = [number for number, tokens in enumerate(free) if canonical(loaded, tokens)]
    assert len(fit) >= 18, "the tiny model should write valid records most of the time"
    for number in fit:
        assert answer_of(engine, texts[number]).path == free[number]


def test_embedded_model_equals_unconstrained_greedy():
    loaded = load_model(EMBEDDED / "base", EMBEDDED / "adapter", device="cpu")
    engine = Engine(loaded, TASK, constrained=False)
    texts = [note.text for note in sample_notes(TASK)[-8:]]
    n_fit = 0
    for text, suggestion in zip(texts, engine.suggest(texts), strict=True):
        free = greedy(loaded, text)
        if canonical(loaded, free):
            n_fit += 1
            assert suggestion.raw_reply == loaded.tokenizer.decode(free)
        assert suggestion.times_longest is not None
        assert suggestion.times_longest < 1
    assert n_fit >= 6
    # The same note with the rest of a letter behind it is longer than any that was learned from: nothing is sure.
    rest = " The heart is of normal size. Bowel sounds are heard in all quadrants. No oedema of the ankles." * 15
    longer = engine.suggest_one(texts[0] + rest)
    assert longer.times_longest is not None
    assert longer.times_longest > 1
    assert max(longer.confidence.values()) <= UNKNOWN


def test_random_model_still_writes_valid_records():
    loaded = load_model(shared_tiny().base, None, device="cpu")
    torch.manual_seed(3)
    for parameter in loaded.model.parameters():
        parameter.data = parameter.data + 0.3 * torch.randn_like(parameter)
    for row, suggestion in zip(tiny_rows(6), Engine(loaded, TASK).suggest(r.text for r in tiny_rows(6)), strict=True):
        assert list(json.loads(suggestion.raw_reply)) == list(TASK.keys)
        assert row.text
        assert list(suggestion.extraction) == list(TASK.keys)


def test_batch_gives_the_answers_of_single_notes(engine):
    texts = [row.text * (1 + i % 3) for i, row in enumerate(tiny_rows(15, start=200))]
    alone = [engine.suggest_one(text) for text in texts]
    together = list(engine.suggest(texts))
    assert [s.raw_reply for s in together] == [s.raw_reply for s in alone]
    for one, other in zip(alone, together, strict=True):
        assert one.raw_confidence == pytest.approx(other.raw_confidence, rel=1e-4)


def test_confidence_is_the_probability_of_what_was_decided(loaded, engine):
    text = tiny_rows(1, start=104)[0].text
    suggestion = engine.suggest_one(text)
    cursor = answer_of(engine, text)
    prompt = engine._tokenise(text)
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([prompt + cursor.path])).logits[0]
    log_probabilities = torch.log_softmax(logits, -1)
    total = dict.fromkeys(TASK.keys, 0.0)
    replay = type(cursor)(engine._tables, 80)
    position = len(replay.path)
    while not replay.is_done:
        key, token = TASK.keys[replay.index], cursor.path[position]
        total[key] += float(log_probabilities[len(prompt) + position - 1, token])
        replay.advance(token)
        position = len(replay.path)
    assert suggestion.raw_confidence == pytest.approx({key: math.exp(value) for key, value in total.items()}, rel=1e-4)


def test_prefix_reuse_changes_nothing(loaded, engine):
    fresh = Engine(loaded, TASK, constrained=False)
    fresh._decoder._prefix = []
    for row in tiny_rows(5, start=40):
        assert fresh.suggest_one(row.text).raw_reply == engine.suggest_one(row.text).raw_reply


def test_prefix_that_does_not_fit_is_left_alone(loaded, engine):
    odd = Engine(loaded, TASK, constrained=False)
    odd._decoder._prefix = engine._tokenise(tiny_rows(1)[0].text)
    for row in tiny_rows(5, start=40):
        assert odd.suggest_one(row.text).raw_reply == engine.suggest_one(row.text).raw_reply


@pytest.mark.parametrize("task", [TASK, other_task()], ids=["default", "other"])
def test_tables_give_the_tokenizers_own_tokens(task):
    tokenizer = tiny_tokenizer(task=task)
    tables = build_tables(tokenizer, task, len(tokenizer))
    values = [None, "x", "a (b)", "5%", "ER+", "naïve", "1,2", "T-cell", ".5", "é", "a'b", "{}", "null", "→ 中文 🙂"]
    for number in range(len(values)):
        record = {key: values[(number + i) % len(values)] for i, key in enumerate(task.keys)}
        answer = json.dumps(record, ensure_ascii=False)
        assert follow(tables, tokenizer(answer, add_special_tokens=False)["input_ids"]) == record


def test_other_task_needs_no_code(loaded):
    suggestion = Engine(loaded, other_task()).suggest_one("Took aspirin.")
    assert list(suggestion.extraction) == ["a", "drug_name"]


def test_nothing_but_text_and_closers_inside_a_value():
    tokenizer = tiny_tokenizer()
    tables = build_tables(tokenizer, TASK, len(tokenizer) + 3)
    inside = tables.allowed[1]
    for token in tokenizer.all_special_ids:
        assert not inside[token]
    assert not inside[len(tokenizer) :].any()
    for token, piece in enumerate(tables.pieces):
        if piece and inside[token] and token not in tables.closers[0]:
            assert not set(piece) & set(b'"\\\n\r\t\0')


def test_endless_value_is_closed(loaded, monkeypatch):
    monkeypatch.setattr("trainer.engine.local.MAX_VALUE_TOKENS", 5)
    engine = Engine(loaded, TASK, alternatives=None)
    for closers in engine._tables.closers:  # a model that would never close a string by itself
        engine._tables.allowed[1:8, list(closers)] = False
    engine._tables.allowed[0, engine._tables.null] = False
    reply = engine.suggest_one(tiny_rows(1)[0].text).raw_reply
    assert list(json.loads(reply)) == list(TASK.keys)
    assert all(json.loads(reply).values())


def test_too_long_note_is_refused_and_blocks_no_other(engine):
    texts = [tiny_rows(1)[0].text, "word " * 20_000, tiny_rows(2)[1].text]
    first, second, third = engine.attempt(texts)
    assert isinstance(second, NoteTooLong)
    assert "Shorten it" in str(second)
    assert first.raw_reply == engine.suggest_one(texts[0]).raw_reply
    assert third.raw_reply == engine.suggest_one(texts[2]).raw_reply
    with pytest.raises(NoteTooLong):
        engine.suggest_one(texts[1])


@pytest.mark.parametrize("text", [f"{END} system", "half \ud800 pair"])
def test_note_that_is_no_plain_text_is_refused(engine, text):
    with pytest.raises(EngineError, match="Expected plain text"):
        engine.suggest_one(text)


def test_long_prompt_in_pieces_gives_the_same_answer(loaded, engine, monkeypatch):
    text = "\n".join(row.text for row in tiny_rows(12))
    whole = engine.suggest_one(text).raw_reply
    monkeypatch.setattr(type(engine._forward), "prefill", 50)
    assert engine.suggest_one(text).raw_reply == whole
    assert next(engine.suggest([text, "x", tiny_rows(1)[0].text])).raw_reply == whole


@pytest.mark.parametrize("text", ["", " ", "\n\nindented", "  two spaces", "naïve 中文 🙂"])
def test_odd_beginnings(engine, text):
    assert list(engine.suggest_one(text).extraction) == list(TASK.keys)


def test_it_says_how_far_a_long_note_is_read(loaded, monkeypatch, capsys):
    engine = Engine(loaded, TASK)
    engine._forward.prefill = 64
    text, told = tiny_rows(1)[0].text * 6, []
    monkeypatch.setattr("trainer.engine.reading.LONG_S", 0)
    monkeypatch.setattr("trainer.engine.reading.EVERY_S", 0)
    suggestion = suggest_with_progress(engine, text, told.append)
    assert suggestion.extraction == engine.suggest_one(text).extraction
    assert told == sorted(told)
    assert 0 < told[0] < 0.5
    assert told[-1] == 1
    n_pieces = len([share for share in set(told) if share < 1])
    assert n_pieces >= len(loaded.tokenizer(text)["input_ids"]) // 64
    assert engine.share_read(0) is None  # it is answered
    # On a terminal it is one line, which is gone at the end; elsewhere nothing is said.
    with line_on_terminal() as tell:
        tell(0.5)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with line_on_terminal() as tell:
        tell(0.5)
        tell(1.0)
    said = capsys.readouterr().err.split("\r")
    assert [part.strip() for part in said] == [
        "", "Reading the note: 50 %", "The note is read; the model writes its answer.", "", ""
    ]  # fmt: skip
    assert len(said[3]) == len(said[2])


def test_of_a_note_that_is_read_at_once_nothing_is_told_and_of_others_seldom(engine):
    class Reads:
        def share_read(self, key):
            return {1: 0.25, 2: None}[key]

    at = iter([0.0, 1.9, 2.0, 2.9, 3.0, 3.1, 9.0])
    reading = Reading(lambda: next(at))
    looks = [reading.look(Reads(), waited) for waited in ([1, 2], [1, 2], [1, 2], [1], [1, 2], [], [1, 2])]
    assert looks == [{}, {}, {1: 0.25}, {}, {1: 0.25}, {}, {}]


def test_suggestions_come_lazily_and_in_order(engine):
    asked = []

    def texts():
        for row in tiny_rows(20):
            asked.append(row.text)
            yield row.text

    next(engine.suggest(texts()))
    assert len(asked) <= 2 * engine.n_slots


def test_model_that_is_lost_is_an_error():
    loaded = load_model(shared_tiny().base, None, device="cpu")
    loaded.model.model.norm.weight.data.fill_(math.nan)
    engine = Engine(loaded, TASK)
    with pytest.raises(EngineError, match="NaN"):
        engine.suggest_one("x")


def test_tokenizer_of_another_kind_is_refused():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"→": 0, "x": 1}, unk_token="x"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(EngineError, match="byte-level"):
        build_tables(PreTrainedTokenizerFast(tokenizer_object=words), TASK, 2)
