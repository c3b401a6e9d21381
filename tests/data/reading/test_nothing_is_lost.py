"""Files in which something would be lost, mixed up or made up, were they read as they look at first sight."""

from __future__ import annotations

import base64
import io
import json
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from data.reading.clinical.narrative import html_text
from data.reading.readers import read_records
from data.reading.records import Record
from tests.kit.documents import pdf, saved, zipped
from tests.kit.note_files import file, lines, only, read

_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_MSH = "MSH|^~\\&|LIS|N|R|R|20260130||ORU^R01|M1|P|2.5\r"


def texts(path: Path) -> list[tuple[str | None, str]]:
    notes, refusals = read(path)
    assert not refusals
    return [(note.external_id, note.text) for note in notes]


def test_a_gene_begins_no_message(tmp_path: Path) -> None:
    said = "MLH1: lost\nMSH-2: retained\nBTS: none\nMSH-6: retained"
    raw = f"{_MSH}OBR|1||S1\rOBX|1|TX|c||{said}||||||F\rOBX|2|TX|c||Carcinoma.||||||F\r"
    assert texts(file(tmp_path, raw + raw.replace("S1", "S2"), "a.hl7")) == [
        ("S1", f"{said}\nCarcinoma."),
        ("S2", f"{said}\nCarcinoma."),
    ]


def test_an_addendum_is_no_copy_of_its_report(tmp_path: Path) -> None:
    report, addendum = "Ductal carcinoma of the left breast.", "Addendum: HER2 positive."
    coded = base64.b64encode(addendum.encode()).decode()
    raw = f"{_MSH}OBR|1||S1\rOBX|1|TX|c||{report}||||||F\rOBX|2|ED|c||A^text^plain^Base64^{coded}||||||F\r"
    assert texts(file(tmp_path, raw, "a.hl7")) == [("S1", f"{report}\n{addendum}")]


def _bundle(*resources: dict[str, Any], kind: str = "collection") -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": one} for one in resources]}


def _diagnosis(number: str, said: str) -> dict[str, Any]:
    form = {"contentType": "text/plain", "data": base64.b64encode(said.encode()).decode()}
    subject = {"reference": "Patient/1"}
    return {"resourceType": "DiagnosticReport", "id": number, "subject": subject, "presentedForm": [form]}


def test_bundles_put_together_do_not_mix_their_patients(tmp_path: Path) -> None:
    whole = [
        _bundle({"resourceType": "Patient", "id": "1", "gender": "female", "name": [{"text": name}]}, diagnosis)
        for name, diagnosis in (("Ann", _diagnosis("a", "Of Ann.")), ("Bea", _diagnosis("b", "Of Bea.")))
    ]
    notes, refusals = read(file(tmp_path, lines(*whole), "a.ndjson"))
    assert not refusals
    assert [note.text for note in notes] == ["Of Ann.", "Of Bea."]
    assert all("patient_name" not in note.metadata and note.metadata["sex"] == "female" for note in notes)


def test_a_document_bundle_beside_another(tmp_path: Path) -> None:
    text = {"status": "generated", "div": "<div>Of a document <![x y]> so.</div>"}
    document = _bundle({"resourceType": "Composition", "id": "c", "text": text}, _diagnosis("a", "A part."))
    raw = lines({**document, "type": "document"}, _bundle(_diagnosis("b", "By itself.")))
    found = [("c", "Of a document <![x y]> so."), ("b", "By itself.")]
    assert texts(file(tmp_path, raw, "a.ndjson")) == found


@pytest.mark.parametrize(
    ("whole", "ids"),
    [
        ({"c-1": {"text": "One."}, "c-2": {"text": "Two."}}, ["c-1", "c-2"]),
        ({"text": {"c-1": "One.", "c-2": "Two."}}, ["c-1", "c-2"]),
        ({"columns": ["text"], "index": ["c-1", "c-2"], "data": [["One."], ["Two."]]}, ["c-1", "c-2"]),
        ({"text": {"0": "One.", "1": "Two."}}, [None, None]),
        ({"c-1": {"id": 7, "text": "One."}, "c-2": {"id": 8, "text": "Two."}}, ["7", "8"]),
    ],
)
def test_names_of_records_are_their_ids(tmp_path: Path, whole: Any, ids: list[str | None]) -> None:
    found = texts(file(tmp_path, json.dumps(whole), "a.json"))
    assert found == list(zip(ids, ["One.", "Two."], strict=True))


def test_numbers_of_records_are_kept_beside(tmp_path: Path) -> None:
    notes, _ = read(file(tmp_path, json.dumps({"text": {"5": "One.", "9": "Two."}}), "a.json"))
    assert [(note.external_id, note.metadata) for note in notes] == [(None, {"index": "5"}), (None, {"index": "9"})]


def _archive(path: Path, *members: tuple[str | zipfile.ZipInfo, str]) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(path, "w") as archive:
            for name, said in members:
                archive.writestr(name, said)
    return path


class _Unsaid(zipfile.ZipInfo):
    """A member whose name is UTF-8 and not said to be, as macOS writes it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the name that the library looks for
        return self.filename.encode(), self.flag_bits & ~0x800


def test_names_in_an_archive(tmp_path: Path) -> None:
    assert texts(_archive(tmp_path / "a.zip", (_Unsaid("Größe.txt"), "One."))) == [("Größe", "One.")]
    twice = _archive(tmp_path / "b.zip", ("a.txt", "One."), ("./a.txt", "Two."))
    assert only(twice).found == "two of one name"
    link = zipfile.ZipInfo("b.txt")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert only(_archive(tmp_path / "c.zip", (link, "ward/secret.txt"))).found == "a link to one"


@pytest.mark.parametrize("row", [["=A1", "One."], ["1", "=A1"], ['=CONCATENATE("a",B2)', None]])
def test_formulas_that_nobody_computed(tmp_path: Path, row: list[str | None]) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for cells in (["id", "text"], row, ["2", "Two."]):
        book.active.append(cells)
    assert only(file(tmp_path, saved(book), "a.xlsx")).found == "formulas without them"


def test_signs_of_a_word_document(tmp_path: Path) -> None:
    signs = "".join(f'<w:sym w:font="Symbol" w:char="{code}"/>' for code in ("F0B3", "F06D", "F033"))
    body = f'<w:document {_WORD}><w:body><w:p><w:r>{signs}<w:sym w:font="Wingdings" w:char="F0FC"/></w:r></w:p>'
    body += "<w:p><w:r><w:t>cm</w:t></w:r></w:p></w:body></w:document>"
    assert texts(file(tmp_path, zipped({"word/document.xml": body}), "a.docx")) == [("a", "≥μ3✓\ncm")]
    other = '<?xml version="1.0" encoding="none-8"?>' + body
    assert only(file(tmp_path, zipped({"word/document.xml": other}), "b.docx")).found == "a fault in it"


def test_ticks_in_a_form_of_word(tmp_path: Path) -> None:
    boxes = ("<w:checked/>", '<w:default w:val="1"/><w:checked w:val="0"/>', '<w:default w:val="1"/>', "")
    body = "".join(f"<w:r><w:ffData><w:checkBox>{box}</w:checkBox></w:ffData><w:t>x</w:t></w:r>" for box in boxes)
    whole = f"<w:document {_WORD}><w:body><w:p>{body}</w:p></w:body></w:document>"
    assert texts(file(tmp_path, zipped({"word/document.xml": whole}), "a.docx")) == [("a", "☒x☐x☒x☐x")]


@pytest.mark.parametrize("value", ["Carcinoma", "", "/Off"])
def test_what_was_typed_into_a_form(tmp_path: Path, value: str) -> None:
    writer = PdfWriter(clone_from=io.BytesIO(pdf("Diagnosis:")))
    widget = {"/FT": "/Tx", "/Subtype": "/Widget", "/T": "(diagnosis)", "/V": value}
    field = DictionaryObject({NameObject(key): TextStringObject(said) for key, said in widget.items()})
    fields = ArrayObject([writer._add_object(field)])
    writer.root_object[NameObject("/AcroForm")] = DictionaryObject({NameObject("/Fields"): fields})
    raw = io.BytesIO()
    writer.write(raw)
    path = file(tmp_path, raw.getvalue(), "a.pdf")
    if value == "Carcinoma":
        assert only(path).found == "words typed into a form"
    else:
        assert texts(path) == [("a", "Diagnosis:")]


def test_rich_text_of_other_programs(tmp_path: Path) -> None:
    raw = b"{\\rtf1\\ansi\\ansicpg1250 Guz \x9cr\xf3dpiersia{\\footnote Uwaga.}}"
    assert texts(file(tmp_path, raw, "a.rtf")) == [("a", "Guz śródpiersia Uwaga.")]
    assert only(file(tmp_path, b"{\\rtf1 Not {\\deleted benign} so}", "b.rtf")).found == "text that was deleted"


def test_a_page_says_its_encoding(tmp_path: Path) -> None:
    page = '<html><head><meta charset="windows-1250"></head><body>Guz śródpiersia</body></html>'
    assert texts(file(tmp_path, page.encode("cp1250"), "a.html")) == [("a", "Guz śródpiersia")]
    page = page.replace("windows-1250", "nothing")
    assert texts(file(tmp_path, page.encode("cp1252", "replace"), "a.html"))


@pytest.mark.parametrize("end", ["Margin <5 mm", "<![CDATA[Margin <5 mm]]>", "Margin &lt;5 mm<!-- so -->"])
def test_markup_at_its_end(tmp_path: Path, end: str) -> None:
    assert texts(file(tmp_path, f"<html><body><p>{end}", "a.html")) == [("a", "Margin <5 mm")]
    text = {"status": "generated", "div": f"<div>{end}"}
    report = {"resourceType": "DiagnosticReport", "id": "a", "text": text}
    assert texts(file(tmp_path, json.dumps(report), "a.json")) == [("a", "Margin <5 mm")]


@pytest.mark.parametrize("begin", ["<a href='", "<!--", "<![if ", "<![CDATA["])
def test_what_begins_again_and_again_and_never_ends(begin: str) -> None:
    assert html_text("<div>Tumour. " + begin * 100_000).startswith("Tumour.")


def test_answers_of_tools_that_are_none(tmp_path: Path) -> None:
    responses = [{"values": {"kind": 5}, "user_id": 1}, {"values": None}]
    argilla = {"id": "a", "fields": {"text": "Tumour."}, "responses": responses, "suggestions": []}
    assert texts(file(tmp_path, lines(argilla), "a.jsonl")) == [("a", "Tumour.")]
    brief = {"id": "a", "text": "Tumour.", "annotator": 1, "annotation_id": 2, "lead_time": 1, "x": [{"labels": 5}]}
    assert texts(file(tmp_path, lines(brief), "b.jsonl")) == [("a", "Tumour.")]
    assert only(file(tmp_path, json.dumps({"columns": 5, "data": [["Tumour."]]}), "c.json")).line == 1


def test_what_a_file_is_not(tmp_path: Path) -> None:
    said = "The file began with %PDF-1.4 and was not opened."
    assert texts(file(tmp_path, said, "a.txt")) == [("a", said)]
    rows = "".join(f"{n}\t60\tF\tC50\t2\tII\tA tumour, {n} mm.\tpath\tx\t2024\n" for n in range(20))
    found = texts(file(tmp_path, "id\tage\tsex\tsite\tgrade\tstage\ttext\tby\tward\tyear\n" + rows, "a.tsv"))
    assert found[3] == ("3", "A tumour, 3 mm.")


def test_the_names_of_the_columns_are_no_record(tmp_path: Path) -> None:
    notes, (refusal,) = read(file(tmp_path, "id,text\n1,One.\n\ufeffid,text\n2,Two.\n", "a.csv"))
    assert [note.external_id for note in notes] == ["1", "2"]
    assert (refusal.line, refusal.found) == (3, "the names of the columns once more")


def test_one_text_of_brat_that_cannot_be_read(tmp_path: Path) -> None:
    path = _archive(tmp_path / "a.zip", ("a.txt", "One text."), ("a.ann", "T1\tx 0 3\tOne\n"), ("b.txt", "Two."))
    path.write_bytes(path.read_bytes().replace(b"One text.", b"Oxe text.", 1))
    (note,), (refusal,) = read(path)
    assert (note.external_id, refusal.file) == ("b", "a.txt in a.zip")
    empty = _archive(tmp_path / "b.zip", ("a.txt", " "), ("a.ann", ""))
    assert only(empty).found == "an empty one"


def test_words_of_a_label_whose_place_is_a_path(tmp_path: Path) -> None:
    value = {"start": "/p[1]", "end": "/p[1]", "text": "Ductal", "hypertextlabels": ["Kind"]}
    result = {"from_name": "label", "type": "hypertextlabels", "value": value}
    whole = [{"id": 1, "data": {"text": "Ductal."}, "annotations": [{"result": [result]}]}]
    (record,) = read_records(file(tmp_path, json.dumps(whole), "a.json"))
    assert isinstance(record, Record)
    assert record.decisions[0].words == {"Kind": ["Ductal"]}
