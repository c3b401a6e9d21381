"""Rich text (.rtf): its text without its looks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from data.limits import MAX_DOCUMENT_BYTES, MIB
from data.reading.documents.note import make_document
from data.reading.records import Record, Refusal, refused_file
from data.reading.sources import Encoding, Head, Options, Source

_DELETED, _FOOTNOTE = re.compile(rb"\\deleted(?![a-z0])"), re.compile(rb"\{\s*\\footnote(?![a-z]) ?")
_HIGH = re.compile(rb"[\x80-\xff]")
_CODE_PAGE = re.compile(rb"\\ansicpg(\d{3,5})")


def is_rtf(head: Head) -> bool:
    """Whether it begins as rich text."""
    return head.raw.lstrip().startswith(b"{\\rtf")


def read_rtf(source: Source, _: Encoding, __: Options) -> Iterator[Record | Refusal]:
    """The one record of a document."""
    from striprtf.striprtf import rtf_to_text

    with source.open("rb") as stream:
        raw = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(raw) > MAX_DOCUMENT_BYTES:
        yield refused_file(
            source.name, f"a document of at most {MAX_DOCUMENT_BYTES // MIB} MB", "more", "save its text"
        )
        return
    if not raw.rstrip(b"\r\n\t \0").endswith(b"}"):
        found, advice = "the end of the file in the middle of it", "get the whole file"
        yield refused_file(source.name, "a whole document", found, advice)
        return
    if _DELETED.search(raw):
        advice = "accept or reject the changes in a word processor, and save it again"
        yield refused_file(source.name, "a document without tracked changes", "text that was deleted", advice)
        return
    raw = _FOOTNOTE.sub(b"{ ", raw)  # whose text the parser would leave out
    told = _CODE_PAGE.search(raw)
    codec = f"cp{told.group(1).decode()}" if told else "cp1252"
    try:
        text = rtf_to_text(_HIGH.sub(_escaped, raw).decode("ascii"), encoding=_known_codec(codec), errors="strict")
    except Exception:  # noqa: BLE001 - whatever the parser stumbles over, the document is what it stumbles over
        found, advice = "a fault in it", "open it in a word processor and save it again, or as .docx"
        yield refused_file(source.name, "rich text", found, advice)
        return
    found_notes = make_document(source, [text])
    if not found_notes:
        yield refused_file(source.name, "a document with text", "none", "check that it is the right one")
    yield from found_notes


def _escaped(high: re.Match[bytes]) -> bytes:
    """A byte beyond ASCII as it should be written, which some programs do not."""
    return b"\\'%02x" % high.group()[0]


def _known_codec(codec: str) -> str:
    try:
        b"x".decode(codec)
    except LookupError:
        return "cp1252"
    return codec
