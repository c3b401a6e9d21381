"""Evidence: where in a note a value is supported, as spans of code points, and how well.

A value is looked for as it stands, then part by part: by its words wherever they stand close together, by the words
that stand for it, by words that differ in a letter or two. Whole words only, and always in the text as it is stored: a
folded copy may have another length, and its positions would be wrong. Of several stands the best comes first: not
denied, beside the field's cues, near the evidence of the other values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from data.note_words import MAX_OCCURRENCES, NoteWords
from data.sought import (
    Sought,
    SoughtPhrase,
    best_first,
    close_stands,
    closest,
    is_decisive,
    misspelling,
    parts_of,
    pattern,
    sought,
)
from data.suggestion import Grounding, Span
from data.synonyms import Lexicon, load_lexicon
from data.task import Extraction, Field, Task
from data.values import normalise

MAX_SPANS = 12  # of one part of a value
SLACK_WORDS = 8  # further words that may stand between those of a value
SLACK_QUALIFIED = 3  # the same where they only say how something is, such as "partial" and "remission"

_ORDER = (Grounding.EXACT, Grounding.FUZZY, Grounding.SYNONYM)  # from best to worst

Spans = tuple[Span, ...]


@dataclass(frozen=True)
class Grounded:
    """How one value rests on its note.

    Attributes:
        spans: what supports it, without overlap; the best first, the others in the order of the text.
        grounding: of its worst part.
        missing: its parts without support, as they stand in the value.
        denied: those of them that the note does say, but only to deny, to decline or of somebody else.
    """

    spans: Spans
    grounding: Grounding
    missing: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartFound:
    """A part of a value, each stand of it in the note, and how it is found there; None where it is not.

    `is_denied`: it is not found because whatever stands there is denied.
    """

    part: str
    stands: tuple[Spans, ...]
    grounding: Grounding | None
    is_denied: bool = False


def ground(task: Task, text: str, extraction: Extraction) -> dict[str, Grounded]:
    """How each value of an extraction rests on the note `text`; values that are null or mean null are left out."""
    evidence = Evidence(task, text)
    found = {key: evidence.find(value) for key, value in extraction.items() if value is not None and normalise(value)}
    sure = {key: evidence.sentences(parts) for key, parts in found.items()}
    return {key: evidence.grounded(task.field(key), parts, sure) for key, parts in found.items()}


def find_evidence(task: Task, text: str, extraction: Extraction) -> dict[str, Spans]:
    """The spans of `text` that support each value, the best first; none where nothing was found."""
    found = ground(task, text, extraction)
    return {key: found[key].spans if key in found else () for key in extraction}


def is_grounded(task: Task, text: str, value: str) -> bool:
    """Whether `text` supports every part of `value`."""
    return Evidence(task, text).supports(value)


class Evidence:
    """One note, ready to be asked for several values; its words are found once."""

    def __init__(self, task: Task, text: str) -> None:
        self._text = text
        self._synonyms = task.synonyms
        self._lexicon = load_lexicon(task.synonyms)
        self._note = NoteWords(text, self._lexicon)
        self._has_denied = False  # something was found for the part that is looked for, and denied

    def supports(self, value: str) -> bool:
        """Whether every part of the value is supported somewhere."""
        return normalise(value) is not None and not _missing(self.find(value))

    def find(self, value: str) -> tuple[PartFound, ...]:
        """The value as one part where it stands as it is, else its parts; those that say nothing are left out."""
        whole = self._verbatim(value)
        if self._is_affirmed(whole):
            return (PartFound(value, whole, Grounding.EXACT),)
        return tuple(self._part(part) for part in parts_of(value, self._synonyms))

    def sentences(self, parts: Iterable[PartFound]) -> frozenset[int]:
        """The sentences in which parts stand that stand only once."""
        return frozenset(self._note.sentence(part.stands[0][0]) for part in parts if len(part.stands) == 1)

    def grounded(self, field: Field, parts: Sequence[PartFound], sure: Mapping[str, frozenset[int]]) -> Grounded:
        """The best stands of a value's parts, and how it rests on them.

        Args:
            field: whose value it is.
            parts: what was found of it.
            sure: field key to sentences where that field's value surely stands.
        """
        others = [sentences for key, sentences in sure.items() if key != field.key]
        spans: list[Span] = []
        for part in parts:
            ranked = part.stands
            if len(ranked) > 1:
                ranked = tuple(sorted(ranked, key=lambda stand: -self._rank(field.key, stand, others)))
            spans += [span for stand in ranked for span in stand][:MAX_SPANS]
        missing = _missing(parts)
        if missing or not parts:
            grounding = Grounding.INFERRED if field.inferred else Grounding.NOT_FOUND
        else:
            grounding = max((part.grounding for part in parts if part.grounding), key=_ORDER.index)
        denied = tuple(part.part for part in parts if part.is_denied)
        return Grounded(best_first(spans), grounding, missing, denied)

    def _rank(self, key: str, stand: Spans, others: Sequence[frozenset[int]]) -> float:
        """How much speaks for this stand of a field's value: more is better."""
        note, first = self._note, stand[0]
        sentence = note.sentence(first)
        rank = -4.0 * note.is_denied(note.positions(first))
        if (distance := note.cue_distance(key, first)) is not None:
            rank += 2 + 1 / (1 + distance)
        rank += 0.5 * sum(sentence in sentences for sentences in others)
        return rank - 0.1 * (len(note.positions(first)) + 5 * (len(stand) - 1))

    def _verbatim(self, value: str) -> tuple[Spans, ...]:
        found = []
        for match in pattern(value).finditer(self._text):
            found.append((Span(match.start(), match.end()),))
            if len(found) == MAX_OCCURRENCES:
                break
        return tuple(found)

    def _part(self, part: str) -> PartFound:
        seek, synonyms = sought(part, self._synonyms), self._lexicon.words
        whole_phrases = [one for one in seek.phrases if one.n_replaced > 1]
        ways: tuple[tuple[Grounding, Callable[[], list[Spans]]], ...] = (
            (Grounding.EXACT, lambda: list(self._exactly(part))),
            (Grounding.FUZZY, lambda: self._by_words(seek.words, {})),
            (Grounding.SYNONYM, lambda: self._by_phrases(whole_phrases)),
            (Grounding.SYNONYM, lambda: self._by_words(seek.words, synonyms)),
            (Grounding.SYNONYM, lambda: self._by_phrases(seek.phrases)),
            (Grounding.FUZZY, lambda: self._misspelt(seek)),
        )
        self._has_denied = False
        for grounding, search in ways:
            if stands := search():
                return PartFound(part, tuple(stands), grounding)
        return PartFound(part, (), None, self._has_denied)

    def _exactly(self, part: str) -> tuple[Spans, ...]:
        """Where the part stands as it is, with the stands that the note denies; none where it denies all of them."""
        stands = self._verbatim(part)
        if stands and not self._is_affirmed(stands):
            self._has_denied = True
            return ()
        return stands

    def _is_affirmed(self, stands: Iterable[Spans]) -> bool:
        note = self._note
        return any(not note.is_denied([at for span in stand for at in note.positions(span)]) for stand in stands)

    def _affirmed(self, stands: Iterable[Sequence[int]], said: Sequence[int] = ()) -> list[Sequence[int]]:
        """Those, as positions of their words, that the note does not deny: "no metastases" is no synonym of a stage."""
        found = list(stands)
        affirmed = [stand for stand in found if not self._note.is_denied((*stand, *said))]
        self._has_denied = self._has_denied or len(affirmed) < len(found)
        return affirmed

    def _by_phrases(self, phrases: Iterable[SoughtPhrase]) -> list[Spans]:
        """Every stand of a phrase, where the other words of the value are supported as well."""
        stands: list[Spans] = []
        for phrase in phrases:
            if not all(word in self._note.places or word.endswith("*") for word in phrase.words):
                continue
            windows = self._windows({word: self._note.where(word) for word in phrase.words}, SLACK_WORDS // 2)
            in_order = [one for one in windows if sorted(one) == list(one)]
            found = [(self._note.span(one[0], one[-1]),) for one in self._affirmed(in_order)]
            if not found or not phrase.others:
                stands += found
            elif any(self._is_said_of_something(word) for word in phrase.others):
                # A value that says part of its name twice has words in both: "CA 19-9 19-9".
                words = tuple(dict.fromkeys((*phrase.words, *phrase.others)))
                stands += self._by_words(words, self._lexicon.words)
            elif others := self._by_words(
                phrase.others, self._lexicon.words, said=[at for one in in_order for at in one]
            ):
                stands += [(*stand, *others[0]) for stand in found]
        return stands

    def _misspelt(self, seek: Sought) -> list[Spans]:
        """The value by its words, where some stand in the note with a letter or two amiss."""
        known, also = self._note.raw, {}
        for raw, word in seek.spellings:
            if word not in self._note.places and (meant := misspelling(raw, known, self._lexicon)):
                also[word] = (known[meant],)
        return self._by_words(seek.words, {**self._lexicon.words, **also}) if also else []

    def _by_words(
        self, words: Sequence[str], synonyms: Mapping[str, tuple[str, ...]], *, said: Sequence[int] = ()
    ) -> list[Spans]:
        """The close stands of the words, once those that decide the value's meaning are there.

        Args:
            words: stems to look for, each once.
            synonyms: what may stand for them.
            said: positions of what was found of the same value already; that denies none of them.
        """
        note, lexicon = self._note, self._lexicon
        places = {word: note.where_any((word, *synonyms.get(word, ()))) for word in words}
        found = [word for word in words if places[word]]
        if not _is_enough(words, found, lexicon):
            return []
        decisive = [word for word in found if is_decisive(word, lexicon)] or found
        is_qualified = all(word in lexicon.required for word in decisive)
        if is_qualified:  # "partial" says nothing without what is partial beside it
            decisive = found
        windows = self._windows(
            {word: places[word] for word in decisive}, SLACK_QUALIFIED if is_qualified else SLACK_WORDS
        )
        beside = frozenset(place for word in found if word not in decisive for place in places[word])
        agreed = [one for one in windows if self._agrees(decisive, one)]
        stands: list[Spans] = [
            (note.span(*note.widened(min(one), max(one), beside)),) for one in self._affirmed(agreed, said)
        ]
        if stands or agreed:
            return stands
        if any(map(self._is_said_of_something, decisive)):
            return []  # far from what it says something about, it may be said about anything
        scattered = self._affirmed([one] if (one := closest([places[word] for word in decisive])) else [], said)
        return [tuple(note.span(place, place) for place in sorted(set(one))) for one in scattered]

    def _windows(self, places: Mapping[str, list[int]], slack: int) -> list[list[int]]:
        """The positions of the words wherever they stand close together, those of one stand in the words' order."""
        widest = len(places) + slack
        return [stand for stand in close_stands(list(places.values())) if max(stand) - min(stand) < widest]

    def _is_said_of_something(self, word: str) -> bool:
        """Whether a word means something only beside another: "negative", "10"."""
        return word in self._lexicon.required or word.rstrip("%").isdigit()

    def _agrees(self, words: Sequence[str], stand: Sequence[int]) -> bool:
        """Whether what is said in a stand ("negative", "10 %") is said about the word that it is sought with."""
        lexicon = self._lexicon
        for word, place in zip(words, stand, strict=True):
            opposed = lexicon.contrary.get(word, frozenset())
            if not opposed and not word.endswith("%"):
                continue
            named = [at for other, at in zip(words, stand, strict=True) if lexicon.is_strong(other) and at != place]
            nearest = min(named, key=lambda at: abs(at - place), default=None)
            said_of = [at for at in named if at < place or at == nearest]
            if not all(self._is_said_of(place, at, word, opposed) for at in said_of):
                return False
        return True

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


def _missing(parts: Iterable[PartFound]) -> tuple[str, ...]:
    return tuple(part.part for part in parts if part.grounding is None)


def _is_enough(words: Sequence[str], found: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether the found words of a value support it: all that are decisive, or all where none is."""
    decisive = [word for word in words if is_decisive(word, lexicon)]
    if decisive and all(word in lexicon.required for word in decisive):
        decisive = []  # they only say how something else is
    return bool(words) and all(word in found for word in decisive or words)
