"""JSON records: one a line, or as one array or one after another; all stricter than the standard library.

Of an array, too, only a stretch is in memory, so that it may be of any length and a record of it may not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from data.limits import MAX_RECORD_BYTES
from data.reading.encodings import open_as_utf8
from data.reading.json.faults import escape_fault, number_fault
from data.reading.json.window import NEAR, Decoder, LooseJson, Place, Problem, StrictJson, Window
from data.reading.records import Lines, Record, Refusal, bad_character, plain_type, refused_line
from data.reading.sources import UTF_8, Encoding, Source

_CUT = "the end of the file in the middle of it"
_NOTHING_READ = "nothing of the file was read"


def read_jsonl(path: Source, encoding: Encoding = UTF_8) -> Iterator[Record | Refusal]:
    """The records of a file with one JSON object a line; empty lines are passed over."""
    decoder = StrictJson()
    with open_as_utf8(path, encoding) as stream:
        lines = Lines(stream)
        while line := lines.read():
            if line.trouble:
                yield refused_line(path.name, lines.number, line.trouble)
            elif not line.text.isspace():
                yield _json_line(path, lines.number, line.text, decoder)


def _json_line(path: Source, number: int, text: str, decoder: StrictJson) -> Record | Refusal:
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
    return _checked_record(path, Place(number, start + 1), value, decoder.problem, text, (start, end))


def _is_cut(error: Exception, text: str) -> bool:
    """Whether a value ends where the text does, and not because of a fault before."""
    return isinstance(error, json.JSONDecodeError) and (
        error.pos >= len(text) or error.msg.startswith("Unterminated string")
    )


def _bad_json(path: Source, line: int, column: int | None, error: Exception) -> Refusal:
    if isinstance(error, json.JSONDecodeError):
        reason = error.msg[0].lower() + error.msg[1:]  # the decoder's own words, which repeat nothing of the text
        return Refusal(path.name, line, column, "JSON", f"a fault ({reason})", "correct the line")
    return Refusal(path.name, line, column, "JSON of a few levels", "one nested too deeply", "flatten the record")


def _checked_record(
    path: Source, begin: Place, value: Any, problem: Problem | None, text: str, span: tuple[int, int]
) -> Record | Refusal:
    """The record of a value that stands between two positions of a text and begins at a place of the file."""
    start, end = span

    def place(offset: int) -> Place:
        n_before = text.count("\n", start, offset)
        if not n_before:
            return Place(begin.line, begin.column + offset - start)
        return Place(begin.line + n_before, offset - text.rfind("\n", start, offset))

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


def read_json(path: Source, encoding: Encoding = UTF_8, key: str | None = None) -> Iterator[Record | Refusal]:
    """The records of a file with one JSON array of objects, or with objects one after another.

    With a key, those of the array that is under it in the one object of a file that has been gone through.

    Behind a fault nothing can be read, so that the whole file is looked at first and refused if it has one.
    """
    if key is not None:
        yield from _listed(path, encoding, key)
        return
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


def _listed(path: Source, encoding: Encoding, wanted: str) -> Iterator[Record | Refusal]:
    decoder = StrictJson()
    with open_as_utf8(path, encoding) as stream:
        window = Window(stream)
        for key in window.keys(LooseJson()):
            if key != wanted:
                window.skip_value()
                continue
            for _ in window.parts("[", "]"):
                value, end = window.decode(decoder)
                yield _json_value(path, window, value, end, decoder.problem)
                window.position = end
            return


def _walk(path: Source, window: Window, decoder: Decoder) -> Iterator[tuple[Any, int] | Refusal]:
    """Each value where the window stands on it, with its end; last of all the fault that ends the file, if one does."""
    in_array = window.skip_space() == "["
    window.position += in_array
    sign = window.skip_space()
    while sign and not (in_array and sign == "]"):
        try:
            value, end = window.decode(decoder)
        except (json.JSONDecodeError, RecursionError) as error:
            yield json_fault(path, window, error)
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


def _misplaced_refusal(path: Source, window: Window, expected: str, found: str) -> Refusal:
    advice = f"{'get the whole file' if found == _CUT else 'correct it there'}; {_NOTHING_READ}"
    return Refusal(path.name, *window.place(window.position), expected, found, advice, is_file=True)


def _json_value(path: Source, window: Window, value: Any, end: int, problem: Problem | None) -> Record | Refusal:
    start, begin = window.position, window.place(window.position)
    if end - start > MAX_RECORD_BYTES:
        return refused_line(path.name, begin.line, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
    if bad := bad_character(window.text[start:end]):
        place = window.place(start + bad[0] - 1)
        return refused_line(path.name, place.line, (place.column, bad[1]))
    return _checked_record(path, begin, value, problem, window.text, (start, end))


def json_fault(path: Source, window: Window, error: json.JSONDecodeError | RecursionError) -> Refusal:
    """The refusal of a file with a value that cannot be read, so that nobody knows where the next one begins."""
    if window.is_last and _is_cut(error, window.text.rstrip()):
        return _misplaced_refusal(path, window, "a whole record", _CUT)
    refusal = _faulty_value(path, window, error)
    return replace(refusal, advice=f"{refusal.advice}; {_NOTHING_READ}", is_file=True)


def _faulty_value(path: Source, window: Window, error: json.JSONDecodeError | RecursionError) -> Refusal:
    if isinstance(error, RecursionError):
        return _bad_json(path, *window.place(window.position), error)
    if bad := bad_character(window.text[window.position : error.pos + 1]):
        place = window.place(window.position + bad[0] - 1)
        return refused_line(path.name, place.line, (place.column, bad[1]))
    is_cut = error.pos + NEAR > len(window.text) or error.msg.startswith("Unterminated string")
    if window.is_full and is_cut:
        line = window.place(window.position).line
        return refused_line(path.name, line, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
    return _bad_json(path, *window.place(error.pos), error)
