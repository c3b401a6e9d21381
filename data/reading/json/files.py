"""Files of JSON: what is in them decides how they are read, whatever they are called.

Many programs write JSON lines into a file named .json, and some an array into one named .jsonl.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from data.reading.encodings import open_as_utf8
from data.reading.json.records import read_json, read_jsonl
from data.reading.json.shapes import find_shape, read_shape
from data.reading.json.window import LooseJson, Window
from data.reading.records import Record, Refusal, plain_name
from data.reading.sources import Encoding, Head, Options, Source


def read_json_file(source: Source, encoding: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """The records of a file of JSON lines, of one JSON array, of objects one after another, or in one object.

    Where the beginning does not tell, the ending does.
    """
    if _has_lines(source, encoding):
        yield from read_jsonl(source, encoding)
        return
    with open_as_utf8(source, encoding) as stream:
        shape = find_shape(source, Window(stream), options.wanted)
    if isinstance(shape, Refusal):
        yield shape
    elif shape is None:
        yield from read_json(source, encoding)
    elif shape.kind == "list":
        options.tell(f"{source.name}: read the records under {plain_name(shape.key)}.")
        yield from read_json(source, encoding, shape.key)
    else:
        yield from read_shape(source, encoding, options, shape)


def read_objects(source: Source, encoding: Encoding) -> Iterator[Record | Refusal]:
    """The same for a format of its own, where one object by itself is one record, whatever it holds."""
    yield from read_jsonl(source, encoding) if _has_lines(source, encoding) else read_json(source, encoding)


def _has_lines(source: Source, encoding: Encoding) -> bool:
    with open_as_utf8(source, encoding) as stream:
        told = _are_lines(Window(stream))
    return source.suffix.lower() != ".json" if told is None else told


_BEGIN = re.compile(r"(?:\[\s*)?\{\s*(?:\"(?!%)|\})")  # UIMA's JSON has names like "%TYPES"


def is_json(head: Head) -> bool:
    """Whether it begins with an object, or an array of them."""
    return _BEGIN.match(head.start) is not None


def _are_lines(window: Window) -> bool | None:
    """Whether each record has a line of its own; None where it may be so or not."""
    sign = window.skip_space()
    if sign != "{":
        return False if sign == "[" else None
    try:
        _, end = window.decode(LooseJson())
    except (json.JSONDecodeError, RecursionError):
        return True if _has_second_line(window) else None
    is_one_line = "\n" not in window.text[window.position : end]
    line = window.place(end).line
    window.position = end
    if not window.skip_space():
        return None
    if not is_one_line:
        return False
    return True if window.place(window.position).line > line else None


def _has_second_line(window: Window) -> bool:
    """Whether the next line is an object by itself, so that only the first is broken."""
    start = window.text.find("\n", window.position) + 1
    end = window.text.find("\n", start)
    line = window.text[start : len(window.text) if end < 0 else end].strip()
    if not start or not line.startswith("{"):
        return False
    try:
        return LooseJson().decode(line)[1] == len(line)
    except (json.JSONDecodeError, RecursionError):
        return False
