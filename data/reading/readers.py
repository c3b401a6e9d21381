"""Readers: a file or a folder, one record at a time, with what was wrong with the others.

Whatever a file holds, memory stays bounded and nothing but a `Refusal` comes of a bad record.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from data.limits import MAX_FOLDER_DEPTH
from data.reading.archives.packed import Packed, PackedError, hold, is_gzip, is_zip, open_gzip, open_zip, zip_names
from data.reading.encodings import encoding_of
from data.reading.foreign import Foreign, unknown_refusal
from data.reading.formats import ENDINGS, folder_format_of, format_of
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
    if path.is_dir():
        yield from _read_folder(path, options)
    elif refusal := _file_refusal(path):
        yield refusal
    else:
        yield from _read(path, options)


def _read_folder(path: Path, options: Options) -> Iterator[Record | Refusal]:
    is_empty = True
    for found in _walk_folders(path):
        is_empty = False
        if isinstance(found, Refusal):
            yield found
        else:
            yield from _read_together(found, options)
    if is_empty:
        yield refused_file(path.name, "a folder with files", "an empty one", "name another folder")


def _read_together(
    sources: dict[str, Source], options: Options, *, is_packed: bool = False
) -> Iterator[Record | Refusal]:
    """The records of the files that lie in one folder, which may be one thing."""
    form = folder_format_of(sources)
    if form is not None and form.read is not None:
        yield from form.read(sources, options)
    for name, source in sources.items():
        if form is None or not form.takes(name):
            yield from _read(source, options, is_packed=is_packed)


def _walk_folders(path: Path) -> Iterator[dict[str, Source] | Refusal]:
    """The files of each folder from here on, by their names, and what is not looked into; no hidden ones."""
    failures: list[OSError] = []
    root = os.path.realpath(path)
    for folder, subfolders, names in os.walk(path, onerror=failures.append):
        is_deepest = len(Path(folder).relative_to(path).parts) >= MAX_FOLDER_DEPTH
        seen = sorted(name for name in subfolders if not name.startswith("."))
        subfolders[:] = [] if is_deepest else seen
        for name in seen:
            if _leads_out(Path(folder, name), root):
                yield _outside_refusal(name)
            elif is_deepest:
                expected = f"folders at most {MAX_FOLDER_DEPTH} deep"
                yield refused_file(name, expected, "more", "import that folder by itself")
        files: dict[str, Source] = {}
        for name in sorted(name for name in names if not name.startswith(".")):
            found = Path(folder, name)
            if _leads_out(found, root):
                yield _outside_refusal(name)
            elif refusal := _file_refusal(found):
                yield refusal
            else:
                files[name] = found
        if files:
            yield files
    for failure in failures:
        yield _unreadable_refusal(Path(failure.filename), failure)


def _file_refusal(path: Path) -> Refusal | None:
    """The refusal of what is no file."""
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError) as error:
        return _unreadable_refusal(path, error)
    return None if is_file else refused_file(path.name, "a file or a folder", "something else", "copy it into a file")


def _leads_out(path: Path, root: str) -> bool:
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root)


def _outside_refusal(name: str) -> Refusal:
    found, advice = "a link to somewhere else", "copy the file there, or import it by name"
    return refused_file(name, "files that are in the folder", found, advice)


def _read(source: Source, options: Options, *, is_packed: bool = False) -> Iterator[Record | Refusal]:
    """The records of one file, by the format that its content has."""
    n_records = 0
    try:
        for record in _read_opened(source, options, is_packed=is_packed):
            n_records += 1
            yield record
    except PackedError as error:
        yield error.refusal(source.name)
    except (OSError, UnicodeError) as error:
        yield _unreadable_refusal(source, error)
    else:
        if not n_records:
            found = "a file that holds no records"
            yield refused_file(source.name, "at least one record", found, "check that it is the right one")


def _read_opened(source: Source, options: Options, *, is_packed: bool) -> Iterator[Record | Refusal]:
    head, encoding = head_of(source), UTF_8
    if is_zip(head.raw):
        whole = hold(source) if isinstance(source, Packed) else source
        head, source = replace(head, members=zip_names(whole)), whole
    form = format_of(head, is_binary=True)
    if form is None and (is_gzip(head.raw) or is_zip(head.raw)):
        yield from _read_packed(source, options, is_gzip=is_gzip(head.raw), is_packed=is_packed)
        return
    if form is None:
        found = encoding_of(source, options.codec)
        if isinstance(found, Refusal):
            yield found if head.ending in ENDINGS else unknown_refusal(head)
            return
        encoding = found
        form = format_of(head.with_text(encoding), is_binary=False)
    if form is None:
        yield unknown_refusal(head)
    elif isinstance(form, Foreign):
        yield form.refusal(source.name)
    else:
        if not encoding.is_usual:
            options.tell(f"{source.name}: read as {encoding.title}.")
        if head.ending not in form.endings:
            options.tell(f"{source.name}: read as {form.title}.")
        if form.is_binary and isinstance(source, Packed):
            source = hold(source)
        yield from form.read(source, encoding, options)


def _read_packed(source: Source, options: Options, *, is_gzip: bool, is_packed: bool) -> Iterator[Record | Refusal]:
    """The records of the files in an archive."""
    if is_packed:
        yield refused_file(source.name, "files in an archive", "an archive in it", "unpack the outer one first")
    elif is_gzip:
        yield from _read(open_gzip(source), options, is_packed=True)
    else:
        with open_zip(source) as members:
            for _, inside in groupby(members, key=itemgetter(0)):
                yield from _read_together({one.own_name: one for _, one in inside}, options, is_packed=True)


def _unreadable_refusal(source: Source, error: OSError | ValueError) -> Refusal:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "a fault in it"
    expected = "a file or folder that can be read"
    return refused_file(source.name, expected, reason.lower(), "check its path and permissions")
