"""House words: what reviewers write that stands in neither note nor lexicon, kept with the adapter that learned it.

A decoder that writes known words only could never take over a house's own way of writing, such as "breast ca.". So a
training run collects these words from the labels that reviewers gave, and the adapter that it makes may write them, in
the field where they stood. A word counts where two reviewed notes use it: one is a slip of the pen. A figure has to
stand in the note, or be part of a name that the lexicon holds: a variant, a dose or a stage of other notes is none of
the house's words.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from data.limits import MAX_VALUE_CHARACTERS
from data.snapshot import Row
from data.task import Task
from data.vocabulary.wording import House, Known, fold_words, has_known_figures, invented_words, is_word, words_of

HOUSE_WORDS = "words.json"
FORMAT = 1
MIN_NOTES = 2
MAX_BYTES = 8 << 20


class HouseWordsError(ValueError):
    """A file of house words that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class HouseWords:
    """The house words of an adapter.

    Attributes:
        fields: field key to its words as reviewers write them, in the order of the alphabet.
    """

    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def known(self) -> House:
        """The words as `data.vocabulary.wording.words_of` takes them: each as a whole, none of its parts."""
        return {
            key: Known(
                sorted(set(map(fold_words, words))),
                frozenset(character for character in "".join(words) if ord(character) > 127),
            )
            for key, words in self.fields.items()
        }

    @property
    def n_words(self) -> int:
        """How many there are, over all fields; two ways to write one are one."""
        return sum(len(known.words) for known in self.known.values())

    def to_json(self) -> dict[str, Any]:
        """The words as plain JSON values."""
        return {"format": FORMAT, "words": {key: list(words) for key, words in self.fields.items()}}


NONE = HouseWords()


def collect_house_words(task: Task, rows: Iterable[Row], earlier: HouseWords = NONE) -> HouseWords:
    """The house words of an adapter that is trained on these rows.

    Args:
        task: whose fields, and whose lexicon.
        rows: of which those that a person reviewed are looked at; several with one note's words count as one note.
        earlier: of the adapter that the run goes on from.
    """
    notes: dict[tuple[str, str], set[str]] = defaultdict(set)
    written: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        if row.source != "annotation":
            continue
        for key, words in invented_words(task, row.text, row.extraction).items():
            for word in filter(is_word, words):
                notes[key, fold_words(word)].add(row.content_hash)
                written[key, fold_words(word)].add(word)
    lexicon = dict(zip(task.keys, words_of(task, ""), strict=True))
    found = {key: set(words) for key, words in earlier.fields.items()}
    for (key, word), hashes in notes.items():
        listed = lexicon[key]
        if len(hashes) >= MIN_NOTES and listed is not None and has_known_figures(word, listed):
            found.setdefault(key, set()).update(written[key, word])
    return HouseWords({key: tuple(sorted(words)) for key, words in sorted(found.items())})


def read_house_words(directory: Path) -> HouseWords:
    """The house words in an adapter's directory; none where it has no file of them.

    Raises:
        HouseWordsError: there is one and it cannot be used.
    """
    path = directory / HOUSE_WORDS
    try:
        if path.stat().st_size > MAX_BYTES:
            raise HouseWordsError(
                f"Expected a small file of words at {path}; it has more than {MAX_BYTES} bytes. Copy the adapter again."
            )
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return NONE
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, HouseWordsError):
            raise
        raise HouseWordsError(f"Expected JSON in {path}; it cannot be read. Copy the adapter again.") from error
    if isinstance(stored, dict) and stored.get("format", FORMAT) != FORMAT:
        raise HouseWordsError(
            f"Expected house words of format {FORMAT} in {path}; found {str(stored['format'])[:20]!r}. "
            "Use a newer caseloop."
        )
    words = stored.get("words") if isinstance(stored, dict) else None
    if not isinstance(words, dict) or not all(map(_is_list_of_words, words.values())):
        raise HouseWordsError(
            f"Expected a list of words for each field in {path}; found something else. Copy the adapter again."
        )
    return HouseWords({key: tuple(of_field) for key, of_field in words.items()})


def _is_list_of_words(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(word, str) and len(word) <= MAX_VALUE_CHARACTERS and is_word(word) for word in value
    )
