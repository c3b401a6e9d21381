"""Synonyms: which words of a note stand for which words of a value, read from a task's table."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data.text.words import is_beginning, stem, stems


class SynonymsError(ValueError):
    """A table of synonyms that cannot be read; the message says what to do."""


class _Company(BaseModel):
    model_config = ConfigDict(extra="forbid")

    words: list[str]
    reach: int
    of: list[str] = []
    never_behind: list[str] = []
    never_before: list[str] = []


@dataclass(frozen=True)
class Company:
    """Beside which words a field's values mean something.

    Attributes:
        words: one of these stands in the same sentence.
        reach: words between the two at most.
        of: the stems of values that need it; all where there are none.
        never_behind: words directly in front of a value by which it is something else: "grade III".
        never_before: the same directly behind it: "liver enzymes".
    """

    words: frozenset[str]
    reach: int
    of: frozenset[str]
    never_behind: frozenset[str]
    never_before: frozenset[str]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ignored: list[str] = []
    weak: list[str] = []
    required: list[str] = []
    contrary: list[list[str]] = []
    lookalikes: list[list[str]] = []
    negations: list[str] = []
    negations_behind: list[str] = []
    as_written: list[str] = []
    denying: list[str] = []
    once: list[str] = []
    kinds: list[str] = []
    company: dict[str, _Company] = {}
    cues: dict[str, list[str]] = {}
    synonyms: dict[str, list[str]] = {}


Phrase = tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """What is known of words, all as stems (see `data.text.words.stem`).

    Attributes:
        ignored: words that say nothing.
        weak: words that alone support no value, such as "mutation".
        required: words that change what a value says, such as "negative".
        contrary: a word to those that say the opposite of it.
        lookalikes: a word to those that look like it and are something else, never a typing error of it.
        negations: phrases, as they are written, that deny what follows them, beside those of `data.grounding.negation`.
        negations_behind: the same for phrases that deny what stands before them.
        as_written: a word to its only spellings, where it is another word in other letters: pCR.
        denying: words of a value which a note may also say by denying the others: "no expression of ER".
        once: keys of fields whose values must not be told of the past alone, where the note names another.
        kinds: words for what such a field names.
        company: field key to the words beside which its values mean something.
        cues: field key to words in whose company its values stand.
        words: a word of a value to single words that stand for it.
        phrases: words of a value to phrases that stand for them; a word ending in "*" is a beginning.
    """

    ignored: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    contrary: Mapping[str, frozenset[str]] = field(default_factory=dict)
    lookalikes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    negations: frozenset[str] = frozenset()
    negations_behind: frozenset[str] = frozenset()
    as_written: Mapping[str, frozenset[str]] = field(default_factory=dict)
    denying: frozenset[str] = frozenset()
    once: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    company: Mapping[str, Company] = field(default_factory=dict)
    cues: Mapping[str, frozenset[str]] = field(default_factory=dict)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    phrases: Mapping[Phrase, tuple[Phrase, ...]] = field(default_factory=dict)

    def is_strong(self, word: str) -> bool:
        """Whether a word names something by itself."""
        return word not in self.weak and word not in self.required

    def keys_in(self, words: Phrase) -> list[Phrase]:
        """The keys of `phrases` that stand in a row of words."""
        longest = max(map(len, self.phrases), default=0)
        runs = (words[start : start + n] for n in range(longest, 0, -1) for start in range(len(words) - n + 1))
        return list(dict.fromkeys(run for run in runs if run in self.phrases))


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
    phrases = {phrase_of(key): tuple(map(phrase_of, said)) for key, said in table.synonyms.items()}
    singles = {
        key[0]: tuple(words[0] for words in said if len(words) == 1) for key, said in phrases.items() if len(key) == 1
    }
    return Lexicon(
        ignored=frozenset(map(stem, table.ignored)),
        weak=frozenset(map(stem, table.weak)),
        required=frozenset(map(stem, table.required)),
        contrary=_map_others(table.contrary),
        lookalikes=_map_others(table.lookalikes),
        negations=frozenset(map(str.casefold, table.negations)),
        negations_behind=frozenset(map(str.casefold, table.negations_behind)),
        as_written=_spellings(table.as_written),
        denying=frozenset(map(stem, table.denying)),
        once=frozenset(table.once),
        kinds=frozenset(map(stem, table.kinds)),
        company={
            key: Company(
                _stems(one.words),
                one.reach,
                _stems(one.of),
                frozenset(map(str.casefold, one.never_behind)),
                frozenset(map(str.casefold, one.never_before)),
            )
            for key, one in table.company.items()
        },
        cues={key: frozenset(map(stem, words)) for key, words in table.cues.items()},
        words=singles,
        phrases=phrases,
    )


def _stems(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word.casefold() if is_beginning(word) else stem(word) for word in words)


def _spellings(words: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for word in words:
        found[stem(word)] = found.get(stem(word), frozenset()) | {word}
    return found


def _map_others(groups: Iterable[Iterable[str]]) -> dict[str, frozenset[str]]:
    """Each word of a group to the rest of its group."""
    found: dict[str, frozenset[str]] = {}
    for group in groups:
        words = frozenset(map(stem, group))
        for word in words:
            found[word] = found.get(word, frozenset()) | words - {word}
    return found


def phrase_of(text: str) -> Phrase:
    """The stems of a phrase; a word that ends in "*" is kept as it is, as the beginning of words."""
    return tuple(
        word.casefold() if is_beginning(word) else found
        for word in text.split()
        for found, *_ in stems(word.rstrip("*"))
    )
