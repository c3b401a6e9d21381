"""Registries' formats, by the mapping file: complete, consistent, and changed by changing that file alone."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
from xml.etree import ElementTree

import pytest

from app.core.errors import InputError
from app.exporting.choice import Choice
from app.exporting.registries.mapping import load_mapping, mapping_beside
from app.exporting.registries.omop import NOTE, NOTE_NLP
from app.exporting.writing import check_needs
from data.notes import make_note
from data.task import Extraction
from db.notes.identity import Rules
from db.notes.notes import add_notes
from db.review.decisions import submit
from db.store.store import open_store
from tests.kit.desk.decided_records import TASK, exported, fill
from tests.kit.desk.permits import person_in, program_in

PROFILES = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
# What mCODE and the US Core profiles below it ask for at least; docs/registries.md has the same table.
REQUIRED = {
    "cancer-patient": ("identifier", "name", "gender"),
    "primary-cancer-condition": ("category", "code", "subject"),
    "secondary-cancer-condition": ("category", "code", "subject"),
    "tnm-stage-group": ("status", "code", "subject", "method", "valueCodeableConcept"),
    "tumor-marker-test": ("status", "category", "code", "subject", "valueCodeableConcept"),
    "genomic-variant": ("status", "category", "code", "subject", "component"),
    "cancer-disease-status": ("status", "code", "subject", "valueCodeableConcept"),
    "cancer-related-medication-request": (
        "status",
        "intent",
        "medicationCodeableConcept",
        "subject",
        "reasonReference",
    ),
    "cancer-related-surgical-procedure": ("status", "category", "code", "subject", "reasonReference"),
}
TEXT = (
    "67-year-old woman, invasive ductal carcinoma of the breast, stage IIA. ER positive, HER2 negative. "
    "BRCA1 c.68_69del. Lumpectomy, then tamoxifen; no evidence of disease. Liver metastasis later."
)
VALUES = {
    "cancer_type": "invasive ductal carcinoma of the breast",
    "stage": "IIA",
    "gene_mutation": "BRCA1 c.68_69del",
    "biomarker": "ER positive; HER2 negative",
    "treatment": "lumpectomy; tamoxifen",
    "response": "no evidence of disease",
    "metastasis_site": "liver",
}
METADATA = {"MRN": "4711", "sex": "F", "dob": "19580131", "report_date": "2026-01-30", "title": "Pathology report"}


def decided(folder, *notes):
    """A store with notes that ada decided about."""
    with open_store(folder / "caseloop.db") as store:
        with store.transaction() as session:
            made = [make_note(TASK, text, external_id=name, metadata=metadata) for text, name, metadata, _ in notes]
            for number, (*_, values) in zip(add_notes(program_in(session), made).note_ids, notes, strict=True):
                submit(
                    person_in(session, "ada"),
                    note_id=number,
                    status="submitted",
                    extraction=Extraction(TASK, {**dict.fromkeys(TASK.keys), **values}),
                    seen_revision=0,
                    token=f"token-{number}",
                )
        yield store


@pytest.fixture
def one(tmp_path):
    """Two notes of one patient."""
    yield from decided(
        tmp_path, (TEXT, "S-1", METADATA, VALUES), ("Follow-up, stable.", "S-2", METADATA, {"response": "stable"})
    )


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("full") / "caseloop.db") as opened:
        fill(opened, 60, seed=3)
        yield opened


def resources(store, **chosen):
    bundle = json.loads(exported(store, "fhir", **chosen))
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    return [(entry["fullUrl"], entry["resource"]) for entry in bundle["entry"]]


def referred(part):
    """The addresses that a resource refers to."""
    if isinstance(part, dict):
        return {part["reference"]} if "reference" in part else {one for each in part.values() for one in referred(each)}
    return {one for each in part for one in referred(each)} if isinstance(part, list) else set()


def test_a_bundle_holds_what_the_mapping_says_of_each_field(one):
    found = [resource for _, resource in resources(one)]
    kinds = [resource["resourceType"] for resource in found]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "Patient": 1, "DocumentReference": 2, "Condition": 2, "Observation": 6, "Procedure": 1, "MedicationRequest": 1,
        "Provenance": 2,
    }  # fmt: skip
    patient = found[0]
    assert (patient["gender"], patient["birthDate"]) == ("female", "1958-01-31")
    assert patient["identifier"][0]["value"] == "4711"
    document = found[1]["content"][0]["attachment"]
    assert base64.b64decode(document["data"]).decode() == TEXT
    markers = [one for one in found if one.get("meta", {}).get("profile") == [f"{PROFILES}tumor-marker-test"]]
    assert [one["valueCodeableConcept"]["text"] for one in markers] == ["ER positive", "HER2 negative"]
    assert markers[0]["code"]["coding"][0]["code"] == "85337-4"
    (drug,) = [one for one in found if one["resourceType"] == "MedicationRequest"]
    assert drug["medicationCodeableConcept"] == {"text": "tamoxifen"}
    provenance = next(one for one in found if one["resourceType"] == "Provenance")
    assert provenance["agent"][0]["who"]["display"] == "ada"
    assert len(provenance["target"]) == len(found) - 4  # the second note has three of its own, and shares the patient


def test_resources_have_what_their_profiles_ask_for_and_refer_to_one_another(one, full):
    for store in (one, full):
        found = resources(store)
        addresses = [address for address, _ in found]
        assert len(set(addresses)) == len(addresses)
        for _, resource in found:
            for profile in resource.get("meta", {}).get("profile", ()):
                missing = [part for part in REQUIRED[profile.removeprefix(PROFILES)] if not resource.get(part)]
                assert not missing, (profile, missing)
            assert referred(resource) <= set(addresses)
    assert addresses == [address for address, _ in resources(full)]


@pytest.mark.parametrize("form", ["fhir", "omop", "naaccr"])
def test_nothing_of_the_text_and_of_the_metadata_is_in_a_file_without_them(one, form):
    def content(**chosen):
        plain = exported(one, form, **chosen)
        if form != "omop":
            return plain.decode()
        with zipfile.ZipFile(io.BytesIO(plain)) as archive:
            return "".join(archive.read(name).decode() for name in archive.namelist())

    text, coded = "67-year-old", base64.b64encode(TEXT.encode()).decode()[:40]
    whole, without_text, bare = content(), content(with_text=False), content(with_metadata=False)
    assert form == "naaccr" or text in whole or coded in whole
    assert text not in without_text
    assert coded not in without_text
    assert "4711" in whole
    assert not [said for said in ("4711", "1958", "female", "2026-01-30", "Pathology report") if said in bare]
    assert form == "omop" or "lumpectomy" in without_text


def test_a_bundle_of_nothing_has_no_empty_list(one):
    assert json.loads(exported(one, "fhir", reviewer="nobody")) == {"resourceType": "Bundle", "type": "collection"}


def test_one_note_of_two_sources_is_in_a_bundle_twice(tmp_path):
    with open_store(tmp_path / "caseloop.db") as store:
        with store.transaction() as session:
            for source in ("", "lab"):
                note = make_note(TASK, TEXT, external_id="S-1")
                (number,) = add_notes(program_in(session), [note], Rules(source=source)).note_ids
                submit(
                    person_in(session, "ada"),
                    note_id=number,
                    status="submitted",
                    extraction=Extraction(TASK, {**dict.fromkeys(TASK.keys), **VALUES}),
                    seen_revision=0,
                    token=f"token-{number}",
                )
        addresses = [address for address, _ in resources(store)]
    assert len(addresses) == len(set(addresses))


def test_a_note_that_was_set_aside_is_in_no_registry(full):
    statuses = {"skipped", "flagged"}
    plain = [json.loads(line) for line in exported(full, "jsonl").splitlines()]
    aside = {record["id"] for record in plain if record["status"] in statuses}
    assert aside
    names = {one["identifier"][0]["value"] for _, one in resources(full) if one["resourceType"] == "DocumentReference"}
    assert not names & aside


def tables(store):
    with zipfile.ZipFile(io.BytesIO(exported(store, "omop"))) as archive:
        read = {name: archive.read(f"reviewed/{name}.csv").decode() for name in ("note", "note_nlp")}
    return {name: list(csv.DictReader(io.StringIO(text, newline=""))) for name, text in read.items()}


def test_omop_tables_are_complete_and_an_offset_cuts_out_its_words(one, full):
    for store in (one, full):
        found = tables(store)
        assert tuple(found["note"][0]) == NOTE
        assert tuple(found["note_nlp"][0]) == NOTE_NLP
        texts = {}
        for row in found["note"]:
            texts[row["note_id"]] = row["note_text"]
            for column in NOTE[:3] + NOTE[4:6] + NOTE[7:10]:
                assert row[column] != "", column
        for row in found["note_nlp"]:
            words, start = row["lexical_variant"], int(row["offset"])
            assert texts[row["note_id"]][start : start + len(words)] == words != ""
            assert row["nlp_date"]
            assert row["term_exists"] == "Y"
        assert len({row["note_nlp_id"] for row in found["note_nlp"]}) == len(found["note_nlp"]) > 0
    mentions = tables(one)["note_nlp"]
    assert {row["note_id"] for row in mentions} == {"1", "2"}
    assert [row["person_id"] for row in tables(one)["note"]] == ["4711", "4711"]
    assert "field=stage;value=IIA" in {row["term_modifiers"] for row in mentions}


NAMESPACE = "{http://naaccr.org/naaccrxml}"


def test_naaccr_xml_is_well_formed_with_the_attributes_that_it_needs(one, full):
    for store in (one, full):
        root = ElementTree.fromstring(exported(store, "naaccr"))
        assert root.tag == f"{NAMESPACE}NaaccrData"
        assert root.attrib["baseDictionaryUri"].endswith("naaccr-dictionary-240.xml")
        assert root.attrib["recordType"] == "I"
        assert root.attrib["specificationVersion"]
        assert root.attrib["timeGenerated"]
        for item in root.iter(f"{NAMESPACE}Item"):
            assert item.attrib["naaccrId"]
            assert item.text.strip()
    root = ElementTree.fromstring(exported(one, "naaccr"))
    first = {item.attrib["naaccrId"]: item.text for item in root.find(f"{NAMESPACE}Patient").iter(f"{NAMESPACE}Item")}
    assert first["patientIdNumber"] == "4711"
    assert first["textStaging"] == "Stage IIA"


def changed(folder, old, new, count=1):
    """The mapping that comes with the task, with one thing changed."""
    text = mapping_beside(TASK).read_text(encoding="utf-8")
    assert old in text
    path = folder / "ours.toml"
    path.write_text(text.replace(old, new, count), encoding="utf-8")
    return path


def test_a_lead_changes_what_becomes_of_a_field_in_the_file_alone(one, tmp_path):
    path = changed(tmp_path, 'system = "urn:caseloop:patient"', 'system = "urn:oid:1.2.3", use = "official"')
    patient = resources(one, mapping=path)[0][1]
    assert patient["identifier"] == [{"system": "urn:oid:1.2.3", "use": "official", "value": "4711"}]
    path = changed(tmp_path, 'value = "Stage {value}"', 'value = "{metadata.title}: {value}"')
    assert "Pathology report: IIA" in exported(one, "naaccr", mapping=path).decode()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('field = "stage"\nprofile', 'field = "stadium"\nprofile', "found stadium"),
        ('text = "{value}"', 'text = "{valeu}"', "found {valeu} in fhir.resources, condition"),
        ("match = '(?i)^HER-?2'", "match = '(?i'", "expected a regular expression in codes.3.match"),
        ("\nonce = true", "\nonec = true", "found fhir.resources.1.onec, which is none"),
        ('profile_needs = ["condition"]', 'profile_needs = ["conditions"]', "found conditions"),
        ("[omop.note]", "[omop.note", "found a fault at line"),
        ('resourceType = "Patient"', 'kind = "Patient"', "another form of fhir.resources.1.template"),
        ('name = "patient"', "", "expected fhir.resources.1.name; found none"),
    ],
)
def test_a_mistake_in_a_mapping_file_is_named(tmp_path, old, new, told):
    path = changed(tmp_path, old, new)
    with pytest.raises(InputError) as refused:
        check_needs(TASK, Choice("fhir", mapping=path))
    assert str(refused.value).startswith(("ours.toml: ", "Expected TOML in ours.toml"))
    assert told in str(refused.value)


def test_a_mapping_that_is_missing_or_says_nothing_of_the_format_is_named(tmp_path):
    path = tmp_path / "ours.toml"
    with pytest.raises(InputError, match="cannot be read"):
        load_mapping(TASK, path, "fhir")
    path.write_text("[metadata]\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"Expected a table \[fhir\] in ours.toml"):
        load_mapping(TASK, path, "fhir")
    path.write_bytes(b'title = "\xff"')
    with pytest.raises(InputError, match="UTF-8"):
        load_mapping(TASK, path, "fhir")
    with pytest.raises(InputError, match="Leave it out"):
        check_needs(TASK, Choice("csv", mapping=path))
