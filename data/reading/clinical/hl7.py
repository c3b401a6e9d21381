"""HL7 v2 files: a note for each report of their messages.

A report is what the OBX segments below one OBR say (ORU), or all of a message with a TXA (MDM). Orders with one number
are one report. Results that are withdrawn (OBX-11 D or W) are left out.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from data.limits import MAX_RECORD_BYTES
from data.reading.clinical.attachments import NoText, attachment_text, decode_base64
from data.reading.clinical.hl7_syntax import Message, Segment, read_messages
from data.reading.clinical.times import iso_time
from data.reading.encodings import open_as_utf8
from data.reading.records import Record, Refusal, refused_file
from data.reading.sources import Encoding, Head, Options, Source

_BEGINS = re.compile(rb"(?:\xef\xbb\xbf)?[\s\x0b]*(?:MSH|FHS|BHS)([^\w\s])[^\w\s]{1,5}(?:\1|[\r\n])")
_KINDS = frozenset(("ORU", "OUL", "ORF", "OPU", "MDM", "T02"))
_TEXTS, _FIGURES = frozenset(("TX", "FT", "ST", "")), frozenset(("NM", "SN", "DT", "TM", "TS", "DTM"))
_CODES = frozenset(("CE", "CWE", "CNE", "CF", "IS", "ID"))
_WITHDRAWN = frozenset("DW")
_COPY, _SHARED = 0.5, 0.7
"""A text this share as long as a document beside it, and with this share of its words, is the same report; a shorter
one only points to it, and one in other words says something else, as an addendum does."""
_WORDS = re.compile(r"\w+")


@dataclass
class _Report:
    """A report as it is put together."""

    is_document: bool = False
    about: dict[str, Any] = field(default_factory=dict)
    sections: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """Code, name and lines of each section."""
    number: str | None = None
    documents: list[tuple[str, str, str]] = field(default_factory=list)
    """Code, name and text of each document inside, which may be the same report once more."""
    found: list[str] = field(default_factory=list)
    """What was there that is no text."""
    has_text: bool = False


def is_hl7(head: Head) -> bool:
    """Whether a file that begins so holds HL7 v2 messages."""
    return (
        _BEGINS.match(head.raw[:400].removeprefix(BOM_UTF16_LE).removeprefix(BOM_UTF16_BE).replace(b"\0", b""))
        is not None
    )


def read_hl7(source: Source, _: Encoding, __: Options) -> Iterator[Record | Refusal]:
    """The reports of a file of messages, with or without the envelopes of a batch.

    Each message says its own character set (MSH-18), so that the file as a whole may have none.
    """
    with source.open("rb") as stream:
        head = stream.read(4)
    wide = "utf-16" if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-16-le" if head[1:2] == b"\0" else None
    wide = "utf-16-be" if head[:1] == b"\0" else wide
    with open_as_utf8(source, Encoding(wide, "UTF-16")) if wide else source.open("rb") as stream:
        yield from _read(source.name, stream)


def _read(name: str, stream: BinaryIO) -> Iterator[Record | Refusal]:
    n_reports = 0
    kinds: dict[str, None] = {}
    for message in read_messages(stream):
        if message.trouble:
            n_reports += 1
            limit = f"a message of at most {MAX_RECORD_BYTES:,} bytes in the character set that it names"
            yield Refusal(name, message.line, None, limit, message.trouble, "send it again")
            continue
        kind = message.segments[0].raw(9).replace(message.segments[0].marks.component, "^")[:7] or "no type"
        kinds.setdefault(kind if re.fullmatch(r"[A-Z0-9^_]+|no type", kind) else "another type")
        for report in _reports(message) if kind[:3] in _KINDS or kind == "no type" else ():
            made = _record(name, message.line, report)
            if made is not None:
                n_reports += 1
                yield made
    if not n_reports:
        found = f"HL7 messages without any ({', '.join(list(kinds)[:5]) or 'none at all'})"
        expected = "reports in HL7 messages (ORU or MDM, with their text in OBX-5)"
        yield refused_file(name, expected, found, "export the reports' messages")


def _reports(message: Message) -> Iterator[_Report]:
    """The reports of a message, one patient after the other."""
    header = message.segments[0]
    sent = _sent(header)
    patient: dict[str, Any] = {}
    visit: dict[str, Any] = {}
    open_reports: dict[str | None, _Report] = {}
    current: _Report | None = None
    order: Segment | None = None
    for segment in message.segments[1:]:
        name = segment.name
        if name == "PID":
            yield from open_reports.values()
            patient, visit, open_reports, current, order = _patient(segment), {}, {}, None, None
        elif name == "PV1":
            visit = _visit(segment)
        elif name == "ORC":
            order = segment
        elif name == "TXA":
            current = _Report(is_document=True, number=segment.part(12))
            current.about = {**sent, **patient, **visit, **_document(segment)}
            open_reports[current.number] = current
        elif name == "OBR" and not (current and current.is_document):
            current = _ordered(segment, order, open_reports)
            current.about = {**sent, **patient, **visit, **_order(segment), **current.about}
        elif current and name == "OBX":
            _observe(segment, current)
        elif current and name == "NTE":
            _note(segment, current)
        elif name == "OBX" and header.raw(9).startswith("MDM"):
            current = _Report(is_document=True, about={**sent, **patient, **visit})
            open_reports[None] = current
            _observe(segment, current)
    yield from open_reports.values()


def _ordered(segment: Segment, order: Segment | None, reports: dict[str | None, _Report]) -> _Report:
    """The report that an OBR begins, or goes on with: one that has its number, or its parent's."""
    number = segment.part(3) or segment.part(2)
    if number is None and order is not None:
        number = order.part(3) or order.part(2)
    parents = [part for part in re.split(r"[\^&~]", segment.raw(29)) if part]
    for known in (number, *parents):
        if known in reports:
            return reports[known]
    reports[number] = _Report(number=number)
    return reports[number]


def _observe(segment: Segment, report: _Report) -> None:
    """Take what an OBX says into its report."""
    if segment.raw(11)[:1].upper() in _WITHDRAWN:
        return
    kind = segment.raw(2).strip().upper()
    code, name = segment.part(3) or "", segment.part(3, 2) or segment.part(3) or ""
    said: str | NoText = NoText("another kind of value")
    if kind in _TEXTS:
        said = segment.unescape(_whole(segment).replace(segment.marks.repetition, "\n"))
    elif kind == "ED":
        said = _encapsulated(segment)
    elif kind in _CODES or kind in _FIGURES:
        said = _figure(segment, kind, name)
    elif kind == "RP":
        said = NoText("only the address of a document")
    if isinstance(said, NoText):
        report.found.append(said.found)
        return
    if kind == "ED":
        report.documents.append((code, name, said))
        return
    report.has_text = report.has_text or (kind not in _FIGURES and bool(said.strip()))
    _append(report, code, name, said)


def _whole(segment: Segment) -> str:
    """The text in OBX-5, and what stands right behind it: a text has no unit, but may have a separator in it."""
    if segment.raw(2) == "ST":
        return " ".join(filter(None, (segment.raw(5), segment.part(6))))
    end = next((number for number in range(6, len(segment.fields)) if not segment.fields[number]), len(segment.fields))
    return segment.marks.field.join([segment.raw(5), *segment.fields[6:end]])


def _append(report: _Report, code: str, name: str, said: str) -> None:
    said = said.replace("\r\n", "\n").replace("\r", "\n")
    if report.sections and report.sections[-1][0] == code:
        report.sections[-1][2].append(said)
    else:
        report.sections.append((code, name, [said]))


def _note(segment: Segment, report: _Report) -> None:
    """Take a comment (NTE) into the section that it stands below."""
    said = segment.unescape(segment.raw(3).replace(segment.marks.repetition, "\n"))
    if said.strip():
        code, name = report.sections[-1][:2] if report.sections else ("", "")
        _append(report, code, name, said)


def _figure(segment: Segment, kind: str, name: str) -> str:
    """A line with a coded value or a figure, under its name and with its unit."""
    values = []
    for one in segment.repetitions(5):
        parts = [segment.component(one, number) for number in (1, 2, 3, 4)]
        if kind == "SN":
            values.append("".join(part for part in parts if part))
        elif kind in _CODES:
            values.append(parts[1] or parts[0] or "")
        else:
            values.append((iso_time(parts[0]) if kind in ("DT", "TS", "DTM") else parts[0]) or "")
    said = "; ".join(value for value in values if value)
    unit = segment.part(6)
    said += f" {unit}" if said and unit and kind in ("NM", "SN") else ""
    return f"{name}: {said}" if name and said else said


def _encapsulated(segment: Segment) -> str | NoText:
    """The text of a document in an OBX of the type ED: type, subtype, encoding and data are its components 2 to 5."""
    marks = segment.marks
    parts = segment.raw(5).split(marks.component, 4)
    if len(parts) < 5:
        return NoText("an attachment that is cut")
    encoding, data = parts[3].strip().lower(), parts[4]
    media = f"{parts[1]}/{parts[2]}".lower()
    if encoding == "base64":
        raw = decode_base64(segment.unescape(data))
        return raw if isinstance(raw, NoText) else attachment_text(raw, media)
    data = segment.unescape(data)
    if encoding == "hex":
        try:
            return attachment_text(bytes.fromhex(data), media)
        except ValueError:
            return NoText("hexadecimal digits with a fault")
    return attachment_text(data.encode("utf-8"), media)


def _repeats(report: _Report, said: str) -> bool:
    """Whether most words of a document stand in the text, too."""
    known = {word for _, _, lines in report.sections for line in lines for word in _WORDS.findall(line.casefold())}
    words = _WORDS.findall(said.casefold())
    return sum(word in known for word in words) >= _SHARED * len(words)


def _record(name: str, line: int, report: _Report) -> Record | Refusal | None:
    """The record of a report; None where it has no text and nothing that should have been text."""
    length = sum(len(line) for _, _, lines in report.sections for line in lines)
    for code, title, said in report.documents:
        if length > _COPY * len(said) and report.has_text and _repeats(report, said):
            report.found.append("a document with the same report")
        else:
            report.has_text = True
            _append(report, code, title, said)
    if not report.has_text:
        if not report.found:
            return None
        advice = "export the text of the report, or import its documents as files"
        return Refusal(name, line, None, "a report with its text in OBX-5", report.found[0], advice)
    has_sections = len({code for code, _, _ in report.sections}) > 1
    parts = []
    for _, title, lines in report.sections:
        text = "\n".join(lines).strip("\n")
        begins = text.lstrip().casefold().startswith(title.casefold())
        parts.append(f"{title}:\n{text}" if has_sections and title and text.strip() and not begins else text)
    values = {
        "id": report.number or report.about.get("message_id"),
        "text": ("\n\n" if has_sections else "\n").join(part for part in parts if part.strip()),
        **report.about,
    }
    if report.found:
        values["left_out"] = report.found
    return Record(name, line, {key: value for key, value in values.items() if value is not None})


def _sent(header: Segment) -> dict[str, Any]:
    return {
        "message_id": header.part(10),
        "message_type": header.raw(9).replace(header.marks.component, "^") or None,
        "sender": header.part(3),
        "facility": header.part(4),
        "sent_at": iso_time(header.part(7)),
    }


def _patient(segment: Segment) -> dict[str, Any]:
    numbers = segment.repetitions(3) or segment.repetitions(2)
    record_numbers = [one for one in numbers if segment.component(one, 5) == "MR"]
    said: dict[str, Any] = {
        "patient_id": segment.component((record_numbers or numbers)[0]) if numbers else None,
        "patient_name": _name(segment, 5),
        "birth_date": iso_time(segment.part(7)),
        "sex": segment.part(8),
        "account_number": segment.part(18),
    }
    if len(numbers) > 1:
        said["patient_ids"] = [" ".join(filter(None, (segment.component(n), segment.component(n, 4)))) for n in numbers]
    return _present(said)


def _visit(segment: Segment) -> dict[str, Any]:
    said = {
        "patient_class": segment.part(2),
        "ward": segment.part(3),
        "attending": _name(segment, 7),
        "visit_number": segment.part(19),
        "admitted_at": iso_time(segment.part(44)),
    }
    return _present(said)


def _order(segment: Segment) -> dict[str, Any]:
    said = {
        "placer_number": segment.part(2),
        "filler_number": segment.part(3),
        "document_type": segment.part(4, 2) or segment.part(4),
        "document_code": segment.part(4) if segment.part(4, 2) else None,
        "observed_at": iso_time(segment.part(7)),
        "received_at": iso_time(segment.part(14)),
        "specimen": segment.part(15),
        "ordered_by": _name(segment, 16),
        "reported_at": iso_time(segment.part(22)),
        "status": segment.part(25),
        "author": segment.part(32),
    }
    return _present(said)


def _document(segment: Segment) -> dict[str, Any]:
    said = {
        "document_number": segment.part(12),
        "parent_document": segment.part(13),
        "document_type": segment.part(2, 2) or segment.part(2),
        "observed_at": iso_time(segment.part(4)),
        "reported_at": iso_time(segment.part(6)),
        "author": _name(segment, 9),
        "placer_number": segment.part(14),
        "filler_number": segment.part(15),
        "file_name": segment.part(16),
        "status": segment.part(17),
    }
    return _present(said)


def _name(segment: Segment, number: int) -> str | None:
    """A person's name: of PID, family and given name; of others the number comes first."""
    first = segment.repetitions(number)[:1]
    if not first:
        return None
    places = (1, 2) if number == 5 else (2, 3)
    parts = [segment.component(first[0], place) for place in places]
    return ", ".join(part for part in parts if part) or segment.component(first[0])


def _present(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}
