"""Readers: a file or a folder, one record at a time, with what was wrong with the others.

Whatever a file holds, memory stays bounded and nothing but a `Refusal` comes of a bad record.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from data.limits import MAX_FOLDER_DEPTH
from data.reading.encodings import encoding_of
from data.reading.foreign import Foreign, unknown
from data.reading.formats import ENDINGS, format_of
from data.reading.records import Record, Refusal, refused_file
from data.reading.sources import UTF_8, Options, Source, head_of

USUAL_WAY = Options()


def read_records(path: Path, options: Options = USUAL_WAY) -> Iterator[Record | Refusal]:
    """The records of a file, or of all files below a folder in the order of their names.

    A link in a folder is followed to a file below the same folder, and nowhere else.

    Args:
        path: the file or folder.
        options: what a person says about it.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        yield _unreadable(path, error)
        return
    if stat.S_ISDIR(mode):
        yield from _folder(path, options)
    elif stat.S_ISREG(mode):
        yield from read_source(path, options)
    else:
        yield refused_file(path.name, "a file or a folder", "something else", "copy it into a file")


def _folder(path: Path, options: Options) -> Iterator[Record | Refusal]:
    n_found = 0
    for found in _files(path):
        n_found += 1
        if isinstance(found, Refusal):
            yield found
        else:
            yield from read_records(found, options)
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


def read_source(source: Source, options: Options) -> Iterator[Record | Refusal]:
    """The records of one file, by the format that its content has."""
    n_records = 0
    try:
        for record in _opened(source, options):
            n_records += 1
            yield record
    except (OSError, UnicodeDecodeError) as error:
        yield _unreadable(source, error)
    else:
        if not n_records:
            found = "a file that holds no records"
            yield refused_file(source.name, "at least one record", found, "check that it is the right one")


def _opened(source: Source, options: Options) -> Iterator[Record | Refusal]:
    head, encoding = head_of(source), UTF_8
    form = format_of(head, is_binary=True)
    if form is None:
        encoding = encoding_of(source, options.codec)
        if isinstance(encoding, Refusal):
            yield encoding if head.ending in ENDINGS else unknown(head, ENDINGS)
            return
        form = format_of(head.with_text(encoding), is_binary=False)
    if form is None:
        yield unknown(head, ENDINGS)
    elif isinstance(form, Foreign):
        yield form.refusal(source.name)
    else:
        if not encoding.is_usual:
            options.tell(f"{source.name}: read as {encoding.title}.")
        if head.ending not in form.endings:
            options.tell(f"{source.name}: read as {form.title}.")
        yield from form.read(source, encoding, options)


def _unreadable(source: Source, error: OSError | ValueError) -> Refusal:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "a fault in it"
    expected = "a file or folder that can be read"
    return refused_file(source.name, expected, reason.lower(), "check its path and permissions")
