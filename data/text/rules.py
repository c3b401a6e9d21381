"""Rules: what a note must say for a value that does not stand in it to follow from it, read from a task's table."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data.text.values import normalise

ANY = "*"


class RulesError(ValueError):
    """A table of rules that cannot be read; the message says what to do."""


class Rule(BaseModel):
    """One rule.

    Attributes:
        field: the key of the field.
        values: what follows, any of them; "*" for every value.
        because: the rule in a short sentence, for the reviewer.
        said: words or phrases of which the note says one; "*" at the end of a word stands for any ending, "*" alone for
            every part of the value itself.
        beside: one of these stands in the same sentence, where there are any.
        not_beside: none of these stands within a few words, or one of `unless` does, too.
        in_note: the note says one of these, where there are any.
        not_in_note: the note says none of these, but with one of `not_before` behind it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str
    values: tuple[str, ...]
    because: str
    said: tuple[str, ...]
    beside: tuple[str, ...] = ()
    not_beside: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    in_note: tuple[str, ...] = ()
    not_in_note: tuple[str, ...] = ()
    not_before: tuple[str, ...] = ()


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rules: tuple[Rule, ...]


@cache
def load_rules(path: Path | None) -> tuple[Rule, ...]:
    """Read a task's rules; none where it has no table.

    Raises:
        RulesError: the file is missing or is not such a table.
    """
    if path is None:
        return ()
    try:
        return _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).rules
    except OSError as error:
        raise RulesError(f"Expected a table of rules at {path}; it cannot be read ({error.strerror}).") from error
    except ValueError as error:  # TOMLDecodeError and pydantic's ValidationError are both ValueErrors
        raise RulesError(f"Expected {path} to be a table of rules: {error}") from error


def rules_for(path: Path | None, key: str, value: str) -> tuple[Rule, ...]:
    """The rules by which a value of a field may follow."""
    wanted = normalise(value)
    ours = (rule for rule in load_rules(path) if rule.field == key)
    return tuple(rule for rule in ours if rule.values == (ANY,) or wanted in map(normalise, rule.values))
