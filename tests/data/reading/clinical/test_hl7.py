r"""HL7 v2: every report is one note with its patient beside it, however the messages are written and sent."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.kit.note_files import CANARY, file, only, read


def message(*segments: str, kind: str = "ORU^R01", number: str = "M1", charset: str = "") -> str:
    header = f"MSH|^~\\&|LIS|NORTH|REG|REG|20260130081500+0100||{kind}|{number}|P|2.5" + (
        f"||||||{charset}" if charset else ""
    )
    return "".join(f"{segment}\r" for segment in (header, *segments))


def segment(name: str, fields: dict[int, str]) -> str:
    return "|".join([name, *(fields.get(number, "") for number in range(1, max(fields) + 1))])


PID = segment("PID", {3: "77^^^NORTH^PI~4711^^^NORTH^MR", 5: "Roe^Ann^B", 7: "19510203", 8: "F", 18: "A-9"})
PV1 = segment("PV1", {2: "I", 3: "4W^12^1^NORTH", 7: "D7^House^Greg", 19: "V-55"})
_OBR = {2: "P-1", 3: "S26-1^LIS", 4: "11529-5^Surgical pathology^LN", 7: "20260129", 14: "202601291030", 15: "BREAST"}
OBR = segment("OBR", {**_OBR, 16: "D8^Lin^Bo", 22: "20260130", 25: "F"})


def obx(text: str, kind: str = "TX", code: str = "22637-3^Diagnosis^LN", status: str = "F") -> str:
    return f"OBX|1|{kind}|{code}||{text}||||||{status}"


def test_what_stands_beside_a_report(tmp_path: Path) -> None:
    (note,), refusals = read(file(tmp_path, message(PID, PV1, OBR, obx("Ductal carcinoma.")), "a.hl7"))
    assert not refusals
    assert (note.external_id, note.text) == ("S26-1", "Ductal carcinoma.")
    assert note.metadata == {
        "message_id": "M1",
        "message_type": "ORU^R01",
        "sender": "LIS",
        "facility": "NORTH",
        "sent_at": "2026-01-30T08:15:00+01:00",
        "patient_id": "4711",
        "patient_ids": ["77 NORTH", "4711 NORTH"],
        "patient_name": "Roe, Ann",
        "birth_date": "1951-02-03",
        "sex": "F",
        "account_number": "A-9",
        "patient_class": "I",
        "ward": "4W",
        "attending": "House, Greg",
        "visit_number": "V-55",
        "placer_number": "P-1",
        "filler_number": "S26-1",
        "document_type": "Surgical pathology",
        "document_code": "11529-5",
        "observed_at": "2026-01-29",
        "received_at": "2026-01-29T10:30",
        "specimen": "BREAST",
        "ordered_by": "Lin, Bo",
        "reported_at": "2026-01-30",
        "status": "F",
    }


WAYS: dict[str, tuple[bytes, list[str]]] = {
    "line feeds": (message(PID, OBR, obx("One.")).replace("\r", "\n").encode(), ["One."]),
    "both": (message(PID, OBR, obx("One.")).replace("\r", "\r\n").encode(), ["One."]),
    "a mark and blank lines": (("\ufeff\r\n" + message(PID, OBR, obx("One.")) + "\r\r").encode(), ["One."]),
    "as it is sent": (b"\x0b" + message(PID, OBR, obx("One.")).encode() + b"\x1c\r", ["One."]),
    "UTF-16": (message(PID, OBR, obx("Größe ≥ 3 cm.")).encode("utf-16"), ["Größe ≥ 3 cm."]),
    "Windows-1252": (message(PID, OBR, obx("Größe – 3 cm.")).encode("cp1252"), ["Größe – 3 cm."]),
    "UTF-8 called Latin-1": (message(PID, OBR, obx("Größe."), charset="8859/1").encode(), ["Größe."]),
    "Latin-1": (message(PID, OBR, obx("Größe."), charset="8859/1").encode("latin-1"), ["Größe."]),
    "Latin-2": (message(PID, OBR, obx("Guz, węzły."), charset="8859/2").encode("iso8859-2"), ["Guz, węzły."]),
    "Japanese": (
        message(PID, OBR, obx("胃癌。"), charset="~ISO IR87").replace("|~", "|").encode("iso2022_jp"),
        ["胃癌。"],
    ),
    "another charset each": (
        message(PID, OBR, obx("Größe."), charset="8859/1").encode("latin-1")
        + message(PID, OBR.replace("S26-1", "S26-2"), obx("węzły"), charset="UNICODE UTF-8").encode(),
        ["Größe.", "węzły"],
    ),
    "other separators": (
        message(PID, OBR, obx("A$S$B $E$ 5")).translate(str.maketrans("|^~\\&", "#@*$!")).encode(),
        ["A@B $ 5"],
    ),
    "a broken text": (message(PID, OBR, obx("One.\rTwo: a|b.\r\rThree.")).encode(), ["One.\nTwo: a|b.\n\nThree."]),
    "a batch": (
        (
            "FHS|^~\\&|LIS\rBHS|^~\\&|LIS\r"
            + message(PID, OBR, obx("One."))
            + message(PID, OBR.replace("S26-1", "S26-2"), obx("Two."))
            + "BTS|2\rFTS|1\r"
        ).encode(),
        ["One.", "Two."],
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["a.hl7", "a.txt", "a"])
def test_however_it_is_written(tmp_path: Path, way: str, name: str) -> None:
    raw, texts = WAYS[way]
    notes, refusals = read(file(tmp_path, raw, name))
    assert not refusals
    assert [note.text for note in notes] == texts
    assert {note.metadata["patient_id"] for note in notes} == {"4711"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\.br\b\.sp2\c", "a\nb\n\nc"),
        (r"x \F\ \S\ \T\ \R\ \E\ ", "x | ^ & ~ \\"),
        ("CK7|+|strong", "CK7|+|strong"),
        (r"\H\bold\N\ 5\.in+4\ mm\.sk3\x", "bold 5 mm   x"),
        (r"\X41\\X0D0A\b \XC3\\XA4\ ", "A\nb ä"),
        ("C:\\temp\\new, T1\\2 and a\\", "C:\\temp\\new, T1\\2 and a\\"),
        ("one~two", "one\ntwo"),
        ("pT2 ^ N0 & x", "pT2 ^ N0 & x"),
    ],
)
def test_escapes(tmp_path: Path, written: str, meant: str) -> None:
    (note,), _ = read(file(tmp_path, message(PID, OBR, obx(written, "FT")), "a.hl7"))
    assert note.text.rstrip(" ") == meant.rstrip(" ")


def test_every_report_and_every_patient_has_a_note(tmp_path: Path) -> None:
    other = "PID|1||12^^^N^MR||Poe^Al||1940|M"
    one = message(
        PID, OBR, obx("First."), OBR.replace("S26-1", "S26-7"), obx("Second."), OBR, obx("First goes on."),
        other, OBR.replace("S26-1", "S26-8"), obx("Third."),
    )  # fmt: skip
    notes, refusals = read(file(tmp_path, one, "a.hl7"))
    assert not refusals
    assert {note.external_id: (note.text, note.metadata["patient_id"]) for note in notes} == {
        "S26-1": ("First.\nFirst goes on.", "4711"),
        "S26-7": ("Second.", "4711"),
        "S26-8": ("Third.", "12"),
    }
    assert notes[2].metadata["birth_date"] == "1940"
    assert "ward" not in notes[2].metadata


def test_sections_figures_comments_and_what_was_withdrawn(tmp_path: Path) -> None:
    report = message(
        PID,
        OBR,
        obx("Lump.", code="22636-5^History^LN"),
        obx("Carcinoma, G2.", code="22637-3^Diagnosis^LN"),
        "NTE|1||Seen by two.",
        obx("Of another patient.", code="22637-3^Diagnosis^LN", status="W"),
        obx("8500/3^Ductal^ICDO3", "CWE", "44638-1^Histology^LN"),
        "OBX|4|NM|85337-4^Ki-67^LN||20|%|||||F",
        "OBX|5|SN|1^Size^L||>^2|cm|||||F",
    )
    (note,), _ = read(file(tmp_path, report, "a.hl7"))
    assert note.text == (
        "History:\nLump.\n\nDiagnosis:\nCarcinoma, G2.\nSeen by two.\n\nHistology: Ductal\n\nKi-67: 20 %\n\nSize: >2 cm"
    )


def attached(raw: bytes | str, kind: str = "text", sub: str = "plain", coding: str = "Base64") -> str:
    data = base64.b64encode(raw).decode() if isinstance(raw, bytes) else raw
    return obx(f"LIS^{kind}^{sub}^{coding}^{data}", "ED")


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (attached("Größe.".encode()), "Größe."),
        (attached("Größe.".encode("latin-1")), "Größe."),
        (attached(b"<html><body><p>One.</p><p>Two.</p></body></html>", "text", "HTML"), "One.\n\nTwo."),
        (attached(b"{\\rtf1\\ansi One.\\par Two.}", "AP", "RTF"), "One.\nTwo."),
        (attached("4F6E65", coding="Hex"), "One"),
        (attached("One.\\.br\\Two.", coding="A"), "One.\nTwo."),
    ],
)
def test_documents_in_a_message(tmp_path: Path, part: str, text: str) -> None:
    (note,), refusals = read(file(tmp_path, message(PID, OBR, part), "a.hl7"))
    assert not refusals
    assert note.text == text


def test_an_attachment_beside_the_text_is_named(tmp_path: Path) -> None:
    (note,), _ = read(file(tmp_path, message(PID, OBR, obx("One."), attached(b"%PDF-1.4 ...", "AP", "PDF")), "a.hl7"))
    assert (note.text, note.metadata["left_out"]) == ("One.", ["a PDF: a fault in it"])


def test_a_document_beside_the_text_is_its_copy_or_the_report(tmp_path: Path) -> None:
    whole = "Ductal carcinoma of the left breast, grade 2, ER positive."
    copy = message(PID, OBR, obx(whole), attached(b"{\\rtf1 " + whole.encode() + b"}", "AP", "RTF"))
    (note,), _ = read(file(tmp_path, copy, "a.hl7"))
    assert (note.text, note.metadata["left_out"]) == (whole, ["a document with the same report"])
    (note,), _ = read(file(tmp_path, message(PID, OBR, obx("See below."), attached(whole.encode())), "a.hl7"))
    assert note.text == f"See below.\n{whole}"


def test_documents_of_their_own(tmp_path: Path) -> None:
    said = {2: "PN^Progress note", 3: "TX", 4: "20260102", 6: "202601031200", 9: "D7^House^Greg", 12: "DOC-5^LIS"}
    txa = segment("TXA", {**said, 17: "AU"})
    (note,), _ = read(file(tmp_path, message(PID, PV1, txa, obx("One."), obx("Two."), kind="MDM^T02^MDM_T02"), "a.txt"))
    assert (note.external_id, note.text) == ("DOC-5", "One.\nTwo.")
    about: dict[str, Any] = {"document_type": "Progress note", "author": "House, Greg", "status": "AU"}
    assert about.items() <= note.metadata.items()
    assert (note.metadata["observed_at"], note.metadata["reported_at"]) == ("2026-01-02", "2026-01-03T12:00")


def test_messages_without_reports_are_passed_over(tmp_path: Path) -> None:
    admitted, panel = message(PID, PV1, obx("x"), kind="ADT^A08"), message(PID, OBR, "OBX|1|NM|1^Hb||12|g/dl")
    notes, refusals = read(file(tmp_path, admitted + panel + message(PID, OBR, obx("One.")), "a.hl7"))
    assert ([note.text for note in notes], refusals) == (["One."], [])


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (message(PID, PV1, obx(CANARY), kind="ADT^A08").encode(), "found HL7 messages without any (ADT^A08)"),
        (
            message(PID, OBR, attached(b"%PDF- " + CANARY.encode(), "AP", "PDF")).encode(),
            "in OBX-5; found a PDF: a fault in it;",
        ),
        (message(PID, OBR, obx(f"{CANARY} \x81")).encode("latin-1"), "bytes that are not"),
        (message(PID, OBR, obx(f"ß{CANARY}"), charset="UNICODE UTF-8").encode("latin-1"), "not UNICODE UTF-8"),
        (b"MSH|^~\\&|\r", "without any (no type)"),
        (b"MSH|^~\\\r", "a header (MSH) that is cut"),
    ],
)
def test_what_is_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    assert said in only(file(tmp_path, raw, "a.hl7")).sentence


def test_a_message_that_is_too_long_is_left_out_alone(tmp_path: Path) -> None:
    long, short = message(PID, OBR, obx("x" * (4 << 20))), message(PID, OBR.replace("S26-1", "S26-2"), obx("Two."))
    notes, (refusal,) = read(file(tmp_path, long + short, "a.hl7"))
    assert [note.text for note in notes] == ["Two."]
    assert "more than 4,194,304 bytes" in refusal.sentence
