"""Which column of a file is what: one rule for the command line and the browser, told before anything is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from app.core.errors import InputError
from data.arrival.labels import GOLD_KEY, NESTED_KEY, label_columns, labels_aside
from data.notes import DERIVED_KEYS, ID_KEYS
from data.reading.annotators.fields import brings_labels
from data.reading.provenance import own_keys
from data.reading.readers import read_records
from data.reading.records import USUAL, Columns, Record, plain_name, reached, wanted_names
from data.reading.sources import TEXT_KEYS, Options
from data.task import Task

Role = Literal["text", "id", "label", "label aside", "like a label", "left out", "metadata"]
ROLES: Mapping[Role, str] = {
    "text": "the note",
    "id": "its id",
    "label": "label",
    "label aside": "label; left out",
    "like a label": "metadata; not taken as a label",
    "left out": "left out",
    "metadata": "metadata",
}
N_LOOKED_AT = 50
"""Records at the beginning of a file that tell which columns it has."""
MAX_NAMED = 20
"""Columns that a sentence lists."""
LONG = 40
"""Characters on average from which a column may be the notes."""
_ID_NAME = re.compile(
    r"(^|.*[_\W])(id|nr|no|number|case|key|mrn|pmid|pmcid|doi|uid|uuid|name|accession|identifier|path|file|filename)$",
    re.IGNORECASE,
)
_SURE_ID_NAME = re.compile(r"(^|.*[_\W])(id|key|mrn|uid|uuid|pmid|identifier)$|.*[a-z]ID$")
"""Names that mean an id also where its values repeat, as in the repeating instruments of REDCap."""


@dataclass(frozen=True)
class Plan:
    """What becomes of a file's columns.

    Attributes:
        path: the file or folder.
        names: of its columns, in their order.
        columns: where the text and the id are, if not under their usual names: as a person said, or as it looks.
        text: the column of the text; None where none is likely.
        id: that of the id; None for none.
        guessed: which of "text" and "id" nobody named and no usual name told.
        is_repeated: whether several of the first records have one id.
        has_labels: whether there is something that could be taken as labels.
        roles: what becomes of each column.
    """

    path: Path
    names: tuple[str, ...]
    columns: Columns
    text: str | None
    id: str | None
    guessed: tuple[str, ...]
    is_repeated: bool
    has_labels: bool
    roles: Mapping[str, Role]

    def sentences(self, *, on_terminal: bool = False) -> list[str]:
        """What a person should know of it before anything is written: what was guessed, and what might surprise.

        Args:
            on_terminal: whether to name the options of the command, and what the browser asks about anyhow.
        """
        said, name = [], _printable(self.path.name)
        if on_terminal and (found := self._guesses()):
            taken = " and ".join(
                f"the {part} {'is taken ' * (not at)}from {_told(column)}" for at, (part, column) in found
            )
            options = " and ".join(f"--{part}-column" for _, (part, _) in found)
            said.append(f"{name}: {taken}; {options} NAME to choose otherwise.")
        if self.is_repeated and self.id is not None:
            said.append(f"{name}: ids in {_told(self.id)} repeat; each row stays a note of its own.")
        if kept := self._of_role("like a label"):
            are, them = ("is", "it as a label") if len(kept) == 1 else ("are", "them as labels")
            said.append(f"{name}: {_listed(kept)} {are} kept as metadata; {_ways(on_terminal)} takes {them}.")
        if aside := self._of_role("label aside"):
            said.append(f"{name}: the labels in {_listed(aside)} are left out; {_ways(on_terminal)} takes them.")
        if dropped := [name for name in self._of_role("left out") if name not in DERIVED_KEYS]:
            said.append(f"{name}: {_listed(dropped)} {'is' if len(dropped) == 1 else 'are'} left out.")
        return said

    def _of_role(self, wanted: Role) -> list[str]:
        return [_told(column) for column, role in self.roles.items() if role == wanted]

    def _guesses(self) -> list[tuple[int, tuple[str, str]]]:
        parts = (("text", self.text), ("id", self.id))
        guessed = [(part, column) for part, column in parts if part in self.guessed and column is not None]
        return list(enumerate(guessed))


def _ways(on_terminal: bool) -> str:
    return "--original" if on_terminal else "“take the labels too”"


def read_beginning(path: Path, codec: str | None = None) -> list[Record]:
    """The first records of a file or folder, whatever their columns are named; fewer where some cannot be read."""
    return [row for row in islice(read_records(path, Options((), codec=codec)), N_LOOKED_AT) if isinstance(row, Record)]


def names_of(rows: Sequence[Record]) -> list[str]:
    """The names of the columns that some records have, in their order."""
    return list(dict.fromkeys(name for row in rows for name in row.values))


def plan_file(path: Path, task: Task, chosen: Columns = USUAL, *, original: bool, strict: bool = True) -> Plan:
    """What becomes of the columns of a file or folder, from its first records.

    Args:
        chosen: what a person said.
        original: whether the records bring labels.
        strict: whether a column that was named has to be there; otherwise one that is not counts as not named.

    Raises:
        InputError: it is not, or one column is to be both.
    """
    return plan_rows(path, read_beginning(path, chosen.codec), task, chosen, original=original, strict=strict)


def plan_rows(
    path: Path, rows: Sequence[Record], task: Task, chosen: Columns = USUAL, *, original: bool, strict: bool = True
) -> Plan:
    """The same for records that were read already."""
    names = names_of(rows)
    if strict:
        _require(chosen, path, names)
    named = [
        name if strict or (name is not None and wanted_names(names, [name])) else None
        for name in (chosen.text, chosen.id)
    ]
    text = named[0] or guess_text(names, rows)
    columns = Columns(text, named[1] or guess_id(names, rows, text), chosen.codec)
    text = columns.text or next(iter(wanted_names(names, TEXT_KEYS)), None)
    of_id = columns.id or next(iter(wanted_names(names, ID_KEYS)), None)
    ids = [value for row in rows if of_id is not None and (value := reached(row.values, of_id)) is not None]
    labels = _label_names(names, rows, task, {text, of_id})
    aside = {key for row in rows for key in labels_aside(row.values, task)}
    left_out = {*DERIVED_KEYS, *(key for row in rows for key in own_keys(task, row.values))}

    def role(name: str) -> Role:
        kinds: list[tuple[Role, bool]] = [
            ("text", _leads_to(name, text, names)),
            ("id", _leads_to(name, of_id, names)),
            ("label", original and name in labels),
            ("label aside", not original and name in aside),
            ("left out", name in left_out),
            ("like a label", name in labels),
        ]
        return next((kind for kind, is_so in kinds if is_so), "metadata")

    return Plan(
        path=path,
        names=tuple(names),
        columns=columns,
        text=text,
        id=of_id,
        guessed=tuple(
            part for part, was in zip(("text", "id"), named, strict=True) if not was and getattr(columns, part)
        ),
        is_repeated=len({str(value) for value in ids}) < len(ids),
        has_labels=bool(labels) or brings_labels(rows, task),
        roles={name: role(name) for name in names},
    )


def _leads_to(name: str, wanted: str | None, names: Sequence[str]) -> bool:
    """Whether a column is the wanted one, or holds it where that is the path of a nested one."""
    return wanted is not None and name == (wanted if wanted in names else wanted.partition(".")[0])


def guess_text(names: Sequence[str], rows: Sequence[Record]) -> str | None:
    """The column that is most likely the notes, where none has a usual name; None where one has, or none is likely."""
    if wanted_names(names, TEXT_KEYS):
        return None
    lengths = {name: _mean_length(name, rows) for name in names if name not in (GOLD_KEY, *DERIVED_KEYS)}
    longest = max(lengths, key=lambda name: lengths[name], default=None)
    return longest if longest is not None and lengths[longest] >= LONG else None


def guess_id(names: Sequence[str], rows: Sequence[Record], text: str | None) -> str | None:
    """The column that is most likely the ids, where none has a usual name: one named so, each value once.

    Where there is no such column, one that is surely named so, also if its values repeat.
    """
    if wanted_names(names, ID_KEYS):
        return None
    likely = [name for name in names if name != text and _ID_NAME.fullmatch(name)]
    plain = {name: found for name in likely if (found := _plain_values(name, rows))}
    for name, values in plain.items():
        if len(set(values)) == len(values):
            return name
    return next((name for name in plain if _SURE_ID_NAME.fullmatch(name)), None)


def _plain_values(name: str, rows: Sequence[Record]) -> list[str]:
    """The column's values, as far as there are any; empty where one of them is no text and no whole number."""
    values = [value for row in rows if (value := row.values.get(name)) is not None]
    is_plain = all(
        isinstance(value, (str, int)) or (isinstance(value, float) and value.is_integer()) for value in values
    )
    return [str(value) for value in values] if is_plain and not any(isinstance(one, bool) for one in values) else []


def _label_names(names: Sequence[str], rows: Sequence[Record], task: Task, used: set[str | None]) -> set[str]:
    """The columns that labels would be taken from, as `data.arrival.labels` does."""
    if GOLD_KEY in names:
        return {GOLD_KEY}
    nested = [row.values[NESTED_KEY] for row in rows if isinstance(row.values.get(NESTED_KEY), Mapping)]
    if any(label_columns(given, task) for given in nested):
        return {NESTED_KEY}
    return set(label_columns([name for name in names if name not in used], task).values())


def _require(columns: Columns, path: Path, found: Sequence[str]) -> None:
    """Refuse columns that a file does not have: a name mistyped would else be an import without texts or ids.

    Raises:
        InputError: it lacks a named column, or one column is to be both.
    """
    if columns.text is not None and columns.text == columns.id:
        raise InputError(f"Expected one column for the text and another for the id; found {columns.text!r} for both.")
    missing = [name for name in (columns.text, columns.id) if name is not None and not wanted_names(found, [name])]
    if found and missing:
        listed = ", ".join(plain_name(name) for name in found[:MAX_NAMED])
        more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        raise InputError(
            f"Expected a column {missing[0]!r} in {path.name}; found the columns {listed}{more}. Name one of these."
        )


def _mean_length(name: str, rows: Sequence[Record]) -> float:
    lengths = [len(value) for row in rows if isinstance(value := row.values.get(name), str)]
    return sum(lengths) / len(rows) if lengths else 0.0


def _told(name: str) -> str:
    """A column's name for a sentence; what is on no one line may be a piece of a note."""
    return name if len(name) <= 60 and name.isprintable() else plain_name(name)


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - MAX_NAMED} more"] if len(names) > MAX_NAMED else []
    shown = [*names[:MAX_NAMED], *more]
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _printable(name: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in name)
