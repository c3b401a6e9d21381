"""Negation: which words of a note are denied, refused or said of somebody else, and by which words.

After NegEx (Chapman et al. 2001) and ConText (Harkema et al. 2009): a phrase denies what follows it or what stands
before it, until something ends its reach: the end of a clause, a word such as "but", a comma outside a list. The
phrases are in `negations.toml`; a task's table of synonyms may add some.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

TABLE = Path(__file__).parent / "negations.toml"

CLAUSE, COMMA = 2, 1  # what stands behind a word: the end of a clause (or more), a comma
N_AHEAD = 10  # words that a denial reaches ahead
N_BEHIND = 6  # words that one reaches back
N_LIST = 6  # words behind a comma among which an "or" makes a list
N_OWN = 3  # words behind a "not" among which a verb is its own
N_FILLERS = 2
N_PASSED = 6  # words between what was offered and the clause that says it was declined

_MODALS = frozenset(["can", "could", "did", "does", "do", "may", "might", "should", "would"])
_VARIANT = re.compile(r"\w*[a-z]\d+[a-z*]\w*")  # of a gene

Range = tuple[int, int]
"""Positions of the first and the last word of a phrase that denies."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pseudo: list[str]
    ahead: list[str]
    ahead_verb: list[str]
    ahead_one: list[str]
    behind: list[str]
    behind_after_not: list[str]
    fillers: list[str]
    declined_at_end: list[str]
    passed_at_end: list[str]
    ends: list[str]
    ends_ahead: list[str]
    ends_ahead_of_nouns: list[str]
    ends_behind: list[str]
    affirms: list[str]
    of_several: list[str]
    auxiliaries: list[str]
    articles: list[str]
    answers: list[str]
    unstarted: list[str]
    undone: list[str]


Phrases = Mapping[str, tuple[tuple[tuple[str, ...], frozenset[str]], ...]]
_KINDS = ("pseudo", "ahead", "ahead_verb", "ahead_one", "behind")
_ENDS = ("ends", "ends_ahead", "ends_ahead_of_nouns", "ends_behind")


@dataclass(frozen=True)
class Negations:
    """The phrases of `negations.toml`.

    Attributes:
        phrases: first word to the phrases that begin with it and what they are, the longest first.
        participles: what denies its subject behind a "not".
        fillers: what may stand between the two.
        declined: what a clause ends with in which somebody declined what was offered before.
        passed: the words of that clause.
        affirms: what is said of something that is so.
        of_several: what is said of all that "and" joins.
        auxiliaries: verbs before what is said of the subject in front of them.
        articles: what a new subject begins with.
        answers: what denies the clause before it where it stands alone.
        unstarted: what did not begin any more stands between "before" and one of these.
        undone: words of a denial that tells that something was not done, not how it turned out.
    """

    phrases: Phrases
    participles: frozenset[tuple[str, ...]]
    fillers: frozenset[str]
    declined: tuple[tuple[str, ...], ...]
    passed: frozenset[str]
    affirms: frozenset[str]
    of_several: frozenset[str]
    auxiliaries: frozenset[str]
    articles: frozenset[str]
    answers: frozenset[tuple[str, ...]]
    unstarted: frozenset[tuple[str, ...]]
    undone: frozenset[str]


@cache
def load_negations(ahead: frozenset[str] = frozenset(), behind: frozenset[str] = frozenset()) -> Negations:
    """The phrases, with those that a task adds."""
    table = _Table.model_validate(tomllib.loads(TABLE.read_text(encoding="utf-8")))
    lists: dict[str, Iterable[str]] = {kind: getattr(table, kind) for kind in (*_KINDS, *_ENDS)}
    lists["ahead"], lists["behind"] = {*lists["ahead"], *ahead}, {*lists["behind"], *behind}
    kinds: dict[tuple[str, ...], set[str]] = {}
    for kind, phrases in lists.items():
        for phrase in phrases:
            kinds.setdefault(tuple(phrase.casefold().split()), set()).add(kind)
    begin: dict[str, list[tuple[tuple[str, ...], frozenset[str]]]] = {}
    for words in sorted(kinds, key=lambda words: (-len(words), words)):
        begin.setdefault(words[0], []).append((words, frozenset(kinds[words])))
    return Negations(
        phrases={word: tuple(found) for word, found in begin.items()},
        participles=frozenset(tuple(one.split()) for one in table.behind_after_not),
        fillers=frozenset(table.fillers),
        declined=tuple(tuple(one.split()) for one in table.declined_at_end),
        passed=frozenset(table.passed_at_end),
        affirms=frozenset(table.affirms),
        of_several=frozenset(table.of_several),
        auxiliaries=frozenset(table.auxiliaries),
        articles=frozenset(table.articles),
        answers=frozenset(tuple(one.split()) for one in table.answers),
        unstarted=frozenset(tuple(one.split()) for one in table.unstarted),
        undone=frozenset(table.undone),
    )


def find_denied(
    words: Sequence[str], breaks: Sequence[int], colons: frozenset[int], table: Negations
) -> dict[int, tuple[Range, ...]]:
    """Which words of a note are denied.

    Args:
        words: of the note, in lower case.
        breaks: what stands behind each: the end of a clause (2) or of a sentence (3), a comma (1), or nothing (0).
        colons: positions of words behind which only a colon, a dash, a bracket or the border of a cell stands.
        table: what denies.

    Returns:
        Position to the phrases that deny the word there, as ranges of positions.
    """
    return _Finder(words, breaks, colons, table).find()


class _Finder:
    def __init__(self, words: Sequence[str], breaks: Sequence[int], colons: frozenset[int], table: Negations) -> None:
        self._words, self._breaks, self._colons, self._table = words, breaks, colons, table
        self._kinds: dict[int, tuple[frozenset[str], int]] = {}  # position to what begins there, and its last word
        self._ended: dict[int, int] = {}  # the last word of a phrase to its first
        self._match()

    def _match(self) -> None:
        place = 0
        while place < len(self._words):
            length = 1
            for phrase, kinds in self._table.phrases.get(self._words[place], ()):
                if tuple(self._words[place : place + len(phrase)]) == phrase and self._is_whole(place, len(phrase)):
                    self._kinds[place] = (kinds, place + len(phrase) - 1)
                    self._ended[place + len(phrase) - 1] = place
                    length = len(phrase)
                    break
            place += length

    def _is_whole(self, place: int, length: int) -> bool:
        return not any(self._breaks[place : place + length - 1])

    def find(self) -> dict[int, tuple[Range, ...]]:
        denied: dict[int, list[Range]] = {}
        for first, (kinds, last) in self._kinds.items():
            reached: list[int] = []
            if kinds & {"ahead", "ahead_verb"}:
                reached += self._reach_ahead(last, is_verb="ahead_verb" in kinds)
            if "ahead_one" in kinds and last + 1 < len(self._words) and not self._breaks[last]:
                reached.append(last + 1)
            if "behind" in kinds:
                reached += self._reach_behind(first)
            for place in reached:
                denied.setdefault(place, []).append((first, last))
            if "ahead_verb" in kinds and (participle := self._find_participle(last)) is not None:
                for place in self._reach_behind(first):
                    denied.setdefault(place, []).append((first, participle))
        for first, end, place in (*self._find_declined(), *self._find_answered(), *self._find_unstarted()):
            denied.setdefault(place, []).append((first, end))
        return {place: tuple(ranges) for place, ranges in denied.items()}

    def _reach_ahead(self, last: int, *, is_verb: bool) -> Iterator[int]:
        ending = {"ends", "ends_ahead"} if is_verb else {"ends", "ends_ahead", "ends_ahead_of_nouns"}
        place, end, is_list = last, min(last + N_AHEAD, len(self._words) - 1), False
        while place < end:
            mark = self._breaks[place]
            if mark >= CLAUSE or (mark == COMMA and not self._goes_on(place, is_list=is_list)):
                return
            is_list = is_list or mark == COMMA
            place += 1
            kinds, until = self._kinds.get(place, (frozenset[str](), place))
            is_own = is_verb and place - last <= N_OWN and "ends" not in kinds and until == place
            if kinds & ending and not is_own:
                # Of "no progression of" the first word is denied; what is said to have it is not.
                yield from range(place, until) if until > place and "ends_ahead" in kinds else ()
                return
            if self._words[place] == "and" and self._is_affirmed(place):
                return
            yield place

    def _goes_on(self, place: int, *, is_list: bool) -> bool:
        """Whether the comma behind a word stands in a list of what is denied; `is_list`: one before it does."""
        if is_list and self._words[place + 1] == "and":
            return True
        for ahead in range(place + 1, min(place + 1 + N_LIST, len(self._words))):
            word, kinds = self._words[ahead], self._kinds.get(ahead, (frozenset[str](), ahead))[0]
            if word in ("or", "nor"):
                return True
            is_one = (
                ahead - place == 1 and self._breaks[ahead] == COMMA and self._words[ahead + 1 : ahead + 2] == ["and"]
            )
            if word == "and" or is_one:
                return is_one or ahead - place == 2  # one word only: "liver, lung and bone"
            if kinds & {*_ENDS} or word in self._table.affirms or self._breaks[ahead] >= CLAUSE:
                return False
        return False

    def _is_affirmed(self, place: int) -> bool:
        """Whether something else that is so begins behind an "and"."""
        for ahead in range(place + 1, min(place + 1 + N_AHEAD, len(self._words))):
            word = self._words[ahead]
            if word in self._table.affirms and self._words[ahead - 1] not in ("not", "never"):
                return self._words[ahead - 1] not in self._table.of_several or (word,) not in self._table.participles
            if self._breaks[ahead] or self._kinds.get(ahead, (frozenset[str](), 0))[0] & {
                "ahead",
                "ahead_verb",
                "ends",
            }:
                return False
        return False

    def _reach_behind(self, first: int, n_words: int = N_BEHIND) -> Iterator[int]:
        is_joined = is_seen = False  # whether an "and" or an "or" was passed, and any word that names something
        if (subject := self._subject(first)) is not None:
            first, n_words = subject, N_BEHIND
        elif first and self._words[first - 1] in ("and", "or", "with"):
            return  # it belongs to what follows: "excision and negative nodes"
        for place in range(first - 1, max(-1, first - 1 - n_words), -1):
            if self._stops(place, first, is_joined=is_joined, is_seen=is_seen):
                return
            word = self._words[place]
            # "Considered but not given" is said of what was considered.
            if word == "but" and not is_seen:
                continue
            is_joined = is_joined or word in ("and", "or", "nor")
            is_seen = is_seen or word not in self._table.passed
            yield place

    def _stops(self, place: int, first: int, *, is_joined: bool, is_seen: bool) -> bool:
        """Whether what reaches back from `first` ends before the word at `place`."""
        mark, word = self._breaks[place], self._words[place]
        is_list = mark == COMMA and is_joined and self._is_item(place + 1)
        if mark and not is_list and not (place == first - 1 and place in self._colons):
            return True
        if word in ("and", "or") and self._words[place + 1] in self._table.articles | self._table.auxiliaries:
            return True
        if (is_seen and word in self._table.auxiliaries) or (is_joined and _VARIANT.fullmatch(word)):
            return True
        kinds = self._kinds.get(self._ended.get(place, place), (frozenset[str](), place))[0]
        return bool(kinds & {"ends", "ends_behind", "behind"}) and not (word == "but" and not is_seen)

    def _is_item(self, place: int) -> bool:
        """Whether what begins here is a short item of a list."""
        return any(self._breaks[place + n] == COMMA or self._words[place + n + 1] in ("and", "or") for n in (0, 1))

    def _find_participle(self, last: int) -> int | None:
        """The last word of what denies its subject behind a "not", if it follows."""
        for place in range(last + 1, min(last + 2 + N_FILLERS, len(self._words))):
            if self._breaks[place - 1]:
                return None
            for length in (2, 1):
                if tuple(self._words[place : place + length]) in self._table.participles:
                    return place + length - 1
            if self._words[place] not in self._table.fillers:
                return None
        return None

    def _find_declined(self) -> Iterator[tuple[int, int, int]]:
        """What was offered in one clause and declined at the end of the next: first and last word of that, and it."""
        beginnings = {phrase[0] for phrase in self._table.declined}
        for first in [place for place, word in enumerate(self._words) if word in beginnings]:
            for phrase in self._table.declined:
                last = first + len(phrase) - 1
                if tuple(self._words[first : last + 1]) != phrase or self._breaks[last] < COMMA:
                    continue
                place = first - 1
                while place >= 0 and first - place <= N_PASSED and self._words[place] in self._table.passed:
                    if self._breaks[place] >= CLAUSE:
                        break
                    place -= 1
                if place < 0 or place == first - 1 or self._breaks[place] >= CLAUSE:
                    continue
                yield from ((first, last, one) for one in (place, *self._reach_behind(place)))

    def _subject(self, first: int) -> int | None:
        """Where the first verb stands where a second one denies its subject: "was tried and could not be given"."""
        verbs = self._table.auxiliaries | _MODALS
        place = first - 1
        while place >= 0 and self._words[place] in verbs and not self._breaks[place]:
            place -= 1
        if place < 0 or self._words[place] not in ("and", "but", "yet") or self._breaks[place]:
            return None
        for verb in range(place - 1, max(-1, place - 2 - N_PASSED), -1):
            if self._breaks[verb] >= CLAUSE or (self._breaks[verb] and verb != place - 1):
                return None
            if self._words[verb] in verbs:
                return next((one + 1 for one in range(verb - 1, -1, -1) if self._words[one] not in verbs), 0)
        return None

    def _find_answered(self) -> Iterator[tuple[int, int, int]]:
        """The clause before an answer that stands alone: first and last word of that, and a word of the clause."""
        for joint in self._colons:
            first = joint + 1
            for length in (1, 2):
                last = first + length - 1
                if last >= len(self._words) or tuple(self._words[first : last + 1]) not in self._table.answers:
                    continue
                if not self._breaks[last]:
                    continue
                for place in range(joint, max(-1, joint - N_AHEAD), -1):
                    if place < joint and self._breaks[place] >= CLAUSE:
                        break
                    yield first, last, place

    def _find_unstarted(self) -> Iterator[tuple[int, int, int]]:
        """What did not begin any more: "before surgery could be done"."""
        for first in (place for place, word in enumerate(self._words) if word in ("could", "can")):
            length = next((n for n in (3, 2) if tuple(self._words[first : first + n]) in self._table.unstarted), 0)
            reached: list[int] = []
            for place in range(first - 1, max(-1, first - 1 - N_PASSED), -1):
                if self._breaks[place]:
                    break
                if self._words[place] == "before":
                    yield from ((first, first + length - 1, one) for one in reached if length)
                    break
                reached.append(place)
