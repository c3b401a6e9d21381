"""CDA documents, C-CDA among them: the sections with their titles, in order, are one note."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from data.reading.clinical.attachments import CDA_ROOT, NoText, attachment_text, decode_base64
from data.reading.clinical.narrative import element_text
from data.reading.clinical.times import iso_time
from data.reading.clinical.xml import every, find, read_elements, root_of
from data.reading.records import Record, Refusal, refused_file
from data.reading.sources import Encoding, Head, Options, Source


def is_cda(head: Head) -> bool:
    """Whether a file that begins so is a CDA document."""
    return root_of(head.raw) == CDA_ROOT


def read_cda(source: Source, _: Encoding, __: Options) -> Iterator[Record | Refusal]:
    """The one note of a document."""
    for root in read_elements(source, lambda path: len(path) == 1):
        yield root if isinstance(root, Refusal) else _note(source.name, root)


def document_text(root: Element) -> str | NoText:
    """The sections' titles and narratives in order; or the document inside, where it has no sections."""
    body = find(root, "component")
    inside = find(body, "nonXMLBody", "text")
    if inside is None:
        said = "\n\n".join(_sections(find(body, "structuredBody")))
        return said or NoText("sections without any")
    if find(inside, "reference") is not None:
        return NoText("only the address of a document")
    words = "".join(inside.itertext())
    media = inside.get("mediaType", "")
    raw = decode_base64(words) if inside.get("representation") == "B64" else words.encode("utf-8", "replace")
    return raw if isinstance(raw, NoText) else attachment_text(raw, media)


def _sections(parent: Element | None) -> Iterator[str]:
    """Each section's title and narrative; those within it follow."""
    todo = _below(parent)[::-1]
    while todo:
        section = todo.pop()
        title, text = find(section, "title"), find(section, "text")
        heading = " ".join("".join(title.itertext()).split()) if title is not None else ""
        said = element_text(text) if text is not None else ""
        if said:
            begins = said.casefold().startswith(heading.casefold())
            yield f"{heading}\n{said}" if heading and not begins else said
        todo += _below(section)[::-1]


def _below(parent: Element | None) -> list[Element]:
    return [section for component in every(parent, "component") for section in every(component, "section")]


def _note(name: str, root: Element) -> Record | Refusal:
    said = document_text(root)
    if isinstance(said, NoText):
        advice = "export it with its narrative, or import the document inside as a file"
        return refused_file(name, "a clinical document (CDA) with text", said.found, advice)
    values = {"id": _id(find(root, "id")), "text": said, **_about(root)}
    return Record(name, 1, {key: value for key, value in values.items() if value is not None})


def _about(root: Element) -> dict[str, Any]:
    role = find(root, "recordTarget", "patientRole")
    numbers = [number for each in every(role, "id") if (number := _id(each))]
    encounter = find(root, "componentOf", "encompassingEncounter")
    return {
        "patient_id": numbers[0] if numbers else None,
        "patient_ids": numbers if len(numbers) > 1 else None,
        "patient_name": _name(find(role, "patient", "name")),
        "birth_date": _time(find(role, "patient", "birthTime")),
        "sex": _attribute(find(role, "patient", "administrativeGenderCode"), "code"),
        "title": _words(find(root, "title")),
        "document_type": _attribute(find(root, "code"), "displayName"),
        "document_code": _attribute(find(root, "code"), "code"),
        "reported_at": _time(find(root, "effectiveTime")),
        "language": _attribute(find(root, "languageCode"), "code"),
        "version": _attribute(find(root, "versionNumber"), "value"),
        "document_set": _id(find(root, "setId")),
        "replaces": _id(find(root, "relatedDocument", "parentDocument", "id")),
        "author": _name(find(root, "author", "assignedAuthor", "assignedPerson", "name")),
        "facility": _words(find(root, "custodian", "assignedCustodian", "representedCustodianOrganization", "name")),
        "visit_number": _id(find(encounter, "id")),
        "admitted_at": _time(find(encounter, "effectiveTime", "low")) or _time(find(encounter, "effectiveTime")),
    }


def _id(element: Element | None) -> str | None:
    return _attribute(element, "extension") or _attribute(element, "root")


def _attribute(element: Element | None, name: str) -> str | None:
    return (element.get(name) or None) if element is not None and not element.get("nullFlavor") else None


def _time(element: Element | None) -> str | None:
    return iso_time(_attribute(element, "value"))


def _words(element: Element | None) -> str | None:
    return (" ".join("".join(element.itertext()).split()) or None) if element is not None else None


def _name(element: Element | None) -> str | None:
    """Family and given name, as the other formats give it; or whatever stands there."""
    if element is None:
        return None
    family = [word for child in every(element, "family") if (word := _words(child))]
    given = [word for child in every(element, "given") if (word := _words(child))]
    parts = [" ".join(part) for part in (family, given) if part]
    return ", ".join(parts) or _words(element)
