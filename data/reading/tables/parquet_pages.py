"""What a Parquet file says of itself, in its footer and in the headers of its pages, read before anything is unpacked.

Arrow takes the size that a page's header gives for the size of its memory, whatever the footer says, so the headers are
what must be looked at. They are found without Arrow, which ends the whole process over some footers when it is asked
for what stands in them. Both are Thrift's compact protocol: https://github.com/apache/parquet-format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple

MAX_HEADER_BYTES = 1 << 20
MAX_KEPT = 500_000
"""Structures of a footer, which has two for each column of each group of rows."""
_MAX_DEPTH = 16
_I32, _I64, _BINARY, _LIST, _STRUCT = 5, 6, 8, 9, 12
_REPEATED, _DICTIONARY_PAGE = 2, 2

# Field number to its type, to the fields of its structure, or to those of the structures that it lists.
_HEADER = {1: _I32, 2: _I32, 3: _I32, 5: {1: _I32}, 7: {1: _I32}, 8: {1: _I32}}
_CHUNK = {7: _I64, 9: _I64, 11: _I64}
_FOOTER = {2: [{2: _I32, 3: _I32, 5: _I32}], 4: [{1: [{3: _CHUNK}], 3: _I64}]}


class PageError(ValueError):
    """The footer, or the header of a page, cannot be read."""


class Page(NamedTuple):
    """One page of a column.

    Attributes:
        n_bytes: what it unpacks to.
        n_values: how many values it says that it has, nulls and items of lists among them.
        is_dictionary: whether it holds values that the other pages refer to.
    """

    n_bytes: int
    n_values: int
    is_dictionary: bool


class Chunk(NamedTuple):
    """A column in a group of rows.

    Attributes:
        start: where its first page begins.
        n_bytes: how long its pages are together, as they are in the file.
        width: bytes of each value where all have the same, else 0.
        is_nested: whether it holds items of lists.
    """

    start: int
    n_bytes: int
    width: int
    is_nested: bool


class Group(NamedTuple):
    """A group of rows."""

    n_rows: int
    chunks: list[Chunk]


def groups(footer: bytes) -> list[Group]:
    """The groups of rows that a footer tells of.

    Raises:
        PageError: it is none.
    """
    try:
        found = _Thrift(footer).struct(_FOOTER)
    except IndexError:
        raise PageError from None
    leaves = list(_leaves(iter(found.get(2, ()))))
    return [_group(group, leaves) for group in found.get(4, ())]


def _leaves(elements: Iterator[Mapping[int, int]]) -> Iterator[tuple[int, bool]]:
    """Width of each column and whether it holds items of lists; the elements of a schema name their children first."""
    stack: list[tuple[int, bool]] = []  # how many children are still to come, and whether they are repeated
    for element in elements:
        while stack and not stack[-1][0]:
            stack.pop()
        is_nested = False
        if stack:
            n_left, is_nested = stack.pop()
            stack.append((n_left - 1, is_nested))
            is_nested = is_nested or element.get(3) == _REPEATED
        if (n_children := element.get(5, 0)) > 0:
            stack.append((n_children, is_nested))
        else:
            yield max(0, element.get(2, 0)), is_nested


def _group(group: Mapping[int, Any], leaves: list[tuple[int, bool]]) -> Group:
    chunks = []
    for (width, is_nested), column in zip(leaves, group.get(1, ()), strict=False):
        told = column.get(3, {})
        starts = [at for at in (told.get(11), told.get(9)) if at]
        chunks.append(Chunk(min(starts, default=0), told.get(7, 0), width, is_nested))
    if len(chunks) != len(leaves) or len(group.get(1, ())) != len(leaves):
        raise PageError
    return Group(max(0, group.get(3, 0)), chunks)


def pages(stream: BinaryIO, start: int, n_bytes: int) -> Iterator[Page]:
    """The pages of a column that fills so many bytes of a file.

    Raises:
        PageError: a header cannot be read.
    """
    end = start + n_bytes
    while start < end:
        header, length = _header(stream, start)
        unpacked, packed = header.get(2, -1), header.get(3, -1)
        if unpacked < 0 or packed < 0:
            raise PageError
        counts = [header[kind].get(1, 0) for kind in (5, 7, 8) if kind in header]
        yield Page(unpacked, max(counts, default=0), header.get(1) == _DICTIONARY_PAGE)
        start += length + packed


def _header(stream: BinaryIO, start: int) -> tuple[dict[int, Any], int]:
    """The fields of the header that begins there, and how long it is."""
    if start < 0:
        raise PageError
    for size in (1 << 13, MAX_HEADER_BYTES):  # most are short; some hold a note as their column's smallest value
        stream.seek(start)
        raw = stream.read(size)
        try:
            thrift = _Thrift(raw)
            return thrift.struct(_HEADER), thrift.position
        except IndexError:
            if len(raw) < size:
                break
    raise PageError


class _Thrift:
    """Reads the fields that are wanted and passes over all others. An IndexError is the end of the bytes."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._n_kept = 0
        self.position = 0

    def struct(self, wanted: Mapping[int, Any], depth: int = 0) -> dict[int, Any]:
        """The fields of a structure that are wanted and of the type that is; the last of a number counts."""
        self._n_kept += bool(wanted)
        if depth > _MAX_DEPTH or self._n_kept > MAX_KEPT:
            raise PageError
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            number = number + step if step else self._zigzag()
            part = wanted.get(number)
            if kind == part:
                fields[number] = self._zigzag()
            elif kind == _STRUCT:
                found = self.struct(part if isinstance(part, dict) else {}, depth + 1)
                if isinstance(part, dict):
                    fields[number] = found
            elif kind == _LIST and isinstance(part, list):
                fields[number] = self._structs(part[0], depth)
            elif kind > 2:  # 1 and 2 are true and false, which are all of their field
                self._skip(kind, depth)
        return fields

    def _structs(self, wanted: Mapping[int, Any], depth: int) -> list[dict[int, Any]]:
        kind, n_items = self._items()
        if kind != _STRUCT:
            self._skip_all([kind], n_items, depth)
            return []
        return [self.struct(wanted, depth + 1) for _ in range(n_items)]

    def _items(self) -> tuple[int, int]:
        """The type of a list's items, and how many there are."""
        head = self._byte()
        return head & 15, head >> 4 if head >> 4 < 15 else self._varint()

    def _skip(self, kind: int, depth: int) -> None:
        if kind in (1, 2, 3):
            self._pass(1)
        elif kind in (4, _I32, _I64):
            self._varint()
        elif kind == 7:
            self._pass(8)
        elif kind == _BINARY:
            self._pass(self._varint())
        elif kind in (_LIST, 10):
            of_items, n_items = self._items()
            self._skip_all([of_items], n_items, depth)
        elif kind == 11:
            if n_items := self._varint():
                kinds = self._byte()
                self._skip_all([kinds >> 4, kinds & 15], n_items, depth)
        elif kind == _STRUCT:
            self.struct({}, depth + 1)
        else:
            raise PageError

    def _skip_all(self, kinds: list[int], n_items: int, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise PageError
        for _ in range(n_items):  # each takes a byte at least, so that the bytes end before a false number does
            for kind in kinds:
                self._skip(kind, depth + 1)

    def _pass(self, n_bytes: int) -> None:
        self.position += n_bytes
        if self.position > len(self._raw):
            raise IndexError

    def _byte(self) -> int:
        self.position += 1
        return self._raw[self.position - 1]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise PageError

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
