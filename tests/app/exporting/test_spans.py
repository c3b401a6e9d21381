"""Spans: in every record of every format that has a place for them, the offsets cut their words out of the note."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pyarrow as pa
import pytest
from pyarrow import parquet

from data.text.formulas import unescape_cell
from db.store.store import open_store
from tests.kit.desk.decided_records import exported, fill


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("full") / "caseloop.db") as opened:
        fill(opened, 80, seed=5)
        yield opened


def _arrow(raw):
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".arrow")]
        return pa.ipc.open_stream(archive.read(name)).read_all().to_pylist()


def _table(raw, separator):
    rows = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=separator)
    return [
        {"input": unescape_cell(row["input"]), "spans": json.loads(unescape_cell(row["spans"]) or "[]")} for row in rows
    ]


READ = {
    "jsonl": lambda raw: [json.loads(line) for line in raw.splitlines()],
    "json": json.loads,
    "parquet": lambda raw: parquet.read_table(io.BytesIO(raw)).to_pylist(),
    "dataset": _arrow,
    "csv": lambda raw: _table(raw, ","),
    "tsv": lambda raw: _table(raw, "\t"),
}


@pytest.mark.parametrize("form", READ)
def test_an_offset_cuts_its_words_out_of_the_note(full, form):
    n_spans = 0
    for record in READ[form](exported(full, form)):
        for span in record["spans"]:
            assert record["input"][span["start"] : span["end"]] == span["text"] != ""
            n_spans += 1
    assert n_spans > 100


def test_spans_are_of_what_was_decided(full):
    for record in READ["jsonl"](exported(full, "jsonl")):
        for span in record["spans"]:
            assert record["output"][span["field"]] == span["value"]
        if record["output"] is None:
            assert record["spans"] == []
    assert "spans" not in json.loads(exported(full, "jsonl", with_spans=False).splitlines()[0])
    assert "spans" not in json.loads(exported(full, "jsonl", with_text=False).splitlines()[0])


def test_brat_reads_what_stands_there(full):
    with zipfile.ZipFile(io.BytesIO(exported(full, "brat"))) as archive:
        names = archive.namelist()
        kinds = archive.read("reviewed/annotation.conf").decode().split("[relations]")[0].split()[1:]
        texts = [name for name in names if name.endswith(".txt")]
        n_spans = 0
        for name in texts:
            text = archive.read(name).decode()
            lines = archive.read(name.removesuffix("txt") + "ann").decode().splitlines()  # as brat does
            assert all(line.startswith(("T", "#")) for line in lines)
            for line in lines:
                if line.startswith("T"):
                    number, place, words = line.split("\t", 2)
                    kind, _, offsets = place.partition(" ")
                    parts = [[int(end) for end in part.split(" ")] for part in offsets.split(";")]
                    assert " ".join(text[start:end] for start, end in parts) == words
                    assert kind in kinds
                    assert f"#{number[1:]}\tAnnotatorNotes {number}\t" in "\n".join(lines)
                    n_spans += 1
    records = READ["jsonl"](exported(full, "jsonl", statuses=("submitted",)))
    assert len(texts) == len({name.casefold() for name in texts}) == len(records)
    assert n_spans > 100
