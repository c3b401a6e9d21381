"""Failures that users of other annotation tools report, each as a test against the real server.

A changed value is exported as the model had it; what the model said, and how sure it was, is nowhere in the export;
what is only pre-filled counts as done; a slow model overwrites what was typed; a network that is gone for two minutes
costs work; a double click saves twice, or decides a note that nobody has read; a note that was skipped comes back.
"""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pyarrow as pa
import pytest
from playwright.sync_api import Browser, Route, expect
from pyarrow import parquet

from app.access.guard import LOCAL_REVIEWER
from app.screens.markup import call_script
from db.notes.queue.search import counts
from db.store.heartbeats import set_heartbeat
from tests.kit.desk.desk_browser import THREE, Desk, Tab, browser, desk, shared, tab
from tests.kit.desk.desk_store import ADAPTER, BREAST, BREAST_VALUES, MELANOMA, empty_values, put_notes
from tests.kit.desk.desk_web import form
from tests.kit.desk.permits import program_in
from tests.kit.desk.servers import faulty, settle, watching
from tests.kit.homes import Home, wait_for
from tests.proofs.network import LOSSES, decide_while_away, expect_nothing_lost, lose

__all__ = ["browser", "desk", "shared"]

TWO_MINUTES_S = 120
CONFIDENCE = 0.95  # of every suggestion that these tests put into the store
TELLING = ("jsonl", "json", "csv", "parquet", "dataset", "label-studio")  # formats that say how a decision came about


# ---------------------------------------------------------------- what is exported


def exported(desk: Desk, form: str, case: str) -> dict[str, Any]:
    """One note of an export with provenance: values, the model's answer and confidence, its adapter, corrections."""
    content = httpx.get(f"{desk.url}/export/{form}?with_provenance=1", timeout=30).raise_for_status().content
    if form == "csv":
        lines = io.StringIO(content.decode("utf-8-sig"), newline="")
        (row,) = [row for row in csv.DictReader(lines) if row["id"] == case]
        parts = {"suggestion": "suggested", "confidence": "confidence", "corrections": "correction", "states": "state"}
        told = {name: {key: row[f"{part}_{key}"] or None for key in BREAST_VALUES} for name, part in parts.items()}
        told["confidence"] = {key: float(value) for key, value in told["confidence"].items()}
        return {**told, "output": {key: row[key] or None for key in BREAST_VALUES}, "adapter": row["adapter"]}
    if form == "label-studio":
        return _label_studio(next(task for task in json.loads(content) if task["data"]["note_id"] == case))
    if form == "jsonl":
        records = [json.loads(line) for line in content.splitlines()]
    elif form == "json":
        records = json.loads(content)
    elif form == "parquet":
        records = parquet.read_table(io.BytesIO(content)).to_pylist()
    else:
        archive = zipfile.ZipFile(io.BytesIO(content))
        files = [archive.read(name) for name in archive.namelist() if name.endswith(".arrow")]
        records = [record for file in files for record in pa.ipc.open_stream(file).read_all().to_pylist()]
    (record,) = [record for record in records if record["id"] == case]
    return {"output": record["output"], **record["provenance"]}


def _label_studio(task: dict[str, Any]) -> dict[str, Any]:
    """The same of a task for Label Studio."""

    def values(results: list[dict[str, Any]]) -> dict[str, Any]:
        found = {part["from_name"]: part["value"]["text"][0] for part in results if part["type"] == "textarea"}
        return {**empty_values(), **found}

    (prediction,), (annotation,) = task["predictions"], task["annotations"]
    origins = {part["id"]: part["origin"] for part in annotation["result"]}
    scores = {part["from_name"]: part["score"] for part in prediction["result"] if part["type"] == "textarea"}
    kinds = {"prediction": "accepted", "prediction-changed": "edited", "manual": "added"}
    return {
        "output": values(annotation["result"]),
        "suggestion": values(prediction["result"]),
        "confidence": {**dict.fromkeys(BREAST_VALUES, prediction["score"]), **scores},
        "adapter": prediction["model_version"],
        "corrections": {key: kinds.get(origins.get(key, "")) for key in BREAST_VALUES},
    }


def test_a_changed_value_is_exported_as_changed_in_every_format(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.type_into("stage", "IIIC")
        here.type_into("gene_mutation", "PIK3CA")
        here.box("response").fill("")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        expect(here.said()).to_contain_text("revision 1")
    changed = {**BREAST_VALUES, "stage": "IIIC", "gene_mutation": "PIK3CA", "response": None}
    for name in TELLING:
        told = exported(desk, name, desk.case(1))
        assert told["output"] == changed, name
        kinds = [told["corrections"][key] for key in ("stage", "gene_mutation", "treatment")]
        assert kinds == ["edited", "added", "accepted"], name
        if name != "label-studio":  # which has no word for it
            states = [told["states"][key] for key in ("stage", "response", "treatment")]
            assert states == ["corrected", "cleared", "untouched"], name


def test_the_models_answer_its_confidence_and_its_adapter_are_exported_in_every_format(desk: Desk) -> None:
    sent = {**form(desk.store, desk.first, stage="II"), "status": "submitted", "token": f"answer-{desk.first}"}
    assert httpx.post(f"{desk.url}/decisions", json=sent, timeout=30).status_code == 200
    for name in TELLING:
        told = exported(desk, name, desk.case(1))
        assert told["output"]["stage"] == "II", name
        assert told["suggestion"] == BREAST_VALUES, name
        assert told["confidence"] == dict.fromkeys(BREAST_VALUES, CONFIDENCE), name
        assert told["adapter"] == ADAPTER, name


# ---------------------------------------------------------------- the model


def said_done(here: Tab, desk: Desk) -> dict[str, Any]:
    """How many notes are done, wherever the desk says so."""
    here.page.get_by_role("tab", name="Queue").click()  # Progress is filled whenever it is opened
    here.page.get_by_role("tab", name="Progress").click()
    on_screen = here.page.locator("#progress .figures li").filter(has_text=re.compile(r"\dreviewed"))
    expect(on_screen).to_have_count(1)
    lines = httpx.get(f"{desk.url}/export/jsonl", timeout=30).text.splitlines()
    with desk.store.reading() as session:
        stored = counts(session)
    return {
        "progress": int(on_screen.inner_text().removesuffix("reviewed").replace(",", "")),
        "export": len(lines),
        "store": stored.n_submitted,
        "status": Home(desk.home).json("status")["counts"]["n_submitted"],
    }


def test_what_is_only_prefilled_does_not_count_as_done(browser: Browser, shared: Desk) -> None:
    desk = replace(shared, first=put_notes(shared.store, [(f"{MELANOMA} Bare.", None), (f"{BREAST} Bare.", None)])[0])
    with faulty() as server, tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        before = said_done(here, desk)
        assert len({*before.values()}) == 1
        server.record = json.dumps(BREAST_VALUES)
        with settle(Home(desk.home), server.url).desk() as worker, watching(worker):
            wait_for(lambda: all(desk.review(number).suggestion for number in (1, 2)), "two suggestions")
        assert said_done(here, desk) == before
        for number in (1, 2):
            assert desk.review(number).note.state == "todo"
            assert desk.decisions(number) == []


def test_a_slow_model_does_not_cost_what_is_typed(browser: Browser, shared: Desk) -> None:
    desk = replace(shared, first=put_notes(shared.store, [(f"{MELANOMA} Slow.", None)])[0])
    answers = threading.Event()
    with faulty(lambda handler, body: not answers.wait(60)) as server, tab(browser, desk, desk.path(1)) as here:
        server.record = json.dumps({**empty_values(), "stage": "II", "gene_mutation": "NRAS Q61R"})
        here.shows(desk.case(1))
        expect(here.page.locator("#note-head .by")).to_contain_text("no suggestion yet")
        # A note that takes long says how far it is read, in place of that it is next.
        with desk.store.transaction() as session:
            set_heartbeat(program_in(session), "worker", {"state": "busy", "read": {str(desk.first): 0.4}})
        here.page.evaluate(call_script("status.js", "look"))
        expect(here.page.locator("#read")).to_have_text(
            " the model has read 40 % of this note; you can fill it in by hand"
        )
        expect(here.page.locator("#note-head .by")).to_be_hidden()
        with settle(Home(desk.home), server.url).desk() as worker, watching(worker):
            wait_for(lambda: server.n_at_once, "the model to be asked")
            here.type_into("stage", "IIIC")
            here.page.get_by_label("Comment").fill("asked the lab")
            expect(here.said()).to_contain_text("draft saved")
            here.type_into("treatment", "nivolumab for")
            answers.set()
            wait_for(lambda: desk.review(1).suggestion, "the suggestion")
            here.box("treatment").press_sequentially(" one year")
            offer = here.page.get_by_role("button", name="A suggestion has arrived")
            expect(offer).to_be_visible()
            expect(here.page.locator("#read")).to_be_hidden()
        typed = {"stage": "IIIC", "treatment": "nivolumab for one year", "gene_mutation": ""}
        for key, value in typed.items():
            expect(here.box(key)).to_have_value(value)
        offer.click()
        expect(here.box("gene_mutation")).to_have_value("NRAS Q61R")
        expect(here.page.locator('.side[data-field="stage"] .said')).to_have_text("II")
        expect(here.box("stage")).to_have_value("IIIC")
        expect(here.box("treatment")).to_have_value("nivolumab for one year")
        expect(here.page.get_by_label("Comment")).to_have_value("asked the lab")
        draft = desk.review(1).draft
        assert draft is not None
        assert (draft.extraction["treatment"], draft.comment) == ("nivolumab for one year", "asked the lab")


# ---------------------------------------------------------------- the network


@pytest.mark.parametrize("loss", LOSSES)
def test_two_minutes_without_the_desk_cost_nothing(browser: Browser, desk: Desk, loss: str) -> None:
    with tab(browser, desk, desk.path(1), quiet=False, has_clock=True) as here:
        here.shows(desk.case(1))
        here.loaded_ahead()
        mend = lose(loss, here, desk)
        try:
            decide_while_away(here, desk)
            for _ in range(TWO_MINUTES_S // 5):  # in steps, so that each attempt fails before the next is due
                here.page.clock.run_for(5000)
            expect(here.page.get_by_role("alert").filter(has_text="NOT SAVED")).to_contain_text("2 decisions wait")
            expect(here.said()).to_contain_text("not saved")
            assert [desk.decisions(number) for number in (1, 2, 3)] == [[], [], []]
        finally:
            mend()
        expect_nothing_lost(here, desk)


@pytest.fixture
def mortal(desk: Desk, shared: Desk) -> Iterator[Desk]:
    """The shared server, which may be killed: another one takes its place."""
    yield desk
    if desk.number is None:
        desk.start()
    shared.number = desk.number


def test_nothing_typed_is_lost_when_the_server_is_killed(browser: Browser, mortal: Desk) -> None:
    desk = mortal
    with tab(browser, desk, desk.path(1), quiet=False) as here:
        here.shows(desk.case(1))
        here.loaded_ahead()
        desk.kill()
        here.type_into("stage", "IIIA")
        expect(here.said()).to_contain_text("not saved")
        desk.start()
        expect(here.said()).to_contain_text("draft saved")
        here.ready()
        desk.kill()
        here.type_into("treatment", "letrozole then exemestane")
        expect(here.said()).to_contain_text("not saved")
        here.page.keyboard.press("Control+Enter")
        expect(here.page.get_by_role("alert").filter(has_text="NOT SAVED")).to_be_visible()
        kept = here.page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
        assert "IIIA" in kept
        assert "noticed a lump" not in kept  # values only, never the note
        here.shows(desk.case(2))  # loaded ahead: reviewing goes on
        here.type_into("stage", "II")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(3))
        desk.start()
        expect(here.said()).to_contain_text(f"{desk.case(2)} saved")
        expect(here.page.locator("#banner")).to_be_hidden()
        assert [kept.extraction["stage"] for kept in desk.decisions(2)] == ["II"]
        (decided,) = desk.decisions(1)
        assert decided.extraction["stage"] == "IIIA"
        assert decided.extraction["treatment"] == "letrozole then exemestane"


# ---------------------------------------------------------------- saving twice


def stand_still(here: Tab) -> None:
    """From now on the page's clock moves only when the test says so."""
    here.page.clock.pause_at(here.page.evaluate("Date.now()") + 1000)


def test_a_double_click_saves_once(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1), has_clock=True) as here:
        here.shows(desk.case(1))
        stand_still(here)
        here.page.locator("#save").dblclick()
        expect(here.page.locator("#note-head h2")).to_have_text(desk.case(2))
        expect(here.said()).to_contain_text("revision 1")
        here.page.clock.run_for(1000)
        here.shows(desk.case(2))
        assert len(desk.decisions(1)) == 1
        assert desk.decisions(2) == []


def test_two_presses_in_a_row_never_decide_a_note_that_nobody_has_read(browser: Browser, shared: Desk) -> None:
    desk = replace(shared, first=put_notes(shared.store, [*THREE, *THREE])[0])
    with tab(browser, desk, desk.path(1), has_clock=True) as here:
        here.shows(desk.case(1))
        stand_still(here)
        for number, gap_ms in enumerate((5, 20, 60, 140), 1):
            here.page.keyboard.press("Control+Enter")
            here.page.clock.run_for(gap_ms)
            here.page.keyboard.press("Control+Enter")
            expect(here.page.locator("#note-head h2")).to_have_text(desk.case(number + 1))
            expect(here.said()).to_contain_text(f"{desk.case(number)} saved")
            here.page.clock.run_for(1000)
            here.shows(desk.case(number + 1))
            assert len(desk.decisions(number)) == 1
            assert desk.decisions(number + 1) == []


def test_two_presses_while_a_draft_is_on_its_way_save_once(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        here.page.route("**/drafts", hold)
        with here.page.expect_request("**/drafts"):
            here.type_into("stage", "II")
        here.page.keyboard.press("Control+Enter")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))  # it waits for nothing
        assert "II" in here.page.evaluate("sessionStorage['caseloop:outbox:local']")
        held[0].continue_()
        expect(here.said()).to_contain_text("revision 1")
        here.shows(desk.case(2))
        expect(here.page.locator("#notice")).to_be_hidden()
        assert [kept.extraction["stage"] for kept in desk.decisions(1)] == ["II"]
        assert desk.decisions(2) == []


def test_a_note_that_nobody_has_seen_cannot_be_saved(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.page.evaluate(
            """new MutationObserver(() => document.body.dataset.desk !== 'ready' && document.dispatchEvent(
                   new KeyboardEvent('keydown', {key: 'Enter', code: 'Enter', ctrlKey: true, bubbles: true})
               )).observe(document.body, {childList: true, subtree: true, attributes: true})"""
        )
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        assert desk.decisions(2) == []


# ---------------------------------------------------------------- skipping


def skip_all(desk: Desk) -> None:
    """Put aside whatever waits, as the queue does; drafts of other tests are decided."""
    acting = {"action": "skip", "filters": {"origin": "incoming"}, "bulk": f"{desk.first:012d}", "upto": desk.first - 1}
    assert httpx.post(f"{desk.url}/queue/act", json=acting, timeout=60).status_code == 200
    seen: set[int] = set()
    while (number := httpx.get(f"{desk.url}/review", timeout=30).json()["note"]) < desk.first:
        assert number not in seen, "a note that was skipped came back"
        seen.add(number)
        sent = {**form(desk.store, number), "status": "skipped", "token": f"put-aside-{number}"}
        assert httpx.post(f"{desk.url}/decisions", json=sent, timeout=30).status_code == 200


def test_a_skipped_note_does_not_come_back(browser: Browser, desk: Desk) -> None:
    skip_all(desk)
    skipped = desk.first
    with tab(browser, desk, "/app/") as here:
        here.shows(desk.case(1))
        with here.page.expect_response("**/review/ahead*") as ahead:
            here.page.keyboard.press("Alt+s")
            here.shows(desk.case(2))
        assert [page["note"] for page in ahead.value.json()["notes"]] == [skipped + 2]
        expect(here.said()).to_contain_text("skipped")
        here.page.goto(f"{desk.url}/app/")  # as the next morning
        here.shows(desk.case(2))
        for number in (2, 3):
            here.shows(desk.case(number))
            here.page.keyboard.press("Control+Enter")
        nothing = here.page.locator("#note .empty")
        expect(nothing).to_contain_text("Nothing left to review")
        expect(here.said()).to_contain_text("revision 1")
        here.page.goto(f"{desk.url}/app/")
        expect(nothing).to_contain_text("Nothing left to review")
    assert [(kept.status, kept.reviewer) for kept in desk.decisions(1)] == [("skipped", LOCAL_REVIEWER)]
