"""Records with who decided what and when, read back into decisions: the way back of an export."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

from data.decisions import foreign, training
from data.limits import MAX_VALUE_CHARACTERS
from data.notes import Note, NoteError, convert_records, note_from_record
from data.reading import provenance
from data.reading.records import USUAL, Columns, Record, Refusal, plain_type
from data.reading.sources import Tell, ignore_reading
from data.suggestion import Grounding, Span, Suggestion
from data.task import UNKEEPABLE, Extraction, Task, TaskError

Status = Literal["submitted", "skipped", "flagged"]
Shown = Literal["prefilled", "blind", "seeded"]
OUTPUT = "output"
NOT_ASKED, UNTOUCHED = "not asked", "untouched"
MAX_COMMENT_CHARACTERS = 20_000
MAX_NAME_CHARACTERS = 100
FIRST_YEAR, LAST_YEAR = 1900, 2999
MAX_LEAD_TIME_MS = 10**12
_OWN = (OUTPUT, provenance.PROVENANCE, provenance.STATUS, provenance.SET_ASIDE, provenance.SPANS)


@dataclass(frozen=True)
class Opinion:
    """What one of several reviewers said about a note before it was decided."""

    reviewer: str
    status: Status
    given_at: datetime
    values: dict[str, str | None] = field(repr=False)


@dataclass(frozen=True)
class Decision:
    """What a person decided about a note at another desk.

    Attributes:
        note: the note, without labels.
        reviewer: the person's name there.
        values: field to value; without the fields that were not asked then.
        settled: the fields that the person confirmed or changed.
        submitted_at: when, UTC.
        suggestion: what the decision started from, if anything.
        shown: how the note was shown; `seeded` is then the field and the wrong value put into it.
        opinions: what several reviewers had said before.
        source: where the note came from there; empty where nothing was said.
    """

    note: Note
    reviewer: str
    status: Status
    values: dict[str, str | None] = field(repr=False)
    settled: tuple[str, ...]
    comment: str = field(repr=False)
    lead_time_ms: int
    submitted_at: datetime
    suggestion: Suggestion | None = None
    shown: Shown = "prefilled"
    seeded: tuple[str | None, str | None] = field(default=(None, None), repr=False)
    opinions: tuple[Opinion, ...] = ()
    source: str = ""


def has_decisions(values: Mapping[str, Any]) -> bool:
    """Whether a record tells who decided about it and when."""
    told = values.get(provenance.PROVENANCE)
    is_nested = isinstance(told, dict) and "reviewer" in told and "submitted_at" in told
    return is_nested or provenance.tells_decisions(values)


def read_decisions(
    path: Path, task: Task, *, columns: Columns = USUAL, tell: Tell = ignore_reading
) -> Iterator[Decision | Refusal]:
    """The decisions of a file or folder that caseloop exported with provenance, or that another annotation tool wrote.

    A bad record becomes a `Refusal`.

    Args:
        path: the file or folder.
        task: whose fields were decided.
        columns: where the text and the id are, if not under their usual names.
        tell: see `data.reading.sources.Options`.
    """
    return convert_records(path, lambda record: decision_from_record(record, task, columns=columns), columns, tell)


def decision_from_record(record: Record, task: Task, *, columns: Columns = USUAL) -> Decision:
    """The decision of a record.

    Raises:
        NoteError: the record does not tell one.
    """
    if not record.decisions and not has_decisions(record.values):
        advice = "export with provenance, or import without --decisions"
        raise NoteError("who decided and when (reviewer, submitted_at)", "neither", advice)
    values = _to_nested(record, task)
    told, status = values[provenance.PROVENANCE], _one_of(values.get("status") or "submitted", Status, "the status")
    decided = _decided(task, values.get(OUTPUT if status == "submitted" else provenance.SET_ASIDE))
    plain = {key: value for key, value in values.items() if key not in _OWN}
    bare = replace(record, values=plain, decisions=(), proposals=())
    note = note_from_record(bare, task, original=False, columns=columns)
    states = _mapping(told.get("states"), "the states")
    asked = [key for key in task.keys if states.get(key) != NOT_ASKED]
    shown = _mapping(told.get("shown"), "how it was shown")
    kind = _one_of(shown.get("as") or "prefilled", Shown, "how it was shown")
    return Decision(
        note=note,
        reviewer=_name(told.get("reviewer")),
        status=status,
        values={key: decided[key] for key in asked},
        settled=tuple(key for key in asked if states.get(key, UNTOUCHED) != UNTOUCHED),
        comment=_text(told.get("comment") or "", "the comment", MAX_COMMENT_CHARACTERS),
        lead_time_ms=_whole(told.get("lead_time_ms") or 0, "the lead time", MAX_LEAD_TIME_MS),
        submitted_at=_time(told.get("submitted_at")),
        suggestion=_suggestion(task, told, _spans(values.get(provenance.SPANS), note.text), decided),
        shown=kind,
        seeded=_seeded(task, shown) if kind == "seeded" else (None, None),
        opinions=_opinions(task, told),
        source=_text(told.get("source") or "", "the source", MAX_NAME_CHARACTERS),
    )


def _to_nested(record: Record, task: Task) -> dict[str, Any]:
    values = record.values
    try:
        if record.decisions:
            values = foreign.nested(record, task)
        elif not isinstance(values.get(provenance.PROVENANCE), dict):
            values = provenance.from_row(task, values)
        else:
            values = training.from_training(values)
    except NoteError:
        raise
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        raise NoteError("the columns of an export with provenance", "other values", "export it again") from None
    return values


def _decided(task: Task, values: object) -> Extraction:
    """The values that were decided, each as it is: what a person wrote is no placeholder."""
    if not isinstance(values, dict) or {*values} != {*task.keys}:
        advice = "export every field, and the status with notes that were set aside"
        raise NoteError(f"the values of the fields {', '.join(task.keys)}", "others", advice)
    return _extraction(task, values)


def _suggestion(
    task: Task, told: Mapping[str, Any], spans: dict[str, list[Span]] | None, decided: Extraction
) -> Suggestion | None:
    """What the decision started from; the words that a value rests on are told of values that were kept."""
    if told.get("adapter") is None:
        return None
    values = _mapping(told.get("suggestion"), "the suggestion")
    suggested = _extraction(task, {key: values.get(key) for key in task.keys})
    evidence = {}
    if spans is not None:
        kept = [key for key in task.keys if suggested[key] == decided[key] is not None]
        evidence = {key: tuple(spans.get(key, ())) for key in kept}
    sure = _mapping(told.get("confidence"), "the confidence")
    kinds = _mapping(told.get("grounding"), "the grounding")
    return Suggestion(
        extraction=suggested,
        confidence={key: _share(sure[key]) for key in task.keys if sure.get(key) is not None},
        raw_reply="",
        adapter=_text(told["adapter"], "the adapter", 200),
        prompt_version=_whole(told.get("prompt_version") or 0, "the prompt's version", 10**6),
        latency_ms=0,
        evidence=evidence,
        grounding={
            key: Grounding(_one_of_texts(kinds[key], [str(one) for one in Grounding], "the grounding"))
            for key in task.keys
            if kinds.get(key) is not None
        },
    )


def _spans(told: Any, text: str) -> dict[str, list[Span]] | None:
    """Field to the stretches of the note that its value rests on; None where nothing is said of them.

    Raises:
        NoteError: one of them is not what stands there.
    """
    if told is None:
        return None
    found: dict[str, list[Span]] = {}
    for one in _listed(told, "spans"):
        start, end = one.get("start"), one.get("end")
        if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)):
            raise NoteError("spans within the note", "one outside", "export it again")
        if one.get("text") is not None and one["text"] != text[start:end]:
            raise NoteError("spans with the words that stand there", "others", "export it again")
        found.setdefault(str(one.get("field")), []).append(Span(start, end))
    return found


def _opinions(task: Task, told: Mapping[str, Any]) -> tuple[Opinion, ...]:
    found = [_opinion(task, one) for one in _listed(told.get("opinions"), "opinions")]
    if len({one.reviewer for one in found}) < len(found):
        raise NoteError("one opinion of each reviewer", "several of one", "export it again")
    return tuple(found)


def _opinion(task: Task, told: Mapping[str, Any]) -> Opinion:
    values = _mapping(told.get("values"), "an opinion")
    return Opinion(
        reviewer=_name(told.get("reviewer")),
        status=_one_of(told.get("status"), Status, "an opinion's status"),
        given_at=_time(told.get("given_at")),
        values=_extraction(task, {key: values.get(key) for key in task.keys}).as_dict(),
    )


def _seeded(task: Task, shown: Mapping[str, Any]) -> tuple[str | None, str | None]:
    key = _one_of_texts(shown.get("seeded_field"), task.keys, "the seeded field")
    return key, _text(shown.get("seeded_value") or "", "the seeded value", MAX_VALUE_CHARACTERS)


def _extraction(task: Task, values: Mapping[str, Any]) -> Extraction:
    try:
        return Extraction(task, values)
    except TaskError:
        raise NoteError("a text or null for each field", "something else", "export it again") from None


def _name(told: object) -> str:
    """Whoever decided. Spaces around a name are no part of one at a desk."""
    name = _text(told, "the reviewer", MAX_NAME_CHARACTERS)
    name = unicodedata.normalize("NFC", name)
    if len(name) > MAX_NAME_CHARACTERS:  # some signs become two
        raise NoteError(f"at most {MAX_NAME_CHARACTERS} characters for the reviewer", f"{len(name)}", "shorten it")
    if not name or not name.isprintable() or name != name.strip():
        raise NoteError("the reviewer's name", "none that can be shown", "write the name under reviewer")
    return name


def _time(told: object) -> datetime:
    """A time in UTC; one without a zone is UTC."""
    try:
        at = told if isinstance(told, datetime) else datetime.fromisoformat(told) if isinstance(told, str) else None
        if at is not None and FIRST_YEAR <= at.year <= LAST_YEAR:
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise NoteError("a time such as 2026-01-31T09:30:00+00:00", "another form", "write it so")


def _mapping(told: object, what: str) -> Mapping[str, Any]:
    if told is None or isinstance(told, dict):
        return told or {}
    raise NoteError(f"an object for {what}", plain_type(told), "export it again")


def _listed(told: object, what: str) -> list[Mapping[str, Any]]:
    listed = [] if told is None else told
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise NoteError(f"a list of {what}", plain_type(told), "export it again")
    return listed


def _text(told: object, what: str, limit: int) -> str:
    if not isinstance(told, str):
        raise NoteError(f"a text for {what}", plain_type(told), "write it in quotes")
    if len(told) > limit:
        raise NoteError(f"at most {limit:,} characters for {what}", f"{len(told):,}", "shorten it")
    if UNKEEPABLE.search(told):
        raise NoteError(f"printable text for {what}", "a character that cannot be kept", "remove it")
    return told


def _whole(told: object, what: str, limit: int) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or not 0 <= told <= limit:
        raise NoteError(f"a whole number for {what}", plain_type(told), f"give one from 0 to {limit:,}")
    return told


def _share(told: object) -> float:
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not 0 <= told <= 1:
        raise NoteError("a number from 0 to 1 for the confidence", plain_type(told), "export it again")
    return float(told)


def _one_of(told: object, words: Any, what: str) -> Any:
    return cast(Any, _one_of_texts(told, get_args(words), what))


def _one_of_texts(told: object, words: tuple[str, ...] | list[str], what: str) -> str:
    if told in words:
        return cast(str, told)
    raise NoteError(f"{', '.join(words[:8])} for {what}", "something else", "write one of these")
