"""The queue in a real browser: its filter, what is done to many notes, importing with a preview, and keys alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, expect

from app.access.guard import LOCAL_REVIEWER
from data.synthetic.sets.shipped import sample_notes
from data.task import Extraction
from db.notes.notes import add_notes, find_note
from db.notes.queue.saved_filters import saved_filters
from db.notes.queue.search import counts, search_notes
from db.review.drafts import save_draft
from db.review.reviewed import history
from db.schema import tables
from tests.kit.desk.desk_browser import Desk, Tab, serving, tab
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, COLON_VALUES, HOSTILE, MELANOMA, TASK, empty_values
from tests.kit.desk.permits import person_in, program_in

NOTES = [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES), (MELANOMA, None)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Sixty notes of three kinds in turn; the first six have a value that is not in the note."""
    with serving(tmp_path, [(f"{text} Seen {n}.", values) for n in range(20) for text, values in NOTES]) as running:
        with running.store.transaction() as session:
            doubtful = tables.note.c.id <= 6
            session.execute(sa.update(tables.note).where(doubtful).values(n_not_found=1, min_confidence=0.5))
        yield running


def opened(here: Tab) -> Locator:
    here.ready()
    here.page.get_by_role("tab", name="Queue").click()
    rows = here.page.locator("#queue-table tbody tr")
    expect(rows.first).to_be_visible()
    return rows


def found(here: Tab) -> Locator:
    return here.page.locator("#queue-found")


def states(desk: Desk) -> dict[str, int]:
    with desk.store.reading() as session:
        figures = counts(session)
    return {"todo": figures.n_todo, "skipped": figures.n_skipped, "flagged": figures.n_flagged}


def test_the_filter_narrows_is_saved_and_comes_back(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, "/") as here:
        rows = opened(here)
        expect(found(here)).to_have_text("60 notes")
        expect(rows).to_have_count(50)
        here.page.get_by_role("button", name="Later").click()
        expect(rows).to_have_count(10)
        here.page.get_by_label("Search the notes").press_sequentially("caecal")
        expect(found(here)).to_have_text("20 notes")
        here.page.get_by_label("not found", exact=True).check()
        expect(rows).to_have_count(2)
        expect(rows.first).to_contain_text("case-2")
        here.page.get_by_label("Order").select_option("doubt")
        here.page.get_by_role("button", name="Save filter").click()
        here.page.get_by_role("dialog").get_by_label("Name").fill(HOSTILE[0])
        here.page.keyboard.press("Enter")
        expect(here.page.get_by_label("Saved filter").locator("option:checked")).to_have_text(HOSTILE[0])
        here.page.get_by_role("button", name="Clear").click()
        expect(found(here)).to_have_text("60 notes")
        expect(here.page.get_by_label("Search the notes")).to_have_value("")
        here.page.reload()
        expect(found(here)).to_have_text("60 notes")
        here.page.get_by_label("Saved filter").select_option(HOSTILE[0])
        expect(rows).to_have_count(2)
        expect(here.page.get_by_label("Search the notes")).to_have_value("caecal")
        expect(here.page.get_by_label("Order")).to_have_value("doubt")
        here.page.get_by_role("button", name="Delete it").click()
        here.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(here.page.get_by_label("Saved filter").locator("option")).to_have_count(1)
        here.page.get_by_label("Search the notes").fill("nowhere")
        expect(here.page.locator("#queue-table .empty")).to_contain_text("No note matches.")
        expect(found(here)).to_have_text("0 notes")
        here.page.get_by_role("button", name="Clear the filter").click()
        expect(found(here)).to_have_text("60 notes")
        here.page.get_by_label("Order").select_option("novelty")
        expect(here.page.locator("#queue-table .said")).to_contain_text("No note has been compared")
        with desk.store.reading() as session:
            assert saved_filters(session, LOCAL_REVIEWER) == []


def test_many_notes_are_skipped_after_a_question_and_taken_back_exactly(browser: Browser, desk: Desk) -> None:
    with desk.store.transaction() as session:
        typed = Extraction(TASK, {**empty_values(), "stage": "II"})
        save_draft(person_in(session, LOCAL_REVIEWER), note_id=5, extraction=typed, seen_revision=0)
    with tab(browser, desk, "/") as here:
        opened(here)
        here.page.get_by_label("Search the notes").press_sequentially("caecal")
        here.page.get_by_role("button", name="Skip 19 notes, all shown by the filter").click()
        dialog = here.page.get_by_role("dialog")
        expect(dialog).to_contain_text("Skip 19 notes?")
        expect(dialog).to_contain_text("No row is ticked: this is about all that the filter shows.")
        dialog.get_by_role("button", name="Cancel").click()
        here.page.get_by_role("button", name="Clear").click()
        here.page.get_by_role("button", name="Skip 59 notes, all shown by the filter").click()
        expect(dialog).to_contain_text("Skip 59 notes?")
        expect(dialog).to_contain_text("1 note of 60 stays as it is")
        dialog.get_by_role("button", name="Cancel").click()
        assert states(desk)["skipped"] == 0
        here.page.get_by_role("button", name="Skip 59 notes, all shown by the filter").click()
        dialog.get_by_role("button", name="Skip 59 notes").click()
        expect(here.page.locator("#queue-done")).to_contain_text("59 notes skipped.")
        assert states(desk) == {"todo": 0, "skipped": 59, "flagged": 0}
        with desk.store.transaction() as session:  # somebody goes on with one of them
            changed = Extraction(TASK, {**empty_values(), "stage": "I"})
            save_draft(person_in(session, "ben"), note_id=9, extraction=changed, seen_revision=1)
        here.page.reload()
        expect(here.page.locator("#queue-done")).to_contain_text("59 notes skipped.")
        here.page.get_by_role("button", name="Undo").click()
        expect(here.page.locator("#queue-done")).to_contain_text("58 notes as before. 1 note left alone")
        assert states(desk) == {"todo": 58, "skipped": 1, "flagged": 0}
        assert desk.review(5).draft is not None
        assert [row.status for row in desk.decisions(1)] == ["reopened", "skipped"]


def test_ticked_notes_are_flagged_with_a_comment(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, "/") as here:
        rows = opened(here)
        rows.nth(0).get_by_role("checkbox").check()
        rows.nth(2).locator(".tick").click()
        expect(found(here)).to_have_text("60 notes, 2 ticked")
        here.page.get_by_role("button", name="Flag 2 notes, ticked").click()
        here.page.get_by_role("dialog").get_by_label("Comment").fill("which is it?")
        here.page.get_by_role("dialog").get_by_role("button", name="Flag 2 notes").click()
        expect(here.page.locator("#queue-done")).to_contain_text("2 notes flagged.")
        expect(rows.nth(0)).to_contain_text("flagged")
        with desk.store.reading() as session:
            assert [row.id for row in search_notes(session, state="flagged")] == [1, 3]
            assert history(session, 3)[0].comment == "which is it?"
        rows.nth(0).get_by_role("checkbox").check()
        here.page.get_by_role("button", name="Reopen 1 note, ticked").click()
        expect(here.page.locator("#queue-done")).to_contain_text("1 note reopened.")
        expect(rows.nth(0)).to_contain_text("draft")
        # Samples are named, and go once a person was told what goes with them.
        with desk.store.transaction() as session:
            add_notes(program_in(session), sample_notes(TASK)[-3:])
        here.page.get_by_label("Origin").select_option("sample")
        expect(rows).to_have_count(3)
        expect(rows.first).to_contain_text("sample")
        here.page.get_by_role("button", name="Remove the samples").click()
        dialog = here.page.get_by_role("dialog")
        expect(dialog).to_contain_text("removes 3 sample notes for good")
        dialog.get_by_role("button", name="Remove the samples").click()
        expect(here.page.locator("#queue-table")).to_contain_text("No note matches")
        expect(here.page.locator("#samples")).to_be_hidden()
        assert sum(states(desk).values()) == 59


def test_a_file_is_shown_before_it_is_imported(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    lines = [
        f'r-{n},"{HOSTILE[0].replace(chr(34), chr(39))} renal cell carcinoma, clear cell, {n}",BMJ' for n in range(4)
    ]
    file.write_text("\n".join(["case_no,body,journal", *lines, "r-9,short"]), encoding="utf-8")
    with tab(browser, desk, "/") as here:
        opened(here)
        here.page.locator("#import-file").set_input_files(file)
        preview = here.page.get_by_role("dialog")
        expect(preview).to_contain_text("5 rows read: 4 new notes, 0 already here, 1 refused. Nothing is written yet.")
        expect(preview).to_contain_text("line 6: expected 3 values; found 2")
        expect(preview.get_by_label("The note is in")).to_have_value("body")
        expect(preview.get_by_label("Its id is in")).to_have_value("case_no")
        expect(preview.locator("article")).to_have_count(3)
        preview.get_by_label("Its id is in").select_option("journal")
        expect(preview.locator("article b").first).to_have_text("BMJ")
        preview.get_by_label("Its id is in").select_option("case_no")
        expect(preview.locator("article b").first).to_have_text("r-0")
        assert states(desk)["todo"] == 60
        preview.get_by_role("button", name="Import 4 notes").click()
        expect(here.page.locator("#import-report")).to_contain_text("4 notes added, 0 already here, 1 refused")
        expect(found(here)).to_have_text("64 notes")
        assert states(desk)["todo"] == 64
        here.page.locator("#import-file").set_input_files(file)
        expect(preview).to_contain_text("0 new notes, 4 already here")
        expect(preview.get_by_role("button", name="Import 0 notes")).to_be_disabled()
        here.page.keyboard.press("Escape")
        (tmp_path / "notes.exe").write_text("x")
        here.page.locator("#import-file").set_input_files(tmp_path / "notes.exe")
        expect(preview).to_contain_text("found another ending, .exe")
        here.page.keyboard.press("Escape")
        dropped = here.page.evaluate_handle(
            "() => { const held = new DataTransfer();"
            " held.items.add(new File(['One dropped report.'], 'one.txt')); return held; }"
        )
        here.page.dispatch_event("#import", "drop", {"dataTransfer": dropped})
        expect(preview).to_contain_text("1 row read: 1 new note, 0 already here, 0 refused.")
        expect(preview.get_by_label("The note is in")).to_have_count(0)
        preview.get_by_role("button", name="Cancel").click()
        assert states(desk)["todo"] == 64
        assert here.page.evaluate("window.hurt") is None
        here.complaints.clear()  # the browser's own word on the refusal


def test_many_files_and_folders_are_imported_at_once(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    (folder / "ward").mkdir(parents=True)
    for number in range(12):
        place = folder / ("ward" if number % 2 else "")
        (place / f"r{number:02}.txt").write_text(f"Report {number} of a folder.", encoding="utf-8")
    (folder / ".hidden").write_text("x")
    (folder / ".checkpoints").mkdir()
    (folder / ".checkpoints" / "hidden.txt").write_text("A report as it was an hour ago.", encoding="utf-8")
    (folder / "broken.json").write_text("{", encoding="utf-8")
    table = tmp_path / "table.csv"
    table.write_text("case_no,body\nt-1,A report in a table that is long enough.\n", encoding="utf-8")
    with tab(browser, desk, "/") as here:
        opened(here)
        here.page.locator("#import-folder").set_input_files(folder)
        preview, report = here.page.get_by_role("dialog"), here.page.locator("#import-report")
        expect(preview).to_contain_text("12 new notes, 0 already here, 1 refused. Nothing is written yet.")
        expect(preview).to_contain_text("reports/ward/r01.txt")
        expect(preview).to_contain_text("1 file with something that cannot be read")
        expect(preview).not_to_contain_text("hidden")
        assert states(desk)["todo"] == 60
        preview.get_by_role("button", name="Import 12 notes from 12 files").click()
        expect(report).to_have_text("12 notes added from 12 files, 0 already here.")
        expect(found(here)).to_have_text("72 notes")
        here.page.locator("#import-file").set_input_files([folder / "r00.txt", table])
        expect(preview).to_contain_text("1 new note, 1 already here, 0 refused")
        expect(preview.get_by_label("Its id is in")).to_have_value("case_no")
        preview.get_by_role("button", name="Import 1 note from 1 file").click()
        expect(report).to_have_text("1 note added from 1 file, 0 already here.")
        with desk.store.reading() as session:
            assert find_note(session, "t-1") is not None
        for path in folder.rglob("*.txt"):
            path.write_text(f"{path.name} once more.", encoding="utf-8")
        here.page.route("**/import", lambda route: route.abort())
        here.page.locator("#import-folder").set_input_files(folder)
        expect(preview.get_by_role("button", name="Import 12 notes from 12 files")).to_be_disabled()
        preview.get_by_label("Notes with the id of another text").select_option("separate")
        preview.get_by_role("button", name="Import 12 notes from 12 files").click()
        expect(report).to_contain_text("0 notes added from 0 files")
        expect(report).to_contain_text("r00.txt: Nothing was imported: the desk cannot be reached.")
        here.complaints.clear()  # the browser's own word on what was aborted


def test_the_queue_is_worked_by_keys_alone(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, "/") as here:
        rows, keys = opened(here), here.page.keyboard
        keys.press("/")
        expect(here.page.get_by_label("Search the notes")).to_be_focused()
        keys.type("caecal/jx")
        expect(here.page.locator("#queue-table .empty")).to_be_visible()
        for _ in "/jx":
            keys.press("Backspace")
        expect(rows).to_have_count(20)
        keys.press("Escape")
        expect(rows.nth(0)).to_be_focused()
        expect(here.page.get_by_label("Search the notes")).to_have_value("caecal")
        keys.press("j")
        keys.press("ArrowDown")
        keys.press("x")
        expect(rows.nth(2).get_by_role("checkbox")).to_be_checked()
        keys.press("k")
        expect(rows.nth(1)).to_be_focused()
        keys.press("Enter")
        here.shows("case-5")
        here.page.get_by_role("tab", name="Queue").click()
        expect(found(here)).to_have_text("20 notes, 1 ticked")


def test_a_queue_without_a_server_says_so_and_comes_back(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, "/", quiet=False) as here:
        rows = opened(here)
        desk.kill()
        here.page.get_by_label("State", exact=True).select_option("flagged")
        expect(found(here)).to_contain_text("could not be refreshed")
        expect(rows).to_have_count(50)
        expect(here.page.get_by_role("button", name="Try again")).to_be_visible()
        desk.start()  # Gradio loads the page anew; it comes back to the queue and what was looked for
        expect(here.page.locator("#queue-table .empty")).to_contain_text("No note matches.", timeout=60_000)
        expect(here.page.get_by_label("State", exact=True)).to_have_value("flagged")
