"""Near duplicates: notes that tell the same case in almost the same words.

The content hash keeps copies that differ in case, white space and punctuation on one side of the split; a reworded
sentence or another age it does not see. Here two notes are alike by the cosine of their counts of character 5-grams,
over the text folded as for the hash. Only pairs across the split matter: near duplicates among training notes are no
problem, and those among hold-out notes are scored like any other.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from data.notes import folded
from data.snapshot import Row

NEAR_DUPLICATE = 0.8
"""The cosine from which on two notes are near duplicates."""
GRAM = 5
N_FEATURES = 1 << 20
"""Where grams are hashed to; at a thousand grams a note, chance makes about 0.001 of a cosine."""
MAX_CELLS = 1 << 21
"""Similarities in memory at a time: about 32 MB."""


@dataclass(frozen=True)
class NearPair:
    """A text and the most similar one among the others.

    Attributes:
        index: of the text.
        other: index of the one among the others that it is most similar to, the first of equals.
        similarity: cosine, `NEAR_DUPLICATE` to 1.
    """

    index: int
    other: int
    similarity: float


def near_pairs(texts: Iterable[str], others: Sequence[str]) -> Iterator[NearPair]:
    """The texts that are near duplicates of one of the others, in their order.

    The grams are hashed (scikit-learn's `HashingVectorizer`), so no vocabulary is kept, and texts are compared in
    blocks: memory holds the others' grams and `MAX_CELLS` similarities, whatever the number of texts. A text of fewer
    than five characters has no gram and is alike to none.
    """
    if not others:
        return
    vectorizer = _vectorizer()
    known = vectorizer.transform(others).T.tocsr()
    unread, start = iter(texts), 0
    while block := list(itertools.islice(unread, max(1, MAX_CELLS // len(others)))):
        yield from _most_similar(vectorizer.transform(block) @ known, start)
        start += len(block)


def without_near(rows: Iterable[Row], held_out: Sequence[str]) -> tuple[list[Row], list[NearPair]]:
    """The rows that may be trained on beside a hold-out: the hold-out wins, its near duplicates are left out.

    Args:
        rows: of the training side.
        held_out: texts of the hold-out.

    Returns:
        The rows that stay, in their order, and of those that do not the pairs.
    """
    given = list(rows)
    pairs = list(near_pairs((row.text for row in given), held_out))
    left_out = {pair.index for pair in pairs}
    return [row for index, row in enumerate(given) if index not in left_out], pairs


def _vectorizer() -> Any:
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        preprocessor=folded,
        analyzer="char",
        ngram_range=(GRAM, GRAM),
        n_features=N_FEATURES,
        alternate_sign=False,  # two grams that meet by chance may only add to a similarity, never hide one
        norm="l2",
        dtype=np.float32,
    )


def _most_similar(similarity: Any, start: int) -> Iterator[NearPair]:
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
