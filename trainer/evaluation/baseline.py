"""The baseline that every model has to beat: answer each note with the labels of the most similar labelled note."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from data.evaluation.scoring import Score, score
from data.snapshot import Row
from data.task import Task

N_FEATURES = 8192
_WORD = re.compile(r"[a-z0-9]+")


def _features(texts: Iterable[str]) -> NDArray[np.float32]:
    """Counts of hashed words and word pairs, damped; shape (texts, N_FEATURES)."""
    rows = []
    for text in texts:
        words = _WORD.findall(text.lower())
        pairs = [f"{a} {b}" for a, b in itertools.pairwise(words)]
        counts = np.zeros(N_FEATURES, dtype=np.float32)
        np.add.at(counts, [zlib.crc32(part.encode()) % N_FEATURES for part in (*words, *pairs)], 1)
        rows.append(np.log1p(counts))
    return np.stack(rows) if rows else np.zeros((0, N_FEATURES), dtype=np.float32)


def _unit(matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = (matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)).astype(
        np.float32
    )
    return scaled


def find_nearest(labelled: Sequence[Row], notes: Sequence[Row]) -> list[int]:
    """Index of the most similar labelled note for each note, by TF-IDF cosine; a note is never its own neighbour."""
    counts = _features(row.text for row in labelled)
    weight = np.log((1 + len(counts)) / (1 + (counts > 0).sum(axis=0))) + 1
    known = _unit(counts * weight)
    asked = _unit(_features(row.text for row in notes) * weight)
    position: dict[str, list[int]] = {}
    for index, row in enumerate(labelled):
        position.setdefault(row.content_hash, []).append(index)
    found: list[int] = []
    for start in range(0, len(notes), 512):
        similarity = asked[start : start + 512] @ known.T
        for offset, row in enumerate(notes[start : start + 512]):
            similarity[offset, position.get(row.content_hash, [])] = -1
        found += similarity.argmax(axis=1).tolist()
    return found


def score_nearest(task: Task, labelled: Sequence[Row], notes: Sequence[Row]) -> Score:
    """Score of copying the nearest labelled neighbour's answer onto each note."""
    answers = [labelled[index].extraction for index in find_nearest(labelled, notes)]
    return score(task, [row.extraction for row in notes], answers, [row.text for row in notes])
