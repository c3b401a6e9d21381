"""What came with a note leaves with it in every format and comes back under its name; days are of a time zone."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet

from app.core.errors import InputError
from app.core.zones import midnight, read_zone
from app.exporting.choice import Choice, count_records, mention_columns, read_choice
from app.exporting.writing import export_pieces, write_export
from app.importing.decisions import import_decisions
from app.importing.load import import_files
from data.notes import make_note
from data.task import Extraction, load_task
from db.notes.notes import add_notes, find_note
from db.review.decisions import submit
from db.review.reviewed import reviewed_per_day
from db.store.store import open_store
from tests.kit.desk.permits import person_in, program_in

TASK = load_task()
METADATA = {
    "mrn": "0815", "ward": "=3", "age": 61, "weight": 7.5, "urgent": True, "mixed": "x", "deep": {"a": ["ü", None]},
}  # fmt: skip
OTHER = {"mrn": "4711", "mixed": 2}
EVENING = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)  # in Tokyo the day after


def reviewed_store(folder, metadata=(METADATA, OTHER, {})):
    """Reviewed notes, one for each metadata: some, other, none."""
    opened = open_store(folder / "caseloop.db")
    notes = [
        make_note(TASK, f"Report {number}.", external_id=f"c-{number}", metadata=one)
        for number, one in enumerate(metadata)
    ]
    with opened.transaction() as session:
        for note_id in add_notes(program_in(session), notes).note_ids:
            submit(
                person_in(session, "ada"),
                note_id=note_id,
                status="submitted",
                extraction=Extraction.empty(TASK),
                seen_revision=0,
                token=f"t-{note_id}",
            )
    return opened


@pytest.fixture
def store(tmp_path):
    with reviewed_store(tmp_path / "store") as opened:
        yield opened


def exported(store, form, **settings):
    with store.reading() as session:
        return b"".join(export_pieces(session, TASK, read_choice(TASK, form, **settings)))


def test_json_has_an_object_and_nothing_where_nothing_came(store):
    found = [json.loads(line).get("metadata") for line in exported(store, "jsonl").splitlines()]
    assert found == [METADATA, OTHER, None]
    tasks = json.loads(exported(store, "label-studio"))
    assert [one["data"].get("metadata") for one in tasks] == [METADATA, OTHER, None]


def test_a_table_has_a_column_each(store):
    first, second, third = csv.DictReader(io.StringIO(exported(store, "csv").decode("utf-8-sig")))
    assert [name for name in first if name.startswith(("meta.", "meta_json."))] == [
        "meta.mrn", "meta.ward", "meta_json.age", "meta_json.weight", "meta_json.urgent", "meta_json.mixed",
        "meta_json.deep",
    ]  # fmt: skip
    assert (first["meta.mrn"], first["meta.ward"], first["meta_json.mixed"]) == ("0815", "'=3", '"x"')
    assert (second["meta_json.mixed"], third["meta.mrn"]) == ("2", "")


def test_columns_have_types_where_all_values_are_of_one(store):
    table = parquet.read_table(io.BytesIO(exported(store, "parquet")))
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names if name.startswith("meta")}
    assert kinds == {
        "meta.age": "int64", "meta_json.deep": "string", "meta_json.mixed": "string", "meta.mrn": "string",
        "meta.urgent": "bool", "meta.ward": "string", "meta.weight": "double",
    }  # fmt: skip
    assert table.column("meta.age").to_pylist() == [61, None, None]


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "tsv", "xlsx", "parquet"])
def test_metadata_comes_back_as_it_was(store, tmp_path, form):
    out = tmp_path / f"out.{form}"
    write_export(store, TASK, out, Choice(form))
    with open_store(tmp_path / "other" / "caseloop.db") as other:
        report = import_files(other, TASK, [out], original=True)
        assert (report.n_added, report.refusals) == (3, [])
        with other.reading() as session:
            assert [find_note(session, f"c-{number}").metadata for number in range(3)] == [METADATA, OTHER, {}]


NAMES = (
    *("id", "input", "output", "text", "instruction", "stage", "status", "meta.x", "metadata", "a.b", "a,b", 'q"q'),
    *("two\nlines", "tab\tt", "🧬", "Ward", "ward", "ward ", "=x", "'=x", "'x", "__proto__", "0"),
)  # fmt: skip


@pytest.mark.parametrize("form", ["jsonl", "csv", "xlsx", "parquet"])
def test_columns_called_like_anything_come_back(tmp_path, form):
    metadata = [{name: "v"} for name in NAMES] + [dict.fromkeys(NAMES, "=v")]
    out = tmp_path / f"out.{form}"
    with reviewed_store(tmp_path / "store", metadata) as store:
        write_export(store, TASK, out, Choice(form, with_provenance=True))
    with open_store(tmp_path / "other" / "caseloop.db") as other:
        report = import_decisions(other, TASK, [out])
        assert (report.n_added, report.refusals) == (len(metadata), [])
        with other.reading() as session:
            assert [find_note(session, f"c-{number}").metadata for number in range(len(metadata))] == metadata


def test_a_condition_on_nobodys_column_is_told(store):
    with store.reading() as session:
        assert mention_columns(session, read_choice(TASK, "jsonl", where=["mrn present"])) == ""
        assert "'MRN'" in mention_columns(session, read_choice(TASK, "jsonl", where=["MRN != 3"]))


def test_a_link_stays_one_and_leads_to_the_export(store, tmp_path):
    old, link = tmp_path / "monday.csv", tmp_path / "newest.csv"
    old.write_text("old")
    link.symlink_to(old)
    write_export(store, TASK, link, Choice("csv"))
    assert link.is_symlink()
    assert old.read_bytes() == exported(store, "csv")


def test_a_device_or_a_pipe_stays_what_it_is(store, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="pipe"):
        write_export(store, TASK, pipe, Choice("jsonl"))
    assert pipe.is_fifo()


def test_it_can_be_left_out_and_goes_with_the_text(store):
    for settings in ({"with_metadata": False}, {"with_text": False}):
        for form in ("jsonl", "csv", "label-studio"):
            assert b"0815" not in exported(store, form, **settings)
    assert b"0815" in exported(store, "jsonl", with_text=False, with_metadata=True)
    assert read_choice(TASK, "jsonl", with_metadata=False).query() == "?with_metadata=0"


def test_an_export_can_be_of_some_metadata(store):
    chosen = read_choice(TASK, "jsonl", where=["mrn present", "age = 61"])
    with store.reading() as session:
        assert count_records(session, chosen) == 1
    assert chosen.describe()["where"] == ["mrn present", "age is"]  # no value in the audit trail


# ---------------------------------------------------------------- days


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("UTC", date(2026, 3, 29), datetime(2026, 3, 29, tzinfo=UTC)),
        ("Asia/Tokyo", date(2026, 3, 29), datetime(2026, 3, 28, 15, tzinfo=UTC)),
        ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        ("Europe/Berlin", date(2026, 3, 30), datetime(2026, 3, 29, 22, tzinfo=UTC)),  # the day before had 23 hours
        ("Asia/Kathmandu", date(2026, 3, 29), datetime(2026, 3, 28, 18, 15, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_its_own_midnight(zone, day, begins):
    assert midnight(day, read_zone(zone)) == begins


def test_without_a_zone_it_is_the_machines(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert midnight(date(2026, 3, 29), read_zone("")) == datetime(2026, 3, 28, 15, tzinfo=UTC)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "a\0b", "/etc/localtime", "x" * 5000])
def test_a_zone_that_there_is_not_is_refused(name):
    with pytest.raises(InputError, match="time zone"):
        read_zone(name)


@pytest.mark.parametrize(
    ("zone", "day"), [("UTC", "2026-03-28"), ("Asia/Tokyo", "2026-03-29"), ("America/Los_Angeles", "2026-03-28")]
)
def test_an_export_and_the_days_of_work_are_of_the_same_days(tmp_path, monkeypatch, zone, day):
    monkeypatch.setattr("db.review.revisions.t.now", lambda: EVENING)
    with reviewed_store(tmp_path / "store") as opened, opened.reading() as session:
        assert count_records(session, read_choice(TASK, "jsonl", since=day, until=day, zone=zone)) == 3
        other = "2026-03-29" if day.endswith("28") else "2026-03-28"
        assert count_records(session, read_choice(TASK, "jsonl", since=other, until=other, zone=zone)) == 0
        (counted,) = reviewed_per_day(session, ZoneInfo(zone))
        assert (counted.day.isoformat(), counted.n_submitted) == (day, 3)
