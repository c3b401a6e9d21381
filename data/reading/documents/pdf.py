"""PDF: the text of its pages, where every page has one."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

from data.limits import MAX_HELD_BYTES, MAX_PAGES, MAX_RECORD_BYTES, MIB
from data.reading.documents.note import make_document
from data.reading.records import Record, Refusal, refused_file, refused_line
from data.reading.sources import Encoding, Head, Options, Source

_OCR = "recognise its text first (OCR), and save that as .txt or .pdf"
_MAX_UNKNOWN = 0.1
_BEGIN = re.compile(rb"\A\s*%PDF-|%PDF-\d\.\d[ \t]*[\r\n]")  # elsewhere by a line end: a text may speak of such a file


def is_pdf(head: Head) -> bool:
    """Whether it begins as one; some bytes may stand before."""
    return _BEGIN.search(head.raw[:1024]) is not None


def read_pdf(source: Source, _: Encoding, __: Options) -> Iterator[Record | Refusal]:
    """The one record of a document."""
    with source.open("rb") as stream:
        if stream.seek(0, 2) > MAX_HELD_BYTES:
            yield refused_file(source.name, f"a PDF of at most {MAX_HELD_BYTES // MIB} MB", "more", "split it")
            return
        stream.seek(0)
        try:
            found = _read(source, stream)
        except Exception:  # noqa: BLE001 - whatever the parser stumbles over, the document is what it stumbles over
            found = refused_file(source.name, "a whole PDF", "a fault in it", "print it to a new PDF, or save its text")
    if isinstance(found, Refusal):
        yield found
    else:
        yield from make_document(source, found)


def _read(source: Source, stream: Any) -> list[str] | Refusal:
    """The text of each page, or the refusal of the file."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)  # it would tell of the text
    reader = PdfReader(stream, strict=False)
    if reader.is_encrypted and not _is_unlocked(reader):
        return refused_file(source.name, "a PDF without a password", "an encrypted one", "save it without a password")
    if len(reader.pages) > MAX_PAGES:
        return refused_file(source.name, f"a PDF of at most {MAX_PAGES} pages", f"{len(reader.pages):,}", "split it")
    if any(_is_filled(field) for field in (reader.get_fields() or {}).values()):
        advice = "print it to a new PDF"  # so that they stand where they belong in the text
        return refused_file(source.name, "a PDF whose words stand on its pages", "words typed into a form", advice)
    texts: list[str] = []
    pictures: list[int] = []
    for number, page in enumerate(reader.pages, start=1):
        text = page.extract_text()
        if not text.strip() and _has_picture(page):
            pictures.append(number)
        texts.append(text)
        if sum(map(len, texts)) > MAX_RECORD_BYTES:
            return refused_line(source.name, 1, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
    return _check_texts(source, texts, pictures)


def _check_texts(source: Source, texts: list[str], pictures: list[int]) -> list[str] | Refusal:
    whole = "".join(texts)
    if not whole.strip():
        found = "a scanned one, which holds pictures of its pages" if pictures else "none"
        return refused_file(source.name, "a PDF with text", found, _OCR)
    if pictures:
        some = ", ".join(map(str, pictures[:10])) + (" and others" if len(pictures) > 10 else "")
        return refused_file(source.name, "a PDF with text on every page", f"mere pictures on page {some}", _OCR)
    n_unknown = sum(not (sign.isprintable() or sign.isspace()) or sign == "\ufffd" for sign in whole)
    if n_unknown > _MAX_UNKNOWN * len(whole):
        return refused_file(source.name, "a PDF whose letters can be told", "letters without a meaning", _OCR)
    return texts


def _is_filled(field: Any) -> bool:
    """Whether somebody typed or ticked something; a signature is neither."""
    return field.get("/FT") != "/Sig" and str(field.get("/V") or "").strip() not in ("", "/Off")


def _is_unlocked(reader: Any) -> bool:
    """Whether it opens without a password, as one that may merely not be printed."""
    return bool(reader.decrypt(""))


def _has_picture(page: Any) -> bool:
    resources = page.get("/Resources", {}).get_object()
    if "/XObject" not in resources:
        return False
    shapes = resources["/XObject"].get_object()
    return any(shapes[name].get_object().get("/Subtype") in ("/Image", "/Form") for name in shapes)
