"""Attachments: the text of a document that comes as bytes inside a message or a resource."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from data.reading.archives.packed import Held
from data.reading.clinical.narrative import html_text
from data.reading.clinical.xml import root_of
from data.reading.documents.pdf import read_pdf
from data.reading.documents.rtf import read_rtf
from data.reading.documents.word import read_docx
from data.reading.records import Record, Refusal
from data.reading.sources import UTF_8, Encoding, Options, Source

_DOCUMENTS: tuple[tuple[bytes, str, Callable[[Source, Encoding, Options], Iterator[Record | Refusal]]], ...] = (
    (b"%PDF-", "a PDF", read_pdf),
    (b"PK\x03\x04", "a Word document or another archive", read_docx),
    (b"{\\rtf", "rich text (RTF)", read_rtf),
)
_KINDS = (
    (b"\xd0\xcf\x11\xe0", "an old Word document"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x89PNG", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a gzip archive"),
)
_MEDIA = {"application/msword": "a Word document", "application/dicom": "a DICOM object"}
CDA_ROOT = "ClinicalDocument"
_NO_TEXT = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f]")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_HTML = re.compile(r"\s*<(?:!doctype\s+html|html|body|div|head)\b", re.IGNORECASE)


class NoText(NamedTuple):
    """What an attachment is that has no text to be read, for a sentence: "a PDF"."""

    found: str


def decode_base64(said: str) -> bytes | NoText:
    """The bytes of base64 text, in which white space does not count."""
    try:
        return base64.b64decode("".join(said.split()), validate=True)
    except (binascii.Error, ValueError):
        return NoText("base64 with a fault")


def attachment_text(raw: bytes, media_type: str = "") -> str | NoText:
    """The text of a plain, HTML, RTF or CDA document.

    What it is says its beginning, and only then the media type, since many senders give all documents the same.
    """
    media = media_type.split(";", maxsplit=1)[0].strip().lower()
    for mark, title, read in _DOCUMENTS:
        if raw.startswith(mark):
            return _document(raw, title, read)
    for mark, found in _KINDS:
        if raw.startswith(mark):
            return NoText(found)
    if media in _MEDIA or media.startswith(("image/", "audio/", "video/")):
        return NoText(_MEDIA.get(media, "a picture, a sound or a film"))
    text = _decoded(raw, media_type)
    if text is None or _NO_TEXT.search(text):
        return NoText("bytes that are no text")
    if root_of(text[:4096].encode("utf-8", "replace")) == CDA_ROOT:
        return _cda(text)
    if "html" in media or _HTML.match(text):
        text = html_text(text)
    return text if text.strip() else NoText("an empty document")


def _decoded(raw: bytes, media_type: str) -> str | None:
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if raw.startswith(mark):
            return _in(codec, raw)
    said = _CHARSET.search(media_type)
    codec_names = [said.group(1)] if said else []
    # Text that is UTF-8 is so hardly ever by chance, whatever is said of it.
    return next((text for name in ("utf-8", *codec_names, "cp1252") if (text := _in(name, raw)) is not None), None)


def _in(codec: str, raw: bytes) -> str | None:
    try:
        return str(raw, codec)
    except (LookupError, UnicodeError, ValueError):
        return None


def _document(
    raw: bytes, title: str, read: Callable[[Source, Encoding, Options], Iterator[Record | Refusal]]
) -> str | NoText:
    for found in read(Held("", "", "", raw), UTF_8, Options()):
        return NoText(f"{title}: {found.found}") if isinstance(found, Refusal) else str(found.values["text"])
    return NoText(f"{title} without text")


def _cda(text: str) -> str | NoText:
    from data.reading.clinical.cda import document_text

    try:
        return document_text(fromstring(text))
    except (ParseError, DefusedXmlException, ValueError):
        return NoText("a clinical document (CDA) with a fault")
