"""Plain text: one note a file."""

from __future__ import annotations

from collections.abc import Iterator

from data.limits import MAX_RECORD_BYTES
from data.reading.encodings import open_as_utf8
from data.reading.records import BOM, Record, Refusal, bad_character, decode, id_of_file, refused_line
from data.reading.sources import Encoding, Head, Options, Source

_N_LINES, _LONG = 3, 80


def is_never_plain(_: Head) -> bool:
    """False: any text may be one, so that the ending decides."""
    return False


def read_plain(source: Source, encoding: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """The one record of a file, with its name for an id."""
    with open_as_utf8(source, encoding) as stream:
        raw = stream.read(MAX_RECORD_BYTES + 1)
    if len(raw) > MAX_RECORD_BYTES:
        yield refused_line(source.name, 1, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
        return
    text = decode(raw).removeprefix(BOM)
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if bad := bad_character(line):
            yield refused_line(source.name, number, bad)
            return
    if text.strip():
        if _is_a_report_a_line(lines):
            options.tell(
                f"{source.name}: read as one note. If each line is a report, save it as .csv, with text as first line."
            )
        yield Record(source.name, 1, {"id": id_of_file(source.stem), "text": text.rstrip("\r\n")})


def _is_a_report_a_line(lines: list[str]) -> bool:
    """Whether the lines are as long as reports, and nothing is between them; one that wraps has shorter ones."""
    written = [line.strip() for line in lines if line.strip()]
    return len(written) >= _N_LINES and all(len(line) > _LONG for line in written)
