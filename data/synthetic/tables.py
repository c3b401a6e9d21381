"""Tables of the generator: what notes may say, in TOML beside the code that says it."""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any


class Table:
    """A TOML file, read once, when it is first asked; whoever only imports the generator reads none.

    Args:
        path: the file. Its lists come back as tuples, in its order, on which the corpus of a seed depends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def content(self) -> dict[str, Any]:
        """All of the file."""
        found: dict[str, Any] = _freeze(tomllib.loads(self._path.read_text(encoding="utf-8")))
        return found

    def __getitem__(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        texts: tuple[str, ...] = self.content[key]
        return texts

    def group(self, key: str) -> dict[str, tuple[str, ...]]:
        """Lists of texts by name."""
        texts: dict[str, tuple[str, ...]] = self.content[key]
        return texts

    def words(self, key: str) -> dict[str, str]:
        """One text by another."""
        words: dict[str, str] = self.content[key]
        return words

    def rows(self, key: str) -> tuple[dict[str, Any], ...]:
        """Records with named values."""
        rows: tuple[dict[str, Any], ...] = self.content[key]
        return rows


def _freeze(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _freeze(one) for key, one in value.items()}
    return tuple(map(_freeze, value)) if isinstance(value, list) else value
