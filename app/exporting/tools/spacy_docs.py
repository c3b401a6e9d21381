"""A spaCy DocBin: the notes as documents whose spans are the words that values rest on, each named by its field.

https://spacy.io/api/docbin. All spans are in the group `sc`; those that do not overlap are entities, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from app.exporting.choice import Choice
from app.exporting.records import Record
from data.task import Task

GROUP = "sc"
LANGUAGE = "xx"
"""Words are told apart as in any language: notes are in several."""


def write_doc_bin(task: Task, choice: Choice, records: Iterable[Record]) -> Iterator[bytes]:
    """The file as `spacy train` and `spacy debug data` read it; id and values stand in `user_data`."""
    import spacy
    from spacy.tokens import DocBin
    from spacy.util import filter_spans

    tokenizer, kept = spacy.blank(LANGUAGE), DocBin(store_user_data=True)
    for record in records:
        doc: Any = tokenizer.make_doc(record.get("input", ""))
        spans = [
            doc.char_span(span["start"], span["end"], label=span["field"], alignment_mode="expand")
            for span in record.get("spans", ())
        ]
        found = [span for span in spans if span is not None]
        doc.spans[GROUP] = found
        doc.ents = filter_spans(found)
        doc.user_data = {"id": record["id"], "output": dict(record["output"])}
        kept.add(doc)
    yield kept.to_bytes()
