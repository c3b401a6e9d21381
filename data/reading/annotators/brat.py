"""brat: a text in a .txt and its annotations in an .ann of the same name beside it.

https://brat.nlplab.org/standoff.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePath

from data.limits import MAX_METADATA_CHARACTERS, MAX_RECORD_BYTES
from data.reading.annotators.statements import Said
from data.reading.archives.packed import PackedError
from data.reading.documents.plain import read_plain
from data.reading.encodings import encoding_of
from data.reading.records import Record, Refusal, refused_file
from data.reading.sources import Head, Options, Source

_ANN, _TXT = ".ann", ".txt"
_SETTINGS = frozenset(("annotation.conf", "visual.conf", "tools.conf", "kb_shortcuts.conf"))
_ENTITY = re.compile(r"T\d+\t(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)\t(.*)")
_ROOM = MAX_METADATA_CHARACTERS // 2


def is_brat(names: frozenset[str]) -> bool:
    """Whether a folder with files of these names has annotations of brat in it."""
    return any(name.endswith(_ANN) and _text_of(name) in names for name in names)


def is_brats(name: str) -> bool:
    """Whether a file of a folder of brat's belongs to it."""
    return name in _SETTINGS or name.endswith((_ANN, _TXT))


def is_alone(head: Head) -> bool:
    """Whether a file that begins so holds annotations of brat."""
    return head.ending == _ANN and _ENTITY.match(head.text or "") is not None


def read_brat(sources: Mapping[str, Source], options: Options) -> Iterator[Record | Refusal]:
    """The texts of a folder, each with the annotations of its name as a decision."""
    for name, source in sources.items():
        if name.endswith(_ANN) and _text_of(name) not in sources:
            expected = "annotations of brat beside their text"
            yield refused_file(name, expected, "no .txt of that name", "put the text beside them, or leave them out")
        if not name.endswith(_TXT):
            continue
        beside = sources.get(str(PurePath(name).with_suffix(_ANN)))
        try:
            found = list(_read_text(source, beside, options))
            yield from found or [refused_file(source.name, "a text", "an empty one", "fill it in, or leave it out")]
        except PackedError as error:
            yield error.refusal(source.name)
        except OSError as error:
            reason = (error.strerror or "a fault in it").lower()
            yield refused_file(source.name, "a text and annotations that can be read", reason, "check both files")


def _read_text(source: Source, beside: Source | None, options: Options) -> Iterator[Record | Refusal]:
    encoding = encoding_of(source, options.codec)
    for record in [encoding] if isinstance(encoding, Refusal) else read_plain(source, encoding, options):
        if isinstance(record, Refusal) or beside is None:
            yield record
        else:
            yield _with_annotations(record, beside)


def _text_of(name: str) -> str:
    return name.removesuffix(_ANN) + _TXT


def _with_annotations(record: Record, source: Source) -> Record | Refusal:
    with source.open("rb") as stream:
        raw = stream.read(MAX_RECORD_BYTES + 1)
    if len(raw) > MAX_RECORD_BYTES:
        return refused_file(source.name, f"at most {MAX_RECORD_BYTES:,} bytes", "more", "split the text")
    try:
        lines = raw.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        return refused_file(source.name, "annotations of brat in UTF-8", "other bytes", "save the file as UTF-8")
    said, others = Said(str(record.values.get("text", ""))), list[str]()
    for line in lines:
        entity = _ENTITY.fullmatch(line)
        if entity is None:
            others += [line] if line.strip() else []
            continue
        label, words = entity[1], entity[3]
        places = [part.split() for part in entity[2].split(";")]
        if len(places) > 1:  # of several pieces: their words together are one value
            said.unplaced.setdefault(label, []).append(words)
        else:  # words that go over a line break have a space for it
            said.mark(label, int(places[0][0]), int(places[0][1]), None if " " in words else words)
    values = dict(record.values)
    if others and sum(map(len, others)) <= _ROOM:
        values["brat"] = others
    return replace(record, values=values, decisions=(said.statement(),) if said else ())
