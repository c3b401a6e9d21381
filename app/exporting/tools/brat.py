"""A folder for brat: the text of each note, where its values stand, and annotation.conf.

https://brat.nlplab.org/standoff.html. Positions count code points of the text file; a note on each annotation holds the
value as it was decided. A value without a place in its note is in no file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from app.exporting.choice import Choice
from app.exporting.records import Record
from data.task import Task

MAX_NAME_BYTES = 120
_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)
_LINES = re.compile(r"[^\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
"""Pieces of a text in which brat, which reads by `str.splitlines`, sees no end of a line."""


def brat_files(task: Task, choice: Choice, records: Iterable[Record]) -> Iterator[tuple[str, list[bytes]]]:
    """The files of the folder."""
    kinds = "\n".join(choice.keys(task))
    yield "annotation.conf", [f"[entities]\n{kinds}\n\n[relations]\n\n[events]\n\n[attributes]\n".encode()]
    taken: set[str] = set()
    for record in records:
        name = _name(record, taken)
        yield f"{name}.txt", [record.get("input", "").encode()]
        yield f"{name}.ann", ["".join(_lines(record.get("spans", ()))).encode()]


def _lines(spans: Iterable[dict[str, Any]]) -> Iterator[str]:
    for number, span in enumerate(spans, 1):
        # An annotation is a line, so one over several lines of the note is in parts.
        parts = [(span["start"] + found.start(), found.group()) for found in _LINES.finditer(span["text"])]
        places = ";".join(f"{start} {start + len(words)}" for start, words in parts)
        if parts:
            yield f"T{number}\t{span['field']} {places}\t{' '.join(words for _, words in parts)}\n"
            yield f"#{number}\tAnnotatorNotes T{number}\t{' '.join(span['value'].split())}\n"


def _name(record: Record, taken: set[str]) -> str:
    """A file's name: the note's id where that is plain and nobody else's, also where capital letters do not count."""
    name = str(record["id"])
    if _UNSAFE.search(name) or name.startswith(".") or len(name) > MAX_NAME_BYTES or name.casefold() in taken:
        plain = _UNSAFE.sub("-", name)[: MAX_NAME_BYTES - 20].lstrip(".")
        digits = hashlib.sha256(f"{name}\n{record.get('input', '')}".encode()).hexdigest()
        name = f"{plain}-{digits[:16]}"
    taken.add(name.casefold())
    return name
