"""JSON records: .jsonl line by line, .json as one array, both stricter than the standard library.

Of an array, too, only a stretch is in memory, so that it may be of any length and a record of it may not.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from data.json_faults import escape_fault, number_fault
from data.limits import MAX_DIGITS, MAX_RECORD_BYTES
from data.records import BOM, Lines, Record, Refusal, bad_character, plain_name, plain_type, refused_line

CHUNK_BYTES = 1 << 20
_NEAR = 32
"""Characters before the end of what was read, up to which the end may cut a number in two."""


class Problem(NamedTuple):
    """What was found in a value, and what to do about it; with a number, `number_fault` knows its place."""

    found: str
    advice: str
    is_number: bool = True


class StrictJson:
    """A JSON decoder that notes what the standard one lets pass: NaN, infinities, repeated keys.

    It notes instead of raising, so that an array can be read on behind the record.
    """

    def __init__(self) -> None:
        self.problem: Problem | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._constant, parse_float=self._float, parse_int=self._int
        )

    def decode(self, text: str, start: int = 0) -> tuple[Any, int]:
        """The value that begins at `start`, and where it ends. Look at `problem` afterwards.

        Raises:
            json.JSONDecodeError: it is not JSON.
            RecursionError: it is nested too deeply.
        """
        self.problem = None
        return self._decoder.raw_decode(text, start)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            if key in values:
                self.problem = self.problem or Problem(
                    f"the key {plain_name(key)} twice", "remove one of them", is_number=False
                )
            values[key] = value
        return values

    def _constant(self, name: str) -> None:
        self.problem = self.problem or Problem(f"{name}, which is not JSON", "write null instead")

    def _float(self, digits: str) -> float:
        value = float(digits)
        if abs(value) == float("inf"):
            self.problem = self.problem or Problem("a number beyond the range of numbers", "write it as a string")
        return value

    def _int(self, digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            self.problem = self.problem or Problem(f"a number of more than {MAX_DIGITS} digits", "write it as a string")
            return 0
        return int(digits)


def read_json_value(text: str) -> Any:
    """The value of a JSON string in a cell; the string itself where it is none."""
    decoder = StrictJson()
    try:
        value, end = decoder.decode(text.strip())
    except (ValueError, RecursionError):
        return text
    return text if decoder.problem or end != len(text.strip()) else value


def read_jsonl(path: Path) -> Iterator[Record | Refusal]:
    """The records of a file with one JSON object a line; empty lines are passed over."""
    decoder = StrictJson()
    with path.open("rb") as stream:
        lines = Lines(stream)
        while line := lines.read():
            if line.trouble:
                yield refused_line(path, lines.number, line.trouble)
            elif not line.text.isspace():
                yield _json_line(path, lines.number, line.text, decoder)


def _json_line(path: Path, number: int, text: str, decoder: StrictJson) -> Record | Refusal:
    text = text.rstrip()  # so that the line break does not count when a column is given
    start = 0 if text.startswith("{") else len(text) - len(text.lstrip())
    try:
        value, end = decoder.decode(text, start)
    except (json.JSONDecodeError, RecursionError) as error:
        at = error.colno if isinstance(error, json.JSONDecodeError) else None
        return _bad_json(path, number, at, error)
    if end < len(text):  # whatever stands there: white space at the end is gone
        return Refusal(
            path.name, number, end + 1, "one object a line", "something behind it", "put each on its own line"
        )
    return _checked_record(path, _Place(number, start + 1), value, decoder.problem, text, (start, end))


class _Place(NamedTuple):
    line: int
    column: int


def _bad_json(path: Path, line: int, column: int | None, error: Exception) -> Refusal:
    if isinstance(error, json.JSONDecodeError):
        reason = error.msg[0].lower() + error.msg[1:]  # the decoder's own words, which repeat nothing of the text
        return Refusal(path.name, line, column, "JSON", f"a fault ({reason})", "correct the line")
    return Refusal(path.name, line, column, "JSON of a few levels", "one nested too deeply", "flatten the record")


def _checked_record(
    path: Path, begin: _Place, value: Any, problem: Problem | None, text: str, span: tuple[int, int]
) -> Record | Refusal:
    """The record of a value that stands between two positions of a text and begins at a place of the file."""
    start, end = span

    def place(offset: int) -> _Place:
        n_before = text.count("\n", start, offset)
        if not n_before:
            return _Place(begin.line, begin.column + offset - start)
        return _Place(begin.line + n_before, offset - text.rfind("\n", start, offset))

    if escape := escape_fault(text, start, end):
        offset, code = escape
        return Refusal(path.name, *place(offset), "printable text", f"{code}, escaped", "remove that character")
    if problem:
        at = number_fault(text[start:end]) if problem.is_number else None
        line, column = (begin.line, None) if at is None else place(start + at)
        return Refusal(path.name, line, column, "strict JSON", problem.found, problem.advice)
    if not isinstance(value, dict):
        found = plain_type(value)
        return Refusal(path.name, begin.line, None, "an object for each record", found, "write it as {key: value, ...}")
    return Record(path.name, begin.line, value)


class _Window:
    """The stretch of a file that is being read: decoded characters, and where in the file they are."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._line, self._column = 1, 1  # where the stretch begins
        self.text = ""
        self.position = 0
        self.is_last = False
        self.extend()
        self.position = len(BOM) if self.text.startswith(BOM) else 0
        self._column -= self.position

    def extend(self) -> None:
        """Let go of what was read and take in more."""
        self._line, self._column = self.place(self.position)
        raw = self._stream.read(CHUNK_BYTES)
        self.is_last = not raw
        self.text = self.text[self.position :] + self._decoder.decode(raw, final=self.is_last)
        self.position = 0

    def skip_space(self) -> str:
        """Go to the next character that is not white space, and give it; empty behind the last."""
        while True:
            self.position = _behind_space(self.text, self.position)
            if self.position < len(self.text) or self.is_last:
                return self.text[self.position : self.position + 1]
            self.extend()

    def place(self, offset: int) -> _Place:
        """The line and column of a position in the stretch."""
        n_before = self.text.count("\n", 0, offset)
        if not n_before:
            return _Place(self._line, self._column + offset)
        return _Place(self._line + n_before, offset - self.text.rfind("\n", 0, offset))

    def decode(self, decoder: StrictJson) -> tuple[Any, int]:
        """The value that begins here and where it ends, as `StrictJson.decode`; more is taken in as it is needed."""
        while True:
            is_enough = self.is_last or len(self.text) - self.position > MAX_RECORD_BYTES
            try:
                value, end = decoder.decode(self.text, self.position)
            except json.JSONDecodeError:
                if is_enough:
                    raise
            else:
                if is_enough or end + _NEAR < len(self.text):
                    return value, end
            self.extend()

    @property
    def is_full(self) -> bool:
        """Whether no record that is allowed could go on behind this stretch."""
        return not self.is_last and len(self.text) - self.position > MAX_RECORD_BYTES


def read_json(path: Path) -> Iterator[Record | Refusal]:
    """The records of a file with one JSON array of objects, or with a single object."""
    with path.open("rb") as stream:
        window = _Window(stream)
        if window.skip_space():
            yield from _json_values(path, window)


def _json_values(path: Path, window: _Window) -> Iterator[Record | Refusal]:
    """The objects of an array, or the one object; behind a fault nothing can be read."""
    decoder = StrictJson()
    in_array = window.text.startswith("[", window.position)
    window.position += in_array
    while (sign := window.skip_space()) and not (in_array and sign == "]"):
        try:
            value, end = window.decode(decoder)
        except (json.JSONDecodeError, RecursionError) as error:
            yield _json_fault(path, window, error)
            return
        yield _json_value(path, window, value, end, decoder.problem)
        window.position = end
        if not in_array or (sign := window.skip_space()) not in (",", "]"):
            break
        window.position += sign == ","
    sign = window.skip_space()
    is_closed = not in_array or sign == "]"
    line = window.place(window.position).line
    window.position += in_array and is_closed
    if not is_closed or window.skip_space():
        yield Refusal(
            path.name, line, None, "one JSON array of objects", "no end of it there", "close it, or write .jsonl"
        )


def _json_value(path: Path, window: _Window, value: Any, end: int, problem: Problem | None) -> Record | Refusal:
    start, begin = window.position, window.place(window.position)
    if end - start > MAX_RECORD_BYTES:
        return refused_line(path, begin.line, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
    if bad := bad_character(window.text[start:end]):
        place = window.place(start + bad[0] - 1)
        return refused_line(path, place.line, (place.column, bad[1]))
    return _checked_record(path, begin, value, problem, window.text, (start, end))


def _json_fault(path: Path, window: _Window, error: json.JSONDecodeError | RecursionError) -> Refusal:
    if isinstance(error, RecursionError):
        return _bad_json(path, *window.place(window.position), error)
    if bad := bad_character(window.text[window.position : error.pos + 1]):
        place = window.place(window.position + bad[0] - 1)
        return refused_line(path, place.line, (place.column, bad[1]))
    is_cut = error.pos + _NEAR > len(window.text) or error.msg.startswith("Unterminated string")
    if window.is_full and is_cut:
        line = window.place(window.position).line
        return refused_line(path, line, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
    return _bad_json(path, *window.place(error.pos), error)


_SPACE = re.compile(r"[ \t\r\n]*")


def _behind_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
