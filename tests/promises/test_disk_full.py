"""The disk fills up while somebody reviews: nothing typed or decided is lost, and saving goes on once there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.kit.desk.desk_browser import THREE, Tab, browser, serving, tab
from tests.kit.homes import wait_for

__all__ = ["browser"]

STAGE = "stage"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 16 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "none", str(disk)]
    if subprocess.run(line, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs more rights than this user has")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take all room that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    assert os.statvfs(disk).f_bavail == 0
    return filler


def read_only(here: Tab) -> None:
    expect(here.page.locator("#banner")).to_contain_text("READ ONLY: the disk of the desk is full")


def test_what_was_typed_and_decided_waits_and_is_saved_once_there_is_room(browser: Browser, small_disk: Path) -> None:
    with serving(small_disk / "home", THREE) as desk, tab(browser, desk, desk.path(1), quiet=False) as here:
        here.shows(desk.case(1))
        filler = fill(small_disk)
        here.type_into(STAGE, "IIIA")
        read_only(here)
        expect(here.said()).to_contain_text("the disk is full; kept in this tab")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        read_only(here)
        here.page.wait_for_timeout(6000)  # longer than the page waits between two looks at the desk's state
        read_only(here)
        assert desk.decisions(1) == []
        filler.unlink()
        wait_for(lambda: desk.decisions(1), "the decision to arrive")
        [kept] = desk.decisions(1)
        assert (kept.revision, kept.status, kept.extraction[STAGE]) == (1, "submitted", "IIIA")
        expect(here.page.locator("#banner")).to_be_hidden()
        here.type_into(STAGE, "II")
        expect(here.said()).to_contain_text("draft saved")
        assert desk.store.problems() == []


def test_a_page_with_nothing_to_save_learns_that_there_is_room_again(browser: Browser, small_disk: Path) -> None:
    with serving(small_disk / "home", THREE) as desk, tab(browser, desk, desk.path(1), quiet=False) as here:
        here.shows(desk.case(1))
        filler = fill(small_disk)
        with tab(browser, desk, desk.path(2), quiet=False) as other:
            other.shows(desk.case(2))
            here.type_into(STAGE, "IIIA")
            read_only(here)
            read_only(other)
            filler.unlink()
            expect(other.page.locator("#banner")).to_be_hidden()
            expect(here.said()).to_contain_text("draft saved")
