"""How sure the model may be: answers to notes that it has not seen, pooled over the folds, and the curves on them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.evaluation.calibration import CALIBRATION
from data.storage.files import save_json, write_whole
from data.suggestion import Grounding, Suggestion
from data.task import DEFAULT_TASK, Extraction, Task, load_task
from trainer.evaluation import calibrate as curves
from trainer.pretraining.answering import to_json
from trainer.pretraining.notes.real import RealNote, read_real
from trainer.pretraining.settings import Job
from trainer.pretraining.steps import place

SUGGESTIONS = "suggestions.jsonl"


def write_suggestions(path: Path, notes: Sequence[RealNote], found: Sequence[Suggestion | None], fold: int) -> None:
    """Write what was answered for each note, one JSON object a line, by the note's hash and without its text."""
    lines = [
        {
            "content_hash": note.row.content_hash,
            "fold": fold,
            "gold": note.row.extraction.as_dict(),
            "accept": {key: list(values) for key, values in note.accepted.items()},
            "suggestion": to_json(answer),
        }
        for note, answer in zip(notes, found, strict=True)
    ]
    write_whole(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def calibrate(job: Job, draft: Path) -> Mapping[str, Any]:
    """Pool the folds' answers into one file and fit the curves on them."""
    assert job.real is not None
    task = load_task(DEFAULT_TASK)
    notes = {note.row.content_hash: note for note in read_real(task, job.real)}
    parts = [place(job, f"fold-{number + 1}") / SUGGESTIONS for number in range(job.settings.folds)]
    lines = [line for part in parts for line in part.read_text(encoding="utf-8").splitlines()]
    write_whole(draft / SUGGESTIONS, "".join(f"{line}\n" for line in lines))
    told = [json.loads(line) for line in lines]
    answers = [read_suggestion(task, one["suggestion"], job.settings.adapter_name) for one in told]
    pairs = [(notes[one["content_hash"]], answer) for one, answer in zip(told, answers, strict=True)]
    gold = [note.gold_for(task, answer) for note, answer in pairs]
    accepted = [note.right(task) for note, _ in pairs]
    fitted, _ = curves.calibrate(task, gold, answers, job.settings.adapter_name, accepted=accepted)
    save_json(draft / CALIBRATION, fitted.to_json())
    return {"n_notes": fitted.n_notes, **_accuracy(task, pairs), "confidence": fitted.figures}


def _accuracy(task: Task, pairs: Sequence[tuple[RealNote, Suggestion | None]]) -> dict[str, Any]:
    """Share of fields that are right, mean over the fields, as answered and on an empty form."""
    nothing = Suggestion(Extraction(task, dict.fromkeys(task.keys)), {}, "", "", 1, 0)

    def right(of: Sequence[Suggestion | None]) -> dict[str, float]:
        gold = [note.gold_for(task, answer) for (note, _), answer in zip(pairs, of, strict=True)]
        return {
            key: sum(a is not None and a.extraction[key] == g[key] for a, g in zip(of, gold, strict=True)) / len(pairs)
            for key in task.keys
        }

    answered, empty = right([answer for _, answer in pairs]), right([nothing] * len(pairs))
    mean = {name: round(sum(of.values()) / len(of), 4) for name, of in (("accepted", answered), ("empty_form", empty))}
    fields = {key: [round(answered[key], 3), round(empty[key], 3)] for key in task.keys}
    return {**mean, "fields": fields}


def read_suggestion(task: Task, stored: Mapping[str, Any] | None, adapter: str) -> Suggestion | None:
    """What `write_suggestions` kept of an answer; its confidence is the model's own probability."""
    if stored is None:
        return None
    return Suggestion(
        Extraction(task, dict(stored["values"])),
        dict(stored["raw_confidence"]),
        stored["raw_reply"],
        adapter,
        stored["prompt_version"],
        stored["latency_ms"],
        alternatives={key: tuple(values) for key, values in stored["alternatives"].items()},
        raw_confidence=dict(stored["raw_confidence"]),
        grounding={key: Grounding(value) for key, value in stored["grounding"].items()},
    )
