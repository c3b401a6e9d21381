"""The pre-fill worker: a suggestion for every note, whatever happens to it, to the model or to a note."""

from __future__ import annotations

import shutil
import signal
import threading

import pytest

from app.core.adapters import ensure_adapter
from app.core.errors import DeskError
from app.core.settings import load_settings
from app.importing.load import import_files
from app.worker.engines import load_engine
from app.worker.pending import N_AHEAD, Waiting
from app.worker.prefill import WORKER, Prefill
from data.storage.files import sha256_of
from data.task import Extraction
from db.notes.queue.novelty import count_compared
from db.notes.queue.search import counts
from db.notes.queue.waiting import open_note
from db.notes.suggestions import count_without, failure_of, notes_without, suggestion_of, suggestions_of
from db.review.decisions import submit
from db.store.heartbeats import heartbeat, set_heartbeat
from db.training.adapters import AdapterRow, activate, register_adapter
from tests.kit.desk.permits import person_in, program_in
from tests.kit.homes import is_gone, wait_for, write_notes
from tests.kit.tiny import shared_tiny, tiny_adapter, tiny_rows
from trainer.adapter.files import ModelError
from trainer.engine.api import EngineUnavailableError, Suggester


@pytest.fixture
def desk(tiny_home, tmp_path):
    with tiny_home.desk() as desk:
        ensure_adapter(desk.settings, desk.store)
        yield desk


def bring(desk, tmp_path, texts):
    import_files(desk.store, desk.task, [write_notes(tmp_path / "notes.jsonl", texts)])
    with desk.store.reading() as session:
        return [note_id for note_id, _ in notes_without(session, "nobody", 1000)]


def texts(n):
    return [row.text for row in tiny_rows(n)]


def state(desk):
    with desk.store.reading() as session:
        beat = heartbeat(session, WORKER)
    return "" if beat is None else beat.payload["state"]


def n_compared(desk):
    with desk.store.reading() as session:
        return count_compared(session)


def suggested_by(desk, note_id):
    with desk.store.reading() as session:
        row = suggestion_of(session, note_id)
    return None if row is None else row.adapter


def second_adapter(desk, name="second"):
    """Another adapter for the same base, registered but not active."""
    place = tiny_adapter(shared_tiny().base, desk.settings.adapters / name, name=name, seed=7)
    with desk.store.transaction() as session:
        digest = sha256_of(place / "adapter_model.safetensors")
        base = desk.settings.base
        register_adapter(program_in(session), AdapterRow(name, f"./adapters/{name}", base, None, 1, digest))
    return place


class Breaks:
    """An engine that breaks on some notes: the real one, with a fault in front."""

    def __init__(self, engine: Suggester, word: str, error: Exception) -> None:
        self._engine, self._word, self._error = engine, word, error

    def serve(self, source):
        while requests := source(8):
            for request in requests:
                yield request.key, self.suggest_one(request.text)

    def suggest_one(self, text):
        if self._word in text:
            raise self._error
        return self._engine.suggest_one(text)


def broken(worker, word, error):
    worker._load(worker._current())
    worker._engine = Breaks(worker._engine, word, error)
    return worker


def test_every_note_gets_one_suggestion(desk, tmp_path):
    ids = bring(desk, tmp_path, texts(11))
    done: list[int] = []
    report = Prefill(desk).run(on_done=done.append)
    assert (report.n_done, report.n_failed, report.adapter) == (11, 0, "tiny-adapter")
    assert done == list(range(1, 12))
    with desk.store.reading() as session:
        assert all(len(suggestions_of(session, note_id)) == 1 for note_id in ids)
    assert Prefill(desk).run().n_done == 0
    assert state(desk) == "stopped"


def test_a_limit_takes_the_first_notes(desk, tmp_path):
    ids = bring(desk, tmp_path, texts(10))
    assert Prefill(desk).run(limit=9).n_done == 9
    assert suggested_by(desk, ids[8]) == "tiny-adapter"
    assert suggested_by(desk, ids[9]) is None


def test_a_note_that_breaks_the_model_is_given_up_after_three_tries(desk, tmp_path):
    ids = bring(desk, tmp_path, ["Poison of a note.", *texts(4)])
    for _ in range(3):
        worker = broken(Prefill(desk), "Poison", IndexError("Poison of a note."))
        worker.run(limit=5)
    assert [suggested_by(desk, note_id) for note_id in ids] == [None, *["tiny-adapter"] * 4]
    with desk.store.reading() as session:
        n_failures, reason = failure_of(session, ids[0], "tiny-adapter")
        assert count_without(session, "tiny-adapter") == 0
    assert n_failures == 3
    assert "Poison" not in reason
    assert "IndexError" in reason


def test_a_model_that_answers_nothing_is_not_blamed_on_the_notes(desk, tmp_path):
    ids = bring(desk, tmp_path, texts(4))
    worker = broken(Prefill(desk), "", RuntimeError("the device is lost"))
    with pytest.raises(DeskError, match="The model gave no answer"):
        worker.run()
    with desk.store.reading() as session:
        assert [failure_of(session, note_id, "tiny-adapter") for note_id in ids] == [None] * 4


def test_a_note_too_long_for_the_model_says_so(desk, tmp_path):
    (note_id,) = bring(desk, tmp_path, ["word " * 3900])
    report = Prefill(desk).run(limit=3)
    assert report.n_failed == 3
    with desk.store.reading() as session:
        _, reason = failure_of(session, note_id, "tiny-adapter")
    assert reason.startswith("Expected a note of at most")


def test_the_store_knows_how_far_a_note_is_read_that_somebody_waits_for(desk, tmp_path, monkeypatch):
    said = []

    def heard(program, what, payload):
        said.append(payload.get("read"))
        set_heartbeat(program, what, payload)

    monkeypatch.setattr("app.worker.prefill.set_heartbeat", heard)
    first, long, other = bring(desk, tmp_path, [text * 8 for text in texts(3)])
    with desk.store.transaction() as session:
        open_note(program_in(session), "ada", first)
    monkeypatch.setattr("trainer.engine.reading.EVERY_S", 0)
    worker = Prefill(desk)
    worker.run(limit=1)
    assert not any(said), "a note that is answered in two seconds is not worth a word"
    with desk.store.transaction() as session:
        open_note(program_in(session), "ada", long)
    monkeypatch.setattr("trainer.engine.reading.LONG_S", 0)
    worker._engine._forward.prefill = 64
    worker.run()
    shares = [share[str(long)] for share in said if share]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    assert {key for share in said if share for key in share} == {str(long)}, "nobody waits for the other"
    assert said[-1] is None
    assert suggested_by(desk, other)


def test_suggestions_bear_the_name_that_the_store_knows(desk, tmp_path):
    (note_id,) = bring(desk, tmp_path, texts(1))
    digest = sha256_of(second_adapter(desk, "second") / "adapter_model.safetensors")
    with desk.store.transaction() as session:
        register_adapter(
            program_in(session),
            AdapterRow("renamed", "./adapters/second", desk.settings.base, None, 1, digest),
        )
        activate(person_in(session, "test"), "renamed", reason="test")
    Prefill(desk).run()
    assert suggested_by(desk, note_id) == "renamed"


def watching(desk):
    stop = threading.Event()
    worker = Prefill(desk)
    thread = threading.Thread(target=worker.watch, args=(stop,))
    thread.start()
    return stop, thread


def test_the_watch_switches_to_an_adapter_that_becomes_active(desk, tmp_path):
    ids = bring(desk, tmp_path, texts(3))
    second_adapter(desk)
    stop, thread = watching(desk)
    try:
        wait_for(lambda: suggested_by(desk, ids[-1]) == "tiny-adapter", "the first adapter")
        with desk.store.transaction() as session:
            activate(person_in(session, "test"), "second", reason="test")
        wait_for(lambda: suggested_by(desk, ids[-1]) == "second", "the second adapter")
        wait_for(lambda: state(desk) == "idle", "an idle worker")
        more = bring(desk, tmp_path, [row.text for row in tiny_rows(2, start=500)])
        wait_for(lambda: suggested_by(desk, more[-1]) == "second", "a note that came later")
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert state(desk) == "stopped"


def test_the_watch_compares_notes_with_reviewed_ones_once_it_is_idle(desk, tmp_path, monkeypatch, caplog):
    ids = bring(desk, tmp_path, texts(3))
    with desk.store.transaction() as session:
        nothing = Extraction(desk.task, dict.fromkeys(desk.task.keys))
        submit(
            person_in(session, "ada"),
            note_id=ids[0],
            status="submitted",
            extraction=nothing,
            seen_revision=0,
            token="t",
        )
    stop, thread = watching(desk)
    try:
        wait_for(lambda: n_compared(desk) == 2, "two notes compared with the reviewed one")
        assert suggested_by(desk, ids[-1]) == "tiny-adapter"  # which came first
        monkeypatch.setattr("app.worker.novelty.waiting_texts", lambda *_: 1 / 0)
        wait_for(lambda: "notes are not compared any more" in caplog.text, "word of the fault")
        more = bring(desk, tmp_path, [row.text for row in tiny_rows(1, start=500)])
        wait_for(lambda: suggested_by(desk, more[-1]) == "tiny-adapter", "a note that came later")
    finally:
        stop.set()
        thread.join(60)


def test_the_watch_survives_a_model_that_does_not_load(desk, tmp_path):
    ids = bring(desk, tmp_path, texts(2))
    place = second_adapter(desk)
    (place / "adapter_model.safetensors").rename(tmp_path / "elsewhere")
    with desk.store.transaction() as session:
        activate(person_in(session, "test"), "second", reason="test")
    stop, thread = watching(desk)
    try:
        wait_for(lambda: state(desk).startswith("failed: Expected"), "word of the failure")
        assert thread.is_alive()
        shutil.move(tmp_path / "elsewhere", place / "adapter_model.safetensors")
        wait_for(lambda: suggested_by(desk, ids[-1]) == "second", "the repaired adapter")
    finally:
        stop.set()
        thread.join(60)


def test_a_missing_base_is_named(desk, tmp_path):
    lost = AdapterRow("lost", desk.settings.adapters.as_posix(), str(tmp_path / "nowhere"), None, 1, "1" * 64)
    embedded = load_settings({"CASELOOP_HOME": str(desk.settings.home)})  # names no base that could be the moved one
    with pytest.raises(ModelError, match="there is none"):
        load_engine(embedded, lost, desk.task)


def test_the_watch_ends_cleanly_when_it_is_told_to(tiny_home):
    process = tiny_home.start("prefill", "--watch")
    with tiny_home.desk() as desk:
        wait_for(lambda: state(desk) == "idle", "an idle worker")
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0
        assert (out, errors) == ("", "")
        assert state(desk) == "stopped"
        with desk.store.reading() as session:
            assert counts(session).n_notes == 0
    assert is_gone(process.pid)


def taken(waiting, n_free):
    return [(number, is_urgent) for (number, _), is_urgent in waiting.take(n_free)]


def test_a_note_that_a_reviewer_has_open_goes_before_the_bulk(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("app.worker.pending.LOOK_S", 0.0)
    ids = bring(desk, tmp_path, [f"Report {number}." for number in range(N_AHEAD + 5)])
    waiting = Waiting(desk.store, "tiny-adapter")
    assert taken(waiting, 3) == [(number, False) for number in ids[:3]]
    assert taken(waiting, 0) == []
    with desk.store.transaction() as session:
        open_note(program_in(session), "ada", ids[-1])
        open_note(program_in(session), "ben", ids[1])
    given = taken(waiting, 0)
    assert sorted(given) == [(ids[1], True), (ids[-1], True)], "beyond the free slots, one under way once more"
    assert taken(waiting, 0) == [], "and no third time"
    assert taken(waiting, 2) == [(ids[3], False), (ids[4], False)]
    rest = [number for number, _ in taken(waiting, 1000)]
    assert rest == ids[5:-1]
    assert taken(waiting, 1000) == []
    waiting.settle(ids[0])
    assert taken(waiting, 1000) == [(ids[0], False)], "settled, but without a suggestion: it is tried again"


def test_a_note_that_a_reviewer_opens_meanwhile_is_answered_next(desk, tmp_path):
    ids = bring(desk, tmp_path, texts(120))
    order: list[int] = []

    class Noting(Prefill):
        def _store(self, note_id, suggestion):
            super()._store(note_id, suggestion)
            order.append(note_id)
            if len(order) == 2:
                with desk.store.transaction() as session:
                    open_note(program_in(session), "ada", ids[-1])

    worker = Noting(desk)
    worker.run()
    assert sorted(order) == ids
    assert order.index(ids[-1]) < 60, "far before its turn, which is the last"


def test_the_bulk_stops_for_an_adapter_that_takes_over(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("app.worker.pending.LOOK_S", 0.0)
    ids = bring(desk, tmp_path, texts(5))
    second_adapter(desk)
    waiting = Waiting(desk.store, "tiny-adapter")
    assert len(taken(waiting, 1)) == 1
    with desk.store.transaction() as session:
        activate(person_in(session, "test"), "second", reason="test")
    assert taken(waiting, 8) == []
    assert taken(Waiting(desk.store, "tiny-adapter", follows=False), 8) == [(number, False) for number in ids]


class Away:
    """An engine without its server, until that is back."""

    n_slots = 4

    def __init__(self, engine, n_answers: int, n_failures: int) -> None:
        self._engine, self.n_answers, self.n_failures = engine, n_answers, n_failures

    def serve(self, source):
        while requests := source(self.n_slots):
            for request in requests:
                if not self.n_answers and self.n_failures:
                    self.n_failures -= 1
                    raise EngineUnavailableError("Expected an answer; found none.")
                self.n_answers = max(0, self.n_answers - 1)
                yield request.key, self._engine.suggest_one(request.text)


def away(desk, n_answers, n_failures):
    worker = Prefill(desk)
    worker._load(worker._current())
    worker._engine = Away(worker._engine, n_answers, n_failures)
    return worker


def test_a_server_that_goes_away_is_waited_for_and_no_note_is_blamed(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("app.worker.prefill.FIRST_PAUSE_S", 0.01)
    ids = bring(desk, tmp_path, texts(6))
    assert away(desk, 2, 3).run().n_done == 6
    with desk.store.reading() as session:
        assert [failure_of(session, note_id, "tiny-adapter") for note_id in ids] == [None] * 6


def test_a_server_that_was_never_there_ends_a_prefill_at_once(desk, tmp_path):
    bring(desk, tmp_path, texts(3))
    with pytest.raises(EngineUnavailableError):
        away(desk, 0, 1).run()
    assert state(desk) == "failed: Expected an answer; found none."


def test_a_server_that_stays_away_ends_a_prefill_in_the_end(desk, tmp_path, monkeypatch):
    monkeypatch.setattr("app.worker.prefill.FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr("app.worker.prefill.PATIENCE_S", 0.2)
    bring(desk, tmp_path, texts(4))
    worker = away(desk, 1, 10**6)
    with pytest.raises(EngineUnavailableError):
        worker.run()
    assert worker.n_done == 1
