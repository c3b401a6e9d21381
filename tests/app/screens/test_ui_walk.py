"""The walk as the page carries it: what the routes give for it, what the screens say of it, and what is no walk."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.access.guard import LOCAL_REVIEWER
from app.core.desk import Desk
from app.core.settings import Settings
from app.screens.queue import queue
from app.screens.review.note import grounding as grounds
from app.screens.review.queue_position import read_chosen
from data.grounding.evidence import ground
from data.task import Extraction
from db.review.decisions import open_review
from db.review.drafts import save_draft
from db.schema import tables
from db.store.store import Store
from tests.app.screens.test_ui_marks import Reader
from tests.kit.desk.desk_store import COLON, COLON_VALUES, HOSTILE, MELANOMA, TASK, empty_values, put_notes
from tests.kit.desk.desk_web import form, store, web
from tests.kit.desk.permits import person_in

__all__ = ["store", "web"]

UNSURE = "is_unsure=1&order=doubt"
DOUBT = {1: 1.0, 2: 3.0, 3: None, 4: 2.0, 5: 4.0, 6: 0.1}


@pytest.fixture(autouse=True)
def notes(store: Store) -> None:
    """Six notes that wait; 5, 2, 4, 1 are less and less doubtful, 6 is sure, 3 has no suggestion."""
    put_notes(store, [(COLON, COLON_VALUES), (MELANOMA, empty_values()), (COLON, COLON_VALUES)])
    with store.transaction() as session:
        for number, doubt in DOUBT.items():
            sure = None if doubt is None else 0.95 if doubt < 1 else 0.5
            values = {"doubt": doubt, "min_confidence": sure}
            session.execute(sa.update(tables.note).where(tables.note.c.id == number).values(**values))


def text(markup: str) -> str:
    return " ".join(Reader(markup).text.split())


def page(web: TestClient, query: str = "") -> dict[str, Any]:
    answer = web.get(f"/review?{query}")
    assert answer.status_code == 200
    return dict(answer.json())


def ahead(web: TestClient, query: str) -> list[int]:
    return [one["note"] for one in web.get(f"/review/ahead?{query}").json()["notes"]]


def decide(web: TestClient, store: Store, number: int, status: str = "submitted") -> None:
    sent = {**form(store, number), "settled": list(TASK.keys), "status": status, "token": f"token {number} {status}"}
    assert web.post("/decisions", json={**sent, "comment": "why"}).status_code == 200


def test_the_next_notes_and_the_count_follow_the_filter_and_the_order(web: TestClient, store: Store) -> None:
    shown = page(web, UNSURE)
    assert (shown["note"], shown["walk"]) == (5, UNSURE)
    assert "in: low confidence, least sure first – 4 left all notes" in text(shown["heading"])
    pages = web.get(f"/review/ahead?after=5&{UNSURE}").json()["notes"]
    assert [one["note"] for one in pages] == [2, 4]
    assert ["– 3 left" in text(one["heading"]) for one in pages] == [True, False]
    assert "– 2 left" in text(pages[1]["heading"])
    assert ahead(web, f"after=5&skip=2&{UNSURE}") == [4, 1]
    assert ahead(web, f"after=1&{UNSURE}") == [5, 2]  # round to the first that waits
    decide(web, store, 5)
    decide(web, store, 2, "skipped")
    decide(web, store, 4, "flagged")
    assert page(web, f"after=4&{UNSURE}")["note"] == 1
    assert ahead(web, f"after=1&{UNSURE}") == []
    opened = page(web, f"note=2&{UNSURE}")  # opened again from the queue, it goes on behind it
    assert "– 1 left" in text(opened["heading"])
    assert ahead(web, f"after=2&{UNSURE}") == [1]


def test_the_end_of_a_walk_says_so_and_leads_to_all_notes(web: TestClient, store: Store) -> None:
    for number in (5, 2, 4, 1):
        decide(web, store, number)
    end = page(web, f"after=1&{UNSURE}")
    assert (end["note"], end["walk"]) == (None, UNSURE)
    said = text(end["html"])
    assert "The end of this list." in said
    assert "Nothing waits any more in: low confidence, least sure first. 2 other notes wait for review." in said
    assert 'id="all-notes"' in end["html"]
    assert page(web)["note"] == 6
    decide(web, store, 6)
    decide(web, store, 3)
    assert "Nothing left to review." in text(page(web, UNSURE)["html"])


def test_somebody_elses_draft_does_not_come_by_itself(web: TestClient, store: Store) -> None:
    with store.transaction() as session:
        for number, by in ((5, "ben"), (2, LOCAL_REVIEWER)):
            typed = Extraction(TASK, {**empty_values(), "stage": "II"})
            save_draft(person_in(session, by), note_id=number, extraction=typed, seen_revision=0)
    assert page(web, UNSURE)["note"] == 2
    assert ahead(web, f"after=2&{UNSURE}") == [4, 1]
    assert "– 3 left" in text(page(web, f"note=5&{UNSURE}")["heading"])


@pytest.mark.parametrize(
    "query",
    ["", "order=imported", "origin=incoming&order=imported&seed=7", "order=sideways", "state=done",
     "seed=x&order=random", f"text={'x' * 401}", "is_unsure=perhaps", "utm=1"],
)  # fmt: skip
def test_all_notes_and_what_is_not_understood_are_no_walk(web: TestClient, query: str) -> None:
    shown = page(web, query)
    assert (shown["note"], shown["walk"]) == (1, "")
    assert "1 of 6 to review" in text(shown["heading"])
    assert ahead(web, f"after=6&{query}") == [1, 2]


def test_every_part_of_a_walk_survives_the_address() -> None:
    values = {
        "text": f" {HOSTILE[0]} & =?", "state": "todo", "origin": "original", "reviewer": "a b", "adapter": "x/y",
        "is_unsure": True, "is_not_found": True, "is_corrected": True, "is_disputed": True,
        "meta_name": "w&rd", "meta_test": "contains", "meta_value": "=3", "order": "random", "seed": 12,
    }  # fmt: skip
    walk = read_chosen(values)
    assert walk is not None
    assert read_chosen(dict(parse_qsl(walk.query))) == walk
    assert walk.model_dump() == values
    assert walk.words == (
        f"“{HOSTILE[0]} & =?”, to review, originals, reviewer a b, adapter x/y, low confidence, not found in the note, "
        "corrected, to adjudicate, w&rd contains =3, in random order"
    )
    assert read_chosen({"meta_test": "contains", "meta_value": "x"}) is None  # of no column
    by_column = read_chosen({"order": "-meta.a b", "meta_name": "ward", "meta_test": "present"})
    assert by_column is not None
    assert by_column.words == "ward is there, by a b, downward"
    assert "meta_value" not in walk.link  # it may name a patient
    assert "meta_name" not in walk.link
    for order in ("newest", "updated", "confidence", "novelty"):
        walk = read_chosen({"order": order, "seed": 5})
        assert walk is not None
        assert (walk.query, walk.words.endswith(" first")) == (f"order={order}", True)


def test_the_queue_counts_what_waits_and_its_rows_carry_the_walk(web: TestClient, store: Store) -> None:
    decide(web, store, 4)
    desk = Desk(Settings(home=Path(store.path).parent, base="embedded", adapter="embedded"), TASK, store)
    for words, query in (("", UNSURE), ("caecal", f"text=caecal&{UNSURE}")):
        wanted = {"filters": {"origin": "incoming", "is_unsure": True, "text": words}, "order": "doubt"}
        table = queue.show(desk, LOCAL_REVIEWER, json.dumps(wanted))[2]
        told = json.loads(unescape(table.split('data-queue="', 1)[1].split('"', 1)[0]))
        assert told["n_waiting"] == told["n_notes"] - 1
        assert f'data-walk="{query.replace("&", "&amp;")}"' in table
        assert f'href="?note=2&amp;{UNSURE.replace("&", "&amp;")}"' in table, (
            "no address holds words, which may be a name"
        )
    plain = queue.show(desk, LOCAL_REVIEWER, queue.FIRST)[2]
    assert 'data-walk=""' in plain
    assert 'href="?note=2"' in plain


def test_what_a_walk_looks_for_is_never_markup(web: TestClient) -> None:
    for hostile in HOSTILE:
        shown = web.get("/review", params={"note": 1, "reviewer": hostile}).json()
        assert hostile in unescape(shown["heading"])
        assert "<img" not in shown["heading"]
        assert "<svg" not in shown["heading"]
        assert "<script" not in shown["heading"]
        ended = web.get("/review", params={"reviewer": hostile}).json()
        assert "The end of this list." in ended["html"]
        assert "<img" not in ended["html"]


def test_a_note_is_searched_for_its_values_once(web: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    grounded: list[Extraction] = []
    monkeypatch.setattr(
        grounds, "ground", lambda task, note, values: grounded.append(values) or ground(task, note, values)
    )
    before = page(web, "note=2")
    assert len(grounded) == 1
    assert before["fields"]["stage"]["grounding"] == {"III": {"kind": "exact", "missing": [], "denied": []}}
    with store.transaction() as session:
        typed = Extraction(TASK, {**COLON_VALUES, "stage": "IV"})
        save_draft(person_in(session, LOCAL_REVIEWER), note_id=2, extraction=typed, seen_revision=0)
        assert open_review(session, 2, LOCAL_REVIEWER).draft is not None
    assert set(page(web, "note=2")["fields"]["stage"]["grounding"]) == {"III", "IV"}
    assert len(grounded) == 3
