"""Word documents (.docx): header, text, notes and footer in the order in which they are read.

The XML is read here because python-docx leaves out what stands in content controls, text boxes and accepted changes,
which letters made from templates are full of; a note would lose sentences and nobody would see it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from data.reading.archives.office import open_office
from data.reading.archives.packed import PackedError
from data.reading.documents.note import make_document
from data.reading.records import Record, Refusal, refused_file
from data.reading.sources import Encoding, Head, Options, Source

_SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_SYMBOLS = dict(zip("$\"'@\\^`", "∃∀∋≅∴⊥\u203e", strict=True)) | dict(
    zip(
        "ABGDEZHQIKLMNXOPRSTUFCYWabgdezhqiklmnxoprstufcyw",
        "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩαβγδεζηθικλμνξοπρστυφχψω",
        strict=True,
    )
)
_SYMBOLS |= dict(
    zip("\xa3\xa5\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb8\xb9\xba\xbb\xbc", "≤∞↔←↑→↓°±″≥×∝÷≠≡≈…", strict=True)
)
"""What the letters of the font Symbol show."""
_BOXES = {"wingdings": dict(zip("o\xa8\xfb\xfc\xfd\xfe", "☐☐✗✓☒☑", strict=True))}
_BOXES |= {"wingdings 2": dict(zip("\xa3OPQRST", "☐✗✓☒☑☒☒", strict=True))}
"""What is ticked in a form."""
_DELETED = {"del", "moveFrom", "Fallback", "pPr", "rPr", "sectPr", "tblPr", "tcPr", "trPr"}


def is_docx(head: Head) -> bool:
    """Whether it is a ZIP archive with a document of Word in it."""
    return any(name.startswith("word/document") for name in head.members)


def read_docx(source: Source, _: Encoding, __: Options) -> Iterator[Record | Refusal]:
    """The one record of a document."""
    try:
        with open_office(source) as archive:
            found = make_document(source, list(_read_texts(archive)))
    except PackedError as error:
        yield error.refusal(source.name)
        return
    except (ParseError, ValueError, LookupError):
        yield refused_file(source.name, "a whole Word document", "a fault in it", "open it in Word and save it again")
        return
    if not found:
        yield refused_file(
            source.name, "a document with text", "none", "recognise the text of its pictures first (OCR)"
        )
    yield from found


def _read_texts(archive: zipfile.ZipFile) -> Iterator[str]:
    names = sorted(archive.namelist(), key=lambda name: (len(name), name))
    for begin in ("word/header", "word/document", "word/footnotes", "word/endnotes", "word/footer"):
        seen: set[str] = set()
        for name in names:
            if name.startswith(begin) and name.endswith(".xml") and (text := _read_text(archive, name)) not in seen:
                seen.add(text)
                yield text


def _read_text(archive: zipfile.ZipFile, name: str) -> str:
    from defusedxml.ElementTree import iterparse

    words = _Words()
    with archive.open(name) as stream:
        for event, element in iterparse(stream, ("start", "end"), forbid_dtd=True):
            if event == "start":
                words.begin(_local(element))
            else:
                words.end(element)
                element.clear()
    return "".join(words.said)


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _attributes(element: Element) -> dict[str, str]:
    return {name.rpartition("}")[2]: value for name, value in element.attrib.items()}


def _symbol(element: Element) -> str:
    """What a sign of a named font shows: that of Symbol, or one of Unicode; U+FFFD for pictures."""
    told = _attributes(element)
    code = int(told.get("char", "FFFD")[-4:], 16)
    if not 0xE000 <= code <= 0xF8FF:
        return chr(code)
    sign, font = chr(code & 0xFF), told.get("font", "").casefold()
    if font != "symbol":
        return _BOXES.get(font, {}).get(sign, "\ufffd")
    return _SYMBOLS.get(sign, sign if sign.isascii() and sign.isprintable() else "\ufffd")


class _Words:
    """Gathers the words of a part of a document: a paragraph is a line, and so is a row of a table."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._n_deleted = self._n_cells = 0
        self._is_ticked = False

    def begin(self, tag: str) -> None:
        self._n_deleted += tag in _DELETED
        self._n_cells += tag == "tc"
        self._is_ticked = self._is_ticked and tag != "checkBox"

    def end(self, element: Element) -> None:
        tag = _local(element)
        if tag in ("default", "checked"):  # in this order
            self._is_ticked = _attributes(element).get("val", "1") not in ("0", "false", "off")
        if not self._n_deleted:
            box = "☒" if self._is_ticked else "☐"
            self._take(tag, _symbol(element) if tag == "sym" else box if tag == "checkBox" else element.text or "")
        self._n_deleted -= tag in _DELETED
        self._n_cells -= tag == "tc"

    def _take(self, tag: str, text: str) -> None:
        if tag in ("t", "sym", "checkBox"):
            self.said.append(text)
        elif tag == "p":
            self.said.append(" " if self._n_cells else "\n")
        elif tag in _SIGNS:
            self.said.append(_SIGNS[tag])
        elif tag == "tc":
            self._end_paragraph()
            self.said.append(" " if self._n_cells > 1 else "\t")
        elif tag == "tr":
            self._end_paragraph()
            self.said.append(" " if self._n_cells else "\n")

    def _end_paragraph(self) -> None:
        """Take back what stands behind the last paragraph of a cell, or the last cell of a row."""
        if self.said and self.said[-1] in (" ", "\t"):
            self.said.pop()
