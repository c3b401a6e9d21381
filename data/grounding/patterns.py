"""What is looked for in a note when a value is: the value as a pattern, its parts, and the words of a part."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import OSA

from data.suggestion import Span
from data.text.synonyms import Lexicon, load_lexicon
from data.text.values import normalise, split
from data.text.words import HYPHENS, MARKS, NAME, stem, stems

TYPO_LETTERS = (6, 10)  # a word this long may differ by one letter, by two

_DIVIDERS = re.compile(rf"[()\[\]{{}}]|\s/\s|(?<=[{HYPHENS}+])/(?=\w)")


@dataclass(frozen=True)
class SoughtPhrase:
    """A phrase that may stand for some words of a part; `others` are its further words that need support, too."""

    words: tuple[str, ...]
    n_replaced: int
    others: tuple[str, ...]


@dataclass(frozen=True)
class Sought:
    """What is looked for when a part does not stand in the note as it is.

    Attributes:
        words: its stems.
        phrases: what may stand for some of them.
        spellings: its longer words that name something, in lower case, with their stems.
    """

    words: tuple[str, ...]
    phrases: tuple[SoughtPhrase, ...]
    spellings: tuple[tuple[str, str], ...]


@lru_cache(maxsize=1 << 14)
def pattern(value: str) -> re.Pattern[str]:
    """The value as whole words, in any case but for a single letter, whatever the white space and the hyphens.

    A per cent sign behind a number that ends the value belongs to the stand.
    """
    pieces = [(piece, place % 2 == 1) for place, piece in enumerate(_split_names(value))]
    words = "".join(_joined_pattern(piece) if is_name else _spaced_pattern(piece) for piece, is_name in pieces)
    first, last = value.lstrip()[0], value.rstrip()[-1]
    start = r"(?<!\w)" if first.isalnum() else ""
    end = rf"(?![\w{MARKS}])" if last.isalnum() else ""
    percent = r"(?:\s?[%\uff05])?" if last.isdigit() else ""
    return re.compile(start + words + end + percent, re.IGNORECASE if len(value) > 1 else 0)


def _split_names(value: str) -> list[str]:
    """The value cut around its names that end in a number: those are every second piece."""
    pieces, end = [], 0
    for match in NAME.finditer(value):
        pieces += [value[end : match.start()], match.group()]
        end = match.end()
    return [*pieces, value[end:]]


def _joined_pattern(name: str) -> str:
    """A name as a pattern, whatever joins its letters and its number."""
    return f"[{HYPHENS}\\s/]?".join(re.escape(part) for part in re.findall(r"[^\W\d_]+|\d+", name))


def _spaced_pattern(text: str) -> str:
    """Any other text as a pattern, whatever the white space and the hyphens."""
    words = [re.sub(f"[{HYPHENS}]", f"[{HYPHENS}]", re.escape(word).replace("\\-", "-")) for word in text.split()]
    spaced = r"\s+".join(words)
    if not words:
        return r"\s+" if text else ""
    return (r"\s+" if text[0].isspace() else "") + spaced + (r"\s+" if text[-1].isspace() else "")


@lru_cache(maxsize=1 << 14)
def parts_of(value: str, synonyms: Path | None) -> tuple[str, ...]:
    """The parts of a value, those in brackets apart; parts of weak words are left out unless there are no others."""
    pieces = (part for piece in _DIVIDERS.split(value) for part in split(piece))
    parts = tuple(dict.fromkeys(part for piece in pieces if (part := piece.strip(" .,;:/")) and normalise(part)))
    lexicon = load_lexicon(synonyms)
    return tuple(part for part in parts if any(is_decisive(word, lexicon) for word, _, _ in stems(part))) or parts


@lru_cache(maxsize=1 << 14)
def look_for(part: str, synonyms: Path | None) -> Sought:
    """What to look for to find a part of a value."""
    lexicon = load_lexicon(synonyms)
    named = tuple((word, part[start:end].casefold()) for word, start, end in stems(part))
    words = tuple(dict.fromkeys(word for word, _ in named if word not in lexicon.ignored))
    phrases = []
    for key in lexicon.keys_in(tuple(word for word, _ in named)):
        others = tuple(word for word in words if word not in key and is_decisive(word, lexicon))
        phrases += [SoughtPhrase(phrase, len(key), others) for phrase in lexicon.phrases[key]]
    spellings = {
        raw: word
        for word, raw in named
        if len(raw) >= TYPO_LETTERS[0] and raw.isalpha() and lexicon.is_strong(word) and word in words
    }
    return Sought(words, tuple(phrases), tuple(spellings.items()))


def is_decisive(word: str, lexicon: Lexicon) -> bool:
    """Whether a word decides what a value means, so that the value is not supported without it."""
    if word in lexicon.ignored:
        return False
    return word not in lexicon.weak or word in lexicon.required or any(map(str.isdigit, word))


def misspelling(word: str, known: Collection[str], lexicon: Lexicon) -> str | None:
    """The word of `known` that is meant to be `word` but for a letter or two, if there is one.

    Both begin alike, because a first letter is seldom mistyped and names of drugs often differ in it alone.
    """
    n_letters = 1 + (len(word) >= TYPO_LETTERS[1])
    found = process.extract(word, list(known), scorer=OSA.distance, score_cutoff=n_letters, limit=3)
    taboo = lexicon.lookalikes.get(stem(word), frozenset())
    return next((one for one, _, _ in found if one[0] == word[0] and stem(one) not in taboo), None)


def close_stands(places: list[list[int]]) -> Iterable[list[int]]:
    """For each place at which a stand can end, the positions, one from each list, that stand closest together there."""
    if not places or not all(places):
        return
    last: dict[int, int] = {}
    begun = -1
    for place, which in sorted((place, which) for which, found in enumerate(places) for place in found):
        last[which] = place
        if len(last) == len(places) and (first := min(last.values())) > begun:
            begun = first
            yield [last[which] for which in range(len(places))]


def windows(places: Mapping[str, list[int]], slack: int) -> list[list[int]]:
    """The positions of the words wherever they stand close together, those of one stand in the words' order."""
    widest = len(places) + slack
    return [stand for stand in close_stands(list(places.values())) if max(stand) - min(stand) < widest]


def find_closest(places: list[list[int]]) -> list[int]:
    """The positions, one from each list, that stand closest together; empty if a list is."""
    return min(close_stands(places), key=lambda stand: max(stand) - min(stand), default=[])


def order_best_first(spans: list[Span]) -> tuple[Span, ...]:
    """Spans without overlap: the one that holds the first of them in front, the others in the order of the text."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    best = next((span for span in merged if span.start <= spans[0].start < span.end), None)
    return () if best is None else (best, *(span for span in merged if span != best))
