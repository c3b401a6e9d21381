"""Other text around notes: whole notes, neutral sentences, the same for the same seed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from data.task import load_task
from trainer.pretraining.averaging import average
from trainer.pretraining.notes.padding import Padding, neutral_passages
from trainer.pretraining.notes.tokens import Labelled, pad_notes

NOTE = "Stage IV melanoma with brain metastases."
COLD = "He came with a cough. He had no fever. The chest was clear on both sides. He went home on the third day."
PASSAGES = ("The garden was wet.", "She slept well at night.")


def test_a_padded_note_stands_whole_among_neutral_text() -> None:
    lengths = []
    for number in range(300):
        text = Padding(PASSAGES, 1.0).surround(NOTE, random.Random(number))
        before, found, after = text.partition(NOTE)
        assert found
        assert not {*before.split(". "), *after.split(". ")} & {"Stage IV"}
        lengths.append((len(before), len(after)))
    totals = [sum(pair) for pair in lengths]
    assert 20 <= sum(total > 5_500 for total in totals) <= 110, "some of them are as long as a context gets"
    assert max(totals) < 22_100
    assert sum(before > after for before, after in lengths) in range(90, 211), "the note stands anywhere"


def test_so_many_notes_are_padded_and_the_same_for_the_same_seed() -> None:
    notes = [Labelled(NOTE, {})] * 400
    once, again = (pad_notes(notes, Padding(PASSAGES, 0.25), 7) for _ in range(2))
    assert once == again
    assert 70 <= sum(note.text != NOTE for note in once) <= 130
    assert once[100:200] == pad_notes(notes[100:200], Padding(PASSAGES, 0.25), 7, first=100)
    assert pad_notes(notes, Padding((), 1.0), 7) == notes


@pytest.mark.parametrize(
    "sentence",
    [
        "A mass was seen in the left kidney.",
        "She had died two years later.",
        "EGFR was looked for.",
        "Six cycles of chemotherapy followed.",
        "It was called stage II.",
    ],
)
def test_sentences_that_could_change_an_answer_are_left_out(sentence: str) -> None:
    assert neutral_passages(load_task(), [f"{COLD} {sentence}"]) == (COLD,)


def test_notes_that_tell_of_little_else_give_no_text() -> None:
    assert neutral_passages(load_task(), ["He had a tumour. It was resected. He died.", "He was well."]) == ()


def test_the_mean_of_runs_is_written_with_the_first_ones_other_files(tmp_path: Path) -> None:
    for number, value in enumerate((1.0, 3.0)):
        directory = tmp_path / f"run-{number}"
        directory.mkdir()
        save_file({"w": torch.full((2, 2), value, dtype=torch.bfloat16)}, directory / "model.safetensors")
        (directory / "config.json").write_text("{}", encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    average([tmp_path / "run-0", tmp_path / "run-1"], out)
    assert torch.equal(load_file(out / "model.safetensors")["w"], torch.full((2, 2), 2.0, dtype=torch.bfloat16))
    assert (out / "config.json").read_text(encoding="utf-8") == "{}"
