"""From an answer to a suggestion: values with calibrated confidence, evidence and alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from data.calibration import Calibration
from data.evidence import ground
from data.hints import hinted
from data.outside import capped, place
from data.suggestion import Grounding, Suggestion
from data.task import Extraction, Task


@dataclass(frozen=True)
class Answer:
    """What a model said about a note.

    Attributes:
        values: field key to value.
        raw_confidence: field key to the model's own probability of the value.
        reply: the answer as the model wrote it.
        alternatives: field key to further values, best first.
        latency_ms: time the note took, in milliseconds.
    """

    values: Mapping[str, str | None]
    raw_confidence: Mapping[str, float]
    reply: str
    alternatives: Mapping[str, tuple[str | None, ...]]
    latency_ms: int


def make_suggestion(
    task: Task,
    text: str,
    answer: Answer,
    *,
    adapter: str,
    prompt_version: int,
    calibration: Calibration | None = None,
    times_longest: float | None = None,
    legibility: float | None = None,
) -> Suggestion:
    """The suggestion that an answer makes for the note `text`.

    Without a calibration the model's own probabilities stand as they are; with one, nothing is sure in a note that is
    outside what the adapter knows.

    Raises:
        TaskError: the values do not fit the task.
    """
    extraction = Extraction(task, answer.values)
    raw, found = answer.raw_confidence, ground(task, text, extraction)
    grounding = {key: one.grounding for key, one in found.items()}
    grounding |= dict.fromkeys(hinted(task, text, extraction), Grounding.HINTED)
    sure, cutoffs = raw, None
    if calibration is not None:
        sure, cutoffs = calibration.confidence(extraction, raw, grounding), calibration.cutoffs
        sure = capped(sure, place(sure, times_longest, legibility, cutoffs))
    return Suggestion(
        extraction=extraction,
        confidence=sure,
        raw_confidence=raw,
        raw_reply=answer.reply,
        adapter=adapter,
        prompt_version=prompt_version,
        latency_ms=answer.latency_ms,
        evidence={key: found[key].spans if key in found else () for key in task.keys},
        grounding=grounding,
        alternatives=answer.alternatives,
        times_longest=times_longest,
        legibility=legibility,
        cutoffs=cutoffs,
    )
