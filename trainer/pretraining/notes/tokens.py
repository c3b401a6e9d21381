"""What the phases learn from, as tokens: prompt and answer of each note, with what is learned of each token.

Nothing here needs torch: notes are generated and tokenised in processes of their own.
"""

from __future__ import annotations

import json
import multiprocessing
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from data.prompt import Prompt, PromptError, load_prompt
from data.synthetic.corpus import generate_one
from data.synthetic.example import Example
from data.task import DEFAULT_TASK, Extraction, Task, load_task
from trainer.pretraining.notes.padding import NO_PADDING, Padding

UNLEARNED, NOTE, ANSWER, TEXT = 0, 1, 2, 3
"""Of a token: not learned, the note's own, the answer's, of a text without an answer."""
_SLICE = 1_000  # notes that a process tokenises at a time


@dataclass(frozen=True)
class Labelled:
    """A note with its answer.

    Attributes:
        text: the note.
        output: field key to value.
        unsure: keys of fields that are written in the answer and not learned.
        only_text: the note alone is learned, without an answer.
    """

    text: str
    output: Mapping[str, str | None]
    unsure: frozenset[str] = frozenset()
    only_text: bool = False


@dataclass(frozen=True)
class TokenSet:
    """Tokenised notes, one after the other.

    Attributes:
        tokens: all tokens, shape (n_tokens,), uint32.
        kinds: what each is, `UNLEARNED`, `NOTE`, `ANSWER` or `TEXT`, shape (n_tokens,), uint8.
        starts: where each note begins, shape (n_notes + 1,), int64.
    """

    tokens: NDArray[np.uint32]
    kinds: NDArray[np.uint8]
    starts: NDArray[np.int64]

    @property
    def n_notes(self) -> int:
        """How many notes it holds."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each note."""
        return np.diff(self.starts)

    def save(self, path: Path) -> None:
        """Write it to a file."""
        np.savez(path, tokens=self.tokens, kinds=self.kinds, starts=self.starts)

    @classmethod
    def load(cls, path: Path) -> TokenSet:
        """What `save` wrote."""
        with np.load(path) as stored:
            return cls(stored["tokens"], stored["kinds"], stored["starts"])

    def without_longer(self, max_tokens: int) -> tuple[TokenSet, int]:
        """The notes of at most so many tokens, and how many were longer."""
        keep = self.lengths <= max_tokens
        if keep.all():
            return self, 0
        chosen = np.repeat(keep, self.lengths)
        starts = np.concatenate([[0], np.cumsum(self.lengths[keep])]).astype(np.int64)
        return TokenSet(self.tokens[chosen], self.kinds[chosen], starts), int((~keep).sum())


def join_sets(sets: Sequence[TokenSet]) -> TokenSet:
    """One set of all, in their order; a set may be given several times."""
    lengths = np.concatenate([one.lengths for one in sets])
    return TokenSet(
        np.concatenate([one.tokens for one in sets]),
        np.concatenate([one.kinds for one in sets]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    )


class Encoder:
    """Makes token sets of notes."""

    def __init__(self, tokenizer_file: Path, task: Task | None = None) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._prompt: Prompt = load_prompt(task or load_task(DEFAULT_TASK))
        # the prefix ends in a space that merges with the note's first word
        self._constant = len(self._ids(self._prompt.prefix.rstrip(" ")))
        self._suffix = len(self._ids(self._prompt.suffix))

    def encode(self, notes: Sequence[Labelled]) -> TokenSet:
        """The notes as tokens; those whose text the prompt refuses are left out."""
        parts = [part for note in notes if (part := self._encode_note(note)) is not None]
        lengths = [len(tokens) for tokens, _ in parts]
        return TokenSet(
            np.asarray([token for tokens, _ in parts for token in tokens], dtype=np.uint32),
            np.asarray([kind for _, kinds in parts for kind in kinds], dtype=np.uint8),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        )

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def _encode_note(self, note: Labelled) -> tuple[list[int], list[int]] | None:
        try:
            before = self._ids(self._prompt.render(note.text))
        except PromptError:
            return None
        kinds = [UNLEARNED] * self._constant
        of_note = TEXT if note.only_text else NOTE
        kinds += [of_note] * (len(before) - self._constant - self._suffix) + [UNLEARNED] * self._suffix
        if note.only_text:
            return before, kinds
        answer, of_answer = self._answer(note)
        return [*before, *answer], [*kinds, *of_answer]

    def _answer(self, note: Labelled) -> tuple[list[int], list[int]]:
        """The answer's tokens and their kinds: those of a value that is not sure are not learned."""
        extraction = Extraction(self._prompt.task, dict(note.output))
        text = self._prompt.answer(extraction) + self._prompt.end
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        kinds = [ANSWER] * len(encoded.ids)
        for start, stop in _stretches(self._prompt, extraction, note.unsure):
            for number, (left, right) in enumerate(encoded.offsets):
                if left < stop and right > start:
                    kinds[number] = UNLEARNED
        return encoded.ids, kinds


def _stretches(prompt: Prompt, extraction: Extraction, keys: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Where the values of `keys` stand in the answer, in characters: up to the quote or comma that ends them."""
    whole = prompt.answer(extraction)
    for key in keys:
        value = json.dumps(extraction[key], ensure_ascii=False)
        start = whole.index(f"{json.dumps(key)}: ") + len(json.dumps(key)) + 2
        yield start, start + len(value)


def generate_note(seed: int, index: int, reports: float) -> Example:
    """A generated note: the share `reports` of them are long and like real ones, the others short abstracts."""
    return generate_one(seed, index, mix={"abstract": 1 - reports, "report": reports})


def pad_notes(notes: Sequence[Labelled], padding: Padding, seed: int, first: int = 0) -> list[Labelled]:
    """The notes, some of them among other text; the same for the same seed and number of the first note."""
    return [
        replace(note, text=padding.surround(note.text, random.Random(f"{seed}/{number}")))
        for number, note in enumerate(notes, start=first)
    ]


def _generate_notes(
    tokenizer_file: str, seed: int, bounds: tuple[int, int], reports: float, padding: Padding
) -> TokenSet:
    examples = (generate_note(seed, index, reports) for index in range(*bounds))
    notes = pad_notes([Labelled(one.text, one.output) for one in examples], padding, seed, bounds[0])
    return Encoder(Path(tokenizer_file)).encode(notes)


def generate_tokens(
    tokenizer_file: Path, seed: int, n_notes: int, *, reports: float, n_processes: int, padding: Padding = NO_PADDING
) -> TokenSet:
    """Generate and tokenise `n_notes` notes of `seed`; the same for any number of processes."""
    bounds = [(start, min(start + _SLICE, n_notes)) for start in range(0, n_notes, _SLICE)]
    if n_processes == 1 or len(bounds) == 1:
        return join_sets([_generate_notes(str(tokenizer_file), seed, one, reports, padding) for one in bounds])
    # A fork of a process that has used a GPU cannot use it, and torch's threads do not survive one.
    with ProcessPoolExecutor(n_processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(_generate_notes, str(tokenizer_file), seed, one, reports, padding) for one in bounds]
        return join_sets([future.result() for future in futures])


def batches(
    lengths: NDArray[np.int64], n_notes: int, n_tokens: int, generator: np.random.Generator
) -> list[NDArray[np.int64]]:
    """One pass over all notes: those of like length together, in random order.

    Args:
        lengths: tokens of each note.
        n_notes: notes in a batch, at most.
        n_tokens: tokens in a batch, padding included, at most; a single note may have more.
        generator: decides neighbours and order.
    """
    # Noise on the lengths keeps padding low and still mixes neighbours from pass to pass.
    order = np.argsort(lengths * generator.uniform(0.95, 1.05, size=len(lengths)), kind="stable")
    cuts: list[list[int]] = [[]]
    longest = 0
    for index in order.tolist():
        longest = max(longest, int(lengths[index]))
        if cuts[-1] and (len(cuts[-1]) == n_notes or longest * (len(cuts[-1]) + 1) > n_tokens):
            cuts.append([])
            longest = int(lengths[index])
        cuts[-1].append(index)
    return [np.asarray(cuts[number], dtype=np.int64) for number in generator.permutation(len(cuts))]
