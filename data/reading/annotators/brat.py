"""brat: a text in a .txt and its annotations in an .ann of the same name beside it.

https://brat.nlplab.org/standoff.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from data.limits import MAX_METADATA_CHARACTERS, MAX_RECORD_BYTES
from data.reading.annotators.statements import Said
from data.reading.records import Record, Refusal, refused_file

ENDING = ".ann"
_SETTINGS = frozenset(("annotation.conf", "visual.conf", "tools.conf", "kb_shortcuts.conf"))
_MARKS = frozenset(("_SUCCESS", "_committed", "_started"))
_ENTITY = re.compile(r"T\d+\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)")
_ROOM = MAX_METADATA_CHARACTERS // 2


def is_beside(path: Path) -> bool:
    """Whether a file of a folder only goes with others: annotations of a text, a tool's settings, a mark of Spark's."""
    if path.name in _SETTINGS or path.name in _MARKS or path.name.startswith(("_committed_", "_started_")):
        return True
    return path.suffix == ENDING and path.with_suffix(".txt").exists()


def annotations_of(path: Path) -> Path | None:
    """The file with a text's annotations; None where there is none."""
    beside = path.with_suffix(ENDING)
    return beside if path.suffix == ".txt" and beside.is_file() and not beside.is_symlink() else None


def with_annotations(record: Record, path: Path) -> Record | Refusal:
    """The record of a text with the annotations that stand beside it."""
    try:
        raw = path.open("rb").read(MAX_RECORD_BYTES + 1)
        lines = raw.decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return refused_file(path.name, "annotations of brat in UTF-8", "other bytes", "save the file as UTF-8")
    if len(raw) > MAX_RECORD_BYTES:
        return refused_file(path.name, f"at most {MAX_RECORD_BYTES:,} bytes", "more", "split the text")
    said, others = Said(str(record.values.get("text", ""))), list[str]()
    for line in lines:
        entity = _ENTITY.fullmatch(line)
        if entity is None:
            others += [line] if line.strip() else []
            continue
        places = [tuple(map(int, part.split())) for part in entity[2].split(";")]
        if len(places) > 1:  # of several pieces: their words together are one value
            said.unplaced.setdefault(entity[1], []).append(entity[3])
        else:
            said.mark(entity[1], places[0][0], places[0][1], None if _is_broken(entity[3]) else entity[3])
    values = dict(record.values)
    if others and sum(map(len, others)) <= _ROOM:
        values["brat"] = others
    return replace(record, values=values, decisions=(said.statement(),) if said else ())


def _is_broken(words: str) -> bool:
    """Whether words went over a line break, for which brat writes a space."""
    return " " in words


def refused_alone(path: Path) -> Iterator[Refusal]:
    """The refusal of annotations without their text."""
    advice = "import the folder with both"
    yield refused_file(path.name, "annotations of brat beside their text", "no .txt of that name", advice)
