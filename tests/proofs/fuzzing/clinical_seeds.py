"""Valid files of clinical systems and of annotation tools, with a canary in every note."""

from __future__ import annotations

import base64
import json
from typing import Any

CANARY = "canary 7f3a"
_HEADER = "MSH|^~\\&|LIS|N|R|R|20260130081500+0100||{}|M{}|P|2.5||||||{}\r"
_PATIENT = "PID|1||77^^^N^PI~4711^^^N^MR||Roe^Ann||19510203|F\rPV1|1|I|4W^12\r"
_ORDER = "ORC|RE|P1|S26-{0}\rOBR|1|P1|S26-{0}^LIS|11529-5^Pathology^LN|||20260129\r"


def hl7() -> list[bytes]:
    """Batches of messages, with texts, documents, figures and comments."""
    data = base64.b64encode(f"<p>{CANARY}</p>".encode()).decode()
    text = f"OBX|1|FT|22637-3^Diagnosis^LN||{CANARY} \\.br\\\\T\\ \\XC3A4\\ a|b\rgoes on||||||F\rNTE|1||Seen.\r"
    more = f"OBX|2|ED|1^Document^L||L^text^HTML^Base64^{data}||||||F\rOBX|3|NM|8^Ki-67^L||20|%|||||F\r"
    report = _HEADER.format("ORU^R01", 1, "UNICODE UTF-8") + _PATIENT + _ORDER.format(1) + text + more
    latin = _HEADER.format("ORU^R01", 2, "8859/1") + _PATIENT + _ORDER.format(2) + text + _ORDER.format(3) + text
    letter = (
        _HEADER.format("MDM^T02", 3, "") + _PATIENT + f"TXA|1|PN^Note|TX|20260102||||||||D-5\rOBX|1|TX|1||{CANARY}\r"
    )
    batch = f"FHS|^~\\&|L\rBHS|^~\\&|L\r{report}{letter}BTS|2\rFTS|1\r"
    other = (report + letter).translate(str.maketrans("|^~\\&", "#@*$!")).replace("\r", "\r\n")
    return [
        batch.encode(),
        latin.encode("latin-1"),
        other.encode(),
        report.encode("utf-16"),
        f"\x0b{letter}\x1c\r".encode(),
    ]


def xml() -> list[bytes]:
    """A CDA document, one with another inside, FHIR resources and tumours of NAACCR."""
    table = "<table><tr><th>a</th><td>b</td></tr></table><list><item>c</item></list>"
    section = f"<component><section><title>T</title><text>{CANARY}<br/>{table}</text></section></component>"
    patient = '<recordTarget><patientRole><id extension="4"/></patientRole></recordTarget>'
    about = f'<id extension="D-1"/><effectiveTime value="20260130"/>{patient}'
    begin, end = '<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3">', "</component></ClinicalDocument>"
    cda = f"{begin}{about}<component><structuredBody>{section}{section}</structuredBody>{end}"
    inside = base64.b64encode(b"{\\rtf1 " + CANARY.encode() + b"}").decode()
    letter = f'{begin}<component><nonXMLBody><text representation="B64">{inside}</text></nonXMLBody>{end}'
    div = f'<text><div xmlns="http://www.w3.org/1999/xhtml"><p>{CANARY}</p></div></text>'
    report = f'<resource><DiagnosticReport><id value="r1"/>{div}</DiagnosticReport></resource>'
    fhir = f'<Bundle xmlns="http://hl7.org/fhir"><entry>{report}</entry><entry>{report}</entry></Bundle>'
    items = "".join(f'<Item naaccrId="{name}">{CANARY}</Item>' for name in ("textDxProcPath", "textStaging", "sex"))
    tumours = f'<Patient><Item naaccrId="patientIdNumber">1</Item><Tumor>{items}</Tumor></Patient>'
    naaccr = f'<?xml version="1.0"?><NaaccrData xmlns="http://naaccr.org/naaccrxml">{tumours}{tumours}</NaaccrData>'
    return [cda.encode(), letter.encode("utf-16"), fhir.encode(), naaccr.encode()]


def json_files(keys: tuple[str, ...]) -> list[bytes]:
    """Resources of FHIR, and records of annotation tools with labels named like some fields."""
    data = {"contentType": "text/plain", "data": base64.b64encode(CANARY.encode()).decode()}
    resources: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": "p1", "identifier": [{"value": "4"}], "birthDate": "1951"},
        {
            "resourceType": "DocumentReference",
            "id": "d1",
            "content": [{"attachment": data}],
            "subject": {"reference": "Patient/p1"},
        },
        {"resourceType": "DiagnosticReport", "id": "r1", "text": {"div": f"<div>{CANARY}</div>"}, "conclusion": "x"},
        {"resourceType": "Composition", "id": "c1", "section": [{"title": "T", "text": {"div": f"<p>{CANARY}</p>"}}]},
        {"resourceType": "DocumentReference", "id": "d2", "content": [{"attachment": {"url": "Binary/b1"}}]},
        {"resourceType": "Binary", "id": "b1", **data},
    ]
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"fullUrl": f"urn:{n}", "resource": one} for n, one in enumerate(resources)],
    }
    span = {"start": 0, "end": 6, "label": keys[0], "text": "canary"}
    area = {"from_name": keys[0], "type": "textarea", "value": {"text": ["x"]}}
    mark = {"from_name": "label", "type": "labels", "value": {**span, "labels": [keys[1]]}}
    judged = {"completed_by": 1, "result": [area, mark], "lead_time": 1.5, "updated_at": "2026-01-01"}
    task = {
        "id": 1,
        "data": {"text": CANARY},
        "annotations": [judged],
        "predictions": [{"model_version": "m", "result": [area]}],
    }
    response = {"value": [span], "user_id": "a"}
    lines = [
        {"id": 1, "text": CANARY, "label": [[0, 6, keys[0]]], "Comments": ["x"]},
        {"text": CANARY, "spans": [span], "answer": "accept", "_task_hash": 1, "meta": {"a": 1}},
        {
            "id": "a",
            "fields": {"text": CANARY},
            "responses": {"q": [response]},
            "suggestions": {keys[0]: {"value": "x"}},
        },
    ]
    ndjson = ["".join(json.dumps(one) + "\n" for one in some) for some in (resources, *([line] for line in lines))]
    return [
        json.dumps(bundle, indent=1).encode(),
        json.dumps([task, task]).encode(),
        *(text.encode() for text in ndjson),
    ]
