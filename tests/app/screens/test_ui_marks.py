"""A note as HTML: what comes from outside is text, whatever it looks like."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.screens.review.note.highlights import mark_evidence, segments
from data.suggestion import Span
from tests.kit.desk.desk_store import HOSTILE, TASK

KEYS = TASK.keys


class Reader(HTMLParser):
    """Reads markup back: its text, and every tag with its attributes."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(str(markup))  # whatever is put together with a piece of markup is escaped
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    whole = Span(0, len(text))
    for evidence in ({}, {KEYS[0]: (whole,)}, {KEYS[0]: (whole,), KEYS[1]: (Span(1, 4),)}):
        read = Reader(mark_evidence(TASK, text, evidence))
        assert read.text == text
        assert {tag for tag, _ in read.tags} <= {"mark"}
        assert all(set(found) == {"class", "data-fields", "data-keys", "title", "style"} for _, found in read.tags)


def test_a_field_is_marked_where_its_evidence_stands() -> None:
    markup = mark_evidence(TASK, "Stage IV melanoma.", {KEYS[0]: (Span(9, 17),), KEYS[1]: (Span(0, 8),)})
    read = Reader(markup)
    assert [found["data-fields"] for _, found in read.tags] == [KEYS[1], KEYS[0]]
    assert [found["title"] for _, found in read.tags] == [TASK.fields[1].title, TASK.fields[0].title]
    assert [found["data-keys"] for _, found in read.tags] == [TASK.fields[1].hotkey, TASK.fields[0].hotkey]
    assert ">Stage IV</mark> <mark" in markup
    assert ">melanoma</mark>." in markup


def test_overlapping_evidence_is_cut_into_marks_that_carry_all_their_fields() -> None:
    text = "metastatic to the liver"
    read = Reader(
        mark_evidence(TASK, text, {KEYS[1]: (Span(0, 10),), KEYS[6]: (Span(0, 23),), KEYS[4]: (Span(5, 12),)})
    )
    assert read.text == text
    assert [found["data-fields"] for _, found in read.tags] == [
        f"{KEYS[1]} {KEYS[6]}",
        f"{KEYS[1]} {KEYS[4]} {KEYS[6]}",
        f"{KEYS[4]} {KEYS[6]}",
        KEYS[6],
    ]
    assert "linear-gradient" in str(read.tags[1][1]["style"])


def test_spans_count_code_points() -> None:
    text = "𝔘𝔫 é — <b> HER2+"
    start = text.index("HER2")
    markup = mark_evidence(TASK, text, {KEYS[3]: (Span(start, start + 5),)})
    assert ">HER2+</mark>" in markup
    assert Reader(markup).text == text


def test_evidence_outside_the_text_is_ignored() -> None:
    assert mark_evidence(TASK, "short", {KEYS[0]: (Span(40, 50), Span(3, 3), Span(-4, 0))}) == "short"
    assert Reader(mark_evidence(TASK, "short", {KEYS[0]: (Span(2, 900),)})).text == "short"


def test_evidence_of_an_unknown_field_is_ignored() -> None:
    assert mark_evidence(TASK, "short", {"</mark><script>": (Span(0, 5),)}) == "short"


spans = st.builds(lambda start, length: Span(start, start + length), st.integers(-3, 60), st.integers(0, 40))
evidence = st.dictionaries(st.sampled_from(KEYS), st.lists(spans, max_size=4).map(tuple), max_size=len(KEYS))


@settings(max_examples=150)
@given(text=st.text(max_size=60).filter(lambda text: "\r" not in text and "\0" not in text), found=evidence)
def test_marking_never_changes_the_text(text: str, found: dict[str, tuple[Span, ...]]) -> None:
    assert Reader(mark_evidence(TASK, text, found)).text == text
    cuts = list(segments(TASK, len(text), found))
    assert "".join(text[start:end] for start, end, _ in cuts) == text
