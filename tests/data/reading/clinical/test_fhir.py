"""FHIR: a note for each resource with a report, from the first of the places that have its text."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit.note_files import CANARY, file, lines, only, read


def data(text: str | bytes, media: str = "text/plain", **more: str) -> dict[str, str]:
    raw = text.encode() if isinstance(text, str) else text
    return {"contentType": media, "data": base64.b64encode(raw).decode(), **more}


def document(*attachments: dict[str, str], **more: Any) -> dict[str, Any]:
    content = [{"attachment": attachment} for attachment in attachments]
    return {"resourceType": "DocumentReference", "id": "d1", "status": "current", "content": content, **more}


def diagnosis(**more: Any) -> dict[str, Any]:
    return {"resourceType": "DiagnosticReport", "id": "r1", "status": "final", **more}


def narrative(html: str, status: str = "generated") -> dict[str, str]:
    return {"status": status, "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{html}</div>'}


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": one} for number, one in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries, **more}


RTF, PDF = b"{\\rtf1\\ansi One.\\par Two.}", b"%PDF-1.7 x"
_SECTION = "<section><title>Finding</title><text>One.</text></section>"
_BODY = f"<structuredBody><component>{_SECTION}</component></structuredBody>"
TEXTS: dict[str, tuple[dict[str, Any], str]] = {
    "plain": (document(data("Größe 3 cm.")), "Größe 3 cm."),
    "a charset": (document(data("węzły".encode("iso8859-2"), "text/plain; charset=ISO-8859-2")), "węzły"),
    "plain first": (document(data(PDF, "application/pdf"), data("<p>x</p>", "text/html"), data("One.")), "One."),
    "HTML": (document(data("<p>One.</p><ul><li>Two</li></ul>", "text/html")), "One.\n\n- Two"),
    "RTF": (document(data(RTF, "text/rtf")), "One.\nTwo."),
    "called octets": (document(data(RTF, "application/octet-stream")), "One.\nTwo."),
    "an address of data": (document({"url": "data:text/plain;base64," + data("One.")["data"]}), "One."),
    "contained": (
        document({"url": "#b"}, contained=[{"resourceType": "Binary", "id": "b", **data("One.")}]),
        "One.",
    ),
    "presented": (diagnosis(presentedForm=[data("One.")], conclusion="Two.", text=narrative("Three.")), "One."),
    "narrative and conclusion": (diagnosis(text=narrative("<p>One.</p>"), conclusion="Two."), "One.\n\nTwo."),
    "narrative with its conclusion": (diagnosis(text=narrative("<p>One.  Two.</p>"), conclusion="Two."), "One. Two."),
    "conclusion alone": (diagnosis(text=narrative("None", "empty"), conclusion="Two."), "Two."),
    "presented as a PDF": (diagnosis(presentedForm=[data(PDF, "application/pdf")], conclusion="Two."), "Two."),
    "a table": (
        diagnosis(text=narrative("<table><tr><th>Gene</th><th>Is</th></tr><tr><td>ER</td><td>90 %</td></tr></table>")),
        "Gene | Is\nER | 90 %",
    ),
    "lines": (diagnosis(text=narrative("1<br/>2 &amp; &#x3b1;<pre>a  b\n  c</pre>")), "1\n2 & α\n\na  b\n  c"),
    "sections": (
        {
            "resourceType": "Composition",
            "id": "c1",
            "section": [
                {
                    "title": "History",
                    "text": narrative("One."),
                    "section": [{"title": "Kin", "text": narrative("Two.")}],
                },
                {"title": "Plan", "text": narrative("Plan: three.")},
                {"title": "Empty"},
            ],
        },
        "History\nOne.\n\nKin\nTwo.\n\nPlan: three.",
    ),
    "a binary": ({"resourceType": "Binary", "id": "b1", **data("One.")}, "One."),
    "a document of CDA": (
        document(data(f"<ClinicalDocument><component>{_BODY}</component></ClinicalDocument>", "text/xml")),
        "Finding\nOne.",
    ),
}


@pytest.mark.parametrize("case", TEXTS)
@pytest.mark.parametrize("form", ["alone", "lines", "array", "bundle", "bundles", "entry first", "text"])
def test_the_text_of_a_resource(tmp_path: Path, case: str, form: str) -> None:
    resource, text = TEXTS[case]
    patient = {"resourceType": "Patient", "id": "p"}
    forms = {
        "alone": json.dumps(resource, indent=1),
        "lines": lines(patient, resource),
        "array": json.dumps([resource]),
        "bundle": json.dumps(bundle(patient, resource), indent=2),
        "bundles": lines(bundle(patient), bundle(bundle(resource))),
        "entry first": json.dumps({"entry": [{"resource": resource}], "resourceType": "Bundle"}),
        "text": json.dumps(resource),
    }
    (note,), refusals = read(file(tmp_path, forms[form], "a.txt" if form == "text" else "a.json"))
    assert not refusals
    assert note.text == text
    assert note.external_id == resource["id"]


def test_what_stands_beside_a_report(tmp_path: Path) -> None:
    numbers = [{"value": "77"}, {"type": {"coding": [{"code": "MR"}]}, "value": "4711"}]
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": numbers,
        "name": [{"family": "Roe", "given": ["Ann", "B"]}],
        "birthDate": "1951-02-03",
        "gender": "female",
    }
    report = document(
        data("One."),
        subject={"reference": "http://north.example/fhir/Patient/p1"},
        identifier=[{"value": "S26-1"}],
        type={"coding": [{"code": "11526-1", "display": "Pathology study"}]},
        category=[{"text": "Clinical note"}],
        date="2026-01-30T08:15:00+01:00",
        docStatus="amended",
        author=[{"display": "Bo Lin"}],
        custodian={"display": "North"},
        context={"encounter": [{"reference": "Encounter/e9"}], "period": {"start": "2026-01-29"}},
        description="Breast biopsy",
    )
    for order in ((patient, report), (report, patient)):
        (note,), _ = read(file(tmp_path, lines(*order), "a.ndjson"))
        assert note.metadata == {
            "resource_type": "DocumentReference",
            "patient_id": "4711",
            "patient_name": "Roe, Ann B",
            "birth_date": "1951-02-03",
            "sex": "female",
            "identifiers": ["S26-1"],
            "title": "Breast biopsy",
            "document_type": "Pathology study",
            "document_code": "11526-1",
            "category": "Clinical note",
            "status": "amended",
            "observed_at": "2026-01-29",
            "reported_at": "2026-01-30T08:15:00+01:00",
            "author": "Bo Lin",
            "facility": "North",
            "visit_number": "e9",
        }


@pytest.mark.parametrize("url", ["Binary/b1", "urn:uuid:0", "https://x.example/fhir/Binary/b1/_history/2"])
def test_a_document_that_stands_elsewhere_in_the_file(tmp_path: Path, url: str) -> None:
    binary = {"resourceType": "Binary", "id": "b1", **data("One.")}
    (note,), refusals = read(file(tmp_path, json.dumps(bundle(binary, document({"url": url}))), "a.json"))
    assert ((note.external_id, note.text), refusals) == (("d1", "One."), [])


def test_a_document_bundle_is_one_note(tmp_path: Path) -> None:
    composition = {
        "resourceType": "Composition",
        "id": "c",
        "section": [{"title": "Result", "text": narrative("One.")}],
    }
    (note,), _ = read(
        file(tmp_path, json.dumps(bundle(composition, diagnosis(conclusion="Two."), type="document")), "a.json")
    )
    assert note.text == "Result\nOne."


def test_a_bundle_longer_than_what_is_held_of_it(tmp_path: Path) -> None:
    reports = [
        diagnosis(conclusion=f"Report {number}. " + "x" * 15_000) | {"id": f"r{number}"} for number in range(400)
    ]
    notes, refusals = read(file(tmp_path, json.dumps(bundle(*reports)), "a.json"))
    assert (len(notes), refusals) == (400, [])
    assert notes[399].external_id == "r399"


XML = """<?xml version="1.0" encoding="UTF-8"?>
<Bundle xmlns="http://hl7.org/fhir"><type value="collection"/>
<entry><fullUrl value="urn:uuid:1"/><resource><Patient><id value="p1"/><identifier><value value="4711"/></identifier>
<gender value="female"/></Patient></resource></entry>
<entry><resource><DocumentReference><id value="d1"/><subject><reference value="urn:uuid:1"/></subject>
<content><attachment><data value="T25lLg=="/></attachment></content></DocumentReference>
</resource></entry>
<entry><resource><DiagnosticReport><id value="r1"/><text><status value="generated"/>
<div xmlns="http://www.w3.org/1999/xhtml"><p>Two.</p><p>Three.</p></div></text></DiagnosticReport></resource></entry>
</Bundle>"""


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_resources_in_xml(tmp_path: Path, codec: str) -> None:
    raw = XML.replace("UTF-8", codec).encode(codec)
    notes, refusals = read(file(tmp_path, raw, "a.xml"))
    assert not refusals
    assert [(note.external_id, note.text) for note in notes] == [("d1", "One."), ("r1", "Two.\n\nThree.")]
    assert notes[0].metadata["patient_id"] == "4711"
    report = XML[XML.index("<DiagnosticReport") : XML.index("</resource></entry>\n</Bundle>")]
    (note,), _ = read(file(tmp_path, report.replace("Report>", 'Report xmlns="http://hl7.org/fhir">', 1), "b.xml"))
    assert note.text == "Two.\n\nThree."


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        (document({"url": "https://x.example/report.txt"}), "found its text by address only (attachment.url)"),
        (document(data(PDF, "application/pdf")), "found a PDF: a fault in it"),
        (document({"contentType": "text/plain", "data": "?"}), "base64 with a fault"),
        (document(), "found none"),
        (diagnosis(), "(presentedForm.data, text or conclusion); found none"),
        (diagnosis(conclusion=CANARY, status="entered-in-error"), "entered in error"),
        ({"resourceType": "Observation", "id": "o", "valueString": CANARY}, "Composition, Binary); found Observation"),
        (bundle({"resourceType": "Patient", "id": CANARY}), "found Patient"),
        (bundle(), "found no resources"),
    ],
)
def test_what_is_refused(tmp_path: Path, resource: dict[str, Any], said: str) -> None:
    assert said in only(file(tmp_path, json.dumps(resource), "a.json")).sentence


def test_a_resource_nested_without_end(tmp_path: Path) -> None:
    deep = f"<entry><resource><Basic>{'<a>' * 20_000}{'</a>' * 20_000}</Basic></resource></entry>"
    notes, (refusal,) = read(file(tmp_path, XML.replace("<entry>", f"{deep}<entry>", 1), "a.xml"))
    assert [note.external_id for note in notes] == ["d1", "r1"]
    assert "nested too deeply" in refusal.sentence


def test_a_bundle_that_breaks_off_is_refused_whole(tmp_path: Path) -> None:
    whole = json.dumps(bundle(diagnosis(conclusion=CANARY), diagnosis(conclusion="Two.")))
    for end in (len(whole) - 2, len(whole) - 40, len(whole) // 2):
        assert "nothing of the file was read" in only(file(tmp_path, whole[:end], "a.json")).sentence
    assert "XML" in only(file(tmp_path, XML[:-100], "a.xml")).sentence
