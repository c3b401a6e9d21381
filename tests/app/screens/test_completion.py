"""What the review screen offers beside a field: completion of what is typed, and a list without one of its items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from app.web.application import FILES
from tests.kit.desk.desk_browser import browser

__all__ = ["browser"]

NOTE = "Started on Dabrafenib plus trametinib, later on ipilimumab. Dose 2.5 mg. Plan: dabrafenib holiday; plan."


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    opened.add_script_tag(path=FILES / "review" / "note" / "completion.js")
    yield opened
    opened.close()


def offered(page: Page, value: str | None, **more: Any) -> list[str | None]:
    """The values offered beside a field that holds `value`."""
    field = {"alternatives": more.pop("alternatives", []), "offered": more.pop("offered", None)}
    state = {"value": value, "typed": True, "used": [], "note": NOTE, "separator": "; "} | more
    shown = page.evaluate("([field, state]) => window.completion.choices(field, state)", [field, state])
    return [one["other"] for one in shown]


def test_a_word_is_completed_to_its_end_to_the_end_of_the_phrase_and_by_the_next_word(page: Page):
    assert offered(page, "trame") == ["trametinib"]
    assert offered(page, "dabr")[:3] == ["Dabrafenib", "Dabrafenib plus trametinib", "Dabrafenib plus"]


def test_completion_goes_on_from_the_last_words_and_leaves_what_stands_before_them(page: Page):
    assert offered(page, "stopped; ipil") == ["stopped; ipilimumab"]
    assert offered(page, "dabrafenib + tram") == ["dabrafenib + trametinib"]
    assert offered(page, "Dabrafenib plus")[0] == "Dabrafenib plus trametinib"


def test_nothing_is_made_of_too_little(page: Page):
    assert offered(page, "d") == []
    assert offered(page, "on") == []  # stands anywhere: what follows says nothing
    assert offered(page, "ipilimumab xyz") == []
    assert offered(page, "trame", typed=False) == []


def test_a_number_in_the_note_is_not_cut_at_its_point(page: Page):
    assert offered(page, "dose")[0] == "Dose 2.5 mg"


def test_what_is_typed_is_no_pattern(page: Page):
    for typed in ("(a", "a[", "a\\", "*.*", "$&", "a+b"):
        assert offered(page, typed) == []


def test_values_used_before_come_first_the_same_said_otherwise_before_the_commoner(page: Page):
    used = [["dabrafenib; vemurafenib", 90], ["trametinib + dabrafenib", 3]]
    assert offered(page, "dabrafenib and trametinib", used=used)[0] == "trametinib + dabrafenib"
    assert offered(page, "dabr", used=used)[:2] == ["dabrafenib; vemurafenib", "trametinib + dabrafenib"]


def test_the_last_item_of_a_list_is_completed_from_items_used_before(page: Page):
    used = [["surgery; radiation", 2], ["radiotherapy", 9]]
    found = offered(page, "dabrafenib; ra", used=used)
    assert found == ["dabrafenib; radiotherapy", "dabrafenib; radiation"]


def test_a_list_is_offered_without_each_of_its_items_until_it_is_typed_into(page: Page):
    assert offered(page, "lung; skin", typed=False) == ["skin", "lung"]
    assert offered(page, "lung, skin, brain", typed=False) == ["skin, brain", "lung, brain", "lung, skin"]
    assert offered(page, "lung; skin", typed=True) == []
    assert offered(page, "lung; skin", typed=False, isSure=True) == []
    assert offered(page, "lung; skin", typed=False, separator=None) == []
    assert offered(page, "lung", typed=False) == []


def test_the_models_alternatives_come_before_a_shorter_list_and_no_value_is_offered_twice(page: Page):
    assert offered(page, "lung; skin", typed=False, alternatives=["lung", None]) == ["lung", None, "skin"]
    assert offered(page, None, typed=False, alternatives=[None, "lung"]) == ["lung"]
    assert offered(page, "a", typed=False, offered={"value": "b", "by": "kim"}, alternatives=["a", "c"]) == ["b", "c"]


def test_there_are_never_more_than_five(page: Page):
    assert len(offered(page, "a; b; c; d; e; f; g", typed=False)) == 5
