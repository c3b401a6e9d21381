"""Readers: a file or a folder, one record at a time, with what was wrong with the others.

Whatever a file holds, memory stays bounded and nothing but a `Refusal` comes of a bad record.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from data.limits import MAX_FOLDER_DEPTH, MAX_RECORD_BYTES
from data.reading.csv_records import read_csv
from data.reading.encodings import Encoding, encoding_of, open_as_utf8
from data.reading.endings import ENDINGS, PARQUET, SEPARATORS, other_ending
from data.reading.json_files import read_json_file
from data.reading.parquet import read_parquet
from data.reading.records import BOM, Record, Refusal, bad_character, decode, id_of_file, refused_file, refused_line

TEXT_KEYS = ("text", "input")
Tell = Callable[[str], None]


def unheard(_: str) -> None:
    """Takes what a reader tells, where nobody wants to know."""


def read_records(path: Path, wanted: Collection[str] = TEXT_KEYS, tell: Tell = unheard) -> Iterator[Record | Refusal]:
    """The records of a file, or of all files below a folder in the order of their names.

    A link in a folder is followed to a file below the same folder, and nowhere else.

    Args:
        wanted: a table without any of these columns is refused as a whole; none at all takes every table.
        tell: called with a sentence about each file that is not read in the usual way, for instance not as UTF-8.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        yield _unreadable(path, error)
        return
    if stat.S_ISDIR(mode):
        yield from _folder(path, wanted, tell)
    elif stat.S_ISREG(mode):
        yield from _file(path, wanted, tell)
    else:
        yield refused_file(path.name, "a file or a folder", "something else", "copy it into a file")


def _folder(path: Path, wanted: Collection[str], tell: Tell) -> Iterator[Record | Refusal]:
    n_found = 0
    for found in _files(path):
        n_found += 1
        if isinstance(found, Refusal):
            yield found
        else:
            yield from read_records(found, wanted, tell)
    if not n_found:
        yield refused_file(path.name, "a folder with files", "an empty one", "name another folder")


def _files(path: Path) -> Iterator[Path | Refusal]:
    """The files below a folder, and what is not looked into; hidden ones are passed over."""
    failures: list[OSError] = []
    root = os.path.realpath(path)
    for folder, subfolders, names in os.walk(path, onerror=failures.append):
        is_deepest = len(Path(folder).relative_to(path).parts) >= MAX_FOLDER_DEPTH
        seen = sorted(name for name in subfolders if not name.startswith("."))
        subfolders[:] = [] if is_deepest else seen
        for name in seen:
            if _leads_out(Path(folder, name), root):
                yield _outside(name)
            elif is_deepest:
                expected = f"folders at most {MAX_FOLDER_DEPTH} deep"
                yield refused_file(name, expected, "more", "import that folder by itself")
        for name in sorted(name for name in names if not name.startswith(".")):
            yield _outside(name) if _leads_out(Path(folder, name), root) else Path(folder, name)
    for failure in failures:
        yield _unreadable(Path(failure.filename), failure)


def _leads_out(path: Path, root: str) -> bool:
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root)


def _outside(name: str) -> Refusal:
    found, advice = "a link to somewhere else", "copy the file there, or import it by name"
    return refused_file(name, "files that are in the folder", found, advice)


def _file(path: Path, wanted: Collection[str], tell: Tell) -> Iterator[Record | Refusal]:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        yield other_ending(path)
        return
    n_records = 0
    try:
        for record in _opened(path, ending, wanted, tell):
            n_records += 1
            yield record
    except (OSError, UnicodeDecodeError) as error:
        yield _unreadable(path, error)
    else:
        if not n_records:
            found = "a file that holds no records"
            yield refused_file(path.name, "at least one record", found, "check that it is the right one")


def _opened(path: Path, ending: str, wanted: Collection[str], tell: Tell) -> Iterator[Record | Refusal]:
    if ending == PARQUET:
        yield from read_parquet(path, wanted)
        return
    encoding = encoding_of(path)
    if isinstance(encoding, Refusal):
        yield encoding
        return
    if not encoding.is_usual:
        tell(f"{path.name}: read as {encoding.title}.")
    if ending == ".txt":
        yield from _txt(path, encoding)
    elif ending in SEPARATORS:
        yield from read_csv(path, encoding, wanted, tell, usual=SEPARATORS[ending])
    else:
        yield from read_json_file(path, encoding, is_lines=ending != ".json")


def _unreadable(path: Path, error: OSError | ValueError) -> Refusal:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "a fault in it"
    expected = "a file or folder that can be read"
    return refused_file(path.name, expected, reason.lower(), "check its path and permissions")


def _txt(path: Path, encoding: Encoding) -> Iterator[Record | Refusal]:
    with open_as_utf8(path, encoding) as stream:
        raw = stream.read(MAX_RECORD_BYTES + 1)
    if len(raw) > MAX_RECORD_BYTES:
        yield refused_line(path, 1, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
        return
    text = decode(raw).removeprefix(BOM)
    for number, line in enumerate(text.split("\n"), start=1):
        if bad := bad_character(line):
            yield refused_line(path, number, bad)
            return
    if text.strip():
        yield Record(path.name, 1, {"id": id_of_file(path), "text": text.rstrip("\r\n")})
