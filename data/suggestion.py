"""What an adapter proposes for a note: values with confidence, evidence and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from data.cutoffs import Cutoffs
from data.task import Extraction


class Grounding(StrEnum):
    """How a value rests on its note; or, of a field without one, that the note hints at a value."""

    EXACT = "exact"
    FUZZY = "fuzzy"
    SYNONYM = "synonym"
    INFERRED = "inferred"
    NOT_FOUND = "not_found"
    HINTED = "hinted"


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of the note, in code points: `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True)
class Suggestion:
    """One proposal of one adapter for one note.

    Attributes:
        extraction: the proposed values.
        confidence: field key to the probability that the value is right, 0 to 1; calibrated where the adapter is.
        raw_confidence: field key to the model's own probability of the value, before any calibration.
        evidence: field key to the spans that support the value, the best one first; empty where none was found.
        grounding: field key to how the value rests on the note; of null values only those where the note hints at one.
        alternatives: field key to further values, best first.
        raw_reply: the answer as the model wrote it.
        adapter: the adapter's name.
        prompt_version: the prompt that was used.
        latency_ms: time the note took, in milliseconds.
        times_longest: the note's length as a multiple of the longest that the adapter learned from; None where that is
            not known.
        legibility: the note's characters per token as a multiple of what all but one in a hundred of the notes have
            that the adapter learned from; None where that is not known.
        cutoffs: what is done with the confidence; None where nothing was fitted.
    """

    extraction: Extraction
    confidence: Mapping[str, float]
    raw_reply: str
    adapter: str
    prompt_version: int
    latency_ms: int
    evidence: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    alternatives: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    raw_confidence: Mapping[str, float] = field(default_factory=dict)
    grounding: Mapping[str, Grounding] = field(default_factory=dict)
    times_longest: float | None = None
    legibility: float | None = None
    cutoffs: Cutoffs | None = None

    @property
    def is_raw(self) -> bool:
        """Whether the confidence is the model's own probability as it is, or not told at all."""
        return is_raw(self.confidence, self.raw_confidence)


def is_raw(confidence: Mapping[str, float], raw_confidence: Mapping[str, float]) -> bool:
    """Whether a confidence is the model's own probability: no curve leaves all of them as they are.

    Suggestions from before both were kept count as calibrated, as they were then.
    """
    return not confidence or (bool(raw_confidence) and dict(confidence) == dict(raw_confidence))
