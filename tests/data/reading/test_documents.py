"""Documents of word processors, PDF and web pages: one note a file, in the order in which it is read."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest

from tests.kit.documents import HTML, RTF, letter, pdf, saved, unzipped, zipped
from tests.kit.note_files import CANARY, file, only, read


def text_of(path: Path) -> str:
    (note,), refusals = read(path)
    assert not refusals
    assert note.external_id == path.stem
    assert note.metadata == {}
    return note.text


def test_a_word_document_is_read_in_order(tmp_path: Path) -> None:
    said = text_of(file(tmp_path, letter("Größe 3 cm.\nER:\t90 %."), "a.docx"))
    parts = [
        "Clinic, ward 7",
        "Report",
        "Größe 3 cm.",
        "ER:\t90 %.",
        "ER\t90 %",
        "PR\tnegative",
        "Yours sincerely",
        "Page 1",
    ]
    assert [line for line in said.split("\n") if line] == parts


def test_no_words_of_a_word_document_are_lost_or_added(tmp_path: Path) -> None:
    """What templates, text boxes and tracked changes do, and python-docx passes over."""
    run = "<w:r><w:t>{}</w:t></w:r>"
    box = "<w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p>{}</w:p></w:txbxContent></mc:Choice>"
    box += "<mc:Fallback><w:txbxContent><w:p>{}</w:p></w:txbxContent></mc:Fallback></mc:AlternateContent></w:r>"
    body = (
        f"<w:p><w:sdt><w:sdtContent>{run.format('control')}</w:sdtContent></w:sdt></w:p>"
        f"<w:p><w:ins>{run.format('inserted')}</w:ins><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del></w:p>"
        f"<w:p>{box.format(run.format('boxed'), run.format('boxed'))}</w:p>"
        "<w:p><w:r><w:instrText>PAGE</w:instrText></w:r><w:r><w:t>non</w:t><w:noBreakHyphen/><w:t>small</w:t></w:r></w:p>"
    )
    members = unzipped(letter())
    begin = members["word/document.xml"].partition(b"<w:body>")[0].decode()
    space = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    if "xmlns:mc" not in begin:
        begin = begin.replace("<w:document", f'<w:document xmlns:mc="{space}"', 1)
    members["word/document.xml"] = f"{begin}<w:body>{body}</w:body></w:document>".encode()
    said = text_of(file(tmp_path, zipped(members), "a.docx"))
    assert said.split() == ["Clinic,", "ward", "7", "control", "inserted", "boxed", "non-small", "Page", "1"]


def test_merged_cells_and_tables_in_tables(tmp_path: Path) -> None:
    made = docx.Document()
    table = made.add_table(2, 2)
    table.cell(0, 0).merge(table.cell(0, 1)).text = "Receptors"
    table.cell(1, 0).text = "ER"
    inner = table.cell(1, 1).add_table(1, 2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "90", "%"
    assert text_of(file(tmp_path, saved(made), "a.docx")).split() == ["Receptors", "ER", "90", "%"]


@pytest.mark.parametrize("packed", [True, False])
def test_a_pdf_with_text(tmp_path: Path, packed: bool) -> None:
    path = file(tmp_path, pdf("Tumour (left), 3 cm.\nER 90 %.", "Page two.", packed=packed), "a.pdf")
    assert text_of(path) == "Tumour (left), 3 cm.\nER 90 %.\n\nPage two."


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (pdf("", picture=True), "a PDF with text; found a scanned one, which holds pictures of its pages; recognise"),
        (pdf(CANARY, "", picture=True), "text on every page; found mere pictures on page 2"),
        (pdf(CANARY, extra={"/Encrypt": "<< /Filter /Standard /V 9 /R 9 >>"}), "found"),
        (pdf(CANARY)[:-400], "found"),
        (b"%PDF-1.7", "a whole PDF; found a fault in it"),
        (pdf(""), "a PDF with text; found none"),
    ],
    ids=["scanned", "partly scanned", "encrypted", "cut", "nothing", "blank"],
)
def test_a_pdf_without_text_is_named_as_what_it_is(tmp_path: Path, raw: bytes, said: str) -> None:
    refusal = only(file(tmp_path, raw, "a.pdf"))
    assert said in refusal.sentence
    assert refusal.is_file


def test_an_encrypted_pdf_is_named(tmp_path: Path) -> None:
    from pypdf import PdfReader, PdfWriter

    for word, said in (("secret", "an encrypted one"), ("", "")):
        writer = PdfWriter(PdfReader(file(tmp_path, pdf("One."), "plain.pdf")))
        writer.encrypt(user_password=word, owner_password="owner", algorithm="RC4-128")
        writer.write(tmp_path / "a.pdf")
        if said:
            assert said in only(tmp_path / "a.pdf").found
        else:
            assert text_of(tmp_path / "a.pdf") == "One."  # it may merely not be printed


def test_rich_text(tmp_path: Path) -> None:
    assert text_of(file(tmp_path, RTF, "a.rtf")) == "Tumour, größer: ≥3 cm.\nER 90 %"
    polish = rb"{\rtf1\ansi\ansicpg1250 przerzuty do w\'eaz\'b3\'f3w\par}"
    assert text_of(file(tmp_path, polish, "b.rtf")) == "przerzuty do węzłów"
    assert "the middle of it" in only(file(tmp_path, RTF[:-1], "c.rtf")).found


def test_web_pages(tmp_path: Path) -> None:
    assert text_of(file(tmp_path, HTML, "a.html")) == "Report\nGröße > 3 cm\nER 90 %"
    page = (
        "<html><head><style>p{}</style></head><body><p>Tumour,\n  <b>left</b>&nbsp;breast.<table><tr><td>ER<td>90</tr>"
        "<tr><td>PR</td><td>-</td></tr></table><ul><li>one<li>two</ul><pre>a\n  b</pre><script>x()</script>&lt;1 %"
    )
    said = text_of(file(tmp_path, page, "b.htm"))
    assert said == "Tumour, left\xa0breast.\nER\n90\nPR\t-\none\ntwo\na\n  b\n<1 %" or said.replace(
        "\n", " "
    ).split() == (["Tumour,", "left", "breast.", "ER", "90", "PR", "-", "one", "two", "a", "b", "<1", "%"])


def test_markdown_stays_as_it_is_written(tmp_path: Path) -> None:
    assert text_of(file(tmp_path, "# Report\n\n* ER 90 %\n", "a.md")) == "# Report\n\n* ER 90 %"


@pytest.mark.parametrize("name", ["a.docx", "a.rtf", "a.html"])
def test_a_document_without_text_is_refused(tmp_path: Path, name: str) -> None:
    empty = {"a.docx": saved(docx.Document()), "a.rtf": rb"{\rtf1 }", "a.html": b"<html><body></body></html>"}[name]
    assert "with text; found none" in only(file(tmp_path, empty, name)).sentence


def test_entities_in_a_document_are_not_resolved(tmp_path: Path) -> None:
    members = unzipped(letter())
    members["word/document.xml"] = f'<!DOCTYPE x [<!ENTITY e "{CANARY}">]><x>&e;</x>'.encode()
    assert "a fault in it" in only(file(tmp_path, zipped(members), "a.docx")).found
