"""Notes: what a case report is, how it is hashed and split, and how records of a file become notes."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from data.arrival.labels import GOLD_KEY, LabelError, Labels, labels_aside, read_labels
from data.arrival.metadata import read_metadata
from data.arrival.proposed import suggestions_in
from data.identity import own_id, text_hash
from data.limits import (
    MAX_ID_CHARACTERS,
    MAX_MARKS,
    MAX_METADATA_CHARACTERS,
    MAX_METADATA_DEPTH,
    MAX_NOTE_CHARACTERS,
)
from data.reading.annotators.fields import StatedError, kept_beside, stated_labels
from data.reading.provenance import own_keys
from data.reading.readers import read_records
from data.reading.records import (
    USUAL,
    Columns,
    Record,
    Refusal,
    plain_name,
    plain_type,
    reached,
    wanted_names,
    without,
)
from data.reading.sources import TEXT_KEYS, Options, Tell, ignore_reading
from data.reading.values import plain_id, plain_value
from data.suggestion import Suggestion
from data.task import SPECIAL_TOKEN, UNKEEPABLE, Extraction, Task

__all__ = ["Note", "NoteError", "content_hash", "fold_text", "make_note", "read_notes", "split_of"]

HOLDOUT_SHARE = 0.10

Origin = Literal["original", "incoming", "sample"]
Split = Literal["train", "holdout"]
Made = TypeVar("Made")

ID_KEYS = ("id", "external_id")
DERIVED_KEYS = ("instruction", "content_hash")  # of the training format; made anew, so not worth keeping
_NOT_WORDS = re.compile(r"[\W_]+")
_WORD = re.compile(r"[^\W_]")
_ASCII_WORDS = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))
_FEW, _SHORT = 100, 10**9
_as_json = json.JSONEncoder(ensure_ascii=False).encode


class NoteError(ValueError):
    """A record that cannot become a note; what was expected, what was found, what to do. Never note text."""

    def __init__(self, expected: str, found: str, advice: str) -> None:
        super().__init__(f"Expected {expected}; found {found}; {advice}.")
        self.expected = expected
        self.found = found
        self.advice = advice


@dataclass(frozen=True)
class Note:
    """One case report.

    Attributes:
        text: the report, with line feeds as line breaks; spans count its code points.
        external_id: the name that it had where it came from.
        metadata: what else came with it; JSON values only.
        gold: the labels it came with, or None.
        origin: "original" when it came with labels, else "incoming"; "sample" when it came with caseloop.
        content_hash: 64 hexadecimal digits; equal for texts that differ in case, white space and punctuation only.
        split: the side of the hold-out that the hash falls on.
        text_hash: 64 hexadecimal digits over the exact text; with the external id it says which note this is.
        place: file and line that it was read from, for example "a.jsonl line 7"; empty where it comes from no file.
        suggestions: what models of another tool had proposed, where it comes without labels.
        labels: how `gold` was read from a record; None where it was not.
    """

    text: str = field(repr=False)
    external_id: str | None
    metadata: Mapping[str, Any] = field(repr=False)
    gold: Extraction | None
    origin: Origin
    content_hash: str
    split: Split
    text_hash: str
    place: str = field(default="", compare=False)
    suggestions: tuple[Suggestion, ...] = field(default=(), compare=False, repr=False)
    labels: Labels | None = field(default=None, compare=False, repr=False)


def fold_text(text: str) -> str:
    """The text's words, one space apart: case, white space and punctuation do not count."""
    if text.isascii():
        return " ".join(text.lower().translate(_ASCII_WORDS).split())
    lower = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    marks = [sign for sign in set(lower) if not sign.isalnum()]
    if len(marks) > _FEW:  # each costs a pass over the text
        return _NOT_WORDS.sub(" ", lower).strip()
    for sign in marks:
        lower = lower.replace(sign, " ")
    return " ".join(lower.split())


def content_hash(text: str) -> str:
    """The SHA-256 of the folded text.

    Copies that differ in case, white space and punctuation therefore fall on one side of the hold-out, whatever their
    order or label. For those that differ in more see `data.gate.near_duplicates`; which note is which says
    `data.identity`.
    """
    return hashlib.sha256(fold_text(text).encode("utf-8")).hexdigest()


def split_of(content_hash: str) -> Split:
    """The side that a hash falls on: one in ten is held out, from the hash alone."""
    return "holdout" if int(content_hash[:16], 16) < HOLDOUT_SHARE * 2**64 else "train"


def make_note(
    task: Task,
    text: str,
    *,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    gold: Extraction | None = None,
    labels: Labels | None = None,
    place: str = "",
) -> Note:
    """A note from its text, checked; line breaks become line feeds, nothing else is changed.

    Args:
        labels: the labels as they were read, in place of `gold`.

    Raises:
        NoteError: the text, its id or its metadata cannot be kept, or the labels are another task's.
    """
    text = _checked_text(text)
    gold = labels.extraction if labels is not None else gold
    if gold is not None and tuple(gold) != task.keys:
        raise NoteError(f"labels with the fields {', '.join(task.keys)}", "those of another task", "label it again")
    hashed = content_hash(text)
    return Note(
        text=text,
        external_id=own_id(_checked_id(external_id)),
        metadata=_checked_metadata(metadata or {}),
        gold=gold,
        origin="original" if gold is not None else "incoming",
        content_hash=hashed,
        split=split_of(hashed),
        text_hash=text_hash(text),
        place=place,
        labels=labels,
    )


def read_notes(
    path: Path, task: Task, *, original: bool, columns: Columns = USUAL, tell: Tell = ignore_reading
) -> Iterator[Note | Refusal]:
    """Read the notes of a file in one of `data.reading.formats.FORMATS`, or of all such files below a folder.

    The text is under "text" or "input", the id under "id" or "external_id", labels where `data.arrival.labels` says;
    else is metadata, see `data.arrival.metadata`. A bad record becomes a `Refusal` and the rest goes on. Memory stays
    bounded: files are read record by record.

    Args:
        path: the file or folder.
        task: what labels must fit.
        original: whether every record must bring labels; otherwise labels are ignored.
        columns: where the text and the id are, if not under their usual names.
        tell: see `data.reading.sources.Options`.
    """
    return convert_records(
        path, lambda record: note_from_record(record, task, original=original, columns=columns), columns, tell
    )


def convert_records(
    path: Path, convert: Callable[[Record], Made], columns: Columns, tell: Tell
) -> Iterator[Made | Refusal]:
    """What each record of a file or folder becomes; a `Refusal` where it raises a `NoteError`. Others are as above."""
    options = Options((columns.text,) if columns.text else TEXT_KEYS, tell, columns.codec)
    for record in read_records(path, options):
        if isinstance(record, Refusal):
            yield record
            continue
        try:
            yield convert(record)
        except NoteError as error:
            yield Refusal(record.file, record.line, None, error.expected, error.found, error.advice)


def note_from_record(record: Record, task: Task, *, original: bool, columns: Columns = USUAL) -> Note:
    """The note of a record; see `read_notes`.

    Raises:
        NoteError: the record does not make one.
    """
    return _note(record, task, labels=_labels(record, task) if original else None, columns=columns)


def labelled_note(record: Record, task: Task) -> Note:
    """The note of a record that brings labels.

    Raises:
        NoteError: the record has no labels or does not fit the task.
    """
    return _note(record, task, labels=_labels(record, task))


def _note(record: Record, task: Task, *, labels: Labels | None, columns: Columns = USUAL) -> Note:
    values = record.values
    text_key = _text_key(values, (columns.text,) if columns.text else TEXT_KEYS)
    id_keys = (columns.id,) if columns.id else ID_KEYS
    id_key = next((key for key in id_keys if values.get(key) is not None), None)
    id_key = id_key or next(iter(wanted_names(values, id_keys)), None)
    text, external_id = reached(values, text_key), reached(values, id_key) if id_key else None
    if text_key not in values or (id_key and id_key not in values):  # the rest of the objects they lie in is metadata
        values = without(without(values, text_key), id_key or text_key)
    suggestions = suggestions_in(record, task) if record.proposals and labels is None else ()
    beside = kept_beside(record, task, are_suggested=bool(suggestions))
    used = {text_key, id_key, *DERIVED_KEYS, *own_keys(task, values)}
    used.update(labels_aside(values, task) if labels is None else labels.keys)
    note = make_note(
        task,
        text,
        external_id=external_id,
        metadata=read_metadata(values, used) | beside,
        labels=labels,
        place=f"{record.file} line {record.line:,}" if record.line is not None else record.file,
    )
    return replace(note, suggestions=suggestions) if suggestions else note


def _text_key(values: Mapping[str, Any], wanted: tuple[str, ...]) -> str:
    present = [key for key in wanted if key in values] or wanted_names(values, wanted)
    if len(present) == 1:
        return present[0]
    names = ", ".join(plain_name(key) for key in list(values)[:10]) or "none"
    if len(wanted) == 1:
        raise NoteError(f"the note under the key {plain_name(wanted[0])}", f"the keys {names}", "give it that key")
    expected = "the note under one of the keys " + " and ".join(plain_name(key) for key in wanted)
    if present:
        raise NoteError(expected, "both", "remove one of them")
    raise NoteError(expected, f"neither among the keys {names}", "name the note's key text")


def _labels(record: Record, task: Task) -> Labels:
    try:
        stated = stated_labels(record, task) if record.values.get(GOLD_KEY) is None else None
        return read_labels(record.values if stated is None else {GOLD_KEY: stated}, task)
    except (LabelError, StatedError) as error:
        raise NoteError(error.expected, error.found, error.advice) from None


def _checked_text(text: object) -> str:
    if not isinstance(text, str):
        raise NoteError("the note as a string", plain_type(text), "write the text in quotes")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise NoteError("a note with text", "an empty one", "remove the record or fill it in")
    if len(text) > MAX_NOTE_CHARACTERS:
        raise NoteError(
            f"a note of at most {MAX_NOTE_CHARACTERS:,} characters", f"{len(text):,}", "split it into several notes"
        )
    _check_characters(text, "the note")
    if not _WORD.search(text):
        raise NoteError("a note with words", "only punctuation", "remove the record or fill it in")
    _check_tokens(text, "the note")
    _check_marks(text)
    return text


def _checked_id(external_id: object) -> str | None:
    external_id = plain_id(external_id)
    if external_id is None:
        return None
    if isinstance(external_id, bool) or not isinstance(external_id, (str, int)):
        raise NoteError("the id as a string or a whole number", plain_type(external_id), "write the id in quotes")
    external_id = str(external_id).strip()
    if len(external_id) > MAX_ID_CHARACTERS:
        raise NoteError(f"an id of at most {MAX_ID_CHARACTERS} characters", f"{len(external_id):,}", "shorten it")
    _check_characters(external_id, "the id")
    if not external_id.isprintable() and any(unicodedata.category(sign) == "Cc" for sign in external_id):
        raise NoteError("an id of one line", "a control character", "remove it from the id")
    return external_id or None


def _checked_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    kept = {str(key): _checked_json(value, 1) for key, value in metadata.items()}
    size = 0 if _is_surely_short(kept) else len(_as_json(kept))
    if size > MAX_METADATA_CHARACTERS:
        raise NoteError(
            f"at most {MAX_METADATA_CHARACTERS:,} characters beside the note",
            f"{size:,}",
            "leave out what is not needed",
        )
    for key in kept:
        _check_characters(key, "the metadata")
    return kept


def _is_surely_short(metadata: Mapping[str, Any]) -> bool:
    """Whether it needs no counting: a character takes six in JSON at most, and a value or key a few for its marks."""
    n_characters = 0
    for key, value in metadata.items():
        if isinstance(value, str):
            n_characters += len(value)
        elif isinstance(value, int):
            n_characters += 2 if abs(value) < _SHORT else MAX_METADATA_CHARACTERS
        elif value is not None and not isinstance(value, float):
            return False
        n_characters += len(key) + 10
    return 6 * n_characters < MAX_METADATA_CHARACTERS


def _checked_json(value: Any, depth: int) -> Any:
    """The value as plain JSON; what JSON does not have becomes text, and NaN, which stands for no value, null."""
    if depth > MAX_METADATA_DEPTH:
        raise NoteError(f"metadata of at most {MAX_METADATA_DEPTH} levels", "more", "flatten it")
    if isinstance(value, (list, tuple)):
        return [_checked_json(item, depth + 1) for item in value]
    if not isinstance(value, (str, int)) and isinstance(value, Mapping):  # which takes long to tell
        for key in value:
            _check_characters(str(key), "the metadata")
        return {str(key): _checked_json(item, depth + 1) for key, item in value.items()}
    plain = plain_value(value)
    if isinstance(plain, str):
        _check_characters(plain, "the metadata")
    return plain


def _check_characters(text: str, where: str) -> None:
    """Refuse what neither the database nor UTF-8 can hold.

    Raises:
        NoteError: a NUL or half of a surrogate pair is in the text.
    """
    if text.isascii() and "\0" not in text:
        return
    if bad := UNKEEPABLE.search(text):
        code = f"U+{ord(bad.group()):04X} at character {bad.start() + 1:,}"
        raise NoteError(f"printable text in {where}", code, "remove that character")


def _check_marks(text: str) -> None:
    if text.isascii():
        return
    marks = "".join(sign for sign in set(text) if unicodedata.combining(sign))
    if marks and (heap := re.search(f"[{re.escape(marks)}]{{{MAX_MARKS + 1}}}", text)):
        found = f"more from character {heap.start() + 1:,} on"
        raise NoteError(f"at most {MAX_MARKS} accents on one character", found, "remove them")


def _check_tokens(text: str, where: str) -> None:
    if "<|" in text and (token := SPECIAL_TOKEN.search(text)):
        found = f"a special token of the model at character {token.start() + 1:,}"
        raise NoteError(f"plain text in {where}", found, "remove it")
