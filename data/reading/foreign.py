"""Foreign formats: files that hold no notes that can be read, each known by its content and refused as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from data.reading.records import Refusal, refused_file
from data.reading.sources import Head

_UNPACK, _SHEET, _DOCUMENT = "unpack it first", "save the sheet as .csv or .xlsx", "save it as .docx or .txt"
_CONLL = re.compile(r"(?:\S+[ \t]+){1,9}(?:O|[BIESLU]-\S+)")
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
    lines = [line for line in (head.text or "").splitlines()[:200] if line.strip()]
    n_tagged = sum(_CONLL.fullmatch(line.strip()) is not None for line in lines)
    return len(lines) >= _MANY and n_tagged >= _MOST * len(lines)


_PACKED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"BM")
_NO_NOTES = "choose the file that holds the notes"
FOREIGN = (
    Foreign("an old Office file (.doc or .xls)", "save it as .docx, .xlsx, .csv or .txt", _begins(b"\xd0\xcf\x11\xe0")),
    Foreign("a picture", "recognise its text first (OCR) and save that", lambda head: _is_picture(head.raw)),
    Foreign("a program", _NO_NOTES, _begins(b"MZ\x90", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")),
    Foreign("a database (SQLite)", "export its table as CSV", _begins(b"SQLite format 3\0")),
    Foreign("an archive (7z, rar, bzip2, xz, zstd)", _UNPACK, lambda head: head.raw.startswith(_PACKED)),
    Foreign("an archive (tar)", _UNPACK, _begins(b"ustar", at=257)),
    Foreign("a pickle of Python", "write it as .parquet or .jsonl", lambda head: _is_pickle(head.raw)),
    Foreign("tagged words (CoNLL)", "give the texts themselves, for instance as .jsonl", _is_conll, is_binary=False),
    Foreign(
        "a NAACCR XML file, which has codes and no reports",
        "give the reports themselves",
        lambda head: "<NaaccrData" in (head.text or ""),
        is_binary=False,
    ),
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


def unknown_refusal(head: Head, endings: tuple[str, ...]) -> Refusal:
    """The refusal of a file whose content tells nothing and whose ending is none of those that are read."""
    found = f"another ending, {head.ending}" if _PLAIN_ENDING.fullmatch(head.ending) else "no ending"
    if head.ending in _ADVICE:
        return refused_file(head.name, f"a file ending in {', '.join(endings)}", found, _ADVICE[head.ending])
    advice = "name it .txt if it is one note, or write its notes into one of these"
    return refused_file(head.name, f"a file ending in {', '.join(endings)}", found, advice)


_PLAIN_ENDING = re.compile(r"\.[a-z0-9]{1,12}")
_ADVICE = {
    **dict.fromkeys((".bz2", ".xz", ".zst", ".7z", ".tar", ".tgz", ".rar"), _UNPACK),
    **dict.fromkeys((".xls", ".xlsb", ".ods", ".numbers"), _SHEET),
    **dict.fromkeys((".doc", ".odt", ".pages"), _DOCUMENT),
}
