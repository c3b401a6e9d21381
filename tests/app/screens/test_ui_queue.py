"""What the queue says and is sent, without a browser: the list, saved filters, many notes at once, previews."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access.guard import LOCAL_REVIEWER
from app.core.desk import Desk
from app.core.settings import Settings, prepare_home
from app.screens.queue import queue
from app.screens.queue.samples import samples_line
from data.synthetic.sets.shipped import sample_notes
from db.notes.notes import add_notes, find_note, get_note
from db.notes.queue.saved_filters import saved_filters
from db.notes.queue.search import counts, search_notes
from db.schema.errors import StoreError
from db.store.store import Store, open_store
from tests.app.screens.test_ui_marks import Reader
from tests.app.screens.test_ui_screens import decide
from tests.kit.desk.decided_records import exported, fill
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, COLON_VALUES, HOSTILE, MELANOMA, TASK, make_store
from tests.kit.desk.desk_web import store, web
from tests.kit.desk.permits import program_in

__all__ = ["store", "web"]

BULK = "0123456789ab"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    prepare_home(settings)
    with make_store(tmp_path, [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES), (MELANOMA, None)]) as opened:
        yield Desk(settings, TASK, opened)


def shown(desk: Desk, sent: str = "", **wanted: Any) -> tuple[dict[str, Any], str]:
    """What the list says about itself, and the list."""
    _, _, table = queue.show(desk, LOCAL_REVIEWER, sent or json.dumps(wanted))
    told = table.split('data-queue="', 1)[1].split('"', 1)[0]
    return json.loads(unescape(told)), table


def text(markup: str) -> str:
    return " ".join(Reader(markup).text.split())


def test_the_queue_lists_counts_and_pages(desk: Desk) -> None:
    decide(desk, 2, stage="IV")
    told, table = shown(desk, queue.FIRST)
    assert (told["n_notes"], told["n_untouched"], told["n_decided"], told["n_pages"]) == (3, 2, 1, 1)
    assert "case-1" in table
    assert "1 reviewed" in text(queue.show(desk, LOCAL_REVIEWER, queue.FIRST)[1])
    assert shown(desk, page=7)[0]["page"] == 0
    assert "No note matches" in shown(desk, filters={"text": "unheard-of"})[1]
    corrected = shown(desk, filters={"is_corrected": True, "reviewer": LOCAL_REVIEWER, "adapter": "first"})
    assert (corrected[0]["n_notes"], "case-2" in corrected[1]) == (1, True)
    assert corrected[0]["reviewers"] == [LOCAL_REVIEWER]
    assert "have been compared" not in table
    assert "No note has been compared" in shown(desk, order="novelty")[1]


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "[" * 5000,
        '{"filters": 1}',
        '{"filters": {"state": "done"}}',
        '{"order": ["x"], "page": "x"}',
        '{"filters": {"origin": "incoming"}, "page": -3, "seed": null, "order": "sideways"}',
    ],
)
def test_whatever_the_page_sends_gives_a_list(desk: Desk, sent: str) -> None:
    told, _ = shown(desk, sent)
    assert (told["n_notes"], told["page"], told["order"]) == (3, 0, "imported")


def test_the_queue_says_what_to_do_where_there_is_nothing_and_where_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    with make_store(tmp_path, []) as opened:
        empty = Desk(settings, TASK, opened)
        assert all(said in shown(empty, queue.FIRST)[1] for said in ("No notes yet.", "caseloop demo"))

        def broken(*_: object) -> None:
            raise StoreError("Expected a disk; found <none>.")

        monkeypatch.setattr("app.screens.queue.queue.counts", broken)
        said = queue.show(empty, LOCAL_REVIEWER, queue.FIRST)[2]
        assert "Expected a disk; found &lt;none&gt;." in said
        assert "Try again" in said


def test_filters_are_kept_for_the_reviewer(web: TestClient, store: Store) -> None:
    wanted = {"name": HOSTILE[0], "filters": {"text": " x ", "is_unsure": True}, "order": "doubt"}
    number = web.post("/queue/filters", json=wanted).json()["id"]
    with store.reading() as session:
        (kept,) = saved_filters(session, LOCAL_REVIEWER)
    assert (kept.name, kept.filters.to_json(), kept.order) == (HOSTILE[0], {"text": "x", "sure_below": 0.9}, "doubt")
    for wrong in ({"name": ""}, {"order": "sideways"}, {"filters": {"state": "done"}}, {"extra": 1}):
        assert web.post("/queue/filters", json={**wanted, **wrong}).status_code in (422, 503)
    assert web.post("/queue/filters/drop", json={"id": number}).json() == {"dropped": True}
    assert web.post("/queue/filters/drop", json={"id": number}).json() == {"dropped": False}


def test_many_notes_are_planned_skipped_and_taken_back(web: TestClient, store: Store) -> None:
    meant = {"action": "skip", "filters": {"origin": "incoming"}, "ids": None}
    plan = web.post("/queue/plan", json=meant).json()
    assert plan == {"n_notes": 3, "n_touched": 3, "upto": 3}
    acting = {**meant, "bulk": BULK, "upto": 3}
    assert web.post("/queue/act", json=acting).json() == {"n_done": 3, "last": None}
    assert web.post("/queue/act", json=acting).json() == {"n_done": 0, "last": None}
    undone = web.post("/queue/undo", json={"bulk": BULK}).json()
    assert undone == {"n_done": 3, "n_left_alone": 0, "last": None}
    with store.reading() as session:
        assert counts(session).n_todo == 3
    assert web.post("/queue/act", json={**acting, "action": "submit"}).status_code == 422
    assert web.post("/queue/act", json={**acting, "bulk": "a-b"}).status_code == 422
    flagged = web.post("/queue/act", json={**acting, "action": "flag", "comment": " "})
    assert (flagged.status_code, "A flag needs a comment" in flagged.text) == (503, True)


def preview(web: TestClient, name: str, content: str | bytes, **chosen: Any) -> dict[str, Any]:
    headers = {"x-file-name": name, **({"x-columns": json.dumps(chosen)} if chosen else {})}
    answer = web.post("/import/preview", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_preview_tells_all_and_writes_nothing(web: TestClient, store: Store, tmp_path: Path) -> None:
    lines = [{"id": f"n-{n}", "text": f"{HOSTILE[n % 3]} report {n}", "year": n, "stage": "IV"} for n in range(5)]
    content = "\n".join([*map(json.dumps, lines), json.dumps(lines[0]), json.dumps({"text": BREAST}), "not json"])
    found = preview(web, "notes.jsonl", content)
    assert {column["name"]: column["role"] for column in found["columns"]} == {
        "id": "id", "text": "text", "year": "metadata", "stage": "like a label",
    }  # fmt: skip
    assert (found["n_rows"], found["n_new"], found["n_known"], found["n_refused"]) == (8, 5, 2, 1)
    assert [note["id"] for note in found["notes"]] == ["n-0", "n-1", "n-2"]
    assert found["notes"][0]["metadata"] == ["year", "stage"]
    assert found["refusals"][0].startswith("notes.jsonl, line 8, column 1: expected JSON")
    assert not found["is_guessed"]
    with store.reading() as session:
        assert counts(session).n_notes == 3
    assert [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()] == []


def test_a_column_is_guessed_or_chosen_and_imported_as_it_was_shown(web: TestClient, store: Store) -> None:
    body = "a long report of a renal cell carcinoma of clear cell type"
    rows = [f"c-{n},{body} {n},remark {n} about it" for n in range(3)]
    content = "\n".join(["case_no,body,remark", *rows])
    found = preview(web, "table.csv", content)
    assert (found["text"], found["id"], found["is_guessed"], found["n_new"]) == ("body", "case_no", True, 3)
    other = preview(web, "table.csv", content, text="remark", id="case_no")
    assert (other["text"], other["is_guessed"], other["notes"][0]["text"]) == ("remark", False, "remark 0 about it")
    unnamed = web.post("/import", content=content, headers={"x-file-name": "table.csv"}).json()
    assert unnamed["n_added"] == 3  # by the same rule
    headers = {"x-file-name": "table.csv", "x-columns": json.dumps({"text": "body", "id": "case_no"})}
    done = web.post("/import", content=content, headers=headers).json()
    assert (done["n_added"], done["n_known"], done["n_refused"]) == (0, 3, 0)
    with store.reading() as session:
        note = find_note(session, "c-1")
        assert note is not None
        assert (note.text, note.metadata) == (f"{body} 1", {"remark": "remark 1 about it"})
    nothing = preview(web, "table.csv", "a,b\n1,2\n")
    assert (nothing["text"], nothing["n_new"], nothing["n_refused"]) == (None, 0, 1)
    for wrong in ("[]", "nonsense", "[" * 9999, '{"text": 1, "id"'):
        headers = {"x-file-name": "table.csv", "x-columns": wrong}
        assert web.post("/import/preview", content=content, headers=headers).status_code == 422
    assert preview(web, "one.txt", "A single report.")["can_choose"] is False


def test_a_table_of_semicolons_is_no_heap_of_lines(web: TestClient) -> None:
    body = "Größe 3 cm, klarzelliges Nierenzellkarzinom;\nzweite Zeile, und noch eine"
    content = "\r\n".join(["Befundnummer;Titel;Befundtext", *(f'S-{n};Niere, links;"{body} {n}"' for n in range(3))])
    found = preview(web, "excel.csv", content.encode("cp1252"))
    assert (found["text"], found["n_new"], found["n_refused"]) == ("Befundtext", 3, 0)
    assert found["notes"][0]["text"] == f"{body} 0"
    assert found["remarks"] == [
        "excel.csv: read as Windows-1252.",
        "excel.csv: read with semicolons between the columns.",
    ]
    done = web.post("/import", content=content.encode("utf-16"), headers={"x-file-name": "excel.csv"}).json()
    assert (done["n_added"], done["n_refused"]) == (3, 0)
    caret = preview(web, "caret.csv", content.replace(";", "^"))
    assert (caret["columns"], caret["n_new"], caret["n_files_refused"]) == ([], 0, 1)
    book = web.post("/import/preview", content=b"PK", headers={"x-file-name": "reports.xlsx"})
    assert "found a fault in it" in book.json()["refusals"][0]


def test_labels_come_along_where_they_are_wanted(web: TestClient, store: Store) -> None:
    content = json.dumps({"id": "g-1", "text": "A labelled report.", "output": COLON_VALUES})
    assert preview(web, "gold.jsonl", content)["has_labels"]
    found = preview(web, "gold.jsonl", content, original=True)
    assert found["notes"][0]["labels"]["stage"] == "III"
    headers = {"x-file-name": "gold.jsonl", "x-columns": json.dumps({"original": True})}
    assert web.post("/import", content=content, headers=headers).json()["n_added"] == 1
    with store.reading() as session:
        assert get_note(session, 4).origin == "original"


def test_decisions_of_another_desk_come_along_where_they_are_wanted(
    web: TestClient, store: Store, tmp_path: Path
) -> None:
    with open_store(tmp_path / "other" / "caseloop.db") as other:
        fill(other, 4)
        content = exported(other, "jsonl")
    found = preview(web, "other.jsonl", content)
    assert (found["has_decisions"], found["decisions"], found["n_new"]) == (True, False, 4)
    assert {one["role"] for one in found["columns"] if one["name"] in ("provenance", "spans")} == {"left out"}
    found = preview(web, "other.jsonl", content, decisions=True)
    assert (found["n_decisions"], found["n_new"], found["n_refused"]) == (4, 4, 0)
    assert (found["n_namesakes"], found["n_updated"]) == (0, 0)
    assert {one["role"] for one in found["columns"] if one["name"] in ("provenance", "output")} == {"decision"}
    assert "4 decisions would be kept as their reviewers made them." in found["remarks"]
    with store.reading() as session:
        assert counts(session).n_notes == 3
    headers = {"x-file-name": "other.jsonl", "x-columns": json.dumps({"decisions": True})}
    done = web.post("/import", content=content, headers=headers).json()
    assert (done["n_added"], done["sentences"][1]) == (4, "4 decisions kept, 0 already here.")
    found = preview(web, "other.jsonl", content, decisions=True)
    assert (found["n_decisions"], found["n_new"]) == (0, 0)
    assert "0 decisions would be kept as their reviewers made them, 4 are here already." in found["remarks"]


def test_samples_are_named_and_go_when_a_person_was_told_what_goes(store: Store, web: TestClient) -> None:
    assert 'id="samples" role="status" hidden' in samples_line_of(store)
    with store.transaction() as session:
        add_notes(program_in(session), sample_notes(TASK)[-3:])
    assert "3 sample notes here" in samples_line_of(store)
    asked = web.post("/queue/samples").json()
    assert (asked["told"], asked["seen"]["n_notes"]) == ("3 sample notes", 3)
    assert web.post("/queue/samples/remove", json={**asked["seen"], "n_decided": 2}).status_code == 503
    assert web.post("/queue/samples/remove", json={}).status_code == 422
    with store.reading() as session:
        (sample, *_) = search_notes(session, origin="sample")
    assert "sample note: synthetic, invented patients" in web.get(f"/review?note={sample.id}").json()["heading"]
    assert "sample note" not in web.get("/review?note=1").json()["heading"]
    assert web.post("/queue/samples/remove", json=asked["seen"]).json() == {"told": "3 sample notes removed."}
    with store.reading() as session:
        assert counts(session).n_notes == 3


def samples_line_of(store: Store) -> str:
    with store.reading() as session:
        return samples_line(session)
