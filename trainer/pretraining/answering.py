"""Answers of a dense model as the desk will get them: quantised as it will be shipped, by the project's engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.suggestion import Grounding, Suggestion
from data.task import Task
from trainer.engine import Engine
from trainer.engine.api import EngineError
from trainer.model.loading import load_model, quantise_and_save
from trainer.pretraining.notes.tokens import Labelled
from trainer.pretraining.settings import Job
from trainer.pretraining.steps import say
from trainer.run.learning.memory_fit import free_memory


def quantise(job: Job, dense: Path, base: Path) -> None:
    """Write the dense model as a base: NF4 with double quantisation, the embedding table in 8 bits."""
    quantise_and_save(dense, base, name=job.settings.name, embedding_bits=8)


def answers(job: Job, task: Task, base: Path, adapter: Path | None, texts: Sequence[str]) -> list[Suggestion | None]:
    """What a quantised base, with an adapter or without, answers for each text; None where it cannot."""
    engine = Engine(load_model(base, adapter, device=job.device), task)
    found: list[Suggestion | None] = []
    every = max(1, len(texts) // 10)
    for outcome in engine.attempt(texts):
        found.append(None if isinstance(outcome, EngineError) else outcome)
        if len(found) % every == 0:
            say(f"answered {len(found)}/{len(texts)}")
    del engine
    free_memory()
    return found


def to_json(answer: Suggestion | None) -> dict[str, Any] | None:
    """What is kept of an answer."""
    if answer is None:
        return None
    return {
        "values": answer.extraction.as_dict(),
        "raw_confidence": {key: round(value, 6) for key, value in answer.raw_confidence.items()},
        "grounding": {key: str(value) for key, value in answer.grounding.items()},
        "alternatives": {key: list(values) for key, values in answer.alternatives.items()},
        "raw_reply": answer.raw_reply,
        "prompt_version": answer.prompt_version,
        "latency_ms": answer.latency_ms,
    }


def select_learnable(text: str, answer: Mapping[str, Any], sure: float) -> Labelled | None:
    """An answer to an unlabelled text as what is learned from; None where no field of it is sure.

    A field is learned where the model gave its value at least the probability `sure`, and the text holds it. The
    others are written in the answer, so that later ones are learned after what the model will write before them.
    """
    values, raw = answer["values"], answer["raw_confidence"]
    unsure = frozenset(
        key
        for key, value in values.items()
        if raw[key] < sure
        or (value is not None and answer["grounding"].get(key, Grounding.NOT_FOUND) == Grounding.NOT_FOUND)
    )
    return None if len(unsure) == len(values) else Labelled(text, values, unsure)
