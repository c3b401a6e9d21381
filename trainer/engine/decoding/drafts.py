"""Drafts: guesses of what the model is about to write, read along in one pass and kept as far as the model agrees.

This is speculative decoding (Leviathan et al. 2023, https://arxiv.org/abs/2211.17192) without a second model: as with
prompt look-up decoding (Saxena 2023), the guesses come from text. Here it is the most similar reviewed record, then
the values that were used for the field before, then the note itself. A guess changes the speed and never the answer.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from data.task import Task
from trainer.engine.decoding.record import RecordTables

Record = tuple[str, Mapping[str, str | None]]
"""A note's text and its values."""

_COPIED = re.compile(r"[^,.;:()\n]{0,60}")
_MAX_COMPLETIONS = 300


class DraftBook:
    """What was written before, for guesses of what comes.

    Args:
        tokenizer: of the model.
        tables: of its record.
        task: whose fields the record has.
    """

    def __init__(self, tokenizer: Any, tables: RecordTables, task: Task) -> None:
        self._tokenizer, self._tables, self._task = tokenizer, tables, task
        self._continuations = [f', "{key}":' for key in task.keys[1:]] + ["}"]
        self._written: dict[tuple[int, str | None], list[int]] = {}
        self._values: list[Counter[str]] = [Counter() for _ in task.keys]
        self._sorted: list[list[str]] = [[] for _ in task.keys]
        self._records: list[Mapping[str, str | None]] = []
        self._likeness: _Likeness | None = None

    def __len__(self) -> int:
        return len(self._records)

    def learn(self, records: Iterable[Record]) -> None:
        """Replace what is known by these records."""
        texts = []
        self._values = [Counter() for _ in self._task.keys]
        self._records = []
        for text, values in records:
            texts.append(text)
            self._records.append(values)
            for counter, key in zip(self._values, self._task.keys, strict=True):
                if (value := values[key]) is not None:
                    counter[value] += 1
        self._sorted = [sorted(counter) for counter in self._values]
        self._likeness = _Likeness(texts) if texts else None

    def plans(self, texts: Sequence[str]) -> list[Plan]:
        """Guesses for notes, one plan for each."""
        nearest = self._likeness.find_nearest(texts) if self._likeness and texts else [None] * len(texts)
        return [
            Plan(self, text, None if number is None else self._records[number])
            for text, number in zip(texts, nearest, strict=True)
        ]

    def encode_value(self, index: int, value: str | None) -> list[int]:
        """The tokens of a field's value, from its first to the colon of the next key."""
        known = self._written.get((index, value))
        if known is None:
            if value is None:
                known = [self._tables.null, *self._tables.after_null[index]]
            else:
                text = f' "{value}"{self._continuations[index]}'
                known = self._tokenizer(text, add_special_tokens=False)["input_ids"]
            if len(self._written) > 200_000:
                self._written.clear()
            self._written[index, value] = known
        return known

    def complete(self, index: int, begun: str, note: str) -> str | None:
        """The most used value that begins so, those that stand in the note before the others."""
        values = self._sorted[index]
        best, rank = None, (False, 0)
        first = bisect_left(values, begun)
        for value in values[first : first + _MAX_COMPLETIONS]:
            if not value.startswith(begun):
                break
            candidate = (value.lower() in note, self._values[index][value])
            if candidate > rank:
                best, rank = value, candidate
        return best

    def text_of(self, tokens: list[int]) -> str:
        """What the first tokens of a value say so far."""
        return self._tables.text_of(tokens)[2:]


class Plan:
    """Guesses for one note; see `DraftBook.plans`."""

    def __init__(self, book: DraftBook, text: str, like: Mapping[str, str | None] | None) -> None:
        self._book, self._note = book, text.lower()
        self._text = text
        keys = book._task.keys
        self._parts = (
            [book.encode_value(index, like[key]) for index, key in enumerate(keys)] if like is not None else []
        )

    def propose(self, index: int, current: list[int], n_tokens: int) -> list[int]:
        """At most `n_tokens` tokens that may follow.

        Args:
            index: number of the field that is being written.
            current: the tokens of its value so far; empty before its first.
            n_tokens: how many are of use.
        """
        n_current = len(current)
        if self._parts and self._parts[index][:n_current] == current:
            draft = self._parts[index][n_current:]
        elif n_current:
            draft = self._completion(index, current)
        else:
            draft = []
        if not draft:
            return []
        draft = list(draft[:n_tokens])
        for part in self._parts[index + 1 :]:
            if len(draft) >= n_tokens:
                break
            draft += part
        return draft[:n_tokens]

    def _completion(self, index: int, current: list[int]) -> list[int]:
        begun = self._book.text_of(current)
        if not begun or "\ufffd" in begun:
            return []
        for value in (self._book.complete(index, begun, self._note), self._copy_from_note(begun)):
            if value is not None:
                tokens = self._book.encode_value(index, value)
                if tokens[: len(current)] == current:
                    return tokens[len(current) :]
        return []

    def _copy_from_note(self, begun: str) -> str | None:
        """What stands in the note after the words that the value begins with."""
        if len(begun) < 2:
            return None
        place = self._note.find(begun.lower())
        if place < 0:
            return None
        match = _COPIED.match(self._text, place + len(begun))
        return begun + match.group().rstrip() if match else None


class _Likeness:
    """Which of many notes is most like another: cosine of TF-IDF vectors over words and pairs of words."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectoriser = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32)
        try:
            # By word, so that only the notes that share one with the text are looked at.
            self._vectors = self._vectoriser.fit_transform(texts).T.tocsr()
        except ValueError:  # not a word in any of them
            self._vectors = None

    def find_nearest(self, texts: Sequence[str]) -> list[int | None]:
        """The number of the note that is most like each text; None for a text that shares no word with any."""
        if self._vectors is None:
            return [None] * len(texts)
        likeness = self._vectoriser.transform(texts) @ self._vectors
        found: list[int | None] = []
        for first, last in pairwise(likeness.indptr):
            best = first + likeness.data[first:last].argmax() if last > first else None
            found.append(None if best is None else int(likeness.indices[best]))
        return found
