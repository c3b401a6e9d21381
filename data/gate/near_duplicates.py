"""Near duplicates: notes that tell the same case in almost the same words.

The content hash keeps copies that differ in case, white space and punctuation on one side of the split; a reworded
sentence or another age it does not see. Here two notes are alike by the cosine of their counts of character 5-grams,
over the text folded as for the hash. Letters of different patients share most of their words where they share a
hospital's template, so what is common among the notes counts less, in two ways:

- A gram weighs by how rare it is among the notes compared (K. Sparck Jones, "A statistical interpretation of term
  specificity and its application in retrieval", Journal of Documentation 1972): ln((1 + n) / (1 + df)) + 1. The last 1
  keeps copies alike where there are two or three notes in all, of which every gram is common.
- Sentences, lines and cells that stand in `N_STOCK` notes or more are left out of the comparison. Rarity alone takes a
  template for content where there are several of them, each in a few of the notes.

What is common is counted over the notes that are given, and over nothing else: whoever has the same rows and the same
hold-out comes to the same pairs. Only pairs across the split matter: near duplicates among training notes are no
problem, and those among hold-out notes are scored like any other.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from data.notes import fold_text
from data.snapshot import Row

NEAR_DUPLICATE = 0.65
"""The similarity from which on two notes are near duplicates. Different cases stay below it and copies with another age
and every 15th word changed above, alone, in a letter, in one of several templates, and in sets of three notes."""
GRAM = 5
N_FEATURES = 1 << 20
"""Where grams are hashed to; at a thousand grams a note, chance makes about 0.001 of a cosine."""
MAX_CELLS = 1 << 21
"""Similarities in memory at a time: about 32 MB."""
MAX_KEPT = 20_000_000
"""Characters of which the grams are kept between counting and comparing, about 150 MB; more are counted twice."""
N_STOCK = 10
"""A sentence in so many notes is a template's. Fewer may well be copies of one case, each a little changed."""
LEAST_OWN = 30
"""Characters that a note must have of its own to be judged by them; with fewer, all of it counts."""
_BLOCK = 1000
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\s*[\n|]+\s*")


@dataclass(frozen=True)
class NearPair:
    """A text and the most similar one among the others.

    Attributes:
        index: of the text.
        other: index of the one among the others that it is most similar to, the first of equals.
        similarity: `NEAR_DUPLICATE` to 1.
    """

    index: int
    other: int
    similarity: float


def near_pairs(texts: Sequence[str], others: Sequence[str]) -> Iterator[NearPair]:
    """The texts that are near duplicates of one of the others, in their order.

    The grams are hashed (scikit-learn's `HashingVectorizer`), so no vocabulary is kept, and texts are compared in
    blocks: memory holds the others' grams, `MAX_CELLS` similarities and the grams of `MAX_KEPT` characters, whatever
    the number of texts. A text of fewer than five characters has no gram and is alike to none.
    """
    if not others or not texts:
        return
    for start, similarity in _Measure(texts, others).similarities():
        yield from _find_most_similar(similarity, start)


def without_near(rows: Iterable[Row], held_out: Sequence[str]) -> tuple[list[Row], list[NearPair]]:
    """The rows that may be trained on beside a hold-out: the hold-out wins, its near duplicates are left out.

    It looks again at what stays until nothing more is found: what is common among fewer notes may be less, and the
    rows that stay are to pass the same look at them alone.

    Args:
        rows: of the training side.
        held_out: texts of the hold-out.

    Returns:
        The rows that stay, in their order, and of those that do not the pairs, by the places of the rows given.
    """
    given = list(rows)
    places = list(range(len(given)))
    pairs: list[NearPair] = []
    while found := list(near_pairs([given[place].text for place in places], held_out)):
        pairs += [NearPair(places[pair.index], pair.other, pair.similarity) for pair in found]
        out = {pair.index for pair in found}
        places = [place for index, place in enumerate(places) if index not in out]
    return [given[place] for place in places], sorted(pairs, key=lambda pair: pair.index)


class _Measure:
    """How alike notes are, by what is common among all of them."""

    def __init__(self, texts: Sequence[str], others: Sequence[str]) -> None:
        import numpy as np

        self._vectorizer = _vectorizer()
        self._texts = texts
        n_with_sentence: Counter[int] = Counter()
        for text in chain(texts, others):
            n_with_sentence.update({hash(sentence) for sentence in _sentences(text)})
        self._stock = {sentence for sentence, n_notes in n_with_sentence.items() if n_notes >= N_STOCK}
        known = self._counts(others)
        n_with = np.bincount(known.indices, minlength=N_FEATURES)
        self._kept: list[Any] | None = [] if sum(map(len, texts)) <= MAX_KEPT else None
        for start in range(0, len(texts), _BLOCK):
            counts = self._counts(texts[start : start + _BLOCK])
            n_with += np.bincount(counts.indices, minlength=N_FEATURES)
            if self._kept is not None:
                self._kept.append(counts)
        self._weights = (np.log((1 + len(texts) + len(others)) / (1 + n_with)) + 1).astype(np.float32)
        self._known = self._weigh(known).T.tocsr()
        self._n_rows = max(1, MAX_CELLS // len(others))

    def similarities(self) -> Iterator[tuple[int, Any]]:
        """Of the texts to the others, some at a time: the first one's index and a sparse matrix (texts, others)."""
        for number, start in enumerate(range(0, len(self._texts), _BLOCK)):
            kept = self._kept and self._kept[number]
            weighed = self._weigh(self._counts(self._texts[start : start + _BLOCK]) if kept is None else kept)
            for first in range(0, weighed.shape[0], self._n_rows):
                yield start + first, weighed[first : first + self._n_rows] @ self._known

    def _counts(self, texts: Sequence[str]) -> Any:
        return self._vectorizer.transform(map(self._own_text, texts) if self._stock else texts)

    def _weigh(self, counts: Any) -> Any:
        """Rows of length 1 over the grams."""
        from sklearn.preprocessing import normalize

        counts.data *= self._weights[counts.indices]
        return normalize(counts, copy=False)

    def _own_text(self, text: str) -> str:
        """The text without stock sentences; all of it where hardly anything would be left."""
        own = " ".join(sentence for sentence in _sentences(text) if hash(sentence) not in self._stock)
        return own if len(own) >= LEAST_OWN else text


def _sentences(text: str) -> list[str]:
    """The text's sentences, lines and cells, folded."""
    return [words for part in _SENTENCE_END.split(text) if (words := fold_text(part))]


def _vectorizer() -> Any:
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        preprocessor=fold_text,
        analyzer="char",
        ngram_range=(GRAM, GRAM),
        n_features=N_FEATURES,
        alternate_sign=False,  # two grams that meet by chance may only add to a similarity, never hide one
        norm=None,
        dtype=np.float32,
    )


def _find_most_similar(similarity: Any, start: int) -> Iterator[NearPair]:
    """Of each row with a near duplicate the nearest column.

    Args:
        similarity: sparse, of shape (texts, others).
        start: index of the first row.
    """
    import numpy as np

    cells = similarity.tocoo()
    near = cells.data >= NEAR_DUPLICATE
    rows, columns, values = cells.row[near], cells.col[near], cells.data[near]
    nearest_first = np.lexsort((columns, -values, rows))
    _, firsts = np.unique(rows[nearest_first], return_index=True)
    for cell in nearest_first[firsts]:
        yield NearPair(start + int(rows[cell]), int(columns[cell]), min(1.0, float(values[cell])))
