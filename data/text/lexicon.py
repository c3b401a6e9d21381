"""A task's lexicon: lists of names that a value may be written with although its note has them otherwise, or not."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter


class LexiconError(ValueError):
    """A lexicon that cannot be read; the message says what to do."""


_TABLE = TypeAdapter(dict[str, list[str]])


@cache
def load_names(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """The lists of a lexicon: a file `genes.toml` is the list `genes`, whatever its names stand under in the file.

    Raises:
        LexiconError: the folder is missing, or a file in it is not such a table.
    """
    if not folder.is_dir():
        raise LexiconError(f"Expected a folder of word lists at {folder}; found none.")
    lists = {}
    for file in sorted(folder.glob("*.toml")):
        try:
            table = _TABLE.validate_python(tomllib.loads(file.read_text(encoding="utf-8")), strict=True)
        except OSError as error:
            raise LexiconError(f"Expected a list of words at {file}; it cannot be read ({error.strerror}).") from error
        except ValueError as error:  # TOMLDecodeError and pydantic's ValidationError are both ValueErrors
            raise LexiconError(f"Expected {file} to hold lists of words: {error}") from error
        lists[file.stem] = tuple(name for names in table.values() for name in names)
    return lists
