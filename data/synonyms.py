"""Synonyms: which words of a note stand for which words of a value, read from a task's table."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

# Endings taken off before words are compared, longest first; at least four letters stay.
_ENDINGS = (
    *("ifications", "ification", "ications", "ication", "ization"),
    *("ations", "ation", "ating", "ative", "ively", "ivity", "ences", "ified", "ifies", "ities"),
    *("ated", "atic", "ates", "ally", "ence", "ents", "ical", "ings", "ions", "ives", "ized", "izes"),
    *("ary", "eal", "ent", "ian", "ied", "ies", "ing", "ion", "ive"),
    *("ae", "al", "ar", "as", "ed", "es", "ic", "is", "or", "um", "us"),
    *("a", "e", "i", "o", "s", "y"),
)
_WORD = re.compile(
    r"(?P<word>\d+(?:[.,]\d+)+|[\w\u0300-\u036f]+)"
    r"|(?<=\w)(?P<plus>\+)(?!\w)"
    r"|(?<=\w)(?P<minus>[-\u2010-\u2013\u2212])(?=[\s,;/.)]|$)"
)


class SynonymsError(ValueError):
    """A table of synonyms that cannot be read; the message says what to do."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ignored: list[str] = []
    weak: list[str] = []
    required: list[str] = []
    synonyms: dict[str, list[str]] = {}


@dataclass(frozen=True)
class Lexicon:
    """What is known of words, all as stems (see `stem`).

    Attributes:
        ignored: words that say nothing.
        weak: words that alone support no value, such as "mutation".
        required: words that change what a value says, such as "negative".
        words: a word of a value to single words that stand for it.
        phrases: words of a value to phrases that stand for them; a last word ending in "*" is a beginning.
    """

    ignored: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    phrases: dict[tuple[str, ...], tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    def is_strong(self, word: str) -> bool:
        """Whether a word names something by itself."""
        return word not in self.weak and word not in self.required


@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """A word without case, accents' spelling and ending: "amplified" and "amplification" have one stem."""
    word = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())
    if not word.isalpha():
        return word.replace(",", "") if word[:1].isdigit() else word
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    return word


def stems(text: str) -> Iterator[tuple[str, int, int]]:
    """The stem, start and end of every word of a text, in code points; a sign behind a word counts as a word."""
    for match in _WORD.finditer(text):
        if match.lastgroup == "word":
            yield stem(match.group()), match.start(), match.end()
        else:
            yield stem("positive" if match.lastgroup == "plus" else "negative"), match.start(), match.end()


@cache
def load_lexicon(path: Path | None) -> Lexicon:
    """Read a task's table of synonyms; an empty lexicon where it has none.

    Raises:
        SynonymsError: the file is missing or is not such a table.
    """
    if path is None:
        return Lexicon()
    try:
        table = _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SynonymsError(f"Expected a table of synonyms at {path}; it cannot be read ({error.strerror}).") from error
    except ValueError as error:  # TOMLDecodeError and pydantic's ValidationError are both ValueErrors
        raise SynonymsError(f"Expected {path} to be a table of synonyms: {error}") from error
    phrases = {_phrase(key): tuple(map(_phrase, said)) for key, said in table.synonyms.items()}
    singles = {
        key[0]: tuple(words[0] for words in said if len(words) == 1) for key, said in phrases.items() if len(key) == 1
    }
    return Lexicon(
        ignored=frozenset(map(stem, table.ignored)),
        weak=frozenset(map(stem, table.weak)),
        required=frozenset(map(stem, table.required)),
        words=singles,
        phrases=phrases,
    )


def _phrase(text: str) -> tuple[str, ...]:
    """The stems of a phrase; a word that ends in "*" is kept as it is, as the beginning of words."""
    return tuple(
        word.casefold() if word.endswith("*") else found
        for word in text.split()
        for found, *_ in stems(word.rstrip("*"))
    )
