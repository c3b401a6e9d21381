"""The pretraining corpus: the same for any number of processes, answers where they belong."""

from pathlib import Path

import numpy as np
import pytest

from data.prompt import SPECIAL_TOKENS, load_prompt
from data.synthetic import generate_one
from data.task import Extraction, load_task
from trainer.corpus import IGNORED, Corpus, as_pretrained, build_corpus, build_tokenizer


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    build_tokenizer(seed=1, n_notes=200, vocab_size=1024).save(str(path))
    return path


@pytest.fixture(scope="module")
def corpus(tokenizer_file: Path) -> Corpus:
    return build_corpus(tokenizer_file, seed=2, n_notes=40, n_processes=1)


def test_special_tokens_are_single_tokens_and_text_round_trips(tokenizer_file: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = as_pretrained(Tokenizer.from_file(str(tokenizer_file)))
    for token in SPECIAL_TOKENS:
        assert len(tokenizer.encode(token, add_special_tokens=False)) == 1
    text = "PD-L1 ≥50 %, naïve, 68‑year‑old\n\n12.5 mg"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_number_of_processes_does_not_change_the_corpus(tokenizer_file: Path, corpus: Corpus) -> None:
    other = build_corpus(tokenizer_file, seed=2, n_notes=40, n_processes=2)
    assert np.array_equal(corpus.tokens, other.tokens)
    assert np.array_equal(corpus.starts, other.starts)
    assert np.array_equal(corpus.answers, other.answers)


def test_answer_begins_where_it_says(tokenizer_file: Path, corpus: Corpus) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    task = load_task()
    prompt = load_prompt(task)
    for index in (0, 17, 39):
        example = generate_one(2, index)
        start, stop = corpus.starts[index], corpus.starts[index + 1]
        answer = corpus.tokens[start + corpus.answers[index] : stop].tolist()
        expected = prompt.answer(Extraction(task, example.output)) + prompt.end
        assert tokenizer.decode(answer, skip_special_tokens=False) == expected


def test_batches_hold_every_note_once_and_weigh_only_note_and_answer(corpus: Corpus) -> None:
    batches = list(corpus.batches(4096, np.random.default_rng(0)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(40))
    inputs, labels, weights = corpus.collate(batches[0], prompt_weight=0.2)
    assert inputs.shape == labels.shape == weights.shape
    assert (labels[:, : corpus.constant] == IGNORED).all()
    row = 0
    index = batches[0][row]
    answer, length = int(corpus.answers[index]), int(corpus.starts[index + 1] - corpus.starts[index])
    assert weights[row, corpus.constant : answer].tolist() == pytest.approx([0.2] * (answer - corpus.constant))
    assert set(weights[row, answer:length].tolist()) == {1.0}
    assert set(weights[row, length:].tolist()) <= {0.0}
