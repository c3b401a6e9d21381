"""Spans: where in a note its values stand, in code points, so that `input[start:end]` is `text` in every record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data.grounding.evidence import ground
from data.suggestion import Span
from data.task import Extraction, Task

Stands = Mapping[str, Sequence[Span]]


def find_stands(
    task: Task, text: str, decided: Mapping[str, str | None], suggested: Mapping[str, Any] | None, evidence: Stands
) -> dict[str, Sequence[Span]]:
    """Field to where its value stands, the best first.

    Args:
        task: whose fields.
        text: the note.
        decided: the values.
        suggested: the values that the model proposed, if any.
        evidence: what these rest on, as it was shown to the reviewer: it holds for a value that was kept, while one
            that a person wrote is looked for.
    """
    kept = {key for key, value in decided.items() if key in evidence and (suggested or {}).get(key) == value}
    found: dict[str, Sequence[Span]] = {key: evidence[key] for key in kept}
    written = {key: None if key in kept else value for key, value in decided.items()}
    if any(value is not None for value in written.values()):
        looked = ground(task, text, Extraction.from_stored(task, written))
        found |= {key: one.spans for key, one in looked.items() if key not in kept}
    return {key: found.get(key, ()) for key, value in decided.items() if value is not None}


def list_spans(text: str, decided: Mapping[str, str | None], stands: Stands) -> list[dict[str, Any]]:
    """The spans as a record tells them."""
    return [*_spans(text, decided, stands)]


def _spans(text: str, decided: Mapping[str, str | None], stands: Stands) -> Iterator[dict[str, Any]]:
    for key, spans in stands.items():
        for one in spans:
            if 0 <= one.start < one.end <= len(text):
                words = {"start": one.start, "end": one.end, "text": text[one.start : one.end]}
                yield {"field": key, **words, "value": decided[key]}
