"""A document is one note: its text as it is read, with the file's name for an id."""

from __future__ import annotations

import re
from collections.abc import Iterable

from data.reading.records import Record, id_of_file
from data.reading.sources import Source

_BLANK_LINES, _TRAILING = re.compile(r"\n{3,}"), re.compile(r"[ \t\xa0]+(?=\n|$)")


def make_document(source: Source, parts: Iterable[str]) -> list[Record]:
    """The record of a document; none where it holds no text.

    Args:
        source: the file.
        parts: pieces of text that stand below each other.
    """
    text = "\n".join(part for part in parts if part.strip())
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\v", "\n").replace("\f", "\n")
    text = _BLANK_LINES.sub("\n\n", _TRAILING.sub("", text)).strip("\n")
    return [Record(source.name, None, {"id": id_of_file(source.stem), "text": text})] if text.strip() else []
