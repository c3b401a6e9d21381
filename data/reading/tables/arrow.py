"""Arrow files, of which the folder of a Hugging Face dataset consists: rows in the batches that they came in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from data.reading.records import Record, Refusal, bad_header
from data.reading.sources import Encoding, Head, Options, Source
from data.reading.tables.parquet import NO_VALUE, record_of

_FILE, _STREAM = b"ARROW1\0\0", b"\xff\xff\xff\xff"


def is_arrow(head: Head) -> bool:
    """Whether it begins as an Arrow file, or as a stream of one: with a length and the mark of its schema."""
    return head.raw.startswith(_FILE) or (head.raw.startswith(_STREAM) and head.raw[6:8] == b"\0\0")


def read_arrow(source: Source, _: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """The records of a file, or its refusal as a whole."""
    import pyarrow

    number = 0
    try:
        with source.open("rb") as stream:
            for row in _read(source, stream, options):
                yield row
                number += 1
    except (pyarrow.ArrowException, MemoryError, OSError, *NO_VALUE) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        advice = "write it again, or as .jsonl"
        yield Refusal(source.name, number + 1, None, "a whole Arrow file", "something else", advice, is_file=True)


def _read(source: Source, stream: BinaryIO, options: Options) -> Iterator[Record | Refusal]:
    from pyarrow import ipc

    is_file = stream.read(len(_FILE)) == _FILE
    bounded = _Bounded(stream)
    reader = ipc.open_file(bounded) if is_file else ipc.open_stream(bounded)
    if refusal := bad_header(source.name, reader.schema.names, options.wanted, line=None):
        yield refusal
        return
    number = 0
    for batch in (reader.get_batch(n) for n in range(reader.num_record_batches)) if is_file else reader:
        batch.validate(full=True)
        for row in range(batch.num_rows):
            number += 1
            yield record_of(source, number, batch.slice(row, 1), options)


class _Bounded:
    """A stream that is never asked for more bytes than it has: room is made for as many as a file says."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._n_bytes = stream.seek(0, 2)
        stream.seek(0)

    def read(self, n_bytes: int = -1) -> bytes:
        n_left = self._n_bytes - self._stream.tell()
        return self._stream.read(n_left if n_bytes < 0 else min(n_bytes, n_left))

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
