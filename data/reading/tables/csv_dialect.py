"""Separators: which sign stands between the columns of a .csv or .tsv file, by what the file holds.

The rule looks at nothing but the file, so that every way in comes to the same answer.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import BinaryIO

from data.reading.records import BOM, decode
from data.reading.sources import HEAD_BYTES, Head

SAMPLE_BYTES = 1 << 17
SAMPLE_CHARACTERS = 1 << 14
N_ROWS = 100
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_USUAL_NAMES = {"text", "input"}
_NONE = (False, 0.0, 0)
"""How well a separator fits that separates nothing; see `_fit`."""
_NAME = re.compile(r"[^\W\d][\w.()/-]{0,39}(?: [\w()/-]{1,20}){0,3}")
_LONG = 40
_TOLD = re.compile(r'"?sep=(\t|[^\w\s"])"?', re.IGNORECASE)  # the first line that Excel writes for itself


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes:
        separator: one sign.
        is_told: whether the first line says so, and is none of the table.
    """

    separator: str
    is_told: bool = False

    @property
    def name(self) -> str:
        """The separator in words, of which an s makes several."""
        return NAMES.get(self.separator, f"“{self.separator}”")


def dialect_of(stream: BinaryIO, usual: str) -> Dialect:
    """How the table in a stream of UTF-8 is written.

    A separator is judged by whether it makes the first rows as wide as the header, and above all by whether a column
    then has a usual name. Separators within quotes do not count.

    Args:
        stream: from the beginning of the file.
        usual: the separator of a table that does not tell, for instance of one with a single column.
    """
    raw = stream.read(SAMPLE_BYTES)
    sample = decode(raw).removeprefix(BOM)
    first, _, _ = sample.partition("\n")
    if told := _TOLD.fullmatch(first.strip(" \r")):
        return Dialect(told.group(1), is_told=True)
    is_all = len(raw) < SAMPLE_BYTES
    fits = {separator: _fit(sample, separator, is_all=is_all) for separator in NAMES}
    # Of two that are as good, the usual one, and then the first; `max` keeps the first of equals.
    order = sorted(NAMES, key=lambda separator: separator != usual)
    best = max(order, key=lambda separator: fits[separator])
    return Dialect(best if fits[best] > _NONE else usual)


def _fit(sample: str, separator: str, *, is_all: bool) -> tuple[bool, float, int]:
    """How well a separator fits: whether a column has a usual name, the share of rows that fit, the columns."""
    rows = _rows(sample, separator)
    if not is_all:
        rows = rows[:-1]  # cut somewhere
    while rows and rows[0] is not None and not any(rows[0]):
        del rows[0]
    if not rows or rows[0] is None or len(rows[0]) < 2:
        return _NONE
    header, others = rows[0], [row for row in rows[1:] if row is None or any(row)]
    has_name = not _USUAL_NAMES.isdisjoint(name.strip().lower() for name in header)
    n_fitting = sum(row is not None and len(row) == len(header) for row in others)
    share = n_fitting / len(others) if others else 1.0
    return has_name, share, len(header)


def _rows(sample: str, separator: str) -> list[list[str] | None]:
    """The first rows; None for one that is not written so."""
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=separator, strict=True)
    found: list[list[str] | None] = []
    while len(found) <= N_ROWS:
        try:
            row = next(reader, None)
        except csv.Error:
            found.append(None)
            continue
        if row is None:
            break
        found.append(row)
    return found


def is_table(head: Head) -> bool:
    """Whether it is a table whatever its ending says: every row fits the first, and the columns are named.

    Names are sure where one is usual. Otherwise there must be three columns and more, one of them with sentences: a
    list of findings with tabs between is no table.
    """
    if head.ending in (".csv", ".tsv") or not head.text:
        return False
    sample, is_all = head.text[:SAMPLE_CHARACTERS], len(head.raw) < HEAD_BYTES and len(head.text) <= SAMPLE_CHARACTERS
    if _TOLD.fullmatch(sample.partition("\n")[0].strip(" \r")):
        return True
    for separator in ",;\t":
        if separator not in sample.lstrip().partition("\n")[0]:
            continue
        has_name, share, _ = _fit(sample, separator, is_all=is_all)
        rows = [row for row in _rows(sample, separator) if row and any(row)]
        header, *others = (rows if is_all else rows[:-1]) or [[]]
        is_named = all(_NAME.fullmatch(name.strip()) for name in header if name)
        if share == 1 and is_named and others and (has_name or _has_sentences(header, others)):
            return True
    return False


def _has_sentences(header: list[str], others: list[list[str]]) -> bool:
    """Whether a table has three columns of different names and more, and one of them has sentences."""
    if len(others) < 2 or len(header) < 3 or len(set(header)) < len(header):
        return False
    return any(sum(map(len, cells)) >= _LONG * len(others) for cells in zip(*others, strict=True))


def usual_separator(ending: str) -> str:
    """The sign between columns that an ending, in lower case, stands for."""
    return "\t" if ending == ".tsv" else ","
