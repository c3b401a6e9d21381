"""The measurements of the store give figures for what they say: every note imported, every record exported."""

from __future__ import annotations

import json

import pytest

from app.core.errors import DeskError
from app.exporting.choice import Choice, count_records
from app.exporting.writing import export_pieces
from app.importing.load import import_files
from data.task import load_task
from db.store.store import open_store
from tests.bench.desk import store as bench

TASK = load_task()


def test_every_command_is_measured(monkeypatch):
    monkeypatch.setattr(bench, "EXPORTS", {"csv, with provenance": bench.EXPORTS["csv, with provenance"]})
    said = []
    result = bench.run_store(30, say=said.append)
    export = result["export"]["csv, with provenance"]
    for figures in (result["import"], result["the same again"], result["import of short notes"], export):
        assert figures["per_s"] == pytest.approx(30 / figures["seconds"], rel=0.5, abs=1)
        assert figures["cpu_s"] > 0
        assert 20 < figures["peak_mib"] < 1024
    assert export["file_mb"] > 0
    assert len(said) == 6


def test_every_note_is_new_and_every_note_is_reviewed(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "N_REVIEWED", 7)
    file = tmp_path / "notes.jsonl"
    assert 2 < bench.write_notes(file, 40) / bench.write_notes(tmp_path / "short.jsonl", 40, n_texts=1) < 4
    assert file.stat().st_size > 40 * 800
    with open_store(tmp_path / "home" / "caseloop.db") as store:
        assert import_files(store, TASK, [file]).n_added == 40
    bench.review_all(tmp_path, 40)
    with open_store(tmp_path / "home" / "caseloop.db") as store, store.reading() as session:
        choice = Choice(with_provenance=True)
        assert count_records(session, choice) == 40
        records = [json.loads(line) for line in b"".join(export_pieces(session, TASK, choice)).splitlines()]
        assert not store.problems()
    assert {record["provenance"]["adapter"] for record in records} == {"bench"}
    assert len({record["input"] for record in records}) == 40
    assert {kind for record in records for kind in record["provenance"]["corrections"].values()} > {"accepted"}


def test_a_command_that_fails_is_no_measurement(tmp_path):
    with pytest.raises(DeskError, match="import to succeed; it ended with 2"):
        bench.timed(tmp_path, 1, "import", str(tmp_path / "nothing.jsonl"))
