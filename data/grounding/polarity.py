"""How something is: which word of a note says of what that it is positive, high or 10 %, near it or in a long list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from data.grounding.note_words import NoteWords
from data.grounding.patterns import windows
from data.suggestion import Span
from data.text.synonyms import Lexicon
from data.text.words import stem

N_LISTED = 40  # words between how a list is and one of its names
_OF = frozenset(("for", "of", "with", "to"))  # between how it is and what is so
_TIMES = frozenset(
    map(
        stem,
        ("day", "days", "week", "weeks", "month", "months", "year", "cycle", "cycles", "hours"),
    )
)


class Polarity:
    """One note, ready to be asked what is said of its words."""

    def __init__(self, note: NoteWords, lexicon: Lexicon) -> None:
        self._note, self._lexicon = note, lexicon

    def find_listed(self, words: Sequence[str], holds: Callable[[Sequence[int]], bool]) -> list[tuple[Span, ...]]:
        """A name in a list of which it is said at its beginning how all of it is: "positive for A, B, C and D"."""
        note, lexicon = self._note, self._lexicon
        how = [word for word in words if lexicon.contrary.get(word) and word in lexicon.required]
        names = [word for word in words if word not in how]
        if len(how) != 1 or not names:
            return []
        same = {how[0], *lexicon.words.get(how[0], ())}
        stands: list[tuple[Span, ...]] = []
        for stand in windows({word: note.find_any((word, *lexicon.words.get(word, ()))) for word in names}, 2):
            for at in range(min(stand) - 1, max(-1, min(stand) - N_LISTED), -1):
                word = note.words[at][0]
                if note.ends_clause(at) or word in lexicon.contrary[how[0]]:
                    break
                if word in same:
                    if self._opens_list(at, min(stand)) and holds(stand) and holds([at]):
                        stands.append((note.span(at, at), note.span(min(stand), max(stand))))
                    break
        return stands

    def _opens_list(self, place: int, name: int) -> bool:
        """Whether a word says of the names behind it how they are: "positive for A, B", "cells express A and B"."""
        raw, note = self._note.raw_words, self._note
        if raw[place].startswith("express"):
            return raw[place] != "expression" or raw[place + 1] in _OF
        opposed = {other for words in self._lexicon.contrary.values() for other in words} | {note.words[place][0]}
        behind = [at for at in range(name + 1, min(name + 4, len(raw))) if not note.divides(name, at)]
        return raw[place + 1] in _OF and not any(note.words[at][0] in opposed for at in behind)

    def find_denied(self, words: Sequence[str]) -> list[tuple[Span, ...]]:
        """Where the note denies what the value calls negative: "no expression of ER"."""
        denying, note = self._lexicon.denying, self._note
        names = [word for word in words if word not in denying]
        if len(names) == len(words) or not names or not any(map(self._lexicon.is_strong, names)):
            return []
        places = {word: note.find_any((word, *self._lexicon.words.get(word, ()))) for word in names}
        denied = [one for one in windows(places, 2) if all(note.reserves((at,)) == {"negated"} for at in one)]
        return [(note.span(min(one), max(one)),) for one in denied]

    def is_said_of_something(self, word: str) -> bool:
        """Whether a word means something only beside another: "negative", "10"."""
        return word in self._lexicon.required or word.rstrip("%").isdigit()

    def agrees(self, words: Sequence[str], stand: Sequence[int]) -> bool:
        """Whether what is said in a stand ("negative", "10 %") is said about the word that it is sought with."""
        lexicon = self._lexicon
        for word, place in zip(words, stand, strict=True):
            opposed = lexicon.contrary.get(word, frozenset())
            if word[:1].isdigit() and self._counts_time(place, words):
                return False
            if not opposed and not word.endswith("%"):
                continue
            named = [at for other, at in zip(words, stand, strict=True) if lexicon.is_strong(other) and at != place]
            nearest = min(named, key=lambda at: abs(at - place), default=None)
            said_of = [at for at in named if at < place or at == nearest]
            if not all(self._is_said_of(place, at, word, opposed) for at in said_of):
                return False
        return True

    def _counts_time(self, place: int, words: Sequence[str]) -> bool:
        """Whether a number of the note counts weeks or cycles, and that of the value does not."""
        behind = self._note.words[place + 1][0] if place + 1 < len(self._note.words) else ""
        return behind in _TIMES and behind not in words

    def _is_said_of(self, place: int, about: int, word: str, opposed: frozenset[str]) -> bool:
        note = self._note

        def is_opposed(position: int) -> bool:
            other = note.words[position][0]
            return other in opposed or (word.endswith("%") and other.endswith("%") and other != word)

        if about < place:
            return not note.ends_sentence(about, place) and not any(map(is_opposed, range(about + 1, place)))
        behind = range(about + 1, min(about + 4, len(note.words)))
        governs = note.words[place + 1][0] == "for" or not note.divides(place, about)
        corrected = any(is_opposed(position) and not note.divides(about, position) for position in behind)
        return governs and not corrected and not any(map(is_opposed, range(place + 1, about)))
