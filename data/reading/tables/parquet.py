"""Parquet: rows in small batches, after a look at what the file would unpack to.

A file of kilobytes may unpack to gigabytes: what pages, columns and rows may come to is bounded before they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from data.limits import (
    MAX_PARQUET_COLUMNS,
    MAX_PARQUET_FOOTER_BYTES,
    MAX_PARQUET_NESTED_VALUES,
    MAX_PARQUET_PAGES_BYTES,
    MAX_PARQUET_ROWS,
    MAX_RECORD_BYTES,
    MIB,
)
from data.reading.records import Record, Refusal, bad_header, plain_name, refused_file, refused_line
from data.reading.sources import Encoding, Head, Options, Source
from data.reading.tables.parquet_pages import Group, PageError, groups, pages
from data.reading.values import as_text

BATCH_ROWS = 64
_BUFFER_BYTES = 1 << 20
_MARK = 8  # bytes at the end of a file: how long its footer is, and its name
# What Arrow raises beside its own errors when a value has no form in Python: text that is not UTF-8, a time beyond
# the calendar, a time zone that nobody knows.
NO_VALUE = (ValueError, ArithmeticError, LookupError, NotImplementedError)


class _TooLarge(Exception):  # noqa: N818 - never leaves this module: it becomes a refusal
    """The file would unpack to more than is allowed."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found


def is_parquet(head: Head) -> bool:
    """Whether it begins as one."""
    return head.raw.startswith(b"PAR1")


def read_parquet(source: Source, _: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """The records of a file, or its refusal as a whole."""
    import pyarrow

    number = 0
    try:
        with source.open("rb") as stream:
            for row in _read(source, stream, options):
                yield row
                number += 1
    except _TooLarge as error:
        yield refused_file(source.name, error.expected, error.found, "write it as .jsonl")
    except (pyarrow.ArrowException, OSError, PageError, *NO_VALUE) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        advice = "write it again, or as .jsonl"
        yield Refusal(source.name, number + 1, None, "a Parquet file", "something else", advice, is_file=True)


def _read(source: Source, stream: BinaryIO, options: Options) -> Iterator[Record | Refusal]:
    from pyarrow import parquet

    n_rows = _rows_at_once(stream, groups(_footer(stream)))
    stream.seek(0)
    with parquet.ParquetFile(
        stream, buffer_size=_BUFFER_BYTES, thrift_string_size_limit=MAX_PARQUET_FOOTER_BYTES
    ) as table:
        if refusal := bad_header(source.name, table.schema_arrow.names, options.wanted, line=None):
            yield refusal
            return
        number = 0
        for batch in table.iter_batches(batch_size=n_rows):
            for row in range(batch.num_rows):
                number += 1
                yield record_of(source, number, batch.slice(row, 1), options)


def _footer(stream: BinaryIO) -> bytes:
    n_bytes = stream.seek(0, 2)
    stream.seek(max(0, n_bytes - _MARK))
    length = int.from_bytes(stream.read(4), "little")
    if stream.read(4) != b"PAR1" or length > n_bytes - _MARK:
        raise PageError
    if length > MAX_PARQUET_FOOTER_BYTES:
        raise _TooLarge(f"a footer of at most {MAX_PARQUET_FOOTER_BYTES // MIB} MB", f"{length / MIB:,.0f} MB")
    stream.seek(n_bytes - _MARK - length)
    return stream.read(length)


def _rows_at_once(stream: BinaryIO, found: Sequence[Group]) -> int:
    """How many rows may be unpacked together.

    Raises:
        _TooLarge: not even one.
        PageError: a page has no readable header.
    """
    n_columns = max((len(group.chunks) for group in found), default=0)
    if n_columns > MAX_PARQUET_COLUMNS:
        raise _TooLarge(f"at most {MAX_PARQUET_COLUMNS:,} columns", f"{n_columns:,}")
    n_rows = sum(group.n_rows for group in found)
    if n_rows > MAX_PARQUET_ROWS:
        raise _TooLarge(f"at most {MAX_PARQUET_ROWS:,} rows", f"{n_rows:,}")
    n_open = max((_open_bytes(stream, group) for group in found), default=0)
    return max(1, min(BATCH_ROWS, MAX_PARQUET_PAGES_BYTES // max(1, n_open)))


def _open_bytes(stream: BinaryIO, group: Group) -> int:
    """What the largest pages of a group of rows unpack to, together: a value can have no more than its page."""
    n_bytes = n_nested = 0
    for chunk in group.chunks:
        largest = dictionary = n_values = 0
        for page in pages(stream, chunk.start, chunk.n_bytes):
            n_values += page.n_values
            if page.is_dictionary:
                dictionary = max(dictionary, page.n_bytes)
            else:
                largest = max(largest, page.n_bytes)
        n_bytes += largest + dictionary + chunk.width
        n_nested += n_values if chunk.is_nested else 0
    if n_bytes > MAX_PARQUET_PAGES_BYTES:
        limit = f"pages that unpack to at most {MAX_PARQUET_PAGES_BYTES // MIB} MB at once"
        raise _TooLarge(limit, f"{n_bytes / MIB:,.0f} MB")
    if n_nested > MAX_PARQUET_NESTED_VALUES:
        raise _TooLarge(f"at most {MAX_PARQUET_NESTED_VALUES:,} items of lists in a group of rows", f"{n_nested:,}")
    return n_bytes


def record_of(source: Source, number: int, row: Any, options: Options) -> Record | Refusal:
    """One row of a batch as a record."""
    from pyarrow import types

    plain = [column.dictionary_decode() if types.is_dictionary(column.type) else column for column in row.columns]
    if sum(column.nbytes for column in plain) > MAX_RECORD_BYTES:
        return refused_line(source.name, number, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
    values = {}
    for name, column in zip(row.schema.names, plain, strict=True):
        try:
            value = column[0].as_py()
        except NO_VALUE:
            if name in options.wanted:
                return Refusal(source.name, number, None, "text in UTF-8", "something else", "write the column again")
            options.tell(f"{source.name}: row {number:,} has no {plain_name(name)}, since its value cannot be read.")
            continue
        values[name] = as_text(value) if isinstance(value, bytes) else value
    return Record(source.name, number, values, is_flat=True)
