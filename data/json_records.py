"""JSON records: .jsonl line by line, .json as one array, both stricter than the standard library."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data.records import BOM, Lines, Record, Refusal, foreign_byte, plain_name, plain_type, refused_line

MAX_JSON_BYTES = 64 << 20


class StrictJson:
    """A JSON decoder that notes what the standard one lets pass: NaN, infinities, repeated keys.

    It notes instead of raising, so that an array can be read on behind the record.
    """

    def __init__(self) -> None:
        self.problem: tuple[str, str] | None = None
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
                self.problem = (f"the key {plain_name(key)} twice", "remove one of them")
            values[key] = value
        return values

    def _constant(self, name: str) -> None:
        self.problem = (f"{name}, which is not JSON", "write null instead")

    def _float(self, digits: str) -> float:
        value = float(digits)
        if abs(value) == float("inf"):
            self.problem = ("a number beyond the range of numbers", "write it as a string")
        return value

    def _int(self, digits: str) -> int:
        if len(digits) > 300:
            self.problem = ("a number of more than 300 digits", "write it as a string")
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


def _bad_json(path: Path, line: int, error: Exception, column: int | None = None) -> Refusal:
    if isinstance(error, json.JSONDecodeError):
        reason = error.msg[0].lower() + error.msg[1:]  # the decoder's own words, which repeat nothing of the text
        return Refusal(path.name, line, column or error.colno, "JSON", f"a fault ({reason})", "correct the line")
    return Refusal(path.name, line, column, "JSON of a few levels", "one nested too deeply", "flatten the record")


def _checked_record(path: Path, line: int, value: Any, problem: tuple[str, str] | None) -> Record | Refusal:
    if problem:
        return Refusal(path.name, line, None, "strict JSON", *problem)
    if not isinstance(value, dict):
        found = plain_type(value)
        return Refusal(path.name, line, None, "an object for each record", found, "write it as {key: value, ...}")
    return Record(path.name, line, value)


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
    start = len(text) - len(text.lstrip())
    try:
        value, end = decoder.decode(text, start)
    except (json.JSONDecodeError, RecursionError) as error:
        return _bad_json(path, number, error)
    if text[end:].strip():
        return Refusal(
            path.name, number, end + 1, "one object a line", "something behind it", "put each on its own line"
        )
    return _checked_record(path, number, value, decoder.problem)


def read_json(path: Path) -> Iterator[Record | Refusal]:
    """The records of a file with one JSON array of objects, or with a single object."""
    size = path.stat().st_size
    if size > MAX_JSON_BYTES:
        expected = f"a .json file of at most {MAX_JSON_BYTES >> 20} MB"
        yield Refusal(
            path.name, None, None, expected, f"{size / (1 << 20):,.0f} MB", "write it as .jsonl, one record a line"
        )
        return
    text = path.read_bytes().decode("utf-8", "surrogateescape").removeprefix(BOM)
    if foreign := foreign_byte(text):
        offset = foreign[0] - 1
        line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
        yield refused_line(path, line, (column, foreign[1]))
    elif text.strip():
        yield from _json_values(path, text)


_SPACE = re.compile(r"[ \t\r\n]*")


def _json_values(path: Path, text: str) -> Iterator[Record | Refusal]:
    """The objects of an array, or the one object; behind a fault nothing can be read."""
    decoder = StrictJson()
    position = _behind_space(text, 0)
    in_array = text.startswith("[", position)
    position = _behind_space(text, position + in_array)
    line, counted = 1, 0
    while position < len(text) and not (in_array and text[position] == "]"):
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, position = decoder.decode(text, position)
        except (json.JSONDecodeError, RecursionError) as error:
            at = error.pos if isinstance(error, json.JSONDecodeError) else position
            line += text.count("\n", counted, at)
            yield _bad_json(path, line, error, column=at - text.rfind("\n", 0, at))
            return
        yield _checked_record(path, line, value, decoder.problem)
        position = _behind_space(text, position)
        if not in_array or text[position : position + 1] not in (",", "]"):
            break
        position = _behind_space(text, position + (text[position] == ","))
    end = _behind_space(text, position + in_array)
    if (in_array and text[position : position + 1] != "]") or end < len(text):
        line += text.count("\n", counted, min(position, len(text)))
        yield Refusal(
            path.name, line, None, "one JSON array of objects", "no end of it there", "close it, or write .jsonl"
        )


def _behind_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
