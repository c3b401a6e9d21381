"""NAACCR XML: the text items of each tumour are one note, the other items its metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from data.limits import MAX_METADATA_CHARACTERS
from data.reading.clinical.times import iso_time
from data.reading.clinical.xml import every, read_elements, root_of
from data.reading.records import Record, Refusal, refused_file
from data.reading.sources import Encoding, Head, Options, Source

ROOT = "NaaccrData"
_TEXT = re.compile(r"(?:text|rxText)[A-Z]\w*")
_NO_NOTE = frozenset(("textUsualOccupation", "textUsualIndustry", "textPlaceOfDiagnosis"))
_NAMES = {
    "patientIdNumber": "patient_id",
    "nameLast": "patient_last_name",
    "nameFirst": "patient_first_name",
    "sex": "sex",
    "dateOfBirth": "birth_date",
    "dateOfDiagnosis": "diagnosed_at",
    "tumorRecordNumber": "tumour_number",
    "reportingFacility": "facility",
    "medicalRecordNumber": "medical_record_number",
    "pathReportNumber1": "filler_number",
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|\d+")
_ROOM = MAX_METADATA_CHARACTERS * 3 // 4


def is_naaccr(head: Head) -> bool:
    """Whether a file that begins so is NAACCR XML."""
    return root_of(head.raw) == ROOT


def read_naaccr(source: Source, _: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """A note for each tumour, or patient without one, that has text items."""
    n_notes = n_left_out = 0
    for number, patient in enumerate(read_elements(source, _is_patient), start=1):
        if isinstance(patient, Refusal):
            n_notes += 1
            yield patient
            continue
        own = _items(patient)
        tumours = [_items(tumour) for tumour in every(patient, "Tumor")] or [{}]
        for place, items in enumerate(tumours, start=1):
            found = {**own, **items}
            text = _text(found)
            if text:
                n_notes += 1
                about, n_dropped = _about(found)
                n_left_out += n_dropped
                note = {"id": _id(found, place if len(tumours) > 1 else None), "text": text, **about}
                yield Record(source.name, number, {key: value for key, value in note.items() if value is not None})
    if n_left_out:
        options.tell(f"{source.name}: {n_left_out:,} items are left out, since a note has room for so many only.")
    if not n_notes:
        found_none = "codes only"
        advice = "give the reports themselves, or a file of record type A with its text"
        yield refused_file(source.name, "text items (textDxProcPath and others) in NAACCR XML", found_none, advice)


def _is_patient(path: tuple[str, ...]) -> bool:
    return len(path) == 2 and path[1] == "Patient"


def _items(parent: Element) -> dict[str, str]:
    """The items of a patient or tumour, by their naaccrId."""
    found = {}
    for item in every(parent, "Item"):
        name = item.get("naaccrId") or item.get("naaccrNum")
        said = "".join(item.itertext()).strip()
        if name and said:
            found[name] = said
    return found


def _text(items: dict[str, str]) -> str:
    """The text items in the file's order, each under its name where there are several."""
    texts = {name: said for name, said in items.items() if _TEXT.fullmatch(name) and name not in _NO_NOTE}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "\n\n".join(f"{_title(name)}:\n{said}" for name, said in texts.items())


def _title(name: str) -> str:
    """The name in words: "textDxProcPath" is "Dx proc path"."""
    words = _WORD.findall(name.removeprefix("rx").removeprefix("text").removeprefix("Text"))
    return " ".join([*words[:1], *(word if word.isupper() else word.lower() for word in words[1:])])


def _id(items: dict[str, str], place: int | None) -> str | None:
    patient, tumour = items.get("patientIdNumber"), items.get("tumorRecordNumber")
    parts = [patient, tumour or (str(place) if place else None)]
    return "-".join(part for part in parts if part) if patient else None


def _about(items: dict[str, str]) -> tuple[dict[str, Any], int]:
    """The other items, and how many more there are than a note has room for."""
    about: dict[str, Any] = {}
    room, n_dropped = _ROOM, 0
    for name, said in items.items():
        if _TEXT.fullmatch(name) and name not in _NO_NOTE:
            continue
        room -= len(name) + len(said) + 8
        if room < 0 and name not in _NAMES:
            n_dropped += 1
            continue
        key = _NAMES.get(name, name)
        about[key] = iso_time(said) if key.endswith(("_date", "_at")) else said
    return about, n_dropped
