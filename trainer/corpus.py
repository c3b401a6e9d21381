"""The pretraining corpus: generated notes with their answers, tokenised in parallel, and the tokenizer for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from data.prompt import BEGIN_OF_TEXT, END_OF_TEXT, PAD, SPECIAL_TOKENS, Prompt, load_prompt
from data.synthetic import generate_one
from data.task import DEFAULT_TASK, Extraction, load_task

# Llama 3's pre-tokeniser: it cuts keys, quotes and numbers in the same places as the large model's.
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
IGNORED = -100


def _pair(prompt: Prompt, seed: int, index: int) -> tuple[str, str]:
    """Prompt and answer (with its end token) of one generated note."""
    example = generate_one(seed, index)
    return prompt.render(example.text), prompt.answer(Extraction(prompt.task, example.output)) + prompt.end


def train_bpe(texts: Iterable[str], vocab_size: int) -> Tokenizer:
    """A byte-level BPE with Llama 3's special tokens and pre-tokeniser, trained on `texts`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    return tokenizer


def build_tokenizer(seed: int, n_notes: int, vocab_size: int) -> Tokenizer:
    """The tokenizer of the embedded model: trained on generated notes and answers."""
    prompt = load_prompt(load_task(DEFAULT_TASK))
    return train_bpe((part for index in range(n_notes) for part in _pair(prompt, seed, index)), vocab_size)


def as_pretrained(tokenizer: Tokenizer) -> Any:
    """The same tokenizer behind transformers' interface, adding no token by itself."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )


@dataclass(frozen=True)
class Corpus:
    """Tokenised notes, one after the other.

    Attributes:
        tokens: all tokens, shape (n_tokens,), uint16.
        starts: where each note begins, shape (n_notes + 1,).
        answers: where each note's answer begins, counted from its start, shape (n_notes,).
        constant: how many tokens every note begins with, the same in all.
    """

    tokens: NDArray[np.uint16]
    starts: NDArray[np.int64]
    answers: NDArray[np.int64]
    constant: int

    @property
    def n_notes(self) -> int:
        """How many notes it holds."""
        return len(self.answers)

    def batches(self, batch_tokens: int, generator: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        """One epoch of note indices: notes of like length together, in random order, about `batch_tokens` a batch."""
        lengths = np.diff(self.starts)
        # Sorting noisy lengths keeps padding low and still mixes neighbours from epoch to epoch.
        order = np.argsort(lengths + generator.uniform(0, 12, size=len(lengths)), kind="stable")
        cuts: list[NDArray[np.int64]] = []
        position = 0
        while position < len(order):
            longest = int(lengths[order[min(position + 64, len(order) - 1)]]) + 24
            size = max(1, batch_tokens // longest)
            cuts.append(order[position : position + size])
            position += size
        for index in generator.permutation(len(cuts)):
            yield cuts[index]

    def collate(
        self, indices: NDArray[np.int64], prompt_weight: float
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Right-padded inputs, labels and loss weights, each of shape (notes, longest note).

        Causal attention never looks at padding on the right, so no mask is needed.
        """
        lengths = self.starts[indices + 1] - self.starts[indices]
        longest = int(lengths.max())
        inputs = np.zeros((len(indices), longest), dtype=np.int64)
        labels = np.full((len(indices), longest), IGNORED, dtype=np.int64)
        weights = np.zeros((len(indices), longest), dtype=np.float32)
        for row, index in enumerate(indices):
            note = self.tokens[self.starts[index] : self.starts[index + 1]]
            inputs[row, : len(note)] = note
            labels[row, self.constant : len(note)] = note[self.constant :]
            weights[row, self.constant : self.answers[index]] = prompt_weight
            weights[row, self.answers[index] : len(note)] = 1.0
        return torch.from_numpy(inputs), torch.from_numpy(labels), torch.from_numpy(weights)


def _slice(tokenizer_file: str, seed: int, start: int, stop: int) -> tuple[NDArray[np.uint16], list[int], list[int]]:
    """Generate and tokenise the notes `start` to `stop`; runs in a process of its own."""
    tokenizer = Tokenizer.from_file(tokenizer_file)
    prompt = load_prompt(load_task(DEFAULT_TASK))
    pairs = [_pair(prompt, seed, index) for index in range(start, stop)]
    prompts = tokenizer.encode_batch([pair[0] for pair in pairs], add_special_tokens=False)
    answers = tokenizer.encode_batch([pair[1] for pair in pairs], add_special_tokens=False)
    tokens = [token for p, a in zip(prompts, answers, strict=True) for token in (*p.ids, *a.ids)]
    return (
        np.asarray(tokens, dtype=np.uint16),
        [len(p.ids) + len(a.ids) for p, a in zip(prompts, answers, strict=True)],
        [len(p.ids) for p in prompts],
    )


def build_corpus(tokenizer_file: Path, seed: int, n_notes: int, n_processes: int) -> Corpus:
    """Generate `n_notes` notes of `seed` and tokenise them; the same for any number of processes."""
    size = min(4000, max(1, n_notes // max(1, n_processes)))
    bounds = [(start, min(start + size, n_notes)) for start in range(0, n_notes, size)]
    with ProcessPoolExecutor(n_processes) as pool:
        parts = list(
            pool.map(
                _slice,
                [str(tokenizer_file)] * len(bounds),
                [seed] * len(bounds),
                [start for start, _ in bounds],
                [stop for _, stop in bounds],
            )
        )
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    prefix = load_prompt(load_task(DEFAULT_TASK)).prefix
    return Corpus(
        tokens=np.concatenate([part[0] for part in parts]),
        starts=np.concatenate([[0], np.cumsum([length for part in parts for length in part[1]])]).astype(np.int64),
        answers=np.asarray([answer for part in parts for answer in part[2]], dtype=np.int64),
        # the prefix ends in a space that merges with the note's first word
        constant=len(tokenizer.encode(prefix.rstrip(" "), add_special_tokens=False).ids),
    )
