"""FHIR files: Bundles, bulk exports with a resource a line, single resources; in JSON or XML.

A file is read twice: patients and documents may stand behind the report that refers to them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, tostring

from data.limits import MAX_RECORD_BYTES
from data.reading.clinical.fhir_resources import (
    REPORTS,
    Surroundings,
    addresses,
    at,
    attachments_of,
    many,
    patient_facts,
    report_of,
)
from data.reading.clinical.xml import local, read_elements, root_of
from data.reading.encodings import open_as_utf8
from data.reading.json.files import read_objects
from data.reading.json.keys import leading_keys
from data.reading.json.window import StrictJson, Window
from data.reading.records import Record, Refusal, refused_file
from data.reading.sources import Encoding, Head, Options, Source

MAX_PATIENTS = 200_000
MAX_BINARIES_BYTES = 8 * MAX_RECORD_BYTES
_XML = b"http://hl7.org/fhir"
_HELD = ("Bundle", *REPORTS)
_DIV = "{http://www.w3.org/1999/xhtml}div"
_KIND = re.compile(r'"([A-Z][A-Za-z]+)"')


class _Found(NamedTuple):
    """A resource, the line that it begins in, the address that a Bundle gives it, and the place of that Bundle."""

    line: int
    resource: dict[str, Any]
    full_url: str | None = None
    bundle: int = 0


def is_fhir(head: Head) -> bool:
    """Whether a file that begins so holds FHIR resources in JSON."""
    keys = leading_keys(head.start)
    kind = _KIND.match(keys.get("resourceType", ""))
    if kind and kind[1] != "Parameters":
        return True
    return keys.get("entry", "").startswith("[") and '"resourceType"' in (head.text or "")


def is_fhir_xml(head: Head) -> bool:
    """Whether a file that begins so is a FHIR resource in XML."""
    return root_of(head.raw) in _HELD and _XML in head.raw.replace(b"\0", b"")[:4096]


def read_fhir(source: Source, encoding: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """The reports of a file of resources in JSON; see `fhir_resources` for which these are."""
    is_bundle = _begins_with_bundle(source, encoding)

    def resources() -> Iterator[_Found | Refusal]:
        if is_bundle:
            yield from _bundles(source, encoding)
            return
        for record in read_objects(source, encoding):
            yield from [record] if isinstance(record, Refusal) else _unfold(_Found(record.line or 1, record.values))

    yield from _reports(source.name, resources, options)


def read_fhir_xml(source: Source, _: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """The reports of a Bundle or of one resource in XML."""

    def resources() -> Iterator[_Found | Refusal]:
        number = 0
        for element in read_elements(source, _is_resource):
            if isinstance(element, Refusal):
                yield element
                continue
            number += 1
            try:
                plain = _plain(element)
            except RecursionError:
                advice = "leave it out"
                yield Refusal(source.name, number, None, "a resource of a few levels", "one nested too deeply", advice)
                continue
            if local(element) != "entry":
                yield _Found(number, plain)
            elif isinstance(plain, dict):
                yield from (_Found(number, inner, at(plain, "fullUrl")) for inner in many(plain.get("resource")))

    yield from _reports(source.name, resources, options)


def _reports(name: str, resources: Any, options: Options) -> Iterator[Record | Refusal]:
    around, kinds = Surroundings(), dict[str, int]()
    compositions, documents = set[int](), set[int]()  # the Bundles that have one, or are one
    for found in resources():
        if isinstance(found, Refusal):
            if found.is_file:
                yield found
                return
            continue
        _survey(found, around, kinds)
        kind = found.resource.get("resourceType")
        (compositions if kind == "Composition" else documents if kind == "document" else set()).add(found.bundle)
    if around.wanted and "Binary" in kinds:
        _collect(resources(), around)
    n_reports, n_others = 0, 0
    for found in resources():
        if isinstance(found, Refusal):
            n_reports += 1
            yield found
            continue
        kind = found.resource.get("resourceType")
        is_inside = kind == "Binary" and any(
            find in around.binaries for find in addresses(found.resource, found.full_url)
        )
        if is_inside or (found.bundle in compositions & documents and kind != "Composition"):
            continue
        made = report_of(name, found.line, found.resource, found.full_url, around)
        n_others += made is None
        if made is not None:
            n_reports += 1
            yield made
    if not n_reports:
        named = ", ".join(kind for kind in list(kinds)[:6] if kind != "document") or "no resources"
        yield refused_file(name, f"FHIR resources with reports ({', '.join(REPORTS)})", named, "export those")


def _survey(found: _Found, around: Surroundings, kinds: dict[str, int]) -> None:
    """Take from a resource what reports may need to know."""
    kind = found.resource.get("resourceType")
    kinds[kind if isinstance(kind, str) and kind.isalpha() else "others"] = 1
    if kind == "Patient" and len(around.patients) < MAX_PATIENTS:
        facts = patient_facts(found.resource)
        for address in addresses(found.resource, found.full_url):  # what two patients of one address do not share,
            known = around.patients.get(address, facts)  # as in Bundles put together, is known of neither
            around.patients[address] = {key: said for key, said in facts.items() if known.get(key) == said}
    elif kind in ("DocumentReference", "DiagnosticReport"):
        around.wanted.update(url for item in attachments_of(found.resource) if (url := at(item, "url")))


def _collect(resources: Iterator[_Found | Refusal], around: Surroundings) -> None:
    """Keep the Binaries that reports refer to, up to a limit."""
    tails = {"/".join(url.split("/_history/")[0].split("/")[-2:]) for url in around.wanted} | around.wanted
    room = MAX_BINARIES_BYTES
    for found in resources:
        if isinstance(found, Refusal) or found.resource.get("resourceType") != "Binary":
            continue
        data = at(found.resource, "data") or at(found.resource, "content") or ""
        keys = [address for address in addresses(found.resource, found.full_url) if address in tails]
        if keys and data and len(data) <= room:
            room -= len(data)
            content = (at(found.resource, "contentType") or "", data)
            for key in keys:  # of two with one address it cannot be told which is meant
                around.binaries[key] = content if around.binaries.get(key, content) == content else ("", "")


def _begins_with_bundle(source: Source, encoding: Encoding) -> bool:
    with open_as_utf8(source, encoding) as stream:
        window = Window(stream)
        window.skip_space()
        keys = leading_keys(window.text[window.position :])
    return keys.get("resourceType", "").startswith('"Bundle"') or keys.get("entry", "").startswith("[")


def _unfold(found: _Found) -> Iterator[_Found]:
    """The resources of a Bundle, of Bundles in it too; another resource as it is."""
    todo = [found]
    while todo:
        current = todo.pop()
        if current.resource.get("resourceType") != "Bundle":
            yield current
            continue
        entries = reversed(many(current.resource.get("entry")))
        todo += [_Found(found.line, inner, at(e, "fullUrl")) for e in entries for inner in many(e.get("resource"))]


def _bundles(source: Source, encoding: Encoding) -> Iterator[_Found | Refusal]:
    """The resources of Bundles one after another, with one entry in memory at a time."""
    with open_as_utf8(source, encoding) as stream:
        window = Window(stream)
        try:
            if window.skip_space() == "[":
                window.position += 1
            number = 0
            while window.skip_space() == "{":
                number += 1
                yield from (found._replace(bundle=number) for found in _bundle(window))
                if window.skip_space() in (",", "]"):
                    window.position += 1
            if window.skip_space():
                raise json.JSONDecodeError("Extra data", window.text, window.position)
        except (json.JSONDecodeError, RecursionError) as error:
            at_position = error.pos if isinstance(error, json.JSONDecodeError) else window.position
            line, column = window.place(min(at_position, len(window.text)))
            found = "a fault, or the end of the file in the middle of it"
            advice = "get the whole file, or correct it there; nothing of the file was read"
            yield Refusal(source.name, line, column, "a FHIR Bundle in JSON", found, advice, is_file=True)


def _bundle(window: Window) -> Iterator[_Found]:
    """The resources of the object that the window stands on; it itself where it is no Bundle.

    Raises:
        json.JSONDecodeError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    decoder = StrictJson()
    begin, rest, has_entries = window.place(window.position).line, dict[str, Any](), False
    for key in window.keys(decoder):
        if key != "entry" or window.skip_space() != "[":
            rest[key] = window.value(decoder)
            continue
        has_entries = True
        for _ in window.parts("[", "]"):
            line = window.place(window.position).line
            entry = window.value(decoder)
            for inner in many(entry.get("resource")) if isinstance(entry, dict) else ():
                yield from _unfold(_Found(line, inner, at(entry, "fullUrl")))
    if rest.get("type") == "document":
        yield _Found(begin, {"resourceType": "document"})
    if not has_entries and rest.get("resourceType") != "Bundle":
        yield _Found(begin, rest)


def _is_resource(path: tuple[str, ...]) -> bool:
    return path in (("Bundle", "entry"),) or (len(path) == 1 and path[0] != "Bundle")


def _plain(element: Element) -> Any:
    """A resource in XML as it would be in JSON, but that a list of one is that one."""
    if element.tag == _DIV:
        for part in element.iter():
            part.tag = local(part)
        return tostring(element, encoding="unicode")
    children = list(element)
    if not children and (value := element.get("value")) is not None:
        return value
    said: dict[str, Any] = {key: value for key, value in element.attrib.items() if key in ("id", "url")}
    if _is_kind(local(element)):
        said["resourceType"] = local(element)
    for child in children:
        name = local(child)
        inner = _plain(child)
        if _is_kind(name):  # "resource" and "contained" have the resource itself within them
            return inner
        held = said.get(name)
        said[name] = inner if held is None else [*held, inner] if isinstance(held, list) else [held, inner]
    return said


def _is_kind(name: str) -> bool:
    return name[:1].isupper()
