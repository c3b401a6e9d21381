"""House words: which words of reviewers an adapter may write beside those of note and lexicon, how they are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.notes import content_hash
from data.snapshot import Row
from data.task import DEFAULT_TASK, Extraction, load_task
from data.vocabulary.house_words import (
    HOUSE_WORDS,
    MAX_BYTES,
    NONE,
    HouseWords,
    HouseWordsError,
    collect_house_words,
    read_house_words,
)
from data.vocabulary.wording import START, invented_words, words_of

TASK = load_task(DEFAULT_TASK)
NOTES = ("Mrs A. has breast cancer.", "Breast cancer was found in Mrs B.", "Mrs C., breast cancer since May.")


def reviewed(text: str, source: str = "annotation", **values: str) -> Row:
    extraction = Extraction(TASK, {key: values.get(key) for key in TASK.keys})
    return Row(text, extraction, source, content_hash(text))  # type: ignore[arg-type]


def test_a_word_counts_where_two_reviewed_notes_use_it() -> None:
    written = zip(NOTES, ("mamma-qx", "Mamma-Qx", "mqmma-qx"), strict=True)
    rows = [reviewed(text, cancer_type=value) for text, value in written]
    assert collect_house_words(TASK, rows).fields == {"cancer_type": ("Mamma-Qx", "mamma-qx")}
    assert collect_house_words(TASK, rows).n_words == 1
    assert collect_house_words(TASK, rows[1:]) == NONE
    twice = [rows[0], reviewed(f"  {NOTES[0]}", cancer_type="mamma-qx")]
    assert collect_house_words(TASK, twice) == NONE, "one note under two ids is one note"


def test_only_what_a_person_reviewed_counts_and_only_in_its_field() -> None:
    rows = [reviewed(text, "original", cancer_type="mamma-qx") for text in NOTES]
    assert collect_house_words(TASK, rows) == NONE
    rows = [reviewed(NOTES[0], cancer_type="mamma-qx"), reviewed(NOTES[1], response="mamma-qx")]
    assert collect_house_words(TASK, rows) == NONE


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("cancer_type", "breast ca.", ("ca",)),
        ("cancer_type", "breast cancer", ()),
        ("response", "qx/rq", ("qx", "rq")),
        ("response", "qx---------rq", ("qx", "rq")),
        ("biomarker", "HER2-qx; HER2qx", ("HER2-qx", "HER2qx")),
        ("gene_mutation", "EGFR L861Q", ()),
        ("gene_mutation", "EGFR-L861Q", ()),
        ("biomarker", "Ki-67 40%", ()),
        ("biomarker", "qx 7/19; 7-19", ("qx",)),
        ("treatment", "2qx", ()),
        ("stage", "Étape 中国", ("Étape", "中国")),
    ],
)
def test_a_word_of_the_house_has_letters_and_figures_only_of_known_names(
    key: str, value: str, words: tuple[str, ...]
) -> None:
    found = collect_house_words(TASK, [reviewed(text, **{key: value}) for text in NOTES])
    assert found.fields.get(key, ()) == words
    known = words_of(TASK, "", found.known)[TASK.keys.index(key)]
    assert known is not None
    assert all(map(known.accepts, words))


def test_a_house_word_is_known_as_a_whole_in_its_field_and_in_any_pieces() -> None:
    found = HouseWords({"cancer_type": ("mamma-qx", "Étape", "中国")})
    words, plain = (words_of(TASK, NOTES[0], house)[0] for house in (found.known, None))
    assert words is not None
    assert plain is not None
    for value in ("mamma-qx", "breast mamma-qx", "MAMMA\u2010QX; étape", "etape"):
        assert words.accepts(value)
        assert not plain.accepts(value)
    assert not any(map(words.accepts, ("qx", "mamma", "mamma-qxs", "mamma-qx-etape", "mamma-q")))
    begun = "\u4e2d".encode()[:2]
    assert words.read(START, begun) is not None
    assert plain.read(START, begun) is None
    values = {**dict.fromkeys(TASK.keys), "cancer_type": "mamma-qx", "response": "mamma-qx"}
    assert invented_words(TASK, NOTES[0], values, found.known) == {"response": ("mamma-qx",)}


def test_those_of_the_adapter_that_a_run_goes_on_from_are_kept() -> None:
    earlier = HouseWords({"cancer_type": ("oldqx",), "no_field_any_more": ("qx",)})
    found = collect_house_words(TASK, [reviewed(text, cancer_type="mamma-qx") for text in NOTES], earlier)
    assert found.fields == {"cancer_type": ("mamma-qx", "oldqx"), "no_field_any_more": ("qx",)}


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    assert read_house_words(tmp_path) == NONE
    words = HouseWords({"cancer_type": ("mamma-qx", "Étape")})
    (tmp_path / HOUSE_WORDS).write_text(json.dumps(words.to_json()), encoding="utf-8")
    assert read_house_words(tmp_path) == words


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1]",
        "{}",
        '{"format": 2, "words": {}}',
        '{"format": 1, "words": {"stage": "qx"}}',
        '{"format": 1, "words": {"stage": [1]}}',
        '{"format": 1, "words": {"stage": ["two words"]}}',
        '{"format": 1, "words": {"stage": ["12"]}}',
        '{"format": 1, "words": {"stage": ["%s"]}}' % ("x" * 10_000),
        "[" * 100_000,
        '{"format": 1, "words": {}}' + " " * MAX_BYTES,
        b"\xff\xfe",
    ],
)
def test_a_damaged_file_is_a_sentence(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / HOUSE_WORDS).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(HouseWordsError, match=r"Expected .*words\.json.*\. (Copy the adapter again|Use a newer)"):
        read_house_words(tmp_path)
