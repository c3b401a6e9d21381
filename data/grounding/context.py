"""Context: which words of a note are told of a relative, of the past or as a mere thought.

After ConText (Harkema et al. 2009): a phrase covers what follows it or what stands before it, until a word or a mark
ends its reach; some headings cover their whole section. The phrases are in `contexts.toml`. What a note denies is found
by `data.grounding.negation`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from data.grounding.negation import CLAUSE, COMMA

TABLE = Path(__file__).parent / "contexts.toml"
HISTORY = "history"
"""The kind that counts only for some fields."""

_SENTENCE = 3
_N_DOUBTED = 4  # words behind a question mark in front of them: "?liver metastases"
_HEADING = re.compile(
    r"(?:^|\n)[^\S\n]*(?:[-*#\u2022]+\s*|\d+[.)]\s*)?(?P<title>[A-Za-z][A-Za-z /&-]{1,48}?)\s*(?::|(?=\n))"
    r"|(?<=[.;])\s+(?P<inline>[A-Z][A-Za-z]+(?: [A-Za-z]+){0,3}):"
)
_DOUBT = re.compile(r"(?:^|(?<=[\s(]))\?\s?(?=\w)")
_OF = frozenset(["in", "of", "on", "among", "for"])
_WHOSE = frozenset(
    (
        *("a", "an", "her", "his", "the", "their", "this", "that", "our", "patient", "s", "other", "degree"),
        *("one", "two", "three", "four", "both", "several", "some", "first", "second"),
    )
)


class _Kind(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ahead: list[str]
    behind: list[str]
    pseudo: list[str]
    not_behind_of: list[str]
    n_ahead: int
    n_behind: int
    is_wide: bool
    is_record: bool
    ends: list[str]
    sections: list[str]


Phrase = tuple[str, ...]


@dataclass(frozen=True)
class _Table:
    """The kinds by name; `phrases`: first word to the phrases that begin with it and whose they are, longest first."""

    kinds: Mapping[str, _Kind]
    ends: Mapping[str, frozenset[Phrase]]
    phrases: Mapping[str, tuple[tuple[Phrase, frozenset[tuple[str, str]]], ...]]
    sections: Mapping[str, str]


@cache
def _load() -> _Table:
    kinds = {name: _Kind.model_validate(one) for name, one in tomllib.loads(TABLE.read_text(encoding="utf-8")).items()}
    roles: dict[Phrase, set[tuple[str, str]]] = {}
    for name, kind in kinds.items():
        for role in ("ahead", "behind", "pseudo"):
            for phrase in getattr(kind, role):
                roles.setdefault(tuple(phrase.split()), set()).add((name, role))
    phrases: dict[str, list[tuple[Phrase, frozenset[tuple[str, str]]]]] = {}
    for words in sorted(roles, key=lambda words: (-len(words), words)):
        phrases.setdefault(words[0], []).append((words, frozenset(roles[words])))
    return _Table(
        kinds=kinds,
        ends={name: frozenset(tuple(end.split()) for end in kind.ends) for name, kind in kinds.items()},
        phrases={word: tuple(found) for word, found in phrases.items()},
        sections={title: name for name, kind in kinds.items() for title in kind.sections},
    )


@dataclass(frozen=True)
class Told:
    """That some words of a note are told under a reserve.

    Attributes:
        first, last: positions of the words that say so.
        kind: the reserve: a table's name in `contexts.toml`.
    """

    first: int
    last: int
    kind: str


def find_contexts(
    text: str, words: Sequence[str], starts: Sequence[int], breaks: Sequence[int]
) -> dict[int, tuple[Told, ...]]:
    """Position of a word to the reserves under which it is told.

    Args:
        text: the note.
        words: its words in lower case.
        starts: where each begins.
        breaks: what stands behind each: the end of a clause (2) or of a sentence (3), a comma (1), or nothing (0).
    """
    found: dict[int, list[Told]] = {}
    finder = _Finder(text, words, starts, breaks)
    for place, told in (*finder.by_phrases(), *finder.by_sections(), *finder.by_signs()):
        found.setdefault(place, []).append(told)
    return {place: tuple(told) for place, told in found.items()}


class _Finder:
    def __init__(self, text: str, words: Sequence[str], starts: Sequence[int], breaks: Sequence[int]) -> None:
        self._text, self._words, self._starts, self._breaks = text, words, starts, breaks
        self._table = _load()

    def by_phrases(self) -> Iterator[tuple[int, Told]]:
        place = 0
        while place < len(self._words):
            phrase, roles = self._match(place)
            last = place + len(phrase) - 1
            for name in {name for name, _ in roles}:
                if (name, "pseudo") in roles:
                    continue
                told = Told(place, last, name)
                if (name, "ahead") in roles and not self._is_company(place, self._table.kinds[name]):
                    yield from ((one, told) for one in self._reach_ahead(last, name))
                if (name, "behind") in roles:
                    yield from ((one, told) for one in self._reach_behind(place, last, name))
            place = last + 1

    def _match(self, place: int) -> tuple[Phrase, frozenset[tuple[str, str]]]:
        for phrase, roles in self._table.phrases.get(self._words[place], ()):
            end = place + len(phrase)
            if tuple(self._words[place:end]) == phrase and not any(
                mark >= COMMA for mark in self._breaks[place : end - 1]
            ):
                return phrase, roles
        return (self._words[place],), frozenset()

    def _is_company(self, place: int, kind: _Kind) -> bool:
        """Whether somebody is only named as company: "she came with her mother"."""
        before = [self._words[one] for one in range(max(0, place - 2), place) if not self._breaks[one]]
        return any(word in kind.not_behind_of for word in before)

    def _reach_ahead(self, last: int, name: str) -> Iterator[int]:
        kind, place = self._table.kinds[name], last
        end = min(last + kind.n_ahead, len(self._words) - 1)
        while place < end:
            mark = self._breaks[place]
            is_colon = place == last and self._text[self._starts[place] : self._starts[place + 1]].rstrip().endswith(
                ":"
            )
            if mark >= _SENTENCE or (mark >= CLAUSE and not (kind.is_record or is_colon)):
                return
            if mark == COMMA and not kind.is_wide:
                return
            place += 1
            if self._ends(place, name):
                return
            yield place

    def _ends(self, place: int, name: str) -> bool:
        ends = self._table.ends[name]
        return any(tuple(self._words[place : place + n]) in ends for n in (1, 2))

    def _reach_behind(self, first: int, last: int, name: str) -> Iterator[int]:
        kind = self._table.kinds[name]
        if name == "family":
            start = self._belongs(first, last)
            if start is None:
                return
        else:
            start = first - 1
        crosses = start >= 0 and self._breaks[start] >= CLAUSE and name in ("family", "uncertain")
        for place in range(start, max(-1, start - kind.n_behind), -1):
            mark = self._breaks[place]
            is_crossed = place == start and crosses and mark < _SENTENCE and "\n" not in self._text_between(place)
            if mark and not is_crossed and not (mark == COMMA and kind.is_wide):
                return
            if place != start and self._ends(place, name):
                return
            yield place

    def _text_between(self, place: int) -> str:
        return self._text[self._starts[place] : self._starts[place + 1]]

    def _belongs(self, first: int, last: int) -> int | None:
        """The last word of what a relative has: "cancer in her mother"; None where no such thing is said."""
        place = first - 1
        if place >= 0 and self._breaks[place] >= CLAUSE and self._breaks[last] >= CLAUSE:
            return place if "(" in self._text_between(place) or "-" in self._text_between(place) else None
        while place >= 0 and not self._breaks[place]:
            word = self._words[place]
            if word in _OF:
                return place - 1
            if word not in _WHOSE and word not in ("maternal", "paternal", "and", "his", "older", "younger", "elder"):
                return None
            place -= 1
        return None

    def by_sections(self) -> Iterator[tuple[int, Told]]:
        headings = [(one.start(), one.end(), self._title(one)) for one in _HEADING.finditer(self._text)]
        n = 0
        for number, (start, end, title) in enumerate(headings):
            name = self._table.sections.get(title)
            if name is None:
                continue
            until = headings[number + 1][0] if number + 1 < len(headings) else len(self._text)
            body = self._text[end:until]
            # A blank line ends a section, once it has begun.
            if blank := re.search(r"\S[^\S\n]*\n\s*\n", body):
                until = end + blank.start() + 1
            while n < len(self._starts) and self._starts[n] < start:
                n += 1
            first = n
            while n < len(self._starts) and self._starts[n] < end:
                n += 1
            told = Told(first, max(first, n - 1), name)
            while n < len(self._starts) and self._starts[n] < until:
                yield n, told
                n += 1

    @staticmethod
    def _title(found: re.Match[str]) -> str:
        return " ".join((found["title"] or found["inline"]).lower().split())

    def by_signs(self) -> Iterator[tuple[int, Told]]:
        """What a question mark in front of it doubts."""
        for found in _DOUBT.finditer(self._text):
            first = next((n for n, start in enumerate(self._starts) if start >= found.end()), len(self._starts))
            told = Told(-1, -1, "uncertain")
            for place in range(first, min(first + _N_DOUBTED, len(self._words))):
                yield place, told
                if self._breaks[place]:
                    break
