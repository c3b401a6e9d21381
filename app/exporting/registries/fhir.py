"""A FHIR R4 Bundle: the resources that the mapping file has for each note, referring to one another.

https://hl7.org/fhir/R4/bundle.html. Addresses of resources are made from what they are of, so that the same note gives
the same ones in every export.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from app.exporting.choice import Choice
from app.exporting.registries.facts import collect_facts, find_codes, split_items
from app.exporting.registries.mapping import ALL, RegistryMapping, Resource, fill_template, find_slots
from data.task import Extraction, Task
from db.review.reviewed import ReviewedRow

_OURS = UUID("5ad0c1c2-6f43-5b0e-9a55-1f2d0a7c6e11")
_as_json = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Entry:
    """A resource with its address; `is_shared` where several notes may have it."""

    address: str
    resource: dict[str, Any]
    is_shared: bool


def write_bundle(task: Task, choice: Choice, mapping: RegistryMapping, rows: Iterable[ReviewedRow]) -> Iterator[str]:
    """One Bundle, an entry a line; a patient of several notes is in it once."""
    yield '{"resourceType": "Bundle", "type": "collection"'
    shared: set[str] = set()
    separator, end = ', "entry": [\n', "}\n"  # FHIR knows no empty lists
    for row in rows:
        for entry in make_entries(task, choice, mapping, row):
            if entry.address in shared:
                continue
            if entry.is_shared:
                shared.add(entry.address)
            yield separator
            yield _as_json({"fullUrl": entry.address, "resource": entry.resource})
            separator, end = ",\n", "\n]}\n"
    yield end


def make_entries(task: Task, choice: Choice, mapping: RegistryMapping, row: ReviewedRow) -> Iterator[Entry]:
    """The resources of a note, in the order of the mapping file."""
    assert mapping.fhir is not None
    facts = collect_facts(row, choice, mapping)
    decided = Extraction.from_stored(task, row.annotation.extraction)
    planned = [
        (resource, own, _address(resource, row, facts, number))
        for resource in mapping.fhir.resources
        for number, own in enumerate(_values(task, choice, mapping, resource, decided))
    ]
    for resource, _, address in reversed(planned):  # a reference is to the first resource of that name
        facts[resource.name] = address
    facts[ALL] = [{"reference": address} for one, _, address in planned if ALL not in find_slots(one.template)]
    for resource, own, address in planned:
        made = fill_template(resource.template, facts | own)
        if resource.profile and all(facts.get(name) for name in resource.profile_needs):
            made = {"resourceType": made["resourceType"], "meta": {"profile": [resource.profile]}, **made}
        yield Entry(address, made, resource.once)


def _values(
    task: Task, choice: Choice, mapping: RegistryMapping, resource: Resource, decided: Extraction
) -> Iterator[dict[str, Any]]:
    """What a resource's template may name besides the note's facts, once for each resource that is made."""
    if resource.field is None:
        yield {}
        return
    value, field = decided[resource.field], task.field(resource.field)
    if value is None or field.key not in choice.keys(task):
        return
    for item in split_items(field, value):
        if resource.where is not None and not resource.where.search(item):
            continue
        if resource.unless is not None and resource.unless.search(item):
            continue
        found = find_codes(mapping, field.key, item)
        coding = [{"system": one.system, "code": one.code, "display": one.display} for one in found if one.code]
        yield {"value": item, "field": field.key, "title": field.title, "coding": coding or None}


def _address(resource: Resource, row: ReviewedRow, facts: dict[str, Any], number: int) -> str:
    source = f" {row.note.source}" if row.note.source else ""
    of = facts["patient_id"] if resource.once else f"{row.note.text_hash} {facts['note_id']}{source}"
    return uuid5(_OURS, f"{resource.name} {number} {of}").urn
