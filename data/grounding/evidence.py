"""Evidence: where in a note a value is supported, as spans of code points, and how well.

A value is looked for as it stands, then part by part: by its words wherever they stand close together, by the words
that stand for it, by words that differ in a letter or two. Whole words only, and always in the text as it is stored: a
folded copy may have another length, and its positions would be wrong. Of several stands the best comes first: not
denied, beside the field's cues, near the evidence of the other values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from data.grounding.context import HISTORY
from data.grounding.note_words import MAX_OCCURRENCES, NoteWords
from data.grounding.patterns import (
    Sought,
    SoughtPhrase,
    find_closest,
    is_decisive,
    look_for,
    misspelling,
    order_best_first,
    parts_of,
    pattern,
    windows,
)
from data.grounding.polarity import Polarity
from data.suggestion import Grounding, Span
from data.task import Extraction, Field, Task
from data.text.rules import ANY, Rule, rules_for
from data.text.synonyms import Lexicon, load_lexicon, phrase_of
from data.text.values import normalise
from data.text.words import stem, stems

MAX_SPANS = 12  # of one part of a value
SLACK_WORDS = 8  # further words that may stand between those of a value
SLACK_QUALIFIED = 3  # the same where they only say how something is, such as "partial" and "remission"

N_NEAR = 4  # words around what a rule goes by

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
        rule: by which rule an inferred value follows, in a short sentence for the reviewer; None for any other.
    """

    spans: Spans
    grounding: Grounding
    missing: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    rule: str | None = None


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
    fields = {key: task.field(key) for key, value in extraction.items() if value is not None and normalise(value)}
    found = {key: evidence.find(extraction[key] or "", field) for key, field in fields.items()}
    sure = {key: evidence.sentences(parts) for key, parts in found.items()}
    return {key: evidence.ground(fields[key], parts, sure, extraction[key] or "") for key, parts in found.items()}


def find_evidence(task: Task, text: str, extraction: Extraction) -> dict[str, Spans]:
    """The spans of `text` that support each value, the best first; none where nothing was found."""
    found = ground(task, text, extraction)
    return {key: found[key].spans if key in found else () for key in extraction}


def find_inferred(
    task: Task, text: str, values: Mapping[str, str | None], kinds: Mapping[str, Grounding]
) -> dict[str, str]:
    """Field key to the rule by which its value follows from the note, of those that are known to be inferred.

    None of a value that today's rules do not infer.
    """
    inferred = {key: values.get(key) if kinds.get(key) is Grounding.INFERRED else None for key in task.keys}
    found = ground(task, text, Extraction(task, inferred)) if any(inferred.values()) else {}
    return {key: one.rule for key, one in found.items() if one.rule is not None}


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
        self._rules = task.rules
        self._polarity = Polarity(self._note, self._lexicon)
        self._has_denied = False  # something was found for the part that is looked for, and denied
        self._key: str | None = None  # of the field whose value is looked for
        self._ignored: frozenset[str] = frozenset([HISTORY])  # reserves that say nothing against it

    def supports(self, value: str, field: Field | None = None) -> bool:
        """Whether every part of the value is supported somewhere, or it follows by a rule of its field."""
        if normalise(value) is None:
            return False
        if not _list_missing(self.find(value, field)):
            return True
        return field is not None and field.inferred and self._find_rule(field, value) is not None

    def find(self, value: str, field: Field | None = None) -> tuple[PartFound, ...]:
        """The value as one part where it stands as it is, else its parts; those that say nothing are left out.

        `field`: whose value it is, as what counts differs from field to field.
        """
        self._key = None if field is None else field.key
        self._ignored = frozenset([HISTORY])
        if self._key in self._lexicon.once and self._names_another(value):
            self._ignored = frozenset()
        whole = self._verbatim(value)
        if self._is_affirmed(whole):
            return (PartFound(value, whole, Grounding.EXACT),)
        return tuple(self._part(part) for part in parts_of(value, self._synonyms))

    def sentences(self, parts: Iterable[PartFound]) -> frozenset[int]:
        """The sentences in which parts stand that stand only once."""
        return frozenset(self._note.sentence(part.stands[0][0]) for part in parts if len(part.stands) == 1)

    def ground(
        self, field: Field, parts: Sequence[PartFound], sure: Mapping[str, frozenset[int]], value: str
    ) -> Grounded:
        """The best stands of a value's parts, and how it rests on them.

        Args:
            field: whose value it is.
            parts: what was found of it.
            sure: field key to sentences where that field's value surely stands.
            value: the value.
        """
        others = [sentences for key, sentences in sure.items() if key != field.key]
        spans: list[Span] = []
        for part in parts:
            ranked = part.stands
            if len(ranked) > 1:
                ranked = tuple(sorted(ranked, key=lambda stand: -self._rank(field.key, stand, others)))
            spans += [span for stand in ranked for span in stand][:MAX_SPANS]
        missing = _list_missing(parts)
        if missing or not parts:
            if field.inferred and (inferred := self._find_rule(field, value)) is not None:
                rule, stands = inferred
                return Grounded(order_best_first([*stands][:MAX_SPANS]), Grounding.INFERRED, missing, rule=rule.because)
            grounding = Grounding.NOT_FOUND
        else:
            grounding = max((part.grounding for part in parts if part.grounding), key=_ORDER.index)
        denied = tuple(part.part for part in parts if part.is_denied)
        return Grounded(order_best_first(spans), grounding, missing, denied)

    def _rank(self, key: str, stand: Spans, others: Sequence[frozenset[int]]) -> float:
        """How much speaks for this stand of a field's value: more is better."""
        note, first = self._note, stand[0]
        sentence = note.sentence(first)
        rank = -4.0 * note.is_denied(note.positions(first), self._ignored)
        if (distance := note.cue_distance(key, first)) is not None:
            rank += 2 + 1 / (1 + distance)
        rank += 0.5 * sum(sentence in sentences for sentences in others)
        return rank - 0.1 * (len(note.positions(first)) + 5 * (len(stand) - 1))

    def _verbatim(self, value: str) -> tuple[Spans, ...]:
        found = []
        spellings = self._lexicon.as_written.get(stem(value))
        for match in pattern(value).finditer(self._text):
            if spellings and match.group() not in spellings:
                continue
            found.append((Span(match.start(), match.end()),))
            if len(found) == MAX_OCCURRENCES:
                break
        return tuple(found)

    def _part(self, part: str) -> PartFound:
        seek, synonyms = look_for(part, self._synonyms), self._lexicon.words
        whole_phrases = [one for one in seek.phrases if one.n_replaced > 1]
        ways: tuple[tuple[Grounding, Callable[[], list[Spans]]], ...] = (
            (Grounding.EXACT, lambda: list(self._find_exactly(part))),
            (Grounding.FUZZY, lambda: self._find_by_words(seek.words, {})),
            (Grounding.SYNONYM, lambda: self._find_phrases(whole_phrases)),
            (Grounding.SYNONYM, lambda: self._find_by_words(seek.words, synonyms)),
            (Grounding.SYNONYM, lambda: self._find_phrases(seek.phrases)),
            (Grounding.FUZZY, lambda: self._find_misspelt(seek)),
            (Grounding.SYNONYM, lambda: self._polarity.find_listed(seek.words, self._holds)),
            (Grounding.SYNONYM, lambda: self._polarity.find_denied(seek.words)),
        )
        self._has_denied = False
        for grounding, search in ways:
            if stands := search():
                return PartFound(part, tuple(stands), grounding)
        return PartFound(part, (), None, self._has_denied)

    def _find_exactly(self, part: str) -> tuple[Spans, ...]:
        """Where the part stands as it is, with the stands that the note denies; none where it denies all of them."""
        stands = self._verbatim(part)
        if stands and not self._is_affirmed(stands):
            own = [[at for span in stand for at in self._note.positions(span)] for stand in stands]
            self._has_denied = all(self._note.is_denied(stand, self._ignored) for stand in own)
            return ()
        return stands

    def _is_affirmed(self, stands: Iterable[Spans]) -> bool:
        places = ([at for span in stand for at in self._note.positions(span)] for stand in stands)
        return any(self._holds(stand) for stand in places)

    def _holds(self, stand: Sequence[int], said: Sequence[int] = ()) -> bool:
        """Whether words say what they seem to say of the field that is looked for."""
        return not self._note.is_denied((*stand, *said), self._ignored) and self._is_in_company(stand)

    def _is_in_company(self, stand: Sequence[int]) -> bool:
        company, note = self._lexicon.company.get(self._key or ""), self._note
        if company is None or not stand:
            return True
        first, last = min(stand), max(stand)
        own = {note.words[at][0] for at in stand}
        if first and note.raw_words[first - 1] in company.never_behind and not note.divides(first - 1, first):
            return False
        if (*note.raw_words, "")[last + 1] in company.never_before and not note.divides(last, last + 1):
            return False
        if company.of and not own <= company.of:
            return True
        if own & company.words:
            return True
        near = range(max(0, first - company.reach), min(len(note.words), last + company.reach + 1))
        return any(
            note.words[at][0] in company.words
            and not note.ends_sentence(*sorted((at, first)))
            and not note.reserves((at,)) - {HISTORY}
            for at in near
        )

    def _names_another(self, value: str) -> bool:
        """Whether the note names, as a thing of now, another of the kinds of which the value is one."""
        note, lexicon = self._note, self._lexicon
        own = {word for word, _, _ in stems(value)}
        for kind in lexicon.kinds:
            for at in note.places.get(kind, ()):
                around = [note.words[one][0] for one in range(max(0, at - 3), min(len(note.words), at + 5))]
                said = [word for word in around if lexicon.is_strong(word) and word not in lexicon.ignored]
                is_other = not any(word in own for word in said) and (kind not in own or bool(said))
                is_named = lexicon.is_strong(kind) or (at > 0 and lexicon.is_strong(note.words[at - 1][0]))
                if is_other and is_named and not note.reserves((at,)):
                    return True
        return False

    def _find_rule(self, field: Field, value: str) -> tuple[Rule, tuple[Span, ...]] | None:
        """The rule by which the value follows from the note, and what the note says."""
        self._key, self._ignored = None, frozenset([HISTORY])
        for rule in rules_for(self._rules, field.key, value):
            if any(self._note_says(word, rule.not_before) for word in rule.not_in_note):
                continue
            if rule.in_note and not any(self._note_says(word) for word in rule.in_note):
                continue
            if rule.said == (ANY,):
                parts = [[one for one in part.stands if self._fits(rule, one[0])] for part in self.find(value)]
                if parts and all(parts):
                    return rule, tuple(span for stands in parts for stand in stands for span in stand)
                continue
            seek = [SoughtPhrase(phrase, 1, ()) for phrase in map(phrase_of, rule.said)]
            stands = [stand for stand in self._find_phrases(seek) if self._fits(rule, stand[0])]
            if stands:
                return rule, tuple(span for stand in stands for span in stand)
        return None

    def _note_says(self, word: str, but: Sequence[str] = ()) -> bool:
        """Whether the note says a word, with none of `but` behind it."""
        note = self._note
        return any(
            not note.reserves((at,)) - {"undone"} and (*note.raw_words, "")[at + 1] not in but
            for at in note.find(stem(word))
        )

    def _fits(self, rule: Rule, span: Span) -> bool:
        note = self._note
        own = note.positions(span)
        near = {note.words[at][0] for at in range(max(0, own.start - N_NEAR), min(len(note.words), own.stop + N_NEAR))}
        if near & set(map(stem, rule.not_beside)) and not near & set(map(stem, rule.unless)):
            return False
        if rule.beside:
            beside, number = set(map(stem, rule.beside)), note.sentence(span)
            around = range(max(0, own.start - 40), min(len(note.words), own.stop + 40))
            return any(note.words[at][0] in beside and note.sentence_of(at) == number for at in around)
        return True

    def _keep_affirmed(self, stands: Iterable[Sequence[int]], said: Sequence[int] = ()) -> list[Sequence[int]]:
        """Those, as positions of their words, that the note does not deny: "no metastases" is no synonym of a stage."""
        found = list(stands)
        affirmed = [stand for stand in found if not self._note.is_denied((*stand, *said), self._ignored)]
        self._has_denied = self._has_denied or len(affirmed) < len(found)
        return [stand for stand in affirmed if self._is_in_company(stand)]

    def _find_phrases(self, phrases: Iterable[SoughtPhrase]) -> list[Spans]:
        """Every stand of a phrase, where the other words of the value are supported as well."""
        stands: list[Spans] = []
        for phrase in phrases:
            if not all(word in self._note.places or word.endswith("*") for word in phrase.words):
                continue
            close = windows({word: self._note.find(word) for word in phrase.words}, SLACK_WORDS // 2)
            in_order = [one for one in close if sorted(one) == list(one)]
            found = [(self._note.span(one[0], one[-1]),) for one in self._keep_affirmed(in_order)]
            if not found or not phrase.others:
                stands += found
            elif any(self._polarity.is_said_of_something(word) for word in phrase.others):
                # A value that says part of its name twice has words in both: "CA 19-9 19-9".
                words = tuple(dict.fromkeys((*phrase.words, *phrase.others)))
                stands += self._find_by_words(words, self._lexicon.words)
            elif others := self._find_by_words(
                phrase.others, self._lexicon.words, said=[at for one in in_order for at in one]
            ):
                stands += [(*stand, *others[0]) for stand in found]
        return stands

    def _find_misspelt(self, seek: Sought) -> list[Spans]:
        """The value by its words, where some stand in the note with a letter or two amiss."""
        known, also = self._note.raw, {}
        for raw, word in seek.spellings:
            if word not in self._note.places and (meant := misspelling(raw, known, self._lexicon)):
                also[word] = (known[meant],)
        return self._find_by_words(seek.words, {**self._lexicon.words, **also}) if also else []

    def _find_by_words(
        self, words: Sequence[str], synonyms: Mapping[str, tuple[str, ...]], *, said: Sequence[int] = ()
    ) -> list[Spans]:
        """The close stands of the words, once those that decide the value's meaning are there.

        Args:
            words: stems to look for, each once.
            synonyms: what may stand for them.
            said: positions of what was found of the same value already; that denies none of them.
        """
        note, lexicon = self._note, self._lexicon
        places = {word: note.find_any((word, *synonyms.get(word, ()))) for word in words}
        found = [word for word in words if places[word]]
        if not _is_enough(words, found, lexicon):
            return []
        decisive = [word for word in found if is_decisive(word, lexicon)] or found
        is_qualified = all(word in lexicon.required for word in decisive)
        if is_qualified:  # "partial" says nothing without what is partial beside it
            decisive = found
        close = windows({word: places[word] for word in decisive}, SLACK_QUALIFIED if is_qualified else SLACK_WORDS)
        beside = frozenset(place for word in found if word not in decisive for place in places[word])
        agreed = [one for one in close if self._polarity.agrees(decisive, one)]
        stands: list[Spans] = [
            (note.span(*note.widen(min(one), max(one), beside)),) for one in self._keep_affirmed(agreed, said)
        ]
        if stands or agreed:
            return stands
        if any(map(self._polarity.is_said_of_something, decisive)):
            return []  # far from what it says something about, it may be said about anything
        scattered = self._keep_affirmed(
            [one] if (one := find_closest([places[word] for word in decisive])) else [], said
        )
        return [tuple(note.span(place, place) for place in sorted(set(one))) for one in scattered]


def _list_missing(parts: Iterable[PartFound]) -> tuple[str, ...]:
    return tuple(part.part for part in parts if part.grounding is None)


def _is_enough(words: Sequence[str], found: Sequence[str], lexicon: Lexicon) -> bool:
    """Whether the found words of a value support it: all that are decisive, or all where none is."""
    decisive = [word for word in words if is_decisive(word, lexicon)]
    if decisive and all(word in lexicon.required for word in decisive):
        decisive = []  # they only say how something else is
    return bool(words) and all(word in found for word in decisive or words)
