"""What pretraining learns from: the same for any number of processes, answers and unsure values where they belong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from data.prompt import PAD, SPECIAL_TOKENS, load_prompt
from data.task import Extraction, load_task
from tests.kit.tiny import shared_tiny
from trainer.pretraining.answering import select_learnable
from trainer.pretraining.notes.real import read_real, read_texts
from trainer.pretraining.notes.tokens import (
    ANSWER,
    NOTE,
    TEXT,
    Encoder,
    Labelled,
    TokenSet,
    batches,
    generate_note,
    generate_tokens,
    join_sets,
)
from trainer.pretraining.settings import PretrainError
from trainer.pretraining.start import RENAMED, as_pretrained, respell
from trainer.pretraining.tune import IGNORED, collate, weighted_loss
from trainer.run.learning.examples import Example, as_dataset

OUTPUT = {"cancer_type": "melanoma", "stage": "IV", "gene_mutation": None, "biomarker": 'S100 "strong"'}
OUTPUT |= {"treatment": None, "response": None, "metastasis_site": "brain, naïve"}
NOTE_TEXT = "Melanoma, stage IV, in the brain."


@pytest.fixture(scope="module")
def tokenizer_file() -> Path:
    return shared_tiny().dense / "tokenizer.json"


def told(tokenizer_file: Path, notes: TokenSet, kind: int, index: int = 0) -> str:
    where = slice(notes.starts[index], notes.starts[index + 1])
    tokens = notes.tokens[where][notes.kinds[where] == kind].tolist()
    return str(Tokenizer.from_file(str(tokenizer_file)).decode(tokens, skip_special_tokens=False))


def test_number_of_processes_does_not_change_the_notes(tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = generate_tokens(tokenizer_file, 2, 6, reports=0.5, n_processes=1)
    monkeypatch.setattr("trainer.pretraining.notes.tokens._SLICE", 3)
    other = generate_tokens(tokenizer_file, 2, 6, reports=0.5, n_processes=2)
    assert np.array_equal(one.tokens, other.tokens)
    assert np.array_equal(one.starts, other.starts)
    assert np.array_equal(one.kinds, other.kinds)


def test_answer_and_note_are_learned_and_nothing_of_the_prompt(tokenizer_file: Path) -> None:
    task = load_task()
    prompt = load_prompt(task)
    notes = generate_tokens(tokenizer_file, 2, 3, reports=0.5, n_processes=1)
    for index in range(3):
        example = generate_note(2, index, 0.5)
        expected = prompt.answer(Extraction(task, example.output)) + prompt.end
        assert told(tokenizer_file, notes, ANSWER, index) == expected
        assert told(tokenizer_file, notes, NOTE, index).strip() == example.text


def test_values_that_are_not_sure_are_written_and_not_learned(tokenizer_file: Path) -> None:
    unsure = frozenset({"stage", "gene_mutation", "biomarker", "metastasis_site"})
    notes = Encoder(tokenizer_file).encode([Labelled(NOTE_TEXT, OUTPUT, unsure), Labelled(NOTE_TEXT, OUTPUT)])
    learned, whole = (told(tokenizer_file, notes, ANSWER, index) for index in (0, 1))
    for value in ('"IV"', "S100", "strong", "brain", "naïve"):
        assert value in whole or json.dumps(value)[1:-1] in whole
        assert value not in learned
    assert '"cancer_type": "melanoma"' in learned
    assert '"treatment": null' in learned
    assert '"gene_mutation": null' not in learned
    assert notes.lengths[0] == notes.lengths[1]


def test_a_text_alone_is_its_note_and_a_text_with_a_special_token_is_left_out(tokenizer_file: Path) -> None:
    nothing = dict.fromkeys(OUTPUT)
    given = [Labelled(NOTE_TEXT, nothing, only_text=True), Labelled(f"No {PAD} here.", nothing)]
    notes = Encoder(tokenizer_file).encode(given)
    assert notes.n_notes == 1
    assert not (notes.kinds == ANSWER).any()
    assert told(tokenizer_file, notes, TEXT).strip() == NOTE_TEXT


def test_batches_hold_every_note_once_and_keep_to_their_limits() -> None:
    lengths = np.asarray([5, 700, 20, 30, 25, 400, 12, 2_000, 18, 22])
    made = batches(lengths, 3, 1_000, np.random.default_rng(0))
    assert sorted(np.concatenate(made).tolist()) == list(range(10))
    assert max(len(one) for one in made) == 3
    assert all(len(one) == 1 or len(one) * lengths[one].max() <= 1_000 for one in made)
    assert [7] in [one.tolist() for one in made], "a note that is too long for a batch is one of its own"


def test_padding_changes_no_loss_and_weights_do(tokenizer_file: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tokenizer_file.parent, dtype=torch.float32)
    notes = Encoder(tokenizer_file).encode([Labelled(NOTE_TEXT, OUTPUT), Labelled(f"{NOTE_TEXT} " * 9, OUTPUT)])
    with torch.no_grad():
        apart = [weighted_loss(model, collate(notes, np.asarray([i]), 0.0, 0)) for i in (0, 1)]
        together = weighted_loss(model, collate(notes, np.asarray([0, 1]), 0.0, 0))
        with_note = weighted_loss(model, collate(notes, np.asarray([0, 1]), 0.5, 0))
    assert float(together) == pytest.approx(float(sum(apart)) / 2, rel=1e-4)
    assert float(with_note) != pytest.approx(float(together), rel=1e-3)
    inputs, labels, _ = collate(notes, np.asarray([0, 1]), 0.0, 7)
    assert inputs[0, -1] == 7
    assert (labels[0, int(notes.lengths[0]) :] == IGNORED).all()


def test_longer_notes_are_left_out_whole(tokenizer_file: Path) -> None:
    short = Encoder(tokenizer_file).encode([Labelled(NOTE_TEXT, OUTPUT)])
    long = Encoder(tokenizer_file).encode([Labelled(f"{NOTE_TEXT} " * 20, OUTPUT)])
    kept, n_left_out = join_sets([long, short, long]).without_longer(int(short.lengths[0]))
    assert n_left_out == 2
    assert np.array_equal(kept.tokens, short.tokens)
    assert np.array_equal(kept.kinds, short.kinds)


def test_only_sure_and_grounded_fields_of_an_answer_are_learned() -> None:
    answer = {
        "values": OUTPUT,
        "raw_confidence": {**dict.fromkeys(OUTPUT, 0.99), "stage": 0.5},
        "grounding": {"cancer_type": "exact", "stage": "exact", "biomarker": "not_found"},
    }
    made = select_learnable(NOTE_TEXT, answer, sure=0.9)
    assert made is not None
    assert made.unsure == {"stage", "biomarker", "metastasis_site"}
    assert select_learnable(NOTE_TEXT, {**answer, "raw_confidence": dict.fromkeys(OUTPUT, 0.1)}, sure=0.9) is None


def test_a_text_that_is_labelled_is_not_among_those_without_labels(tmp_path: Path) -> None:
    labelled, texts = tmp_path / "labelled.jsonl", tmp_path / "texts.jsonl"
    labelled.write_text(json.dumps({"input": NOTE_TEXT, "output": OUTPUT, "accept": {"stage": ["IVA"]}}) + "\n")
    texts.write_text("".join(json.dumps({"input": text}) + "\n" for text in (NOTE_TEXT, "A cold.", "A cold.")))
    notes = read_real(load_task(), labelled)
    assert notes[0].accepted == {"stage": ("IVA",)}
    assert read_texts(texts, notes) == ["A cold."]
    texts.write_text('{"input": ""}\n')
    with pytest.raises(PretrainError, match=r"texts.jsonl, line 1: expected a JSON object with a text"):
        read_texts(texts, notes)


def test_special_tokens_are_renamed_in_their_places_and_digits_stand_alone(tokenizer_file: Path) -> None:
    from tests.kit.bpe import train_bpe

    given = json.loads(train_bpe(["stage 3b in 2019 of 1400 cases, 2019 and 2020"] * 9, 320).to_str())
    old = {new: name for name, new in RENAMED.items()}
    for token in given["added_tokens"]:
        token["content"] = old[token["content"]]
    given["model"]["vocab"] = {old.get(token, token): number for token, number in given["model"]["vocab"].items()}
    numbers = {RENAMED[token["content"]]: token["id"] for token in given["added_tokens"]}
    tokenizer = as_pretrained(respell(given))
    assert {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS} == numbers
    assert [one for one in tokenizer.tokenize("in 2019") if one.isdigit()] == ["2", "0", "1", "9"]
    text = "PD-L1 ≥50 %, naïve, 68‑year‑old\n\n12.5 mg"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_rows_are_given_to_the_training_loop_alike_without_an_arrow_table(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [Example([1, 2, 3], 2), Example([4, 5], 1)]
    table = list(as_dataset(examples))
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert list(as_dataset(examples)) == table
    assert isinstance(as_dataset(examples), list)
