"""Evidence: where in a note a value is supported, as spans of code points.

A value is looked for as it stands, then part by part, then by its words wherever they stand close together, then by
the words that stand for it. Whole words only, and always in the text as it is stored: a folded copy may have another
length, and its positions would be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from data.suggestion import Span
from data.synonyms import Lexicon, load_lexicon, stems
from data.task import Extraction, Field, Task
from data.values import normalise, split

MAX_SPANS = 12  # of one part of a value
MAX_OCCURRENCES = 200  # of one word; keeps the search linear in a note that repeats itself
SLACK_WORDS = 8  # further words that may stand between those of a value

_HYPHENS = "-\u2010\u2011\u2012\u2013\u2212"
_BRACKETS = re.compile(r"[()\[\]{}]")


def find_evidence(task: Task, text: str, extraction: Extraction) -> dict[str, tuple[Span, ...]]:
    """The spans of `text` that support each value: sorted, without overlap; none where nothing was found."""
    evidence = Evidence(task, text)
    return {key: evidence.spans(value) if value is not None else () for key, value in extraction.items()}


def is_grounded(task: Task, field: Field, text: str, value: str) -> bool:
    """Whether any part of `text` supports `value`."""
    return Evidence(task, text).supports(value)


class Evidence:
    """One note, ready to be asked for several values; its words are found once."""

    def __init__(self, task: Task, text: str) -> None:
        self._text = text
        self._synonyms = task.synonyms
        self._lexicon = load_lexicon(task.synonyms)

    def spans(self, value: str) -> tuple[Span, ...]:
        """Where the value is supported."""
        if normalise(value) is None:
            return ()
        return _merged(self._verbatim(value) or [span for part in _parts(value) for span in self._part(part)])

    def supports(self, value: str) -> bool:
        """Whether the value is supported anywhere."""
        if normalise(value) is None:
            return False
        return bool(self._verbatim(value)) or any(self._part(part) for part in _parts(value))

    @cached_property
    def _words(self) -> list[tuple[str, int, int]]:
        return list(stems(self._text))

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        """Stem to the positions in `_words` where it stands."""
        places: dict[str, list[int]] = {}
        for position, (word, _, _) in enumerate(self._words):
            places.setdefault(word, []).append(position)
        return {word: found[:MAX_OCCURRENCES] for word, found in places.items()}

    def _verbatim(self, value: str) -> list[Span]:
        found = []
        for match in _pattern(value).finditer(self._text):
            found.append(Span(match.start(), match.end()))
            if len(found) == MAX_SPANS:
                break
        return found

    def _part(self, part: str) -> list[Span]:
        sought = _sought(part, self._synonyms)
        return (
            self._verbatim(part)
            or self._by_words(sought.words, {})
            or self._by_phrases(one for one in sought.phrases if one.n_replaced > 1)
            or self._by_words(sought.words, self._lexicon.words)
            or self._by_phrases(sought.phrases)
        )

    def _by_phrases(self, phrases: Iterable[_Phrase]) -> list[Span]:
        """Every stand of a phrase, where the other words of the value are supported as well."""
        spans: list[Span] = []
        for phrase in phrases:
            if found := self._phrase(phrase.words):
                others = self._by_words(phrase.others, self._lexicon.words)
                spans += found + others if others or not phrase.others else []
        return spans[:MAX_SPANS]

    def _phrase(self, phrase: Sequence[str]) -> list[Span]:
        if not all(word in self._places or word.endswith("*") for word in phrase):
            return []
        return self._window([self._all_places(word) for word in phrase], SLACK_WORDS // 2)

    def _by_words(self, words: Sequence[str], synonyms: Mapping[str, tuple[str, ...]]) -> list[Span]:
        """The closest stand of the words, once enough of them are there."""
        places = {word: self._any_places(word, synonyms.get(word, ())) for word in words}
        found = [word for word in words if places[word]]
        if not _is_enough(words, found, self._lexicon):
            return []
        strong = [word for word in found if self._lexicon.is_strong(word)]
        return (
            self._window([places[word] for word in found], SLACK_WORDS)
            or self._window([places[word] for word in strong], SLACK_WORDS)
            or self._scattered([places[word] for word in strong or found])
        )

    def _any_places(self, word: str, others: Sequence[str]) -> list[int]:
        if not others:
            return self._places.get(word, [])
        return sorted({place for word in (word, *others) for place in self._all_places(word)})

    def _all_places(self, word: str) -> list[int]:
        if not word.endswith("*"):
            return self._places.get(word, [])
        return sorted(p for known, places in self._places.items() if known.startswith(word[:-1]) for p in places)

    def _window(self, places: list[list[int]], slack: int) -> list[Span]:
        """One span from the first to the last word of the closest stand, unless too much stands between them."""
        stand = _closest(places)
        if not stand or stand[-1] - stand[0] >= len(places) + slack:
            return []
        return [Span(self._words[stand[0]][1], self._words[stand[-1]][2])]

    def _scattered(self, places: list[list[int]]) -> list[Span]:
        """A span for each word of the closest stand."""
        return [Span(self._words[place][1], self._words[place][2]) for place in _closest(places)]


def _is_enough(words: Sequence[str], found: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether the found words of a value support it: all that decide its meaning, and half of the others."""
    missing = [word for word in words if word not in found]
    if any(word in lexicon.required or any(map(str.isdigit, word)) for word in missing):
        return False
    strong = [word for word in words if lexicon.is_strong(word)]
    n_found = sum(word in found for word in strong)
    return 2 * n_found >= len(strong) > 0 or (not strong and bool(words) and not missing)


@lru_cache(maxsize=1 << 14)
def _pattern(value: str) -> re.Pattern[str]:
    """The value as whole words, in any case but for a single letter, whatever the white space and the hyphens."""
    words = [re.sub(f"[{_HYPHENS}]", f"[{_HYPHENS}]", re.escape(word).replace("\\-", "-")) for word in value.split()]
    start = r"(?<!\w)" if value.lstrip()[0].isalnum() else ""
    end = r"(?!\w)" if value.rstrip()[-1].isalnum() else ""
    return re.compile(start + r"\s+".join(words) + end, re.IGNORECASE if len(value) > 1 else 0)


@lru_cache(maxsize=1 << 14)
def _parts(value: str) -> tuple[str, ...]:
    """The parts of a value, those in brackets apart."""
    pieces = (part for piece in _BRACKETS.split(value) for part in split(piece))
    return tuple(dict.fromkeys(part for piece in pieces if (part := piece.strip(" .,;:/")) and normalise(part)))


@dataclass(frozen=True)
class _Phrase:
    """A phrase that may stand for some words of a part; `others` are its further words that need support, too."""

    words: tuple[str, ...]
    n_replaced: int
    others: tuple[str, ...]


@dataclass(frozen=True)
class _Sought:
    """What is looked for when a part does not stand in the note as it is: its stems, or phrases for them."""

    words: tuple[str, ...]
    phrases: tuple[_Phrase, ...]


@lru_cache(maxsize=1 << 14)
def _sought(part: str, synonyms: Path | None) -> _Sought:
    lexicon = load_lexicon(synonyms)
    named = tuple(word for word, _, _ in stems(part))
    words = tuple(dict.fromkeys(word for word in named if word not in lexicon.ignored))
    phrases = []
    for key, said in lexicon.phrases.items():
        if _contains(named, key):
            others = tuple(word for word in words if word not in key and word not in lexicon.weak)
            phrases += [_Phrase(phrase, len(key), others) for phrase in said]
    return _Sought(words, tuple(phrases))


def _contains(words: tuple[str, ...], key: tuple[str, ...]) -> bool:
    return any(words[start : start + len(key)] == key for start in range(len(words) - len(key) + 1))


def _closest(places: list[list[int]]) -> list[int]:
    """The positions, one from each list, that stand closest together; empty if a list is."""
    if not places or not all(places):
        return []
    events = sorted((place, which) for which, found in enumerate(places) for place in found)
    last: dict[int, int] = {}
    best: list[int] = []
    for place, which in events:
        last[which] = place
        if len(last) == len(places) and (not best or place - min(last.values()) < best[-1] - best[0]):
            best = sorted(last.values())
    return sorted(set(best))


def _merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)
