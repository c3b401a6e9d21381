"""Training examples: prompt and answer as tokens, and batches whose loss is on the answers, or on all tokens.

Batches are padded on the right and carry no attention mask: causal attention never sees what comes later, and
without a mask the fast attention path stays open. The language model's head is run on the columns that carry a
label only. Batches with the loss on all tokens are as the published run made them: padded, masked, every column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from data.prompt import Prompt, PromptError
from data.snapshot import Row
from trainer.adapter.lengths import FEW

IGNORED = -100
Item = Mapping[str, Any]


@dataclass(frozen=True)
class Example:
    """One row as tokens.

    Attributes:
        tokens: prompt and answer with its end.
        n_prompt: how many of them are prompt.
        corrected: whether a reviewer changed what was proposed.
        legible: characters of the note for each of its tokens; None where it is too short to say.
    """

    tokens: list[int]
    n_prompt: int
    corrected: bool = False
    legible: float | None = None


@dataclass(frozen=True)
class Encoded:
    """The rows that can be trained on, and how many cannot.

    Attributes:
        examples: in the order of the rows.
        n_too_long: rows left out because they have more tokens than allowed; a cut answer would teach half a record.
        n_refused: rows left out because the prompt refuses their text.
    """

    examples: list[Example]
    n_too_long: int
    n_refused: int


def encode(tokenizer: Any, prompt: Prompt, row: Row) -> Example:
    """Tokens of a row. Prompt and answer are encoded apart: no token spans both.

    Raises:
        PromptError: the prompt refuses the text.
    """
    before = tokenizer(prompt.render(row.text), add_special_tokens=False)["input_ids"]
    answer = tokenizer(prompt.answer(row.extraction) + prompt.end, add_special_tokens=False)["input_ids"]
    n_note = len(tokenizer(row.text, add_special_tokens=False)["input_ids"])
    return Example([*before, *answer], len(before), row.corrected, len(row.text) / n_note if n_note >= FEW else None)


def encode_rows(tokenizer: Any, prompt: Prompt, rows: Sequence[Row], *, max_tokens: int) -> Encoded:
    """Encode rows, in their order; those that cannot be learned from are counted."""
    examples: list[Example] = []
    n_too_long = n_refused = 0
    for row in rows:
        try:
            example = encode(tokenizer, prompt, row)
        except PromptError:
            n_refused += 1
            continue
        if len(example.tokens) > max_tokens:
            n_too_long += 1
            continue
        examples.append(example)
    return Encoded(examples, n_too_long, n_refused)


def as_dataset(examples: Sequence[Example]) -> Any:
    """The examples for transformers' Trainer, in their order: `input_ids` and `n_prompt` of each.

    As an Arrow table, or in plain dictionaries on a machine that has no `datasets`, such as a GPU that is lent.
    """
    try:
        from datasets import Dataset
    except ModuleNotFoundError:
        return [{"input_ids": example.tokens, "n_prompt": example.n_prompt} for example in examples]

    columns = {
        "input_ids": [example.tokens for example in examples],
        "n_prompt": [example.n_prompt for example in examples],
    }
    return Dataset.from_dict(columns)


@dataclass(frozen=True)
class Collator:
    """Makes a batch of examples.

    Attributes:
        pad: token that fills rows up; it carries no label and is never attended to.
        learn: tokens that carry a label, those of the answer or all.
    """

    pad: int
    learn: Literal["answer", "all"] = "answer"

    def __call__(self, items: Sequence[Item]) -> dict[str, torch.Tensor]:
        """A batch: `input_ids` (rows, tokens); `labels`; and what the model needs besides.

        With the loss on answers, `logits_to_keep` (columns,) is where a label follows, and `labels` is (rows, 1 +
        columns): its first column is ignored, because the Trainer counts the labels of a causal model from the second
        column on, and the count is what the loss is divided by. With the loss on all tokens `attention_mask` and
        `labels` are (rows, tokens).
        """
        longest = max(len(item["input_ids"]) for item in items)
        tokens = torch.full((len(items), longest), self.pad)
        labels = torch.full((len(items), longest), IGNORED)
        for number, item in enumerate(items):
            row = torch.tensor(item["input_ids"])
            tokens[number, : len(row)] = row
            start = item["n_prompt"] if self.learn == "answer" else 0
            labels[number, start : len(row)] = row[start:]
        if self.learn == "all":
            lengths = torch.tensor([len(item["input_ids"]) for item in items])
            mask = (torch.arange(longest) < lengths[:, None]).long()
            return {"input_ids": tokens, "attention_mask": mask, "labels": labels}
        first = min(item["n_prompt"] for item in items)
        ignored = torch.full((len(items), 1), IGNORED)
        return {
            "input_ids": tokens,
            "logits_to_keep": torch.arange(first - 1, longest - 1),
            "labels": torch.cat([ignored, labels[:, first:]], dim=1),
        }


def answer_loss(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Cross entropy on the answers' tokens, for the Trainer's `compute_loss_func`.

    Args:
        outputs: of the model; logits of shape (rows, columns, vocabulary).
        labels: (rows, 1 + columns), see `Collator`.
        num_items_in_batch: labels in all forward passes of the step; None divides by those of this one.
    """
    wanted = labels[:, 1:]
    is_label = wanted != IGNORED
    total = torch.nn.functional.cross_entropy(outputs.logits[is_label].float(), wanted[is_label], reduction="sum")
    return total / (is_label.sum() if num_items_in_batch is None else num_items_in_batch)
