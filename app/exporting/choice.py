"""What is exported: the format, the fields, which notes, and what is told about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast, get_args
from urllib.parse import urlencode

from app.core.errors import InputError
from app.core.zones import midnight, read_zone
from app.exporting.formats import RETURNING, REVIEWED_ONLY, TABLES, TRAINING, Format
from app.exporting.metadata import Column
from data.task import Task
from data.text.figures import plural
from db.notes.queue.metadata import MAX_NAMES, Condition, metadata_names, read_condition
from db.people.acting import LeadAct
from db.review.reviewed import Filters, Status, count_reviewed
from db.store.store import Session

STATUSES: tuple[Status, ...] = get_args(Status)
REVIEWED: tuple[Status, ...] = ("submitted",)
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)
"""Days beyond these are mistyped: of the year 26 or 20261."""


@dataclass(frozen=True)
class Choice:
    """One export.

    Attributes:
        form: the format.
        fields: keys of the fields that are written; None for all of them.
        with_provenance: whether it says who decided when, and what the model had said.
        with_text: whether the note's text is in it; without it the reviewer's comment is left out as well.
        with_metadata: whether what came with the note is in it.
        columns: those that a table has for it; see `app.exporting.metadata.with_columns`.
        reviewer: only notes that this reviewer decided.
        adapter: only notes that started from a suggestion of this adapter.
        since: only notes decided on this day or later.
        until: only notes decided on this day or earlier.
        zone: the time zone of these days, "Europe/Berlin" or "UTC"; empty for the machine's.
        is_corrected: only notes in which a suggested value was changed.
        statuses: what stands for the notes; anything beside "submitted" is marked in its record.
        where: only notes that came with what all of these ask for.
        with_samples: whether the synthetic notes that came with caseloop are in it once real ones are reviewed.
        mapping: the file that says what becomes of each field in a registry's format; None for the task's own.
        with_spans: whether it says where in the text the values stand, where the format has a place for that.
        with_superseded: whether decisions about texts that a newer version replaces are in it.
    """

    form: Format = "jsonl"
    fields: tuple[str, ...] | None = None
    with_provenance: bool = False
    with_text: bool = True
    with_metadata: bool = True
    columns: tuple[Column, ...] = ()
    reviewer: str | None = None
    adapter: str | None = None
    since: date | None = None
    until: date | None = None
    zone: str = ""
    is_corrected: bool = False
    statuses: tuple[Status, ...] = REVIEWED
    where: tuple[Condition, ...] = ()
    with_samples: bool = False
    with_spans: bool = True
    mapping: Path | None = None
    with_superseded: bool = False

    def keys(self, task: Task) -> tuple[str, ...]:
        """The fields that are written, in the order of the record."""
        return task.keys if self.fields is None else tuple(key for key in task.keys if key in self.fields)

    def is_training_input(self, task: Task) -> bool:
        """Whether `caseloop import --original` takes every record of it."""
        whole = self.with_text and self.keys(task) == task.keys and self.statuses == REVIEWED
        return whole and self.form in TRAINING

    def comes_back(self, task: Task) -> bool:
        """Whether `caseloop import --decisions` takes every record of it."""
        whole = self.with_text and self.with_provenance and self.keys(task) == task.keys
        return whole and self.form in RETURNING

    @property
    def has_spans(self) -> bool:
        """Whether each record says where its values stand in the text; in a table only beside the provenance."""
        is_table = self.form in TABLES
        return self.with_spans and self.with_text and (self.with_provenance or not is_table)

    @property
    def is_marked(self) -> bool:
        """Whether each record says its status, because not all of them are reviewed."""
        return self.meant != REVIEWED

    @property
    def meant(self) -> tuple[Status, ...]:
        """What stands for the notes, as far as the format can say it."""
        return REVIEWED if self.form in REVIEWED_ONLY else self.statuses

    def filters(self) -> Filters:
        """Which decisions are meant, for the store."""
        zone = read_zone(self.zone)
        return {
            "since": midnight(self.since, zone) if self.since else None,
            "until": midnight(self.until + timedelta(days=1), zone) if self.until else None,
            "reviewer": self.reviewer,
            "adapter": self.adapter,
            "is_corrected": self.is_corrected,
            "statuses": self.meant,
            "with_samples": self.with_samples,
            "metadata": self.where,
            "with_superseded": self.with_superseded,
        }

    def describe(self) -> dict[str, Any]:
        """The choice for the audit trail: what was taken out and which notes' it is, no text and no value."""
        told: dict[str, Any] = {"format": self.form, "with_text": self.with_text, "with_metadata": self.with_metadata}
        told |= {"with_provenance": self.with_provenance, "statuses": list(self.statuses)}
        for name in ("reviewer", "adapter", "since", "until"):
            if (value := getattr(self, name)) is not None:
                told[name] = str(value)
        told |= {"zone": self.zone} if self.zone and (self.since or self.until) else {}
        told |= {"where": [f"{one.name} {one.test}" for one in self.where]} if self.where else {}  # no value
        told |= {"fields": list(self.fields)} if self.fields is not None else {}
        return told | ({"is_corrected": True} if self.is_corrected else {})

    def query(self) -> str:
        """The same choice as the end of an address, without the format; empty where nothing differs from the usual."""
        said: dict[str, str] = {}
        if self.fields is not None:
            said["fields"] = ",".join(self.fields)
        for name in ("reviewer", "adapter", "since", "until"):
            if (value := getattr(self, name)) is not None:
                said[name] = str(value)
        said |= {"zone": self.zone} if self.zone and (self.since or self.until) else {}
        if self.is_marked:
            said["statuses"] = ",".join(self.statuses)
        said |= {"corrected": "1"} if self.is_corrected else {}
        said |= {} if self.with_text else {"with_text": "0"}
        said |= {} if self.with_metadata == self.with_text else {"with_metadata": str(int(self.with_metadata))}
        said |= {"with_provenance": "1"} if self.with_provenance else {}
        said |= {"with_samples": "1"} if self.with_samples else {}
        said |= {} if self.with_spans else {"with_spans": "0"}
        return f"?{urlencode(said)}" if said else ""


def read_choice(  # noqa: PLR0913 - one for each thing that a person can choose
    task: Task,
    form: Format,
    *,
    fields: Sequence[str] = (),
    statuses: Sequence[str] = (),
    since: str = "",
    until: str = "",
    zone: str = "",
    reviewer: str = "",
    adapter: str = "",
    is_corrected: bool = False,
    with_text: bool = True,
    with_metadata: bool | None = None,
    with_provenance: bool = False,
    where: Sequence[str] = (),
    with_samples: bool = False,
    with_spans: bool = True,
    mapping: Path | None = None,
    with_superseded: bool = False,
) -> Choice:
    """A choice from what a person typed; what is empty is left as usual.

    Where nothing is said of the metadata it goes with the text: a patient's number is no less a person's than that.

    Raises:
        InputError: a field, a status, a day or a time zone that there is not, or days in the wrong order.
        StoreError: a condition that is none.
    """
    known = [key for key in task.keys if key in fields]
    if unknown := [name for name in fields if name not in task.keys]:
        raise InputError(f"Expected fields among {', '.join(task.keys)}; found {unknown[0][:40]!r}.")
    if wrong := [name for name in statuses if name not in STATUSES]:
        raise InputError(f"Expected statuses among {', '.join(STATUSES)}; found {wrong[0][:40]!r}.")
    chosen = cast("list[Status]", [status for status in STATUSES if status in statuses])
    first, last = _day(since), _day(until)
    if first and last and first > last:
        raise InputError(f"Expected the first day before the last one; found {first} and {last}. Swap them.")
    read_zone(zone)
    return Choice(
        form=form,
        fields=tuple(known) if known and tuple(known) != task.keys else None,
        with_provenance=with_provenance,
        with_text=with_text,
        with_metadata=with_text if with_metadata is None else with_metadata,
        reviewer=reviewer.strip() or None,
        adapter=adapter.strip() or None,
        since=first,
        until=last,
        zone=zone,
        is_corrected=is_corrected,
        statuses=tuple(chosen) or REVIEWED,
        where=tuple([read_condition(written) for written in where]),
        with_samples=with_samples,
        with_spans=with_spans,
        mapping=mapping,
        with_superseded=with_superseded,
    )


def count_records(session: Session, choice: Choice) -> int:
    """How many records the export has."""
    return count_reviewed(session, **choice.filters())


def mention_samples(session: Session, choice: Choice) -> str:
    """A sentence about the samples that the export has or leaves out; empty where it would have none in any case."""
    mine: Filters = {**choice.filters(), "origin": "sample"}
    has = count_reviewed(session, **mine)
    mine["with_samples"] = True
    wanted = count_reviewed(session, **mine)
    if not wanted:
        return ""
    many = plural(wanted, "reviewed note")
    if not has:
        return f"{many} of the synthetic samples left out."
    are = (
        "is a synthetic sample, with an invented patient"
        if wanted == 1
        else "are synthetic samples, with invented patients"
    )
    return f"{many} in it {are}."


def mention_columns(session: Session, choice: Choice) -> str:
    """A sentence about conditions on columns that no note came with, which are mistyped; empty where there are none."""
    known = metadata_names(session)
    strange = [one.name for one in choice.where if one.name not in known]
    if not strange or len(known) >= MAX_NAMES:  # no more are kept
        return ""
    return f"No note came with the column {strange[0][:40]!r}. Check the name, capital letters count."


def note_export(act: LeadAct, choice: Choice) -> int:
    """Say in the audit trail who takes what out, before anything leaves; how many records that are."""
    n_records = count_records(act.session, choice)
    act.record("exported", n_records=n_records, **choice.describe())
    return n_records


def _day(typed: str) -> date | None:
    if not typed.strip():
        return None
    try:
        day = date.fromisoformat(typed.strip()[:10])
        if FIRST_DAY <= day <= LAST_DAY:
            return day
    except ValueError:
        pass
    raise InputError(f"Expected a day such as 2026-01-31; found {typed.strip()[:20]!r}.")
