"""The web process without a browser: health, saving, exports and imports."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet as pq

from app.access.guard import LOCAL_REVIEWER
from app.screens.status import share_read
from data.corrections import compare
from data.task import Extraction
from db.review.decisions import open_review
from db.review.reviewed import history
from db.store.heartbeats import heartbeat, set_heartbeat
from db.store.store import Store
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, HOSTILE, TASK, put_notes
from tests.kit.desk.desk_web import NOTE, app, form, quiet, quiet_store, store, web
from tests.kit.desk.permits import program_in

__all__ = ["app", "quiet", "quiet_store", "store", "web"]

# ---------------------------------------------------------------- health


def test_health_and_status(web: TestClient, store: Store) -> None:
    assert web.get("/healthz").json() == {"ok": True}
    status = web.get("/status", params={"note": NOTE}).json()
    assert status["adapter"] == "first"
    assert status["has_suggestion"] is True
    assert (status["worker"]["state"], status["share_read"]) == ("absent", None)
    (waiting,) = put_notes(store, [(f"{BREAST} Long.", None)])
    with store.transaction() as session:
        set_heartbeat(program_in(session), "worker", {"state": "busy", "read": {str(waiting): 0.4, str(NOTE): 0.9}})
    shares = [web.get("/status", params={"note": note}).json()["share_read"] for note in (waiting, NOTE, waiting + 1)]
    assert shares == [0.4, None, None], "the second has its suggestion, the third is none"
    with store.reading() as session:
        beat = heartbeat(session, "worker")
    assert beat is not None
    assert share_read(beat, waiting, beat.at + timedelta(seconds=16)) is None, "that was long ago"
    store.close()
    answer = web.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["ok"] is False


# ---------------------------------------------------------------- saving


def test_a_draft_is_kept_and_answers_with_the_evidence(web: TestClient, store: Store) -> None:
    answer = web.post("/drafts", json=form(store, stage="I <b>"))
    assert answer.status_code == 200
    assert answer.json()["draft"] == 1
    assert "<mark" in answer.json()["html"]
    assert answer.json()["grounding"]["stage"] == {"kind": "not_found", "missing": ["I <b>"], "denied": []}
    assert answer.json()["grounding"]["gene_mutation"] is None
    assert re.sub(r"<[^>]+>", "", answer.json()["html"]) == BREAST
    with store.reading() as session:
        review = open_review(session, NOTE, LOCAL_REVIEWER)
    assert review.draft is not None
    assert review.draft.extraction["stage"] == "I <b>"
    assert review.annotation is None
    assert web.post("/drafts/discard", json={"note": NOTE}).json() == {"discarded": True}


def test_a_decision_is_kept_once_however_often_it_is_sent(web: TestClient, store: Store) -> None:
    sent = {**form(store, stage="IIIB", response=None), "status": "submitted", "token": "one-save-0001"}
    first, second = web.post("/decisions", json=sent), web.post("/decisions", json=sent)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == {**second.json(), "repeated": False}
    assert second.json()["repeated"] is True
    with store.reading() as session:
        (kept,) = history(session, NOTE)
        review = open_review(session, NOTE, LOCAL_REVIEWER)
    assert (kept.extraction["stage"], kept.extraction["response"]) == ("IIIB", None)
    assert (kept.reviewer, kept.status, kept.lead_time_ms) == (LOCAL_REVIEWER, "submitted", 1234)
    assert review.suggestion is not None
    assert kept.suggestion_id == review.suggestion.id
    kinds = compare(TASK, Extraction(TASK, review.suggestion.extraction), Extraction(TASK, kept.extraction))
    assert (kinds["stage"], kinds["response"], kinds["treatment"]) == ("edited", "cleared", "accepted")


def test_who_comes_second_is_shown_both_versions_and_nothing_is_overwritten(web: TestClient, store: Store) -> None:
    mine, theirs = form(store, stage="II"), form(store, stage="III")
    assert web.post("/decisions", json={**theirs, "status": "submitted", "token": "token-theirs"}).status_code == 200
    for path, sent in (("/decisions", {**mine, "status": "submitted", "token": "token-mine"}), ("/drafts", mine)):
        answer = web.post(path, json=sent)
        assert answer.status_code == 409
        assert "Nothing was overwritten" in answer.json()["detail"]
        assert answer.json()["theirs"]["values"]["stage"] == "III"
        assert answer.json()["theirs"]["revision"] == 1
    with store.reading() as session:
        assert [kept.extraction["stage"] for kept in history(session, NOTE)] == ["III"]


def test_an_older_window_does_not_overwrite_a_newer_draft(web: TestClient, store: Store) -> None:
    old, new = form(store, stage="I"), form(store, stage="II")
    assert web.post("/drafts", json=new).status_code == 200
    answer = web.post("/drafts", json=old)
    assert answer.status_code == 409
    assert answer.json()["theirs"]["values"]["stage"] == "II"
    assert answer.json()["theirs"]["draft"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"stage": "I"}},
        {"values": {**BREAST_VALUES, "unknown_field": "x"}},
        {"values": {**BREAST_VALUES, "stage": "x" * 2001}},
        {"values": {**BREAST_VALUES, "stage": "a\u0000b"}},
        {"values": {**BREAST_VALUES, "stage": 4}},
        {"note": 0},
        {"note": 999_999},
        {"revision": -1},
        {"status": "published"},
        {"token": ""},
        {"extra": 1},
    ],
)
def test_a_malformed_decision_gets_a_sentence_without_what_was_sent(
    quiet: TestClient, quiet_store: Store, change: dict[str, Any]
) -> None:
    sent = {
        **form(quiet_store),
        "status": "submitted",
        "token": "a-token-of-its-own",
        "comment": "SECRET-WORDS",
        **change,
    }
    answer = quiet.post("/decisions", json=sent)
    assert answer.status_code in (422, 503)
    assert answer.json()["detail"].startswith(("Expected", "There is no note"))
    assert "SECRET-WORDS" not in answer.text
    with quiet_store.reading() as session:
        assert history(session, NOTE) == []


# ---------------------------------------------------------------- files


def test_exports_hold_what_people_decided_and_nothing_else(web: TestClient, store: Store) -> None:
    assert web.get("/export/jsonl").text == ""
    web.post("/drafts", json=form(store, 2, stage="II"))
    web.post("/decisions", json={**form(store, stage="IIIB"), "status": "submitted", "token": "token-export-1"})
    answer = web.get("/export/jsonl")
    assert answer.headers["content-disposition"].startswith("attachment")
    (record,) = map(json.loads, answer.text.splitlines())
    assert record["input"] == BREAST
    assert record["output"] == {**BREAST_VALUES, "stage": "IIIB"}
    assert "provenance" not in record
    (told,) = map(json.loads, web.get("/export/jsonl?with_provenance=1").text.splitlines())
    assert told["provenance"]["corrections"]["stage"] == "edited"
    assert json.loads(web.get("/export/json").text) == [record]
    assert "IIIB" in web.get("/export/csv").text
    assert web.get("/export/exe").status_code == 404
    assert pq.read_table(io.BytesIO(web.get("/export/parquet").content)).to_pylist() == [record]
    assert zipfile.ZipFile(io.BytesIO(web.get("/export/dataset").content)).testzip() is None
    (task,) = web.get("/export/label-studio").json()
    assert task["predictions"][0]["model_version"] == "first"
    assert "<TextArea" in web.get("/export/label-studio.xml").text
    assert web.get("/export/jsonl?until=2020-01-01").text == ""
    assert json.loads(web.get("/export/jsonl?fields=stage&with_text=0").text)["output"] == {"stage": "IIIB"}
    refused = web.get("/export/jsonl?since=soon")
    assert (refused.status_code, refused.json()["detail"]) == (422, "Expected a day such as 2026-01-31; found 'soon'.")


def test_a_file_is_imported_once_and_leaves_nothing_behind(web: TestClient, store: Store, tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"id": f"new-{number}", "text": text}) for number, text in enumerate(HOSTILE, 1))
    sent = {"content": lines + "\nnot json\n", "headers": {"x-file-name": "..%2F..%2Fmy notes.jsonl"}}
    for n_added in (len(HOSTILE), 0):
        answer = web.post("/import", **sent)  # type: ignore[arg-type]
        assert answer.status_code == 200
        assert answer.json()["n_added"] == n_added
        assert answer.json()["n_refused"] == 1
        assert answer.json()["sentences"][0].startswith("my notes.jsonl:")
        assert str(tmp_path) not in answer.text
    assert [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()] == []
    program = web.post("/import", content=b"MZ\x90\x00\x03", headers={"x-file-name": "notes.txt"}).json()
    assert (program["n_added"], program["n_refused"]) == (0, 1)


def test_an_oversized_import_is_refused(web: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.screens.queue.uploads.MAX_UPLOAD_BYTES", 1000)
    answer = web.post("/import", content="x" * 2000, headers={"x-file-name": "notes.txt"})
    assert answer.status_code == 422
    assert "at most" in answer.json()["detail"]


# ---------------------------------------------------------------- the process


def test_the_web_process_never_imports_torch() -> None:
    program = "import sys, app.web.application, app.screens.page, app.screens.export.downloads; "
    program += "print('torch' in sys.modules, 'gradio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_home_that_cannot_be_used_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = [sys.executable, "-m", "app.web.application", "--home", str(tmp_path / "file"), "--port", "0"]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("Cannot")
    assert len(done.stderr.strip().splitlines()) == 1


def test_importing_gradio_writes_nothing_beside_it() -> None:
    program = (
        "import sys; from app.web.gradio_stubs import _WithoutStubs, skip_stubs; skip_stubs(); skip_stubs();"
        "import gradio, gradio.component_meta as m; print(m.create_or_modify_pyi(object, 'object', []),"
        "any(isinstance(one, _WithoutStubs) for one in sys.meta_path), gradio.Textbox.EVENTS != [])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "False", "True"]
