"""From an answer to a suggestion: values with calibrated confidence, evidence and alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from data.evaluation.calibration import Calibration
from data.grounding.evidence import ground
from data.prefill.hints import find_hinted
from data.prefill.outside import cap_confidence, place
from data.suggestion import Grounding, Suggestion
from data.task import Extraction, Task
from data.vocabulary.wording import House, invented_words


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


def hold_to_words(task: Task, text: str, answer: Answer, house: House | None = None) -> Answer:
    """What is left of an answer that was not held to the note and the lexicon while it was written.

    A value with a word that stands in neither, nor among the adapter's house words, becomes null, offered as the
    field's first alternative. Null is not what the model said, so its own probability of it counts as none.
    """
    invented = invented_words(task, text, answer.values, house)
    offered = {key: (answer.values[key], *answer.alternatives.get(key, ())) for key in invented}
    return replace(
        answer,
        values={key: None if key in invented else value for key, value in answer.values.items()},
        raw_confidence={key: 0.0 if key in invented else sure for key, sure in answer.raw_confidence.items()},
        alternatives={**answer.alternatives, **offered},
    )


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
    grounding |= dict.fromkeys(find_hinted(task, text, extraction), Grounding.HINTED)
    sure, cutoffs = raw, None
    if calibration is not None:
        sure, cutoffs = calibration.confidence(extraction, raw, grounding), calibration.cutoffs
        sure = cap_confidence(sure, place(sure, times_longest, legibility, cutoffs))
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
