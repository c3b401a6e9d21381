"""The words of one note: where each stands, in which sentence, whether it is denied, and what it stands beside."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from itertools import pairwise

from data.grounding.context import Told, find_contexts
from data.grounding.negation import CLAUSE, COMMA, find_denied, load_negations
from data.suggestion import Span
from data.text.synonyms import Lexicon
from data.text.words import is_beginning, is_staging, stems

MAX_OCCURRENCES = 200  # of one word; keeps the search linear in a note that repeats itself

_SENTENCE = 3
_ENDS_SENTENCE = re.compile(r"[.!?][\"')\]]*\s|\n\s*\n|\n\s*[-*\u2022]")
# T2 in front of one of these is a sequence of an MRI, T3 a vertebra.
_NO_STAGE = frozenset(
    [
        *(
            "body",
            "flair",
            "hyperintense",
            "hyperintensity",
            "hypointense",
            "level",
            "levels",
            "mapping",
            "rib",
            "ribs",
        ),
        *("sequence", "sequences", "signal", "spine", "vertebra", "vertebrae", "vertebral", "weighted"),
    ]
)
_JOINTS = frozenset([":", "-", "\u2013", "\u2014", "(", "[", "=", "|", "?", ":-", "->"])
_CLAUSE_SIGNS = frozenset("|\t;:\n()[]\u2014\u2192")  # and a dash between spaces


class NoteWords:
    """A note's words, found once, for as many values as are looked for.

    Attributes:
        text: the note.
        words: stem, start and end of every word.
    """

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.text = text
        self.words = list(stems(text))
        self._lexicon = lexicon

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Stem to the positions in `words` where it stands."""
        places: dict[str, list[int]] = {}
        as_written = self._lexicon.as_written
        for position, (word, start, end) in enumerate(self.words):
            if word in as_written and self.text[start:end] not in as_written[word]:
                continue  # PCR is no pCR
            places.setdefault(word, []).append(position)
        return {word: found[:MAX_OCCURRENCES] for word, found in places.items()}

    @cached_property
    def raw(self) -> dict[str, str]:
        """Every longer word of letters only, in lower case, to its stem."""
        text = self.text
        found = {text[start:end].casefold(): word for word, start, end in self.words if end - start > 4}
        return {word: its_stem for word, its_stem in found.items() if word.isalpha()}

    def find(self, word: str) -> list[int]:
        """The positions of a stem, or of all words that begin like one that ends in "*"."""
        if not is_beginning(word):
            return self.places.get(word, [])
        begun = word[:-1]
        is_part = begun[-1:].isdigit() and begun[0] in "nm"  # of the TNM, where it need not be the first: t2n1m0
        found = [(one, p) for one, p in self.places.items() if one.startswith(begun) or (is_part and begun in one)]
        if begun[-1:].isdigit():  # a part of the TNM staging, and neither a variant of a gene nor a kind of MRI
            return sorted(p for known, places in found if is_staging(known) for p in places if self._stages(p))
        return sorted(p for _, places in found for p in places)

    def _stages(self, place: int) -> bool:
        """Whether a word such as T2 is followed by nothing that makes it the name of a sequence or of a vertebra."""
        return place + 1 == len(self.words) or self.raw_words[place + 1] not in _NO_STAGE

    def find_any(self, words: Iterable[str]) -> list[int]:
        """The positions of several, in order."""
        return sorted({place for word in words for place in self.find(word)})

    def span(self, first: int, last: int) -> Span:
        """From the first of some words to the last of them."""
        return Span(self.words[first][1], self.words[last][2])

    def widen(self, first: int, last: int, beside: Collection[int]) -> tuple[int, int]:
        """The first and last of some words, with those of `beside` that stand next to them but for one word."""
        while near := [place for place in (first - 1, first - 2) if place in beside and not self.divides(place, first)]:
            first = near[0]
        while near := [place for place in (last + 1, last + 2) if place in beside and not self.divides(last, place)]:
            last = near[0]
        return first, last

    def positions(self, span: Span) -> range:
        """The positions of the words that a span touches."""
        first = bisect_right(self._starts, span.start) - 1
        if first < 0 or self.words[first][2] <= span.start:
            first += 1
        return range(first, bisect_left(self._starts, span.end))

    def sentence(self, span: Span) -> int:
        """The number of the sentence in which a span begins."""
        if not self.words:
            return 0
        return self._sentences[min(self.positions(span).start, len(self.words) - 1)]

    def reserves(self, own: Collection[int]) -> frozenset[str]:
        """The reserves under which words around some words, none of them, tell what they name.

        Args:
            own: positions of the words.

        Returns:
            "negated", "undone" or a kind of `data.grounding.context`.
        """
        return frozenset(
            told.kind
            for position in own
            for told in self._reserves.get(position, ())
            if not any(told.first <= place <= told.last for place in own)
        )

    def is_denied(self, own: Collection[int], ignoring: frozenset[str] = frozenset()) -> bool:
        """Whether there is such a reserve; `ignoring`: kinds that do not count."""
        return bool(self.reserves(own) - ignoring)

    def cue_distance(self, key: str, span: Span) -> int | None:
        """Words between a span and the nearest cue of a field in its sentence; None where there is none."""
        own, number = self.positions(span), self.sentence(span)
        cues = self._cues(key)
        place = bisect_left(cues, own.start)
        near = [
            own.start - cue if cue < own.start else max(0, cue - own.stop + 1)
            for cue in cues[max(0, place - 1) : place + 1 + len(own)]
            if self._sentences[cue] == number
        ]
        return min(near, default=None)

    def divides(self, first: int, last: int) -> bool:
        """Whether a comma, or more, stands between two words."""
        return any(self._breaks[position] for position in range(first, last))

    def sentence_of(self, place: int) -> int:
        """The number of the sentence of a word."""
        return self._sentences[place]

    def ends_clause(self, place: int) -> bool:
        """Whether a clause or a sentence ends behind a word, but for a colon or a bracket."""
        return self._breaks[place] >= CLAUSE and any(
            sign in self.text[self.words[place][2] : self.words[place + 1][1]] for sign in ";.\n"
        )

    def ends_sentence(self, first: int, last: int) -> bool:
        """Whether two words stand in different sentences."""
        return self._sentences[first] != self._sentences[last]

    @cached_property
    def _starts(self) -> list[int]:
        return [start for _, start, _ in self.words]

    @cached_property
    def _breaks(self) -> list[int]:
        """What stands behind each word: the end of a sentence or of a clause, a comma, or nothing."""
        breaks = [self._break(self.text[left[2] : right[1]]) for left, right in pairwise(self.words)]
        for place, (left, right) in enumerate(pairwise(self.words)):
            if (
                breaks[place] == _SENTENCE
                and self.text[right[1]].islower()
                and "\n" not in self.text[left[2] : right[1]]
            ):
                breaks[place] = 0  # an abbreviation
        return [*breaks, _SENTENCE]

    @staticmethod
    def _break(between: str) -> int:
        if between in (" ", "-", ""):
            return 0
        if _ENDS_SENTENCE.search(between):
            return _SENTENCE
        return CLAUSE if _CLAUSE_SIGNS & set(between) or between in (" - ", " \u2013 ") else COMMA * ("," in between)

    @cached_property
    def _sentences(self) -> list[int]:
        numbers, number = [], 0
        for mark in self._breaks:
            numbers.append(number)
            number += mark == _SENTENCE
        return numbers

    @cached_property
    def raw_words(self) -> list[str]:
        """Every word as it stands, in lower case."""
        return [self.text[start:end].casefold() for _, start, end in self.words]

    @cached_property
    def _reserves(self) -> dict[int, tuple[Told, ...]]:
        """Word to what denies it or tells it under a reserve."""
        text, table = self.text, load_negations(self._lexicon.negations, self._lexicon.negations_behind)
        words, breaks = self.raw_words, self._breaks
        joints = frozenset(
            place
            for place, (left, right) in enumerate(pairwise(self.words))
            if text[left[2] : right[1]].strip().replace(" ", "") in _JOINTS and text[left[2] : right[1]] != "-"
        )
        found = {place: list(told) for place, told in find_contexts(text, words, self._starts, breaks).items()}
        for place, ranges in find_denied(words, breaks, joints, table).items():
            for first, last in ranges:
                kind = "undone" if table.undone.intersection(words[first : last + 1]) else "negated"
                found.setdefault(place, []).append(Told(first, last, kind))
        return {place: tuple(told) for place, told in found.items()}

    def _cues(self, key: str) -> Sequence[int]:
        if key not in self._cue_places:
            cues = self._lexicon.cues.get(key, frozenset())
            self._cue_places[key] = sorted(place for word in cues for place in self.places.get(word, ()))
        return self._cue_places[key]

    @cached_property
    def _cue_places(self) -> dict[str, list[int]]:
        return {}
