"""Wording: of which words the values of a note may be made. A word stands in the note or in the task's lexicon, or is
one of the house's, which an adapter has learned from its reviewers (`data.vocabulary.house_words`).

Words are letters and digits in a row, compared without case and accents. What joins them inside a name (the hyphen of
"Ki-67", the point of "p.G12C", the slash of "1/160") makes them one word, which has to be known as a whole: no number
and no name is put together from parts of others. A value can be read piece by piece, in bytes, since that is how a
model writes it: after each piece it is known whether what was begun can still become a known word. It always can be
ended: a beginning that no known word has is not read in the first place.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

from data.task import Task
from data.text.lexicon import load_names
from data.text.words import HYPHENS

_STRICT, _LOOSE = "-.'_", "/,:+"
"""Signs that join what stands beside them to one word: always, and between digits."""
_NO_WORD, _NO_NUMBER = "\0", "\1"
"""Behind a sign that joins, when what stands before it was taken for a whole word: nothing is joined to it."""
_LISTED = "\2"
"""Behind a sign that divides a list: no second one follows, with nothing to divide."""
_LETTER = r"[^\W\d_]"
_ATOM = r"(?:\d+[.,](?=\d))*[^\W_]+"
_CHUNK = re.compile(rf"{_ATOM}(?:[-.'_/,:+]{_ATOM})*")
_PARTS = re.compile(rf"({_ATOM})([-.'_/,:+]?)")
_WORD = re.compile(rf"{_ATOM}(?:[-.'_]{_ATOM})*")
_NUMBERED = re.compile(rf"({_LETTER}{{1,5}})(\d{{1,3}})(?!\d)(?=$|[-.'_/,:+])")
_HYPHENATED = re.compile(rf"({_LETTER}+)-[ \t]*\r?\n\s*({_LETTER}+)")
_STAGED = re.compile(r"([cpry]{0,2})([tnm])([0-4][a-d]?[1-3]?|is|x|a(?![a-z]))")
_NAME_BEFORE_NUMBER = re.compile(rf"{_LETTER}{{1,5}} \d{{1,3}}[a-z]?|[a-z]\d{{2,4}} [a-z]")
"""What was torn apart: CA 125, T790 M."""
_LETTER_FOR_ZERO = re.compile(r"\bp?NO\b(?=[\s,;]*p?M[X01O])|\bpNO\b|\bp?T[0-4][a-d]?[\s,;]{1,2}NO\b")
"""N0 as it is scanned, or typed with the letter."""
_EXONS = re.compile(r"(?:ex|exon|del|ins)(\d{1,2})(?!\d)|\b(\d{1,2})(?:del|ins)")
"""Numbers of exons in short forms: ex19del, METex14, del19, 20ins."""
MAX_PARTS = 5
"""Words inside a joined one, as in "non-small-cell"; of longer chains, such as addresses, parts of this length."""
MAX_STAGED = 4
MAX_SIGNS = 5
"""Signs and spaces in a row: nothing is said with more of them."""
_SIGNS = "≥≤±×÷µ°–—−‐‑‒’‘“”…·•→½¼¾²³⁹™®"


class _Folding(dict[int, str]):
    """How characters are compared: without case, accents and width; hyphens are one hyphen."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in HYPHENS:
            folded = "-"
        elif character in "’ʼ‘":
            folded = "'"
        elif unicodedata.decomposition(character).startswith("<super>"):
            folded = "^"  # a mark or the number of a footnote, no part of the word before it
        else:
            parts = unicodedata.normalize("NFKD", character).casefold()
            folded = "".join(part for part in parts if unicodedata.category(part) not in ("Mn", "Cf"))
        self[code] = folded
        return folded


_FOLDING = _Folding()


def fold_words(text: str) -> str:
    """A text as its words are compared."""
    return text.translate(_FOLDING)


class Known(NamedTuple):
    """Words in order, for the question whether one begins so, and the characters beyond ASCII that texts hold."""

    words: Sequence[str]
    characters: frozenset[str]

    def has(self, word: str) -> bool:
        """Whether it is one of the words."""
        place = bisect_left(self.words, word)
        return place < len(self.words) and self.words[place] == word

    def begins(self, begun: str) -> bool:
        """Whether one of the words begins so."""
        place = bisect_left(self.words, begun)
        return place < len(self.words) and self.words[place].startswith(begun)


House = Mapping[str, Known]
"""Field key to words that an adapter has learned from its reviewers; see `data.vocabulary.house_words`."""


class Reading(NamedTuple):
    """How far a value was read: what its last word may be so far, the bytes of a character that is not whole, and how
    many signs stand behind the last letter or digit.
    """

    begun: tuple[str, ...]
    rest: bytes = b""
    n_signs: int = 0


START = Reading(("",))


class Words:
    """The words that values of one field may hold in one note.

    Args:
        sources: the note's words, the lexicon's, the house's; None for none.
    """

    def __init__(self, *sources: Known | None) -> None:
        self._sources = [source for source in sources if source is not None]
        self._characters: list[tuple[bytes, str]] | None = None

    def has(self, word: str) -> bool:
        """Whether a word, folded, is known."""
        return any(source.has(word) for source in self._sources)

    def read(self, reading: Reading, piece: bytes) -> Reading | None:
        """Read on; None where no known word goes on so, or the piece is no text.

        Args:
            reading: what was read before.
            piece: of UTF-8; it may end within a character, where a character that may stand there ends it.
        """
        data, place = reading.rest + piece, 0
        while place < len(data):
            size = _size(data[place])
            part = data[place : place + size]
            if not size or len(part) < size:
                break
            try:
                character = part.decode()
            except UnicodeDecodeError:
                return None
            taken = self._take(reading, character)
            if taken is None:
                return None
            reading = taken
            place += size
        rest = data[place:]
        if rest and not self._can_end(reading, rest):
            return None
        return reading._replace(rest=rest)

    def is_whole(self, reading: Reading) -> bool:
        """Whether a value may end here."""
        return not reading.rest and any(map(self._is_word, reading.begun))

    def accepts(self, value: str) -> bool:
        """Whether a value is made of known words."""
        reading = self.read(START, value.encode(errors="replace"))
        return reading is not None and self.is_whole(reading)

    def cut(self, value: str) -> str:
        """A value that was broken off, without the word that was begun."""
        kept = ends_plainly(re.sub(r"[^\s;,()]*$", "", value))
        return kept if self.accepts(kept) else ""

    def find_unknown(self, value: str) -> Iterator[str]:
        """The words of a value that are not known, as they are written."""
        for match in re.finditer(r"\S+", value):
            chunk = match.group()
            if self.accepts(chunk) or not any(map(str.isalnum, chunk)):
                continue
            kept = [one for one in _words_in(chunk) if not self.accepts(one)]
            yield from kept or [chunk.strip(",;:.()")]

    def _take(self, reading: Reading, character: str) -> Reading | None:
        """What was read with one character more; None where it can be no word."""
        runs, folded = reading.begun, _FOLDING[ord(character)]
        n_signs = 0 if any(map(str.isalnum, folded)) else reading.n_signs + 1
        if character == "\ufffd" or n_signs > MAX_SIGNS:
            return None
        for sign in folded:
            runs = tuple(dict.fromkeys(one for run in runs for one in self._step(run, sign)))
        return Reading(runs, b"", n_signs) if runs else None

    def _step(self, run: str, sign: str) -> Iterator[str]:
        if sign.isalnum():
            if run == _NO_WORD or (run == _NO_NUMBER and sign.isdigit()):
                return
            longer = sign if run in (_NO_NUMBER, _LISTED) else run + sign
            if self._begins(longer):
                yield longer
            return
        joins = run[-1:].isalnum() and (sign in _STRICT or sign in _LOOSE)
        if joins and self._begins(run + sign):
            yield run + sign
        if self._is_word(run):
            is_number = run[-1:].isdigit() and sign in _LOOSE
            if sign in ";,":
                if run != _LISTED:
                    yield _NO_NUMBER if is_number else _LISTED
            elif run == _LISTED and sign == " ":
                yield run
            else:
                yield _NO_WORD if joins and sign in _STRICT else _NO_NUMBER if is_number else ""

    def _is_word(self, run: str) -> bool:
        return run in ("", _NO_WORD, _NO_NUMBER, _LISTED) or (run[-1].isalnum() and self.has(run))

    def _begins(self, run: str) -> bool:
        return any(source.begins(run) for source in self._sources)

    def _can_end(self, reading: Reading, rest: bytes) -> bool:
        """Whether some character that the texts hold begins with these bytes and may stand here."""
        if self._characters is None:
            characters = frozenset(_SIGNS).union(*(source.characters for source in self._sources))
            self._characters = sorted((character.encode(), character) for character in characters)
        place = bisect_left(self._characters, (rest, ""))
        while place < len(self._characters) and self._characters[place][0].startswith(rest):
            if self._take(reading, self._characters[place][1]):
                return True
            place += 1
        return False


def ends_plainly(value: str) -> str:
    """A value without what would divide it from a further one; empty where it holds signs alone."""
    return value.rstrip(" ,;(") if any(map(str.isalnum, value)) else ""


def _size(lead: int) -> int:
    """Bytes of the character that begins with this one; 0 for none."""
    return next((size for below, size in ((0x80, 1), (0xC2, 0), (0xE0, 2), (0xF0, 3), (0xF5, 4)) if lead < below), 0)


def words_of(task: Task, text: str, house: House | None = None) -> tuple[Words | None, ...]:
    """For each field of the task the words that its values may hold in this note; None where they may hold any.

    Args:
        task: whose fields, and whose lexicon.
        text: the note.
        house: words that the field may hold in every note; those of a field that is held to no lexicon do not matter.
    """
    if task.lexicon is None and all(field.lexicon is None for field in task.fields):
        return (None,) * len(task.fields)
    note, taught = collect_known(text), house or {}
    return tuple(
        None if one.lexicon is None else Words(note, _lexicon(task.lexicon, one.lexicon), taught.get(one.key))
        for one in task.fields
    )


def invented_words(
    task: Task, text: str, extraction: Mapping[str, str | None], house: House | None = None
) -> dict[str, tuple[str, ...]]:
    """Words of the values that stand neither in the note `text` nor in the task's lexicon, nor among the house's.

    Returns:
        Field key to these words, in the order of the value; fields without one are left out, as are those that the
        task does not hold to a lexicon.
    """
    found = {}
    for key, words in zip(task.keys, words_of(task, text, house), strict=True):
        value = extraction[key]
        if words is not None and value is not None and (unknown := tuple(words.find_unknown(value))):
            found[key] = unknown
    return found


def is_word(text: str) -> bool:
    """Whether a text is one word with a letter in it, alone or joined as in "non-small-cell"."""
    folded = fold_words(text)
    return bool(_WORD.fullmatch(folded)) and any(map(str.isalpha, folded))


def has_known_figures(word: str, words: Words) -> bool:
    """Whether each figure in a word is part of a known one with which the word, or a part of it, begins.

    So it is in "HER2-neg" where HER2 is known, and not in "L861Q" where no more than genes are.
    """
    folded = fold_words(word)
    covered: set[int] = set()
    for part in re.finditer(_ATOM, folded):
        ends = (end for end in range(len(folded), part.start(), -1) if words.has(folded[part.start() : end]))
        covered.update(range(part.start(), next(ends, part.start())))
    return all(place in covered for place, character in enumerate(folded) if character.isdigit())


def collect_known(text: str) -> Known:
    """The words of a note: as they stand, the parts of joined ones, and neighbours joined as other people join them.

    "CA 125" is known as CA-125 and CA125 as well, "pT2 N1" as pT2N1, and "lesions" as lesion.
    """
    folded = fold_words(text)
    words: set[str] = set()
    before, end = "", 0
    for match in _CHUNK.finditer(folded):
        chunk = match.group()
        parts = _add_chunk(words, chunk)
        if split := _NUMBERED.match(chunk):  # CA19-9 as CA 19-9
            _add_chunk(words, f"{split[1]}-{chunk[split.end(1) :]}")
        if before and folded[end : match.start()] == " ":
            _add_pair(words, before, parts[0])
        before, end = parts[-1], match.end()
    words.update(first + second for first, second in _HYPHENATED.findall(folded))
    words.update(first or second for first, second in _EXONS.findall(folded))
    words.update(_split_staging(words, text))
    words.update([_singular(word) for word in words])
    return Known(sorted(words), frozenset(character for character in set(text) if ord(character) > 127))


def _add_chunk(words: set[str], chunk: str) -> list[str]:
    """Add a joined word, its parts and what these are joined to; the parts come back."""
    parts = _PARTS.findall(chunk)
    for first in range(len(parts)):
        joined = ""
        for part, sign in parts[first : first + MAX_PARTS]:
            joined += part
            words.add(joined)
            joined += sign
    names = [part for part, _ in parts]
    for one, other in pairwise(names):
        _add_pair(words, one, other)
    return names


def _add_pair(words: set[str], one: str, other: str) -> None:
    """Add two neighbours as one word: with a hyphen, and without where a name and its number are meant."""
    words.add(f"{one}-{other}")
    if _NAME_BEFORE_NUMBER.fullmatch(f"{one} {other}"):
        words.add(one + other)


def _split_staging(words: Iterable[str], text: str) -> set[str]:
    """The parts of a TNM staging together and apart, however the note joins them."""
    found: dict[str, dict[str, None]] = {"t": {}, "n": {}, "m": {}}
    if _LETTER_FOR_ZERO.search(text):
        found["n"] = {"n0": None}
    for word in sorted(words):
        parts = list(_STAGED.finditer(word))
        if parts and "".join(part.group() for part in parts) == word:
            for part in parts:
                prefix, kind, number = part.groups()
                found[kind].update({prefix + kind + number: None, kind + number: None})
    tumours, nodes, spread = (list(parts)[: 2 * MAX_STAGED] for parts in found.values())
    return {"".join(parts) for parts in product(tumours, nodes or [""], ["", *spread])} | {*tumours, *nodes, *spread}


def _singular(word: str) -> str:
    """A word without the s of a plural."""
    return word[:-1] if len(word) > 4 and word[-1] == "s" and word[-2].isalpha() and word[-2] not in "sui" else word


def _words_in(value: str) -> list[str]:
    """The words of a value as they are written."""
    folded = [fold_words(character) or "" for character in value]
    # Positions in the folded text are those of the value only where each character stays one.
    text = "".join(one if len(one) == 1 else "^" if not one[:1].isalnum() else one[0] for one in folded)
    return [value[match.start() : match.end()] for match in _WORD.finditer(text)]


@cache
def _lexicon(folder: Path | None, names: tuple[str, ...]) -> Known:
    """The words of some lists. Of a name that holds a number only the whole: no number alone is known from a list."""
    lists = load_names(folder) if folder is not None and names else {}
    words: set[str] = set()
    characters: set[str] = set()
    for name in (name for key in names for name in lists[key]):
        known = collect_known(name)
        words.update(word for word in known.words if any(map(str.isalpha, word)))
        characters |= known.characters
    return Known(sorted(words), frozenset(characters))
