"""CDA and NAACCR XML: legible narratives, tumours as notes, and no entities."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.kit.note_files import CANARY, file, only, read

CDA = """<?xml version="1.0"?>
<?xml-stylesheet type="text/xsl" href="CDA.xsl"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="1.2.3" extension="DOC-1"/><code code="11526-1" displayName="Pathology study"/><title>Surgical
 pathology</title><effectiveTime value="20260130081500+0100"/><languageCode code="en-US"/><setId root="1.2.9"/>
<versionNumber value="2"/>
<recordTarget><patientRole><id root="1.2" extension="4711"/><id root="1.4" extension="77"/><patient>
<name><given>Ann</given><given>B</given><family>Roe</family></name><administrativeGenderCode code="F"/>
<birthTime value="19510203"/></patient></patientRole></recordTarget>
<author><assignedAuthor><assignedPerson><name>Bo Lin</name></assignedPerson></assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization><name>North</name></representedCustodianOrganization>
</assignedCustodian></custodian>
<component>BODY</component></ClinicalDocument>"""
SECTIONS = """<structuredBody>
<component><section><title>Diagnosis</title><text><paragraph>Ductal <content styleCode="Bold">carcinoma</content>,
 G2.</paragraph><list><item>ER 90 %</item><item>HER2 0</item></list></text>
 <component><section><title>Addendum</title><text>Ki-67: 20 %.<br/>Seen &lt;twice&gt;.</text></section></component>
</section></component>
<component><section><title>Markers</title><text><table><thead><tr><th>Gene</th><th>Result</th></tr></thead>
<tbody><tr><td>TP53</td><td>wild type</td></tr><tr><td>BRCA1</td><td/></tr></tbody></table><!-- no --></text></section>
</component>
<component><section><title>Empty</title><text/></section></component>
</structuredBody>"""


def cda(body: str) -> str:
    return CDA.replace("BODY", body)


@pytest.mark.parametrize(("name", "codec"), [("a.xml", "utf-8"), ("a.txt", "utf-16"), ("a.cda", "utf-8")])
def test_a_document_of_sections(tmp_path: Path, name: str, codec: str) -> None:
    (note,), refusals = read(file(tmp_path, cda(SECTIONS).encode(codec), name))
    assert not refusals
    assert note.text == (
        "Diagnosis\nDuctal carcinoma, G2.\n\n- ER 90 %\n- HER2 0\n\nAddendum\nKi-67: 20 %.\nSeen <twice>.\n\n"
        "Markers\nGene | Result\nTP53 | wild type\nBRCA1 |"
    )
    assert note.external_id == "DOC-1"
    assert note.metadata == {
        "patient_id": "4711",
        "patient_ids": ["4711", "77"],
        "patient_name": "Roe, Ann B",
        "birth_date": "1951-02-03",
        "sex": "F",
        "title": "Surgical pathology",
        "document_type": "Pathology study",
        "document_code": "11526-1",
        "reported_at": "2026-01-30T08:15:00+01:00",
        "language": "en-US",
        "version": "2",
        "document_set": "1.2.9",
        "author": "Bo Lin",
        "facility": "North",
    }


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ('<text mediaType="text/plain">One &amp; two.</text>', "One & two."),
        (f'<text representation="B64">{base64.b64encode("Größe.".encode()).decode()}</text>', "Größe."),
        ('<text mediaType="text/rtf" representation="B64">e1xydGYxIE9uZS59</text>', "One."),
    ],
)
def test_a_document_with_another_inside(tmp_path: Path, inside: str, text: str) -> None:
    (note,), refusals = read(file(tmp_path, cda(f"<nonXMLBody>{inside}</nonXMLBody>"), "a.xml"))
    assert ([note.text], refusals) == ([text], [])


NAACCR = """<?xml version="1.0"?><NaaccrData recordType="A" xmlns="http://naaccr.org/naaccrxml">
<Item naaccrId="registryId">R</Item>PATIENTS</NaaccrData>"""


def items(**values: str) -> str:
    return "".join(f'<Item naaccrId="{name}">{value}</Item>' for name, value in values.items())


def naaccr(*patients: str) -> str:
    return NAACCR.replace("PATIENTS", "".join(f"<Patient>{patient}</Patient>" for patient in patients))


def test_tumours_are_notes(tmp_path: Path) -> None:
    first = items(
        textDxProcPath="Carcinoma &lt; 3 cm.", primarySite="C509", dateOfDiagnosis="20260130", tumorRecordNumber="01"
    )
    second = items(textDxProcPath="Melanoma.", textStaging="pT1a", rxTextSurgery="Excision.", tumorRecordNumber="02")
    ann = items(patientIdNumber="00004711", sex="2", dateOfBirth="195102", textUsualOccupation="Baker")
    whole = naaccr(
        f"{ann}<Tumor>{first}</Tumor><Tumor>{second}</Tumor>",
        items(patientIdNumber="00000012") + f"<Tumor>{items(primarySite='C341')}</Tumor>",
    )
    notes, refusals = read(file(tmp_path, whole, "a.xml"))
    assert not refusals
    assert [(note.external_id, note.text) for note in notes] == [
        ("00004711-01", "Carcinoma < 3 cm."),
        ("00004711-02", "Dx proc path:\nMelanoma.\n\nStaging:\npT1a\n\nSurgery:\nExcision."),
    ]
    assert notes[0].metadata == {
        "patient_id": "00004711",
        "sex": "2",
        "birth_date": "1951-02",
        "textUsualOccupation": "Baker",
        "primarySite": "C509",
        "diagnosed_at": "2026-01-30",
        "tumour_number": "01",
    }


def test_more_items_than_a_note_has_room_for(tmp_path: Path) -> None:
    many = items(patientIdNumber="1", textDxProcPath="One.", **{f"item{number}": "x" * 100 for number in range(500)})
    (note,), refusals = read(file(tmp_path, naaccr(many), "a.xml"))
    assert not refusals
    assert 100 < len(note.metadata) < 200


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (naaccr(items(patientIdNumber="1", primarySite="C509")), "found codes only"),
        (naaccr(), "found codes only"),
        (cda("<structuredBody/>"), "found sections without any"),
        (
            cda('<nonXMLBody><text mediaType="application/pdf" representation="B64">JVBERi0x</text></nonXMLBody>'),
            "a PDF: a fault in it",
        ),
        (cda('<nonXMLBody><text><reference value="x.pdf"/></text></nonXMLBody>'), "only the address"),
        (cda(SECTIONS)[:-30] + CANARY, "found a fault in it"),
        (
            cda(SECTIONS).replace('<?xml version="1.0"?>', '<?xml version="1.0" encoding="x-klingon"?>'),
            "encoding that it names",
        ),
        ('<?xml version="1.0"?>' + BOMB + cda(SECTIONS)[21:].replace("G2", "&b;"), "without entities"),
        ('<?xml version="1.0"?><xmi:XMI xmlns:xmi="http://www.omg.org/XMI"/>', "INCEpTION"),
        ("#FORMAT=WebAnno TSV 3.3\n#Text=x\n1-1\t0-1\tx\t_\n", "INCEpTION"),
        ('{"%TYPES": {}, "%FEATURE_STRUCTURES": []}', "INCEpTION"),
        ('<?xml version="1.0"?><Other/>', "an XML file of another kind"),
    ],
)
@pytest.mark.parametrize("name", ["a.xml", "a.txt"])
def test_what_is_refused_as_a_whole(tmp_path: Path, raw: str, said: str, name: str) -> None:
    refusal = only(file(tmp_path, raw, name))
    assert said in refusal.sentence
    assert refusal.is_file
