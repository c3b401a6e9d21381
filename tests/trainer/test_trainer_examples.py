"""Examples: the loss is the one of full padded logits, whatever the batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from data.prompt import load_prompt
from data.snapshot import Row
from data.task import DEFAULT_TASK, load_task
from tests.kit.tiny import shared_tiny, tiny_rows
from trainer.adapter.lengths import SHORT, legibility, times_longest
from trainer.adapter.manifest import Manifest
from trainer.config import TrainConfig
from trainer.model.loading import load_model
from trainer.run.learning.examples import IGNORED, Collator, Example, answer_loss, as_dataset, encode, encode_rows
from trainer.run.learning.learned import least_legible_of, longest_of
from trainer.run.learning.loop import count_steps, order_rows
from trainer.run.learning.mixture import rows_to_show, with_copies

TASK = load_task(DEFAULT_TASK)
PROMPT = load_prompt(TASK)


@pytest.fixture(scope="module")
def loaded():
    return load_model(shared_tiny().base, shared_tiny().adapter, device="cpu")


@pytest.fixture(scope="module")
def items(loaded):
    rows = tiny_rows(9)
    rows.append(Row(rows[0].text * 4, rows[0].extraction, "original", "x"))
    return list(as_dataset(encode_rows(loaded.tokenizer, PROMPT, rows, max_tokens=1000).examples))


def full_loss(model, items) -> tuple[float, int]:
    """The plain way: padded, with an attention mask, all logits, labels on the answers; the sum and the count."""
    longest = max(len(item["input_ids"]) for item in items)
    tokens, mask, labels = (torch.full((len(items), longest), fill) for fill in (5, 0, IGNORED))
    for number, item in enumerate(items):
        ids, n_prompt = torch.tensor(item["input_ids"]), item["n_prompt"]
        tokens[number, : len(ids)] = ids
        mask[number, : len(ids)] = 1
        labels[number, n_prompt : len(ids)] = ids[n_prompt:]
    with torch.inference_mode():
        logits = model(input_ids=tokens, attention_mask=mask).logits
    wanted = labels[:, 1:]
    total = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return float(total), int((wanted != IGNORED).sum())


def our_loss(model, items, n_labels=None) -> float:
    batch = Collator(0)(items)
    with torch.inference_mode():
        output = model(input_ids=batch["input_ids"], logits_to_keep=batch["logits_to_keep"])
    return float(answer_loss(output, batch["labels"], n_labels))


def test_loss_is_that_of_full_padded_logits(loaded, items):
    total, count = full_loss(loaded.model, items)
    assert our_loss(loaded.model, items) == pytest.approx(total / count, rel=1e-5)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_accumulated_batches_sum_to_the_same_loss(loaded, items, size):
    total, count = full_loss(loaded.model, items)
    parts = [items[at : at + size] for at in range(0, len(items), size)]
    assert sum(our_loss(loaded.model, part, count) for part in parts) == pytest.approx(total / count, rel=1e-5)


def test_labels_are_counted_alike_with_and_without_the_first_column(items):
    labels = Collator(0)(items)["labels"]
    expected = sum(len(item["input_ids"]) - item["n_prompt"] for item in items)
    assert int((labels != IGNORED).sum()) == int((labels[:, 1:] != IGNORED).sum()) == expected


def test_prompt_and_answer_encoded_apart_are_the_whole(loaded):
    for row in tiny_rows(20):
        whole = PROMPT.render(row.text) + PROMPT.answer(row.extraction) + PROMPT.end
        example = encode(loaded.tokenizer, PROMPT, row)
        assert example.tokens == loaded.tokenizer(whole, add_special_tokens=False)["input_ids"]
        assert loaded.tokenizer.decode(example.tokens[example.n_prompt :]).startswith('{"')


def test_long_rows_are_left_out_and_counted(loaded):
    rows = tiny_rows(4)
    rows.append(Row("word " * 500, rows[0].extraction, "original", "x"))
    rows.append(Row("<|eot_id|>", rows[0].extraction, "original", "y"))
    encoded = encode_rows(loaded.tokenizer, PROMPT, rows, max_tokens=200)
    assert (len(encoded.examples), encoded.n_too_long, encoded.n_refused) == (4, 1, 1)


def test_loss_on_all_tokens_counts_the_prompt(items):
    batch = Collator(0, "all")(items)
    lengths = [len(item["input_ids"]) for item in items]
    assert int((batch["labels"] != IGNORED).sum()) == int(batch["attention_mask"].sum()) == sum(lengths)
    assert set(batch) == {"input_ids", "attention_mask", "labels"}


def corrected(n: int, start: int) -> list[Row]:
    return [
        Row(row.text, row.extraction, "annotation", row.content_hash, corrected=True)
        for row in tiny_rows(n, start=start)
    ]


def test_corrections_are_repeated_up_to_their_share(loaded):
    rows = [*tiny_rows(30), *corrected(10, 30)]
    examples = encode_rows(loaded.tokenizer, PROMPT, rows, max_tokens=500).examples
    assert len(with_copies(examples, TrainConfig(correction_copies=1))) == 40
    shown = with_copies(examples, TrainConfig(correction_share=0.5))
    assert len(shown) == 50
    capped = with_copies(examples, TrainConfig())
    share = sum(len(e.tokens) for e in capped if e.corrected) / sum(len(e.tokens) for e in capped)
    assert 40 < len(capped) < 50
    assert 0.27 < share <= 0.3
    accepted = [Row(r.text, r.extraction, "annotation", r.content_hash) for r in rows]
    once = encode_rows(loaded.tokenizer, PROMPT, accepted, max_tokens=500).examples
    assert len(with_copies(once, TrainConfig())) == 40, "what was accepted is gold like any other, once"


def test_corrections_above_their_share_are_shown_once_and_none_is_left_out(loaded):
    rows = [*tiny_rows(4), *corrected(20, 30)]
    examples = encode_rows(loaded.tokenizer, PROMPT, rows, max_tokens=500).examples
    assert with_copies(examples, TrainConfig()) == examples


def test_warm_runs_replay_some_originals_for_each_reviewed_row():
    rows = [*tiny_rows(60), *corrected(5, 60)]
    warm = TrainConfig(mode="warm")
    shown = rows_to_show(rows, warm)
    assert sum(row.source == "original" for row in shown) == 15
    assert [row for row in shown if row.source == "annotation"] == rows[60:]
    assert shown == rows_to_show(rows, warm)
    assert shown != rows_to_show(rows, warm.model_copy(update={"seed": 1}))
    assert rows_to_show(rows, TrainConfig()) == rows
    assert rows_to_show(rows[:60], warm) == rows[:60]
    assert rows_to_show(rows[50:], warm) == rows[50:]
    unknown = [replace(row, is_new=True) for row in rows[:30]]
    shown = rows_to_show([*unknown, *rows[30:]], warm)
    assert shown[:30] == unknown, "what the parent never learned is no replay"
    assert sum(row.source == "original" for row in shown[30:]) == 15


def test_every_row_is_shown_in_every_epoch(loaded):
    examples = encode_rows(loaded.tokenizer, PROMPT, tiny_rows(50), max_tokens=1000).examples
    config = TrainConfig(epochs=2.5, batch_size=4, accumulation=2)
    shown = order_rows(examples, config)
    assert len(shown) == 125
    assert sorted(map(id, shown[:50])) == sorted(map(id, examples)) == sorted(map(id, shown[50:100]))
    assert shown[:50] != shown[50:100]
    assert shown == order_rows(examples, config)
    assert max(len(e.tokens) for e in shown[:8]) == max(len(e.tokens) for e in examples)
    assert count_steps(len(shown), config) == 16
    assert count_steps(len(shown), TrainConfig(batch_size=4, max_steps=3)) == 3


def test_rows_of_like_length_share_a_batch(loaded):
    examples = encode_rows(loaded.tokenizer, PROMPT, tiny_rows(200), max_tokens=1000).examples
    shown = order_rows(examples, TrainConfig(epochs=1, batch_size=8, accumulation=1))
    batches = [shown[at : at + 8] for at in range(0, 200, 8)]
    padded = sum(8 * max(len(e.tokens) for e in batch) for batch in batches)
    assert padded < 1.03 * sum(len(e.tokens) for e in examples)


def test_how_long_the_notes_are_that_were_learned_from():
    def manifest(longest: int | None) -> Manifest:
        return Manifest(name="a", base="b", prompt_version=1, weights_sha256="", longest_prompt=longest)

    learned = [Example([0] * 500, 300), Example([0] * 400, 390)]
    assert longest_of(learned, None) == 390
    assert longest_of(learned, manifest(400)) == 400  # gone on from one that knows longer notes
    assert longest_of(learned, manifest(None)) is None  # or from one of which nobody knows
    assert times_longest(manifest(400), n_tokens=500) == 1.25
    assert times_longest(manifest(40), n_tokens=SHORT) == 1.0  # no note is long that any base reads
    assert times_longest(manifest(None), n_tokens=500) is None
    assert times_longest(None, n_tokens=500) is None


def test_how_legible_a_note_is_beside_those_that_were_learned_from() -> None:
    def manifest(least: float | None) -> Manifest:
        return Manifest(name="a", base="b", prompt_version=1, weights_sha256="", least_legible=least)

    learned = [Example([1] * 9, 8, legible=legible) for legible in (None, *(4 + n / 100 for n in range(150)))]
    assert least_legible_of(learned, None) == 4.01  # all but one in a hundred
    assert least_legible_of(learned, manifest(3.5)) == 3.5  # gone on from one that knows less legible notes
    assert least_legible_of(learned, manifest(None)) is None
    assert legibility(manifest(4.0), "x" * 120, 40) == 0.75
    assert legibility(manifest(4.0), "x" * 12, 4) is None  # too short to say
    assert legibility(manifest(None), "x" * 120, 40) is None
