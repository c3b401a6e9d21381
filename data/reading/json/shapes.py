"""Shapes: files of JSON that are one object around all records, or a table as pandas writes it.

Which one a file has is found by going through it once, a value at a time.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from data.limits import MAX_HELD_BYTES, MAX_HELD_VALUES, MIB
from data.reading.encodings import open_as_utf8
from data.reading.json.records import json_fault
from data.reading.json.window import LooseJson, StrictJson, Window
from data.reading.records import Record, Refusal, bad_character, bad_header, plain_name, refused_file, wanted_names
from data.reading.sources import TEXT_KEYS, Encoding, Options, Source

_USUAL_LISTS = ("documents", "data", "records", "notes", "reports", "rows", "items", "results", "examples")


class Shape(NamedTuple):
    """How one object holds all records of a file.

    Attributes:
        kind: "list" of records under a key; a "split" table with its columns and its data; "columns" with the rows
            under their numbers in each; "rows" under their numbers with the columns in each.
        key: that of the list.
    """

    kind: Literal["list", "split", "columns", "rows"]
    key: str = ""


@dataclass
class _Member:
    """What stands under a key: an array or an object with values of these types and keys, or something else."""

    kind: str
    n_values: int = 0
    types: set[type] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)

    @property
    def is_list_of_records(self) -> bool:
        return self.kind == "[" and self.types == {dict}


def find_shape(source: Source, window: Window, wanted: Collection[str]) -> Shape | Refusal | None:
    """The shape of a file where the window stands at its beginning; None where it is one of records.

    Args:
        source: the file.
        window: moves on.
        wanted: see `data.reading.sources.Options`.
    """
    members: dict[str, _Member] = {}
    if window.skip_space() != "{":
        return None
    try:
        members.update(_read_members(window))
        if window.skip_space():
            return None  # something stands behind the object
    except (json.JSONDecodeError, RecursionError) as error:
        is_inside = any(member.is_list_of_records and member.n_values > 1 for member in members.values())
        return json_fault(source, window, error) if is_inside else None
    return _shape(source, members, wanted or TEXT_KEYS)


def _shape(source: Source, members: dict[str, _Member], wanted: Collection[str]) -> Shape | Refusal | None:
    lists = [key for key, member in members.items() if member.is_list_of_records]
    named = [name.partition(".")[0] for name in wanted_names(members, wanted)]
    if any(members[name].kind not in "[{" for name in named if name in members):
        return None
    if table := _find_table(members, wanted, named):
        return table
    if named or not lists:
        return None
    usual = [key for key in lists if key.lower() in _USUAL_LISTS]
    if len(lists) > 1 and len(usual) != 1:
        found = f"several, {', '.join(map(plain_name, lists[:10]))}"
        return refused_file(source.name, "one list of records", found, "put that with the notes into a file of its own")
    return Shape("list", (usual or lists)[0])


def _find_table(members: dict[str, _Member], wanted: Collection[str], named: list[str]) -> Shape | None:
    objects = [member for member in members.values() if member.kind == "{" and member.n_values]
    are_all = bool(objects) and len(objects) == len(members)
    if (
        {"columns", "data"} <= members.keys()
        and members["data"].types <= {list}
        and members["data"].kind == "[" == members["columns"].kind
    ):
        return Shape("split")
    are_numbered = bool(objects) and objects[0].keys == {str(number) for number in range(objects[0].n_values)}
    if are_all and (named or are_numbered) and all(member.keys == objects[0].keys for member in objects):
        return Shape("columns") if not _are_paths(members, wanted) else None
    if are_all and all(member.types and wanted_names(member.keys, wanted) for member in objects):
        return Shape("rows")
    return None


def _are_paths(members: dict[str, _Member], wanted: Collection[str]) -> bool:
    return any("." in name and name not in members for name in wanted_names(members, wanted))


def _read_members(window: Window) -> Iterator[tuple[str, _Member]]:
    """Each key of the object where the window stands, and what is under it, which grows meanwhile."""
    for key in window.keys(LooseJson()):
        kind = window.skip_space()
        member = _Member(kind)
        yield key, member
        if kind == "[":
            for value in window.items(LooseJson()):
                member.n_values += 1
                member.types.add(type(value))
        elif kind == "{":
            for inner in window.keys(LooseJson()):
                member.n_values += 1
                if member.n_values <= MAX_HELD_VALUES:
                    member.keys.add(inner)
                member.types.add(type(window.value(LooseJson())))
        else:
            window.value(LooseJson())


def read_shape(source: Source, encoding: Encoding, options: Options, shape: Shape) -> Iterator[Record | Refusal]:
    """The records of a table in one object."""
    with open_as_utf8(source, encoding) as stream:
        raw = stream.read(MAX_HELD_BYTES + 1)
    n_values = sum(raw.count(sign) for sign in (b",", b"[", b"{"))
    if len(raw) > MAX_HELD_BYTES or n_values > MAX_HELD_VALUES:
        expected = f"a table of at most {MAX_HELD_BYTES // MIB} MB and {MAX_HELD_VALUES:,} values in one JSON object"
        yield refused_file(source.name, expected, "a larger one", "write it as JSON lines, one row a line")
        return
    text = raw.decode("utf-8", "surrogateescape")
    decoder = StrictJson()
    try:
        value, _ = decoder.decode(text.lstrip("\ufeff \t\r\n"))
    except (json.JSONDecodeError, RecursionError):
        found, advice = "a fault in it", "write the table again, or as JSON lines"
        yield refused_file(source.name, "JSON", found, advice)
        return
    problem = decoder.problem
    if bad := bad_character(text):
        yield refused_file(source.name, "printable text in UTF-8", bad[1], "correct the file")
    elif problem and not problem.found.startswith("NaN"):
        yield refused_file(source.name, "strict JSON", problem.found, problem.advice)
    else:
        yield from _read_table(source, options, value, shape)


def _index(value: dict[str, Any], shape: Shape) -> list[Any]:
    """What the rows are called; empty where nothing tells."""
    if shape.kind == "split":
        index = value.get("index")
        return index if isinstance(index, list) and len(index) == len(value["data"]) else []
    return list(value if shape.kind == "rows" else next(iter(value.values())))


def _name_index(index: list[Any], header: list[str]) -> str | None:
    """The column that the rows' names make: ids, or metadata where they may be mere numbers; None where they count."""
    if [str(key) for key in index] == [str(number) for number in range(len(index))]:
        return None
    are_numbers = all(str(key).isdecimal() for key in index)
    name = "index" if are_numbers or not all(isinstance(key, str) for key in index) else "id"
    return None if {known.strip().casefold() for known in header} & {name, "id", "external_id"} else name


def _read_table(source: Source, options: Options, value: dict[str, Any], shape: Shape) -> Iterator[Record | Refusal]:
    options.tell(f"{source.name}: read as a table of pandas.")
    if shape.kind == "rows":
        header = list(dict.fromkeys(key for row in value.values() for key in row))
        rows: Iterator[list[Any]] = ([row.get(name) for name in header] for row in value.values())
    elif shape.kind == "columns":
        header = list(value)
        rows = ([value[name][key] for name in header] for key in next(iter(value.values())))
    else:
        header, rows = [str(name) for name in value["columns"]], iter(value["data"])
    names = header
    if name := _name_index(index := _index(value, shape), header):
        names, rows = [name, *header], ([key, *row] for key, row in zip(index, rows, strict=False))
    if refusal := bad_header(source.name, names, options.wanted, None):
        yield refusal
        return
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            yield Refusal(source.name, number, None, f"{len(names)} values", f"{len(row)}", "correct the row")
        else:
            yield Record(source.name, number, dict(zip(names, row, strict=True)))
