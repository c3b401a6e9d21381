"""Compares waiting notes with reviewed ones while the worker has nothing else to do.

Two notes are alike by the cosine of their words, the rarer a word among the reviewed notes the more it counts. A note
that is like none of them teaches more, so the queue can show it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from db.notes.queue.novelty import Compared, count_reviewed, put_novelty, read_comparison, reviewed_texts, waiting_texts
from db.people.acting import as_program
from db.store.store import Store

N_SAMPLE = 2000
"""Reviewed notes to compare with, at most."""
N_TURN = 100
"""Notes in one turn: a fraction of a second."""
N_MORE = 50
"""So many more reviewed notes, and all are compared anew."""
N_FEATURES = 1 << 18
MAX_CHARACTERS = 6000
"""As much of a note as is read."""


class Novelty:
    """Works through the notes of one store, a few at a time; where it stopped is in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sample: _Sample | None = None
        self._sampled_at = 0

    def turn(self) -> int:
        """Compare the next notes; how many there were.

        Raises:
            StoreError: the store cannot be read or written.
        """
        with self._store.reading() as session:
            reached, n_reviewed = read_comparison(session), count_reviewed(session)
            if not n_reviewed:
                return 0
            # Fewer than before: decisions were taken back, and what was compared with them does not hold either.
            if not reached.n_reviewed or abs(n_reviewed - reached.n_reviewed) >= N_MORE:
                reached = Compared(n_reviewed, 0)
            notes = waiting_texts(session, reached.after, N_TURN)
            if not notes:
                return 0
            if self._sample is None or self._sampled_at != reached.n_reviewed:
                self._sample = _Sample(reviewed_texts(session, N_SAMPLE))
                self._sampled_at = reached.n_reviewed
        shares = self._sample.novelty([text for _, text in notes])
        numbers = [number for number, _ in notes]
        with as_program(self._store) as program:
            put_novelty(program, dict(zip(numbers, shares, strict=True)), Compared(reached.n_reviewed, numbers[-1]))
        return len(notes)


class _Sample:
    """Reviewed notes as vectors of their words. scikit-learn is imported only once there are any."""

    def __init__(self, texts: Sequence[str]) -> None:
        import numpy as np
        from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

        self._words: Any = HashingVectorizer(n_features=N_FEATURES, alternate_sign=False, norm=None, dtype=np.float32)
        self._weights: Any = TfidfTransformer(sublinear_tf=True)
        counted = self._words.transform(text[:MAX_CHARACTERS] for text in texts)
        self._known: Any = self._weights.fit_transform(counted).T.tocsr()

    def novelty(self, texts: Sequence[str]) -> list[float]:
        """For each text 1 less the highest similarity to a reviewed one, 0 to 1."""
        counted = self._words.transform(text[:MAX_CHARACTERS] for text in texts)
        nearest = (self._weights.transform(counted) @ self._known).max(axis=1).toarray().ravel()
        return [min(1.0, max(0.0, 1.0 - float(share))) for share in nearest]
