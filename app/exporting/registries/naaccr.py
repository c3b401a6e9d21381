"""NAACCR XML: a patient with a tumour for each note, with the items that the mapping file has.

https://www.naaccr.org/xml-data-exchange-standard/. Which of them are one patient, or one tumour, a registry decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from app.exporting.choice import Choice
from app.exporting.registries.facts import collect_facts
from app.exporting.registries.mapping import Item, RegistryMapping, fill_template
from data.task import Extraction, Task
from db.review.reviewed import ReviewedRow

LEVELS = ("NaaccrData", "Patient", "Tumor")
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_naaccr(task: Task, choice: Choice, mapping: RegistryMapping, rows: Iterable[ReviewedRow]) -> Iterator[str]:
    """The file, a patient at a time."""
    chosen = mapping.naaccr
    assert chosen is not None
    at = datetime.now(UTC).isoformat(timespec="seconds")
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<NaaccrData baseDictionaryUri={quoteattr(chosen.dictionary)} recordType={quoteattr(chosen.record_type)} "
        f"timeGenerated={quoteattr(at)} specificationVersion={quoteattr(chosen.specification)} "
        'xmlns="http://naaccr.org/naaccrxml">\n'
    )
    levels = {level: [item for item in chosen.items if item.level == level] for level in LEVELS}
    yield "".join(f"  {one}\n" for one in _items(levels["NaaccrData"], {}, {}))
    for row in rows:
        facts = collect_facts(row, choice, mapping)
        decided = Extraction.from_stored(task, row.annotation.extraction)
        own = {
            key: {"value": decided[key], "field": key, "title": task.field(key).title}
            for key in choice.keys(task)
            if decided[key] is not None
        }
        patient = "".join(f"    {one}\n" for one in _items(levels["Patient"], facts, own))
        tumour = "".join(f"      {one}\n" for one in _items(levels["Tumor"], facts, own))
        yield f"  <Patient>\n{patient}    <Tumor>\n{tumour}    </Tumor>\n  </Patient>\n"
    yield "</NaaccrData>\n"


def _items(items: Iterable[Item], facts: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for item in items:
        if item.field is not None and item.field not in own:
            continue
        text = fill_template(item.value, {**facts, **own.get(item.field or "", {})})
        written = "" if text is None else _UNWRITABLE.sub(" ", str(text)).strip()
        if len(written) > item.length:
            written = written[: item.length].rstrip() if item.cut else ""
        if written:
            yield f"<Item naaccrId={quoteattr(item.id)}>{escape(written)}</Item>"
