"""Whether a note is outside what an adapter knows: nothing that is suggested there counts as sure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from statistics import fmean
from typing import Protocol

from data.cutoffs import DEFAULT, Cutoffs

UNKNOWN = 0.5
"""The most that a confidence can be on a note that is outside: the adapter's curves tell nothing of such notes."""


class Outside(StrEnum):
    """Why a note is outside; the first of these that holds is told."""

    LENGTH = "length"
    WRITING = "writing"
    CONFIDENCE = "confidence"


class Placed(Protocol):
    """What is needed of a suggestion, fresh or from the store."""

    @property
    def confidence(self) -> Mapping[str, float]:
        """Field key to how sure the adapter is, 0 to 1."""

    @property
    def times_longest(self) -> float | None:
        """The note's length as a multiple of the longest that was learned from."""

    @property
    def legibility(self) -> float | None:
        """The note's characters per token as a multiple of the fewest of the notes learned from, but for 1 %."""

    @property
    def cutoffs(self) -> Cutoffs | None:
        """What is done with the confidence."""

    @property
    def is_raw(self) -> bool:
        """Whether the confidence is not calibrated."""


def place(
    confidence: Mapping[str, float], times_longest: float | None, legibility: float | None, cutoffs: Cutoffs | None
) -> Outside | None:
    """Why a note with a calibrated confidence is outside; None where it is not, or nothing is known."""
    if times_longest is not None and times_longest > 1.0:
        return Outside.LENGTH
    if legibility is not None and legibility < 1.0:
        return Outside.WRITING
    least = (cutoffs or DEFAULT).least_mean
    return Outside.CONFIDENCE if confidence and fmean(confidence.values()) < least else None


def judge_outside(suggestion: Placed) -> Outside | None:
    """Why a suggestion's note is outside; without a calibration by length and writing alone."""
    confidence = {} if suggestion.is_raw else suggestion.confidence
    return place(confidence, suggestion.times_longest, suggestion.legibility, suggestion.cutoffs)


def cap_confidence(confidence: Mapping[str, float], why: Outside | None) -> Mapping[str, float]:
    """A calibrated confidence as it can be believed on a note that is outside, or is not."""
    if why is None:
        return confidence
    return {key: min(sure, UNKNOWN) for key, sure in confidence.items()}
