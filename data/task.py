"""The task: which fields are extracted from a note, and the value type that holds them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator, model_validator
from pydantic import Field as Setting

from data.limits import MAX_VALUE_CHARACTERS
from data.text.lexicon import LexiconError, load_names
from data.text.rules import RulesError, load_rules
from data.text.synonyms import SynonymsError, load_lexicon

TASKS = Path(__file__).parent / "tasks"
DEFAULT_TASK = TASKS / "oncology.toml"
# The form of the model's special tokens: with one in it, a text could speak to the model as someone else.
SPECIAL_TOKEN = re.compile(r"<\|\w{1,60}\|>")
# NUL and halves of surrogate pairs: what neither the database nor UTF-8 can hold.
UNKEEPABLE = re.compile("[\0\ud800-\udfff]")


class TaskError(ValueError):
    """A task file or a value that does not fit its task; the message says what to do."""


class Field(BaseModel):
    """One field of the record: its key in JSON and how the desk shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Setting(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    description: str
    colour: str = Setting(pattern=r"^#[0-9a-f]{6}$")
    colour_dark: str = Setting(pattern=r"^#[0-9a-f]{6}$")
    hotkey: str = Setting(min_length=1, max_length=1)
    inferred: bool = False
    separator: str | None = None
    hint: re.Pattern[str] | None = None
    lexicon: tuple[str, ...] | None = None
    """Lists of the task's lexicon whose words its values may hold beside those of the note; None for any word."""

    @property
    def is_list(self) -> bool:
        """Whether the field may hold several values."""
        return self.separator is not None


class Task(BaseModel):
    """Instruction, system text and the ordered fields of one extraction task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Setting(pattern=r"^[a-z][a-z0-9_-]*$")
    title: str
    instruction: str
    system: str
    synonyms: Path | None = None
    rules: Path | None = None
    lexicon: Path | None = None
    fields: tuple[Field, ...] = Setting(min_length=1)

    @field_validator("fields")
    @classmethod
    def _distinct(cls, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        for attribute in ("key", "hotkey"):
            seen = [getattr(field, attribute) for field in fields]
            if len(set(seen)) != len(seen):
                raise ValueError(f"two fields share a {attribute}: {seen}")
        return fields

    @model_validator(mode="after")
    def _single_line(self) -> Task:
        for text in (self.instruction, self.system):
            if "\n" in text or "<|" in text:
                raise ValueError("instruction and system are one line each, without special tokens")
        return self

    @property
    def keys(self) -> tuple[str, ...]:
        """Field keys in the order of the record."""
        return tuple([field.key for field in self.fields])  # asked for often, and a list is made faster

    def field(self, key: str) -> Field:
        """The field with this key.

        Raises:
            TaskError: no field has it.
        """
        for field in self.fields:
            if field.key == key:
                return field
        raise TaskError(f"Expected one of the fields {', '.join(self.keys)}; found {key!r}.")


@cache
def load_task(path: Path = DEFAULT_TASK) -> Task:
    """Read a task from its TOML file; its synonyms, rules and lexicon, where it names some, are looked for beside it.

    Raises:
        TaskError: the file is missing, is not TOML, or does not describe a task; or what it names is missing or wrong.
    """
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
        if isinstance(named := settings.get("synonyms"), str):
            settings["synonyms"] = path.parent / Path(named).name
            load_lexicon(settings["synonyms"])
        if isinstance(named := settings.get("rules"), str):
            settings["rules"] = path.parent / Path(named).name
            load_rules(settings["rules"])
        if isinstance(named := settings.get("lexicon"), str):
            settings["lexicon"] = path.parent / Path(named).name
        task = Task.model_validate(settings)
        _check_lexicon(task, path)
        return task
    except (SynonymsError, RulesError, LexiconError) as error:
        raise TaskError(str(error)) from error
    except OSError as error:
        raise TaskError(f"Expected a task file at {path}; it cannot be read ({error.strerror}).") from error
    except ValueError as error:  # TOMLDecodeError and pydantic's ValidationError are both ValueErrors
        raise TaskError(f"Expected {path} to describe a task: {error}") from error


def _check_lexicon(task: Task, path: Path) -> None:
    known = load_names(task.lexicon) if task.lexicon is not None else {}
    for field in task.fields:
        if unknown := [name for name in field.lexicon or () if name not in known]:
            raise LexiconError(
                f"Expected lists of the lexicon ({', '.join(known) or 'the task names none'}) in the field {field.key} "
                f"of {path}; found {', '.join(unknown)}."
            )


class Extraction(Mapping[str, str | None]):
    """The value of a note: every field of the task, a string or null. Immutable.

    Strings are kept as they are but for surrounding white space; an empty one is null.
    """

    __slots__ = ("_values",)

    def __init__(self, task: Task, values: Mapping[str, Any]) -> None:
        """Check `values` against `task`.

        Raises:
            TaskError: a key is missing or unknown, or a value is neither a string nor null, is too long or
                holds a character that the record cannot.
        """
        if tuple(values) != task.keys:
            _check_keys(task, values)
        self._values: dict[str, str | None] = {key: _check_value(key, values[key]) for key in task.keys}

    @classmethod
    def from_stored(cls, task: Task, values: Mapping[str, Any]) -> Extraction:
        """What was stored, as the task asks for it today: a field that was not asked then is null, one that is not
        asked any more is left out. What comes from outside is checked with the constructor instead.
        """
        return cls(task, values if tuple(values) == task.keys else {key: values.get(key) for key in task.keys})

    @classmethod
    def empty(cls, task: Task) -> Extraction:
        """All fields null."""
        return cls(task, dict.fromkeys(task.keys))

    def __getitem__(self, key: str) -> str | None:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Extraction) and self._values == other._values

    def __repr__(self) -> str:
        # Values are note text in small: a repr may end in a log, so it tells the shape only.
        filled = sum(value is not None for value in self._values.values())
        return f"Extraction({filled} of {len(self._values)} fields filled)"

    def as_dict(self) -> dict[str, str | None]:
        """A plain dictionary in field order."""
        return dict(self._values)


def _check_keys(task: Task, values: Mapping[str, Any]) -> None:
    missing = [key for key in task.keys if key not in values]
    unknown = [str(key) for key in values if key not in task.keys]
    if missing or unknown:
        said = [f"missing {', '.join(missing)}"] if missing else []
        said += [f"unknown {', '.join(unknown)[:200]}"] if unknown else []
        raise TaskError(f"Expected exactly the fields {', '.join(task.keys)}; {' and '.join(said)}.")


def _check_value(key: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TaskError(f"Expected a string or null in {key}; found {type(value).__name__}.")
    if len(value) > MAX_VALUE_CHARACTERS:
        raise TaskError(f"Expected at most {MAX_VALUE_CHARACTERS} characters in {key}; found {len(value)}.")
    if "<|" in value and SPECIAL_TOKEN.search(value):
        raise TaskError(f"Expected plain text in {key}; found a special token of the model. Remove it.")
    if not value.isprintable() and (bad := UNKEEPABLE.search(value)):
        raise TaskError(
            f"Expected printable text in {key}; found U+{ord(bad.group()):04X} at character {bad.start() + 1}."
        )
    return value.strip() or None
