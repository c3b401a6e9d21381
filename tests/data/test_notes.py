"""One note: its hash, its split, and what is checked of it."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.limits import MAX_NOTE_CHARACTERS
from data.notes import NoteError, content_hash, make_note, split_of
from data.prompt import SPECIAL_TOKENS
from data.task import Extraction
from tests.kit.note_files import EMPTY, FIRST, TASK

# --- hash and split ---------------------------------------------------------------------------------------------------


def test_the_hash_is_fixed() -> None:
    # A released hash is never changed: it decides which notes are held out.
    assert content_hash("Stage IV,  Melanoma.") == content_hash("stage iv melanoma")
    assert content_hash("stage iv melanoma") == "6363697312c9c83d144e8e0beb54cc64aaff62b34924080ea70a939e2d18b4ec"


@given(st.text(min_size=1, max_size=80))
def test_case_space_and_punctuation_do_not_count(text: str) -> None:
    try:
        hashed = content_hash(text)
    except UnicodeEncodeError:
        return  # lone surrogates are refused before
    assert len(hashed) == 64
    assert content_hash(f" \n{text} . ") == hashed
    assert content_hash(unicodedata.normalize("NFKC", text)) == hashed
    assert split_of(hashed) in ("train", "holdout")


def test_words_count() -> None:
    assert content_hash("stage IV") != content_hash("stage III")
    assert content_hash("ab c") != content_hash("a bc")


def test_one_note_in_ten_is_held_out() -> None:
    sides = [split_of(content_hash(f"Report {number}.")) for number in range(5000)]
    assert 0.08 < sides.count("holdout") / len(sides) < 0.12
    assert split_of("0" * 64) == split_of("1999" + "0" * 60) == "holdout"
    assert split_of("199a" + "0" * 60) == split_of("f" * 64) == "train"


# --- one note ---------------------------------------------------------------------------------------------------------


def test_a_note() -> None:
    note = make_note(
        TASK, "One.\r\nTwo.\rThree. ", external_id=" a-1 ", metadata={"ward": 3, "at": datetime(2024, 5, 1)}
    )
    assert note.text == "One.\nTwo.\nThree. "
    assert note.external_id == "a-1"
    assert note.metadata == {"ward": 3, "at": "2024-05-01T00:00:00"}
    assert (note.origin, note.gold) == ("incoming", None)
    assert note.content_hash == content_hash("one two three")
    assert note.split == split_of(note.content_hash)
    assert "One" not in repr(note)


def test_a_labelled_note_is_an_original() -> None:
    gold = Extraction(TASK, {**EMPTY, FIRST: "melanoma"})
    assert make_note(TASK, "One.", gold=gold).origin == "original"
    other = TASK.model_copy(update={"fields": TASK.fields[:1]})
    with pytest.raises(NoteError, match="another task"):
        make_note(other, "One.", gold=gold)


def test_the_longest_note() -> None:
    assert len(make_note(TASK, "x" * MAX_NOTE_CHARACTERS).text) == MAX_NOTE_CHARACTERS == 20_000
    assert len(make_note(TASK, "x\r\n" * 10_000).text) == MAX_NOTE_CHARACTERS  # counted as it is stored
    with pytest.raises(NoteError, match="at most 20,000 characters; found 20,001"):
        make_note(TASK, "x" * (MAX_NOTE_CHARACTERS + 1))


@pytest.mark.parametrize("text", ["", " \n\t", "...", "?!"])
def test_a_note_has_words(text: str) -> None:
    with pytest.raises(NoteError, match="Expected a note with"):
        make_note(TASK, text)


@pytest.mark.parametrize("token", [*SPECIAL_TOKENS, "<|reserved_special_token_0|>", "<|python_tag|>"])
def test_a_note_holds_no_special_token(token: str) -> None:
    with pytest.raises(NoteError, match="special token of the model at character 3"):
        make_note(TASK, f"a {token} b")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"external_id": "x" * 201}, "at most 200"),
        ({"external_id": "a\nb"}, "one line"),
        ({"external_id": "a\0b"}, "U\\+0000"),
        ({"metadata": {"a": "x" * 20_001}}, "beside the note"),
        ({"metadata": {"a": "\ud800"}}, "U\\+D800"),
        ({"metadata": {"a": {"\0": 1}}}, "U\\+0000"),
        ({"metadata": {"a": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}, "at most 16 levels"),
    ],
)
def test_what_comes_with_a_note_is_checked(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(NoteError, match=said):
        make_note(TASK, "One.", **settings)


def test_a_heap_of_accents_is_refused_before_it_is_put_in_order() -> None:
    accents = "\u0301\u0316\u05b0"
    assert make_note(TASK, f"w{accents * 10} é")
    with pytest.raises(NoteError, match="at most 30 accents on one character; found more from character 4 on"):
        make_note(TASK, "é w" + accents * 6000)
