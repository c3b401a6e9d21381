"""The worker with a model behind a server, whatever that server does: no note is lost and review goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from app.core.adapters import described_adapter
from app.core.settings import SettingsError, load_settings
from app.importing.load import import_files
from app.processes.supervisor import is_healthy
from app.screens.review.note.note import page_for as open_note
from app.screens.status import why_none
from app.worker.engines import load_engine
from app.worker.prefill import Prefill
from data.notes import make_note
from data.task import Extraction
from db.notes.queue.search import counts
from db.notes.queue.waiting import opened_notes
from db.notes.suggestions import failure_of, notes_without, suggestion_of
from db.review.decisions import submit
from db.store.heartbeats import heartbeat
from tests.kit.desk.permits import person_in
from tests.kit.desk.servers import (
    SECRET,
    TASK,
    TransformersServer,
    cut,
    fails,
    faulty,
    free_port,
    merged_checkpoint,
    says,
    sends,
    settle,
    slow,
    watching,
)
from tests.kit.homes import one_sentence, wait_for, write_notes
from tests.kit.tiny import tiny_rows, write_labelled

POISON = "Confidential, and poison."


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    """The client's pauses between its tries, made short where it runs in the test's own process."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 0.05)


@pytest.fixture
def server():
    with faulty() as running:
        yield running


@pytest.fixture
def far_home(home, server):
    """An empty home whose model is behind the server."""
    return settle(home, server.url)


def bring(desk, tmp_path, texts):
    import_files(desk.store, desk.task, [write_notes(tmp_path / "notes.jsonl", texts)])
    with desk.store.reading() as session:
        return [note_id for note_id, _ in notes_without(session, "nobody", 1000)]


def texts(n):
    return [f"Report {number} of a patient." for number in range(n)]


def n_suggested(desk, ids):
    with desk.store.reading() as session:
        return sum(suggestion_of(session, note_id, "served") is not None for note_id in ids)


def state(desk):
    with desk.store.reading() as session:
        beat = heartbeat(session, "worker")
    return "" if beat is None else beat.payload["state"]


FAULTS = {
    "errors": fails(500),
    "overload": fails(503),
    "too many": fails(429),
    "garbage": says("Here you are: the patient has cancer."),
    "wrong keys": says('{"tumour": null}'),
    "truncated records": says('{"cancer_type": "mel', "length"),
    "truncated JSON": sends(b'{"choices": [{"te'),
    "cut connections": cut,
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_server_that_goes_wrong_for_a_while_costs_no_note(far_home, server, tmp_path, kind, monkeypatch):
    monkeypatch.setenv("CASELOOP_API_KEY", SECRET)
    with far_home.desk() as desk:
        ids = bring(desk, tmp_path, texts(12))
        server.fault = FAULTS[kind]
        with watching(desk):
            wait_for(lambda: state(desk).startswith("failed: "), "word of the failure")
            reason = state(desk).removeprefix("failed: ")
            with desk.store.reading() as session:
                assert [why_none(session, note_id) for note_id in ids] == [f"no suggestion yet: {reason}"] * 12
                assert [failure_of(session, note_id, "served") for note_id in ids] == [None] * 12
            # Review goes on meanwhile.
            assert "Report 0" in open_note(desk, "ada", str(ids[0]))["html"]
            with desk.store.transaction() as session:
                submit(
                    person_in(session, "ada"),
                    note_id=ids[0],
                    status="submitted",
                    extraction=Extraction.empty(TASK),
                    seen_revision=0,
                    token="a token of its own",
                )
            server.fault = lambda handler, body: False
            wait_for(lambda: n_suggested(desk, ids[1:]) == 11, "the rest, once the server is well")
        logged = "".join(path.read_text() for path in desk.settings.logs.glob("*") if path.is_file())
    assert SECRET not in logged
    assert "patient" not in logged


@pytest.mark.parametrize("kind", FAULTS)
def test_a_note_that_always_goes_wrong_is_marked_and_the_others_are_filled(far_home, server, tmp_path, kind):
    fault = FAULTS[kind]
    server.fault = lambda handler, body: POISON in str(body["prompt"]) and fault(handler, body)
    with far_home.desk() as desk:
        ids = bring(desk, tmp_path, [*texts(3), POISON, *texts(6)[3:]])
        report = Prefill(desk).run()
        assert (report.n_done, report.n_failed, report.adapter) == (6, 3, "served")
        with desk.store.reading() as session:
            n_tries, reason = failure_of(session, ids[3], "served")
            assert why_none(session, ids[3]) == f"no suggestion: {reason}"
        assert n_tries == 3
        assert reason.endswith(".")
        assert "Confidential" not in reason


def test_a_server_that_dies_meanwhile_is_waited_for(far_home, server, tmp_path, monkeypatch):
    with far_home.desk() as desk:
        ids = bring(desk, tmp_path, texts(30))
        server.fault = slow(0.1)
        with watching(desk):
            wait_for(lambda: n_suggested(desk, ids) >= 5, "a beginning")
            server.stop()
            wait_for(lambda: state(desk).startswith("failed:"), "word of the failure")
            assert "Cannot connect" in state(desk)
            n_before = n_suggested(desk, ids)
            assert n_before < 30
            server.start()
            wait_for(lambda: n_suggested(desk, ids) == 30, "the rest")
        with desk.store.reading() as session:
            assert [failure_of(session, note_id, "served") for note_id in ids] == [None] * 30


def test_a_slow_server_fills_every_note(far_home, server, tmp_path):
    server.fault = slow(float(os.environ.get("CASELOOP_TEST_SLOW_S", "2")))
    settle(far_home, server.url, CASELOOP_TIMEOUT="120")
    with far_home.desk() as desk:
        ids = bring(desk, tmp_path, texts(6))
        assert Prefill(desk).run().n_done == 6
        assert n_suggested(desk, ids) == 6


def test_the_worker_of_a_slow_server_stops_at_once_when_it_is_told_to(far_home, server, tmp_path):
    server.fault = slow(60)
    settle(far_home, server.url, CASELOOP_TIMEOUT="120")
    with far_home.desk() as desk:
        bring(desk, tmp_path, texts(3))
        process = far_home.start("prefill", "--watch")
        wait_for(lambda: server.n_at_once, "a request")
        process.send_signal(signal.SIGTERM)
        assert process.wait(9) == 0, "sooner than the supervisor's patience ends"
        process.communicate()
        assert state(desk) == "stopped"


def test_a_prefill_without_its_server_says_so_in_one_sentence(far_home, server, tmp_path):
    with far_home.desk() as desk:
        bring(desk, tmp_path, texts(3))
    server.stop()
    done = far_home.run("prefill")
    assert done.returncode == 2
    assert f"Cannot connect to {server.url}" in one_sentence(done.stderr)
    server.start()
    assert far_home.json("prefill")["n_done"] == 3


def test_the_options_reach_every_command(home, server, tmp_path):
    options = ("--engine", "openai", "--base-url", f"http://127.0.0.1:{server.port}", "--model", "m")
    note = tmp_path / "note.txt"
    note.write_text("A report.")
    assert home.json("extract", str(note), *options)["adapter"] == "m"
    named = home.json("extract", str(note), *options, "--adapter-name", "far")
    assert named["adapter"] == "far"
    assert server.bodies[-1]["model"] == "m"
    with home.desk() as desk:
        bring(desk, tmp_path, texts(2))
    assert home.json("prefill", *options)["adapter"] == "m"
    labelled = write_labelled(tmp_path / "labelled.jsonl", tiny_rows(3))
    figures = home.json("evaluate", "--data", str(labelled), *options)
    assert (figures["n_notes"], figures["json_valid"], figures["adapter"]) == (3, 1.0, "m")
    refused = home.run("prefill", "--base-url", server.url)
    assert refused.returncode == 2
    assert "add --engine openai" in one_sentence(refused.stderr)


def test_without_a_name_the_active_adapter_is_asked_for(home, server, tmp_path):
    server.models = ["embedded"]
    settle(home, server.url, CASELOOP_MODEL="")
    with home.desk() as desk:
        bring(desk, tmp_path, texts(2))
    assert home.json("prefill")["adapter"] == "embedded"
    assert server.bodies[-1]["model"] == "embedded"


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # as on a machine where it is not installed
from app.cli.main import main
code = main(["prefill"]) or main(["extract", sys.argv[1]])
heavy = {"transformers", "peft", "bitsandbytes", "gradio"} & set(sys.modules)
sys.exit(", ".join(heavy) or code)
"""


def test_a_worker_that_asks_a_server_needs_no_torch(far_home, tmp_path):
    with far_home.desk() as desk:
        bring(desk, tmp_path, texts(2))
    note = tmp_path / "note.txt"
    note.write_text("A report.")
    command = [sys.executable, "-c", WITHOUT_TORCH, str(note)]
    done = subprocess.run(command, env=far_home.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_desk_of_a_served_model_runs_without_torch(home, server):
    port = free_port()
    options = ("--engine", "openai", "--base-url", server.url, "--model", "served")
    process = home.start("serve", "--port", str(port), *options)
    try:
        with home.desk() as desk:
            wait_for(lambda: n_all(desk) >= 10, "the first of the sample notes")
        wait_for(lambda: is_healthy("127.0.0.1", port), "the desk")
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        assert len(family) >= 3
        libraries = [place.path for one in family for place in one.memory_maps()]
        assert [path for path in libraries if "torch" in path] == []
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        process.communicate()


def n_all(desk):
    with desk.store.reading() as session:
        return counts(session).n_prefilled


def test_a_note_that_a_reviewer_opens_is_asked_for(far_home, server, tmp_path):
    with far_home.desk() as desk:
        ids = bring(desk, tmp_path, texts(2))
        heading = open_note(desk, "ada", str(ids[1]))["heading"]
        assert "no suggestion yet" in heading

        def opened():
            with desk.store.reading() as session:
                return [number for number, _ in opened_notes(session, "served")]

        wait_for(lambda: opened() == [ids[1]], "the worker's word of it")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CASELOOP_ENGINE": "cloud"}, "local or openai"),
        ({"CASELOOP_ENGINE": "openai"}, "add --base-url"),
        ({"CASELOOP_BASE_URL": "http://127.0.0.1:1/v1"}, "add --engine openai"),
        ({"CASELOOP_ENGINE": "openai", "CASELOOP_BASE_URL": "ftp://x"}, "base URL such as"),
        ({"CASELOOP_ENGINE": "openai", "CASELOOP_BASE_URL": "http://u:geheim@x/v1"}, "CASELOOP_API_KEY"),
        (
            {"CASELOOP_ENGINE": "openai", "CASELOOP_BASE_URL": "http://x", "CASELOOP_TIMEOUT": "soon"},
            "CASELOOP_TIMEOUT",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(variables, expected):
    with pytest.raises(SettingsError, match=expected) as raised:
        load_settings(variables)
    assert "geheim" not in str(raised.value)


@pytest.fixture(scope="module")
def real_server(tmp_path_factory):
    """A server that is not ours, with the embedded model."""
    running = TransformersServer(merged_checkpoint(tmp_path_factory.mktemp("checkpoint") / "merged"))
    yield running
    running.kill()


def test_a_real_server_gives_the_values_that_this_process_gives(home, real_server, tmp_path):
    rows = tiny_rows(5)
    settings = load_settings(home.environ)
    engine = load_engine(settings, described_adapter(settings), TASK)
    local = [engine.suggest_one(make_note(TASK, row.text).text) for row in rows]
    settle(home, real_server.url, CASELOOP_MODEL=real_server.model, CASELOOP_ADAPTER_NAME="served")
    with home.desk() as desk:
        ids = bring(desk, tmp_path, [row.text for row in rows])
        assert Prefill(desk).run().n_done == 5
        with desk.store.reading() as session:
            far = [suggestion_of(session, note_id, "served") for note_id in ids]
    assert [row.extraction for row in far] == [one.extraction.as_dict() for one in local]
    assert [row.evidence for row in far] == [dict(one.evidence) for one in local]
    assert [row.raw_reply for row in far] == [one.raw_reply for one in local]


@pytest.mark.long
def test_a_real_server_that_is_killed_and_comes_back_fills_every_note(home, real_server, tmp_path):
    settle(home, real_server.url, CASELOOP_MODEL=real_server.model, CASELOOP_ADAPTER_NAME="served")
    with home.desk() as desk:
        ids = bring(desk, tmp_path, [row.text for row in tiny_rows(12)])
        with watching(desk):
            wait_for(lambda: n_suggested(desk, ids) >= 2, "a beginning")
            real_server.kill()
            wait_for(lambda: state(desk).startswith("failed:"), "word of the failure")
            assert n_suggested(desk, ids) < 12
            real_server.start()
            wait_for(lambda: n_suggested(desk, ids) == 12, "the rest")
