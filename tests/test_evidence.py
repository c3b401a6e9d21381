"""Where a value stands in its note."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.evidence import find_evidence, is_grounded
from data.synonyms import SynonymsError, load_lexicon, stem
from data.task import Extraction, load_task

TASK = load_task()
FIRST = TASK.keys[0]


def marked(text: str, value: str | None) -> list[str]:
    """The stretches of the text that support the value."""
    spans = find_evidence(TASK, text, Extraction(TASK, {**dict.fromkeys(TASK.keys), FIRST: value}))
    assert tuple(spans) == TASK.keys
    return [text[span.start : span.end] for span in spans[FIRST]]


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        # as it stands
        ("Stage IV Melanoma, melanoma of the arm", "melanoma", ["Melanoma", "melanoma"]),
        ("known lung\n  adenocarcinoma.", "lung adenocarcinoma", ["lung\n  adenocarcinoma"]),
        ("IHC: PD‑L1 10% (TPS)", "PD-L1 10%", ["PD‑L1 10%"]),
        ("ER+, PR-", "ER+", ["ER+"]),
        # whole words only
        ("a cancer of the breast", "ER", []),
        ("the brainstem", "brain", []),
        ("HER20", "HER2", []),
        ("I saw it in stage i", "I", ["I"]),
        # part by part
        ("lesions in bone and in the brain", "brain; bone", ["bone", "brain"]),
        ("dabrafenib with trametinib", "dabrafenib + trametinib", ["dabrafenib", "trametinib"]),
        ("the right cerebellum; brain MRI", "brain (cerebellum)", ["cerebellum", "brain"]),
        # by words that stand together
        ("PD-L1 expression ~10% was seen", "PD-L1 10%", ["PD-L1 expression ~10"]),
        ("the tumour is HER2 amplified", "HER2 amplification", ["HER2 amplified"]),
        ("CA19-9 was 1,200 U/mL", "CA19-9 1200 U/mL", ["CA19-9 was 1,200 U/mL"]),
        ("PD-L1 expression ~10% was seen", "PD-L1 50%", []),
        ("BRAF mutation", "KRAS mutation", []),
        ("ER negative", "ER positive", []),
        ("CEA is high", "PSA elevated", []),
        ("ER+/PR+ disease", "ER positive", ["ER+"]),
        # by words that stand for it
        ("multiple hepatic lesions", "liver", ["hepatic"]),
        ("osseous disease of the hip", "bone", ["osseous"]),
        ("new cerebellar metastases", "brain", ["cerebellar"]),
        ("pulmonary nodules", "lung", ["pulmonary"]),
        ("widely metastatic disease", "IV", ["metastatic"]),
        ("decrease in tumor size", "partial response", ["decrease in tumor size"]),
        ("with no residual invasive carcinoma", "pathologic complete response", ["no residual invasive"]),
        # nothing
        ("A short note.", "melanoma", []),
        ("Nothing was reported: none.", "none", []),
        ("A note.", None, []),
        ("(+)", "+", ["+"]),
    ],
)
def test_what_is_marked(text: str, value: str | None, found: list[str]) -> None:
    assert marked(text, value) == found
    if value is not None:
        assert is_grounded(TASK, TASK.fields[0], text, value) == bool(found)


def test_offsets_count_code_points_of_the_stored_text() -> None:
    text = "İİﬁß 🩺 naïve\u0301 Stage IV — Straße, MELANOMA"  # some of these change length when folded
    assert marked(text, "melanoma") == ["MELANOMA"]
    assert marked(text, "stage iv") == ["Stage IV"]
    assert marked(text, "Straße") == ["Straße"]


def test_words_far_apart_are_marked_one_by_one() -> None:
    text = "EGFR was tested. " + "Some words of no weight stood here. " * 5 + "It showed L858R."
    assert marked(text, "EGFR L858R") == ["EGFR", "L858R"]


def test_a_repeated_value_is_not_marked_without_end() -> None:
    assert 1 < len(marked("bone " * 4000, "bone")) < 20


WORDS = st.sampled_from(
    ["bone", "İstanbul", "ﬁbrosis", "Straße", "naïve", "ER+", "hepatic", "10%", "PD-L1", "🩺", "not"]
)
NOTES = st.lists(WORDS | st.text(max_size=4), max_size=30).map(" ".join)


@given(NOTES, NOTES.filter(lambda text: "<|" not in text and "\0" not in text and len(text) < 500))
def test_spans_are_sorted_apart_and_hold_text(text: str, value: str) -> None:
    try:
        extraction = Extraction(TASK, dict.fromkeys(TASK.keys, value))
    except ValueError:
        return
    for spans in find_evidence(TASK, text, extraction).values():
        assert all(text[span.start : span.end].strip() for span in spans)
        assert all(before.end <= after.start for before, after in pairwise(spans))
        assert all(0 <= span.start < span.end <= len(text) for span in spans)


@given(st.lists(WORDS, max_size=8).map(" ".join), st.sampled_from(["bone", "İstanbul", "Straße", "PD-L1", "naïve"]))
def test_a_value_in_the_note_is_marked_exactly(before: str, value: str) -> None:
    text = f"{before} {value} 🩺"
    spans = find_evidence(TASK, text, Extraction(TASK, dict.fromkeys(TASK.keys, value)))[FIRST]
    assert (len(before) + 1, len(before) + 1 + len(value)) in {(span.start, span.end) for span in spans}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("amplified", "amplification"),
        ("lungs", "lung"),
        ("omentum", "omental"),
        ("positive", "positivity"),
        ("Ｅｒ", "ER"),
    ],
)
def test_words_with_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_a_task_without_synonyms_still_has_evidence() -> None:
    task = TASK.model_copy(update={"synonyms": None})
    assert is_grounded(task, task.fields[0], "bone lesions", "bone")
    assert not is_grounded(task, task.fields[0], "hepatic lesions", "liver")


def test_a_bad_table_is_told(tmp_path: Path) -> None:
    for name, text in (("keys.toml", "surprise = 1"), ("broken.toml", "[synonyms"), ("types.toml", "weak = 'a'")):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SynonymsError, match="table of synonyms"):
            load_lexicon(path)
    with pytest.raises(SynonymsError, match="cannot be read"):
        load_lexicon(tmp_path / "absent.toml")
