"""JSON records: one a line, or as one array or one after another; all stricter than the standard library.

Of an array, too, only a stretch is in memory, so that it may be of any length and a record of it may not.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from data.limits import MAX_DIGITS, MAX_RECORD_BYTES
from data.reading.encodings import UTF_8, Encoding, open_as_utf8
from data.reading.json_faults import escape_fault, number_fault
from data.reading.records import BOM, Lines, Record, Refusal, bad_character, plain_name, plain_type, refused_line

CHUNK_BYTES = 1 << 20
_CUT = "the end of the file in the middle of it"
_NOTHING_READ = "nothing of the file was read"
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


class LooseJson:
    """A JSON decoder that only finds where values end, in a third of the time."""

    problem = None

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)

    def decode(self, text: str, start: int = 0) -> tuple[Any, int]:
        """As `StrictJson.decode`; numbers come as text."""
        return self._decoder.raw_decode(text, start)


Decoder = StrictJson | LooseJson


def read_json_value(text: str) -> Any:
    """The value of a JSON string in a cell; the string itself where it is none."""
    decoder = StrictJson()
    try:
        value, end = decoder.decode(text.strip())
    except (ValueError, RecursionError):
        return text
    return text if decoder.problem or end != len(text.strip()) else value


def read_jsonl(path: Path, encoding: Encoding = UTF_8) -> Iterator[Record | Refusal]:
    """The records of a file with one JSON object a line; empty lines are passed over."""
    decoder = StrictJson()
    with open_as_utf8(path, encoding) as stream:
        lines = Lines(stream)
        while line := lines.read():
            if line.trouble:
                yield refused_line(path, lines.number, line.trouble)
            elif not line.text.isspace():
                yield _json_line(path, lines.number, line.text, decoder)


def _json_line(path: Path, number: int, text: str, decoder: StrictJson) -> Record | Refusal:
    is_ended = text.endswith("\n")
    text = text.rstrip()  # so that the line break does not count when a column is given
    start = 0 if text.startswith("{") else len(text) - len(text.lstrip())
    try:
        value, end = decoder.decode(text, start)
    except (json.JSONDecodeError, RecursionError) as error:
        at = error.colno if isinstance(error, json.JSONDecodeError) else None
        if not is_ended and _is_cut(error, text):
            return Refusal(path.name, number, at, "a whole record", _CUT, "get the whole file", is_file=True)
        return _bad_json(path, number, at, error)
    if end < len(text):  # whatever stands there: white space at the end is gone
        return Refusal(
            path.name, number, end + 1, "one object a line", "something after it", "put each on its own line"
        )
    return _checked_record(path, _Place(number, start + 1), value, decoder.problem, text, (start, end))


class _Place(NamedTuple):
    line: int
    column: int


def _is_cut(error: Exception, text: str) -> bool:
    """Whether a value ends where the text does, and not because of a fault before."""
    return isinstance(error, json.JSONDecodeError) and (
        error.pos >= len(text) or error.msg.startswith("Unterminated string")
    )


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


class Window:
    """The stretch of a file that is being read: decoded characters, and where in the file they are."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._begin = _Place(1, 1)  # of the stretch
        self._mark = 0, self._begin  # the furthest position that somebody asked for, so that nothing is counted twice
        self.text = ""
        self.position = 0
        self.is_last = False
        self.extend()
        self.position = len(BOM) if self.text.startswith(BOM) else 0
        self._begin = _Place(1, 1 - self.position)
        self._mark = 0, self._begin

    def extend(self) -> None:
        """Let go of what was read and take in more."""
        self._begin = self.place(self.position)
        self._mark = 0, self._begin
        raw = self._stream.read(CHUNK_BYTES)
        self.is_last = not raw
        self.text = self.text[self.position :] + self._decoder.decode(raw, final=self.is_last)
        self.position = 0

    def skip_space(self) -> str:
        """Go to the next character that is not white space, and give it; empty behind the last."""
        while True:
            self.position = _skip_space(self.text, self.position)
            if self.position < len(self.text) or self.is_last:
                return self.text[self.position : self.position + 1]
            self.extend()

    def place(self, offset: int) -> _Place:
        """The line and column of a position in the stretch."""
        at, (line, column) = self._mark if offset >= self._mark[0] else (0, self._begin)
        n_before = self.text.count("\n", at, offset)
        if n_before:
            place = _Place(line + n_before, offset - self.text.rfind("\n", at, offset))
        else:
            place = _Place(line, column + offset - at)
        if offset > self._mark[0]:
            self._mark = offset, place
        return place

    def decode(self, decoder: Decoder) -> tuple[Any, int]:
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


def read_json(path: Path, encoding: Encoding = UTF_8) -> Iterator[Record | Refusal]:
    """The records of a file with one JSON array of objects, or with objects one after another.

    Behind a fault nothing can be read, so that the whole file is looked at first and refused if it has one.
    """
    with open_as_utf8(path, encoding) as stream:
        looked_at = _walk(path, Window(stream), LooseJson())
        fault = next((found for found in looked_at if isinstance(found, Refusal)), None)
    if fault:
        yield fault
        return
    decoder = StrictJson()
    with open_as_utf8(path, encoding) as stream:
        window = Window(stream)
        for found in _walk(path, window, decoder):
            if isinstance(found, Refusal):
                yield found
            else:
                yield _json_value(path, window, *found, decoder.problem)


def _walk(path: Path, window: Window, decoder: Decoder) -> Iterator[tuple[Any, int] | Refusal]:
    """Each value where the window stands on it, with its end; last of all the fault that ends the file, if one does."""
    in_array = window.skip_space() == "["
    window.position += in_array
    sign = window.skip_space()
    while sign and not (in_array and sign == "]"):
        try:
            value, end = window.decode(decoder)
        except (json.JSONDecodeError, RecursionError) as error:
            yield _json_fault(path, window, error)
            return
        yield value, end
        window.position = end
        sign = window.skip_space()
        if in_array and sign == ",":
            window.position += 1
            sign = window.skip_space()
        elif in_array and sign not in ("", "]"):
            yield _misplaced_refusal(path, window, "a comma or the end of the array", "something else")
            return
    if in_array and not sign:
        yield _misplaced_refusal(path, window, "a whole JSON array", _CUT)
    window.position += in_array
    if in_array and sign and window.skip_space():
        yield _misplaced_refusal(path, window, "nothing after the JSON array", "something there")


def _misplaced_refusal(path: Path, window: Window, expected: str, found: str) -> Refusal:
    advice = f"{'get the whole file' if found == _CUT else 'correct it there'}; {_NOTHING_READ}"
    return Refusal(path.name, *window.place(window.position), expected, found, advice, is_file=True)


def _json_value(path: Path, window: Window, value: Any, end: int, problem: Problem | None) -> Record | Refusal:
    start, begin = window.position, window.place(window.position)
    if end - start > MAX_RECORD_BYTES:
        return refused_line(path, begin.line, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
    if bad := bad_character(window.text[start:end]):
        place = window.place(start + bad[0] - 1)
        return refused_line(path, place.line, (place.column, bad[1]))
    return _checked_record(path, begin, value, problem, window.text, (start, end))


def _json_fault(path: Path, window: Window, error: json.JSONDecodeError | RecursionError) -> Refusal:
    """The refusal of a file with a value that cannot be read, so that nobody knows where the next one begins."""
    if window.is_last and _is_cut(error, window.text.rstrip()):
        return _misplaced_refusal(path, window, "a whole record", _CUT)
    refusal = _faulty_value(path, window, error)
    return replace(refusal, advice=f"{refusal.advice}; {_NOTHING_READ}", is_file=True)


def _faulty_value(path: Path, window: Window, error: json.JSONDecodeError | RecursionError) -> Refusal:
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


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
