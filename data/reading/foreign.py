"""Foreign formats: files that hold no notes that can be read, each known by its content and refused as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from data.reading.annotators.brat import is_alone
from data.reading.records import Refusal, refused_file
from data.reading.sources import Head

_UNPACK, _SHEET, _DOCUMENT = "unpack it first", "save the sheet as .csv or .xlsx", "save it as .docx or .txt"
# The second is CoNLL-U: kind of word and number of its head tell it from any table of ten columns.
_CONLL = re.compile(
    r"(?:\S+[ \t]+){1,9}(?:O|[BIESLU]-[A-Za-z]\S*)"
    r"|\d+(?:[-.]\d+)?(?:\t[^\t]+){2}\t[A-Z_]+(?:\t[^\t]+){2}\t(?:\d+|_)(?:\t[^\t]+){3}"
)
_UIMA = re.compile(
    r"(?:<\?xml[^>]*>\s*)?<(?:xmi:XMI|CAS)\b|\{\s*\"%(?:TYPES|FEATURE_STRUCTURES|VIEWS)\"|#FORMAT=WebAnno"
)
_MANY, _MOST = 5, 0.9


@dataclass(frozen=True)
class Foreign:
    """A kind of file that is not read.

    Attributes:
        title: what it is, with its article.
        advice: what to do.
        sniff: whether a head is of this kind; where it is not binary, the head has text.
        is_binary: whether it is no text.
    """

    title: str
    advice: str
    sniff: Callable[[Head], bool]
    is_binary: bool = True

    def refusal(self, name: str) -> Refusal:
        """The refusal of a file of this kind."""
        return refused_file(name, "a file with notes", self.title, self.advice)


def _begins(*begins: bytes, at: int = 0) -> Callable[[Head], bool]:
    return lambda head: head.raw.startswith(begins, at)


def _is_conll(head: Head) -> bool:
    lines = [line for line in (head.text or "").splitlines()[:200] if line.strip() and not line.startswith("# ")]
    n_tagged = sum(_CONLL.fullmatch(line.strip()) is not None for line in lines)
    return len(lines) >= _MANY and n_tagged >= _MOST * len(lines)


_PACKED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM")
_NO_NOTES = "choose the file that holds the notes"
FOREIGN = (
    Foreign("an old Office file (.doc or .xls)", "save it as .docx, .xlsx, .csv or .txt", _begins(b"\xd0\xcf\x11\xe0")),
    Foreign(
        "an OpenDocument file (.odt or .ods)",
        "save it as .docx, .xlsx, .csv or .txt",
        lambda head: {"mimetype", "content.xml"} <= head.members,
    ),
    Foreign("a picture", "recognise its text first (OCR) and save that", lambda head: _is_picture(head.raw)),
    Foreign("a program", _NO_NOTES, _begins(b"MZ\x90", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")),
    Foreign("a database (SQLite)", "export its table as CSV", _begins(b"SQLite format 3\0")),
    Foreign("an archive (7z, rar, bzip2, xz, zstd)", _UNPACK, lambda head: head.raw.startswith(_PACKED)),
    Foreign("an archive (tar)", _UNPACK, _begins(b"ustar", at=257)),
    Foreign("a pickle of Python", "write it as .parquet or .jsonl", lambda head: _is_pickle(head.raw)),
    Foreign(
        "words one a line with their tags (CoNLL), which are no longer a text",
        "export the texts with spans, for instance as brat or as JSON lines",
        _is_conll,
        is_binary=False,
    ),
    Foreign(
        "annotations of a UIMA tool (INCEpTION, WebAnno)",
        "export the project as brat, with its texts, and import that folder",
        lambda head: _UIMA.match(head.start) is not None,
        is_binary=False,
    ),
    Foreign("annotations of brat without their text", "import the folder with both", is_alone, is_binary=False),
    Foreign(
        "an XML file of another kind",
        "write its notes as .jsonl or .csv",
        lambda head: head.start.startswith("<?xml"),
        is_binary=False,
    ),
)


def _is_picture(raw: bytes) -> bool:
    if raw.startswith(b"BM"):  # which words begin with, too
        return b"\0\0\0\0" in raw[:16]
    return raw.startswith(_PICTURES) or raw[128:132] == b"DICM" or (raw[:4] == b"RIFF" and raw[8:12] == b"WEBP")


def _is_pickle(raw: bytes) -> bool:
    return raw[:1] == b"\x80" and raw[1:2] in (b"\2", b"\3", b"\4", b"\5")


def unknown_refusal(head: Head) -> Refusal:
    """The refusal of a file whose content tells nothing and whose ending is none of those that are read."""
    found = f"another ending, {head.ending}" if _PLAIN_ENDING.fullmatch(head.ending) else "no ending"
    advice = _ADVICE.get(head.ending, "name it .txt if it is one note, or write its notes as .jsonl or .csv")
    return refused_file(head.name, "a table, JSON, a document or an archive of them", found, advice)


_PLAIN_ENDING = re.compile(r"\.[a-z0-9]{1,12}")
_ADVICE = {
    **dict.fromkeys((".bz2", ".xz", ".zst", ".7z", ".tar", ".tgz", ".rar"), _UNPACK),
    **dict.fromkeys((".xls", ".xlsb", ".ods", ".numbers"), _SHEET),
    **dict.fromkeys((".doc", ".odt", ".pages"), _DOCUMENT),
}
