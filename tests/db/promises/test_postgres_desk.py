"""A desk whose store is in PostgreSQL: every process meets the others there, and no password shows anywhere."""

from __future__ import annotations

import http.client
import json

import pytest

from app.core.settings import SettingsError, load_settings
from app.importing.load import import_files
from app.training.requests import TrainOptions, request_run
from db.training.runs import get_run
from tests.app.worker.test_supervisor import Served
from tests.kit.homes import TASK, one_sentence, wait_for, write_notes
from tests.kit.tiny import tiny_rows, write_labelled

PASSWORD = "a-password-that-nobody-sees"


@pytest.fixture
def there(tiny_home, database_url):
    """A home whose store is in PostgreSQL, which is told a password that its server does not ask for."""
    user, at, rest = database_url.partition("@")
    tiny_home.variables["CASELOOP_DB_URL"] = f"{user}:{PASSWORD}{at}{rest}"
    return tiny_home


def ask(port, method, path, content=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = None if content is None else json.dumps(content)
    connection.request(method, path, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    assert answer.status == 200, said
    return said


def test_a_desk_is_served_reviewed_trained_and_exported(there, tmp_path):
    originals = write_labelled(tmp_path / "originals.jsonl", tiny_rows(60))
    with there.desk() as desk:
        import_files(desk.store, desk.task, [originals], original=True)
    there.ok("import", str(write_notes(tmp_path / "notes.jsonl", ["A first report.", "A second."])))
    served = Served(there)
    try:
        wait_for(lambda: there.json("status")["counts"]["n_prefilled"] == 2, "the worker")
        page = ask(served.port, "GET", "/review")
        assert page["suggestion"] is not None
        form = {key: page[key] for key in ("note", "revision", "draft", "suggestion")}
        form |= {"values": {**dict.fromkeys(TASK.keys), "stage": "IIIB"}, "settled": list(TASK.keys)}
        form |= {"status": "submitted", "token": "decided-once", "comment": "", "lead_time_ms": 1000}
        saved = ask(served.port, "POST", "/decisions", form)
        assert saved["revision"] == 1
        train(there)
    finally:
        served.stop()
    out = tmp_path / "reviewed.jsonl"
    there.ok("export", str(out))
    (record,) = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert record["output"]["stage"] == "IIIB"
    assert not (there.path / "caseloop.db").exists()
    logged = "".join(path.read_text() for path in (there.path / "logs").iterdir())
    assert PASSWORD not in logged + "".join(served.said)


def train(home):
    with home.desk() as desk:
        run_id = request_run(desk.store, TrainOptions(max_steps=2), "ada")

    def run():
        with home.desk() as desk, desk.store.reading() as session:
            return get_run(session, run_id)

    wait_for(lambda: run().status not in ("requested", "running"), "the end of the run")
    assert (run().status, run().adapter) == ("finished", "run-0001"), run().message


def test_commands_say_which_database_and_keep_the_password(there, tmp_path):
    shown = there.variables["CASELOOP_DB_URL"].replace(f":{PASSWORD}", "")
    status = there.json("status")
    assert status["store"]["database"].startswith("PostgreSQL ")
    assert (status["store"]["path"], status["sqlite"]) == (shown, None)
    assert status["store"]["bytes"] > 1_000_000
    doctor = there.run("doctor")
    assert PASSWORD not in doctor.stdout + doctor.stderr
    assert shown in doctor.stdout
    assert "no missing rows" in doctor.stdout
    if doctor.returncode:  # the tests' own server does not flush what is saved, and that is told
        assert "bad   postgresql" in doctor.stdout
        assert "fsync" in doctor.stdout
    backup = there.run("backup", str(tmp_path / "out"))
    assert backup.returncode == 2
    assert "pg_dump" in one_sentence(backup.stderr)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_reached_is_one_sentence_without_the_password(there, tmp_path):
    refused = {
        f"postgresql://ada:{PASSWORD}@/desk?host={tmp_path}": "Start it, or check CASELOOP_DB_URL",
        there.variables["CASELOOP_DB_URL"].replace("/caseloop_", "/no_such_"): "CASELOOP_DB_URL",
        f"postgresql://ada:{PASSWORD}@/": "found another",
        f"mysql://ada:{PASSWORD}@host/desk": "found another",
        f"ada:{PASSWORD}@host": "found another",
    }
    for url, part in refused.items():
        there.variables["CASELOOP_DB_URL"] = url
        done = there.run("status")
        assert done.returncode == 2
        sentence = one_sentence(done.stderr)
        assert part in sentence
        assert PASSWORD not in sentence


def test_settings_hide_the_url_and_refuse_what_is_none(there):
    settings = load_settings(there.environ)
    assert PASSWORD in str(settings.place)
    assert PASSWORD not in repr(settings)
    assert load_settings({}).place == load_settings({}).store
    with pytest.raises(SettingsError, match="CASELOOP_DB_URL"):
        load_settings({"CASELOOP_DB_URL": "sqlite:///here"})
