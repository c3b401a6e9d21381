"""The tables NOTE and NOTE_NLP of the OMOP common data model 5.4: a note each, and a mention of a value each.

https://ohdsi.github.io/CommonDataModel/cdm54.html. A mention's `offset` counts code points of `note_text`, from 0, and
its `lexical_variant` stands there; a value without a place in its note has no row, since one without would be no NLP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.exporting.choice import Choice
from app.exporting.records import Record
from app.exporting.registries.facts import collect_facts, find_codes, split_items
from app.exporting.registries.mapping import RegistryMapping, fill_template
from app.exporting.text import format_plain_line
from data.task import Task
from data.text.values import normalise
from db.review.reviewed import ReviewedRow

NOTE = (
    *("note_id", "person_id", "note_date", "note_datetime", "note_type_concept_id", "note_class_concept_id"),
    *("note_title", "note_text", "encoding_concept_id", "language_concept_id", "provider_id", "visit_occurrence_id"),
    *("visit_detail_id", "note_source_value", "note_event_id", "note_event_field_concept_id"),
)
NOTE_NLP = (
    *("note_nlp_id", "note_id", "section_concept_id", "snippet", "offset", "lexical_variant", "note_nlp_concept_id"),
    *("note_nlp_source_concept_id", "nlp_system", "nlp_date", "nlp_datetime", "term_exists", "term_temporal"),
    "term_modifiers",
)
_WIDTHS = {"note_title": 250, "note_source_value": 50, "snippet": 250, "lexical_variant": 250, "nlp_system": 250}
_WIDTHS |= {"term_exists": 1, "term_temporal": 50, "term_modifiers": 2000}
"""Characters that the model's columns hold."""
_WHOLE = ("person_id", "provider_id", "visit_occurrence_id", "visit_detail_id")
AROUND = 100
"""Characters of the snippet before and behind the words."""


def note_rows(
    task: Task, choice: Choice, mapping: RegistryMapping, rows: Iterable[tuple[ReviewedRow, Record]]
) -> Iterator[str]:
    """The table NOTE as CSV."""
    assert mapping.omop is not None
    yield format_plain_line(NOTE)
    for row, _ in rows:
        yield format_plain_line(
            _cells(NOTE, fill_template(mapping.omop.note, collect_facts(row, choice, mapping)) or {})
        )


def mention_rows(
    task: Task, choice: Choice, mapping: RegistryMapping, rows: Iterable[tuple[ReviewedRow, Record]]
) -> Iterator[str]:
    """The table NOTE_NLP as CSV."""
    assert mapping.omop is not None
    yield format_plain_line(NOTE_NLP)
    number = 0
    for row, record in rows:
        facts, text = collect_facts(row, choice, mapping), row.note.text
        for span in record.get("spans", ()):
            number += 1
            field = task.field(span["field"])
            words = span["text"][: _WIDTHS["lexical_variant"]]
            concept = _concept(mapping, field.key, split_items(field, span["value"]), words)
            own = {"value": span["value"], "field": field.key, "title": field.title, "start": span["start"]}
            snippet = text[max(0, span["start"] - AROUND) : span["start"] + len(words) + AROUND]
            own |= {"words": words, "snippet": snippet, "concept_id": concept}
            cells = fill_template(mapping.omop.note_nlp, facts | own) or {}
            yield format_plain_line(_cells(NOTE_NLP, {"note_nlp_id": number, **cells}))


def _concept(mapping: RegistryMapping, key: str, items: list[str], words: str) -> int:
    """The concept of the item that the words stand for: the only one, or the one that they are; 0 for none."""
    said = [item for item in items if normalise(item) == normalise(words)] or items
    found = [code.concept_id for item in said for code in find_codes(mapping, key, item) if code.concept_id]
    return found[0] if found and (len(said) == 1 or len(set(found)) == 1) else 0


def _cells(columns: Iterable[str], found: Mapping[str, Any]) -> list[Any]:
    """The cells of a row, each no longer than its column; a number where the model has one, 0 for an unknown person."""
    cells = []
    for column in columns:
        value = found.get(column)
        if column in _WHOLE and not isinstance(value, int):
            value = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else None
            value = 0 if value is None and column == "person_id" else value
        cells.append(value[: _WIDTHS[column]] if column in _WIDTHS and isinstance(value, str) else value)
    return cells
