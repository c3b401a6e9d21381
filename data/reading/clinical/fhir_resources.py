"""FHIR resources that hold a report: their text, their id and what is said about them. R4, and its neighbours alike.

Where a resource says one thing in several ways, the first of these that is there is the note:

- DocumentReference: its attachments, plain text before HTML, RTF and others.
- DiagnosticReport: `presentedForm` in that order; else the narrative, and `conclusion` where the narrative lacks it.
- Composition: the titles and narratives of its sections; else its own narrative.
- Binary: its content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from data.reading.clinical.attachments import NoText, attachment_text, decode_base64
from data.reading.clinical.narrative import html_text
from data.reading.records import Record, Refusal

_PLAINEST = ("text/plain", "text/html", "application/xhtml+xml", "text/rtf", "application/rtf")
_T = TypeVar("_T")
_RECORD_NUMBER = "MR"
_NO_TEXT = NoText("none")
_ADDRESS = NoText("its text by address only (attachment.url)")


@dataclass
class Surroundings:
    """What the other resources of a file say about a report.

    Attributes:
        patients: by each address that a reference may have, what is known of the patient.
        binaries: by address, media type and base64 data of those that a report refers to.
        wanted: the addresses that reports refer to.
    """

    patients: dict[str, dict[str, Any]] = field(default_factory=dict)
    binaries: dict[str, tuple[str, str]] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)


def one(value: Any) -> Any:
    """The value, or the first of a list of them; None where it is empty."""
    return (value[0] if value else None) if isinstance(value, list) else value


def many(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, or the one that stands without a list."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def at(value: Any, *path: str) -> str | None:
    """The text under keys that lead inward, of lists always the first; None where there is none."""
    for key in path:
        value = one(value)
        value = value.get(key) if isinstance(value, dict) else None
    value = one(value)
    return value.strip() or None if isinstance(value, str) else None


def addresses(resource: Mapping[str, Any], full_url: str | None) -> list[str]:
    """The addresses under which others refer to a resource."""
    relative = f"{resource.get('resourceType')}/{resource['id']}" if isinstance(resource.get("id"), str) else None
    return [address for address in (full_url, relative) if address]


def find_by_address(known: Mapping[str, _T], address: str | None) -> _T | None:
    """What is known under an address, absolute or relative."""
    if address is None:
        return None
    address = address.split("/_history/")[0]
    return known.get(address) or known.get("/".join(address.split("/")[-2:]))


def patient_facts(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What a Patient resource says, under the names that all clinical formats share."""
    numbers = many(resource.get("identifier"))
    record_numbers = [number for number in numbers if at(number, "type", "coding", "code") == _RECORD_NUMBER]
    name = one(resource.get("name"))
    given = name.get("given") if isinstance(name, dict) else None
    given_names = " ".join(part for part in given if isinstance(part, str)) if isinstance(given, list) else given
    parts = [part for part in (at(name, "family"), given_names) if isinstance(part, str) and part]
    said = {
        "patient_id": at((record_numbers or numbers)[:1], "value") or at(resource, "id"),
        "patient_name": at(name, "text") or ", ".join(parts) or None,
        "birth_date": at(resource, "birthDate"),
        "sex": at(resource, "gender"),
    }
    return {key: value for key, value in said.items() if value is not None}


def attachments_of(resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The attachments of a report, the plainest first."""
    kind = resource.get("resourceType")
    if kind == "DocumentReference":
        found = [item for content in many(resource.get("content")) for item in many(content.get("attachment"))]
    else:
        found = many(resource.get("presentedForm"))
    return sorted(found, key=lambda item: _plainness(at(item, "contentType")))


def report_of(
    name: str, line: int, resource: dict[str, Any], full_url: str | None, around: Surroundings
) -> Record | Refusal | None:
    """The record of a resource that holds a report; None for every other kind of resource."""
    kind = resource.get("resourceType")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        return None
    if "entered-in-error" in (resource.get("status"), resource.get("docStatus")):
        advice = "leave it out"
        return Refusal(name, line, None, f"a {kind} that holds", "one that was entered in error", advice)
    said = reader(resource, around)
    if isinstance(said, NoText):
        expected = f"a {kind} with text ({_PLACES[str(kind)]})"
        advice = "export it with its text inside"
        return Refusal(name, line, None, expected, said.found, advice)
    identifier = at(resource, "masterIdentifier", "value") or at(resource, "identifier", "value")
    values = {
        "id": at(resource, "id") or identifier or full_url,
        "text": said,
        "resource_type": kind,
        **_about(resource, around),
    }
    return Record(name, line, {key: value for key, value in values.items() if value is not None})


def _document(resource: Mapping[str, Any], around: Surroundings) -> str | NoText:
    trouble = _NO_TEXT
    contained = {f"#{inner.get('id')}": inner for inner in many(resource.get("contained"))}
    for attachment in attachments_of(resource):
        said = _attached(attachment, contained, around)
        if not isinstance(said, NoText):
            return said
        trouble = said if trouble is _NO_TEXT else trouble
    return trouble


def _attached(
    attachment: Mapping[str, Any], contained: Mapping[str, Mapping[str, Any]], around: Surroundings
) -> str | NoText:
    media, data, url = at(attachment, "contentType") or "", at(attachment, "data"), at(attachment, "url")
    if data is None and url is not None:
        if url.startswith("data:") and ";base64," in url:
            media, _, data = url[5:].partition(";base64,")
        elif url in contained:
            inner = contained[url]
            media, data = at(inner, "contentType") or media, at(inner, "data") or at(inner, "content")
        else:
            found = find_by_address(around.binaries, url)
            media, data = (found[0] or media, found[1] or None) if found else (media, None)
    if data is None:
        return _ADDRESS if url is not None else _NO_TEXT
    return _decoded(media, data)


def _decoded(media: str, data: str) -> str | NoText:
    raw = decode_base64(data)
    return raw if isinstance(raw, NoText) else attachment_text(raw, media)


def _diagnosis(resource: Mapping[str, Any], around: Surroundings) -> str | NoText:
    said = _document(resource, around)
    if not isinstance(said, NoText):
        return said
    narrative, conclusion = _narrative(resource), at(resource, "conclusion")
    parts = [narrative] if narrative else []
    if conclusion and " ".join(conclusion.split()) not in " ".join(narrative.split()):
        parts.append(conclusion)
    return "\n\n".join(parts) or said


def _composition(resource: Mapping[str, Any], _: Surroundings) -> str | NoText:
    parts = list(_sections(resource))
    return "\n\n".join(parts) or _narrative(resource) or _NO_TEXT


def _sections(resource: Mapping[str, Any]) -> Iterator[str]:
    todo = many(resource.get("section"))[::-1]
    while todo:
        section = todo.pop()
        title, said = at(section, "title") or "", _narrative(section)
        if said:
            begins = said.casefold().startswith(title.casefold())
            yield f"{title}\n{said}" if title and not begins else said
        todo += many(section.get("section"))[::-1]


def _binary(resource: Mapping[str, Any], _: Surroundings) -> str | NoText:
    data = at(resource, "data") or at(resource, "content")
    return _decoded(at(resource, "contentType") or "", data) if data else _NO_TEXT


def _narrative(resource: Mapping[str, Any]) -> str:
    """The text of a resource's or section's narrative; empty where it has none or says that it is."""
    div = None if at(resource, "text", "status") == "empty" else at(resource, "text", "div")
    return html_text(div) if div else ""


def _plainness(media: str | None) -> int:
    kind = (media or "").split(";")[0].strip().lower()
    return _PLAINEST.index(kind) if kind in _PLAINEST else len(_PLAINEST)


def _about(resource: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    """What is said about a report besides its text."""
    subject = one(resource.get("subject")) or one(resource.get("patient"))
    reference = at(subject, "reference")
    contained = {f"#{inner.get('id')}": inner for inner in many(resource.get("contained"))}
    inner = contained.get(reference or "")
    facts = patient_facts(inner) if inner else find_by_address(around.patients, reference) or {}
    tail = reference.rsplit("/", 1)[-1] if reference and not reference.startswith("#") else None
    identifiers = [value for item in many(resource.get("identifier")) if (value := at(item, "value"))]
    code = resource.get("type") if resource.get("resourceType") != "DiagnosticReport" else resource.get("code")
    return {
        "patient_id": facts.get("patient_id") or at(subject, "identifier", "value") or tail,
        "patient_name": facts.get("patient_name") or at(subject, "display"),
        "birth_date": facts.get("birth_date"),
        "sex": facts.get("sex"),
        "identifiers": identifiers or None,
        "title": at(resource, "title") or at(resource, "description"),
        "document_type": at(code, "text") or at(code, "coding", "display") or at(code, "coding", "code"),
        "document_code": at(code, "coding", "code"),
        "category": _coded(resource.get("category")),
        "status": at(resource, "docStatus") or at(resource, "status"),
        "observed_at": at(resource, "effectiveDateTime")
        or at(resource, "effectivePeriod", "start")
        or at(resource, "context", "period", "start"),
        "reported_at": at(resource, "issued") or at(resource, "date") or at(resource, "indexed"),
        "author": _person(resource.get("author")) or _person(resource.get("performer")),
        "facility": _person(resource.get("custodian")),
        "visit_number": _tail(
            at(resource, "encounter", "reference") or at(resource, "context", "encounter", "reference")
        ),
    }


def _coded(concept: Any) -> str | None:
    return at(concept, "text") or at(concept, "coding", "display") or at(concept, "coding", "code")


def _person(reference: Any) -> str | None:
    return at(reference, "display") or _tail(at(reference, "reference"))


def _tail(reference: str | None) -> str | None:
    return reference.rsplit("/", 1)[-1] if reference else None


_READERS: dict[str, Callable[[Mapping[str, Any], Surroundings], str | NoText]] = {
    "DocumentReference": _document,
    "DiagnosticReport": _diagnosis,
    "Composition": _composition,
    "Binary": _binary,
}
REPORTS = tuple(_READERS)
_PLACES = {
    "DocumentReference": "content.attachment.data",
    "DiagnosticReport": "presentedForm.data, text or conclusion",
    "Composition": "section.text or text",
    "Binary": "data",
}
