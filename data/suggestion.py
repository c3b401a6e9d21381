"""What an adapter proposes for a note: values with confidence, evidence and where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from data.task import Extraction


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
        confidence: field key to the model's probability of the value, 0 to 1.
        evidence: field key to the spans that support the value; empty where none was found.
        alternatives: field key to further values, best first.
        raw_reply: the answer as the model wrote it.
        adapter: the adapter's name.
        prompt_version: the prompt that was used.
        latency_ms: time the note took, in milliseconds.
    """

    extraction: Extraction
    confidence: Mapping[str, float]
    raw_reply: str
    adapter: str
    prompt_version: int
    latency_ms: int
    evidence: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    alternatives: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
