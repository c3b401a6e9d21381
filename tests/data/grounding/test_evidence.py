"""Where a value stands in its note."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.grounding.evidence import find_evidence, ground, is_grounded
from data.suggestion import Grounding, Span
from data.task import Extraction, load_task
from data.text.synonyms import SynonymsError, load_lexicon
from data.text.words import stem

TASK = load_task()
FIRST = TASK.keys[0]


def only(value: str | None, key: str = FIRST) -> Extraction:
    return Extraction(TASK, {**dict.fromkeys(TASK.keys), key: value})


def marked(text: str, value: str | None) -> list[str]:
    """The stretches of the text that support the value."""
    spans = find_evidence(TASK, text, only(value))
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
        ("lesions in bone and in the brain", "brain; bone", ["brain", "bone"]),
        ("dabrafenib with trametinib", "dabrafenib + trametinib", ["dabrafenib", "trametinib"]),
        ("the right cerebellum; brain MRI", "brain (cerebellum)", ["brain", "cerebellum"]),
        # by words that stand together
        ("PD-L1 expression ~10% was seen", "PD-L1 10%", ["PD-L1 expression ~10%"]),
        ("the tumour is HER2 amplified", "HER2 amplification", ["HER2 amplified"]),
        ("CA19-9 was 1,200 U/mL", "CA19-9 1200 U/mL", ["CA19-9 was 1,200 U/mL"]),
        ("PD-L1 expression ~10% was seen", "PD-L1 50%", []),
        ("BRAF mutation", "KRAS mutation", []),
        ("ER negative", "ER positive", []),
        ("CEA is high", "PSA elevated", []),
        ("ER+/PR+ disease", "ER positive", ["ER+"]),
        (
            "external beam radiation and deprivation therapy",
            "external beam radiation therapy",
            ["external beam radiation"],
        ),
        ("PD-L1 10 % and PD-L1 10%", "PD-L1 10", ["PD-L1 10 %", "PD-L1 10%"]),
        ("adjuvant weekly FOLFOX", "FOLFOX adjuvant", ["adjuvant weekly FOLFOX"]),
        # by words that stand for it
        ("multiple hepatic lesions", "liver", ["hepatic"]),
        ("osseous disease of the hip", "bone", ["osseous"]),
        ("new cerebellar metastases", "brain", ["cerebellar"]),
        ("pulmonary nodules", "lung", ["pulmonary"]),
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
        assert is_grounded(TASK, text, value) == bool(found)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("Stage IV melanoma", "stage iv", "exact"),
        ("PD\u2011L1 10 %", "PD-L1 10", "exact"),
        ("the tumour is HER2 amplified", "HER2 amplification", "fuzzy"),
        ("carcinoma of the ductal, invasive type", "invasive ductal carcinoma", "fuzzy"),
        ("started on pembrolizumba", "pembrolizumab", "fuzzy"),
        ("started on osimertnib 80 mg", "osimertinib", "fuzzy"),
        ("HER-2 was amplified", "HER2 amplification", "fuzzy"),
        ("BRAF p.Val600Glu", "BRAF V600E", "fuzzy"),
        ("BRAF p.V600E", "BRAF V600E", "fuzzy"),
        ("BRAF (V600E)", "BRAF p.V600E", "fuzzy"),
        ("ERBB2 amplification", "HER2 amplification", "synonym"),
        ("EGFR del19 was found", "EGFR exon 19 deletion", "synonym"),
        ("multiple hepatic lesions", "liver", "synonym"),
        ("multiple hepatic lesions, bony pain", "liver, bone", "synonym"),
        # a value is as bad as its worst part
        ("given dabrafenib", "dabrafenib and trametinib", "not_found"),
        ("given dabrafenib and trametinib", "dabrafenib + trametinib", "exact"),
        ("given carboplatin", "cisplatin", "not_found"),
        ("given rituximab", "cetuximab", "not_found"),
        ("given axitinib", "afatinib", "not_found"),
        ("given prednisone", "prednisolone", "not_found"),
        # what is said of one thing is not said of another
        ("ER positive, PR negative", "ER negative", "not_found"),
        ("ER positive, PR negative", "PR positive", "not_found"),
        ("ER positive, PR negative", "ER/PR negative", "not_found"),
        ("ER and PR positive; HER2 negative", "ER positive", "fuzzy"),
        ("negative for ER and PR", "PR negative", "fuzzy"),
        ("PR 0%, HER2 IHC 3+", "PR positive", "not_found"),
        ("PD-L1 1%, Ki-67 40%", "PD-L1 40%", "not_found"),
        ("PD-L1 was 10 percent", "PD-L1 10%", "fuzzy"),
        ("PD-L1 after 10 cycles", "PD-L1 10%", "not_found"),
        ("BRAF V600K", "BRAF V600E", "not_found"),
        ("without metastatic disease", "IV", "not_found"),
    ],
)
def test_how_a_value_rests_on_its_note(text: str, value: str, kind: str) -> None:
    field = next(field for field in TASK.fields if not field.inferred)
    found = ground(TASK, text, only(value, field.key))[field.key]
    assert found.grounding == kind
    assert bool(found.missing) == (kind == "not_found")
    assert is_grounded(TASK, text, value) == (kind != "not_found")


def test_what_is_not_found_is_inferred_by_a_rule_only() -> None:
    for field in TASK.fields:
        found = ground(TASK, "dabrafenib was given", only("dabrafenib, trametinib", field.key))
        assert list(found) == [field.key]
        assert found[field.key].grounding == "not_found"
        assert found[field.key].rule is None
        assert "trametinib" in found[field.key].missing


@pytest.mark.parametrize("value", [None, "none", "N/A", "not reported"])
def test_no_value_rests_on_nothing(value: str | None) -> None:
    assert ground(TASK, "None was reported: not reported.", only(value)) == {}


# The best stand first: not the first one, but the one in context. One case per field, by the task's own cues.
IN_CONTEXT = {
    "cancer_type": ("His father had a melanoma. Biopsy confirmed melanoma of the arm.", "melanoma", 44),
    "stage": ("Given IV fluids. She is stage IV now.", "IV", 30),
    "gene_mutation": ("The mother had KRAS in mind. Sequencing detected a KRAS mutation.", "KRAS", 51),
    "biomarker": ("No PSA was taken. The PSA level rose.", "PSA", 22),
    "treatment": ("Allergic to cisplatin. She received six cycles of cisplatin.", "cisplatin", 50),
    "response": ("A partial response was hoped for. Restaging showed a partial response.", "partial response", 53),
    "metastasis_site": ("Liver enzymes were normal. New metastases in the liver.", "liver", 49),
}


@pytest.mark.parametrize("key", TASK.keys)
def test_a_repeated_value_is_marked_first_where_it_is_meant(key: str) -> None:
    text, value, start = IN_CONTEXT[key]
    spans = find_evidence(TASK, text, only(value, key))[key]
    assert len(spans) == 2
    assert spans[0] == Span(start, start + len(value))


def test_an_occurrence_that_the_note_denies_comes_last() -> None:
    for text in (
        "No bone metastases in 2019. Bone metastases in 2021.",
        "Bone lesions not seen. Lesions in the bone now.",
    ):
        best, other = find_evidence(TASK, text, only("bone"))[FIRST]
        assert best.start > other.start


def test_an_occurrence_beside_the_other_values_comes_first() -> None:
    text = "Carboplatin is a drug. Osimertinib came with carboplatin."
    treatment, stage = "treatment", "cancer_type"
    values = {**dict.fromkeys(TASK.keys), treatment: "carboplatin", stage: "osimertinib"}
    assert find_evidence(TASK, text, Extraction(TASK, values))[treatment][0].start == text.rindex("carboplatin")


def test_marks_of_odd_scripts_are_whole() -> None:
    for text, value, found in (
        ("Ｓｔａｇｅ ＩＶ\u3000ＨＥＲ２ １０％ 🩺", "HER2 10%", "ＨＥＲ２ １０％"),
        ("👩🏽\u200d⚕️ ﬁbrosis, oste\u0301osarcoma", "ostéosarcoma", "oste\u0301osarcoma"),
        ("👩🏽\u200d⚕️ ﬁbrosis", "fibrosis", "ﬁbrosis"),
        ("𝗠elanoma 🩺🩺 ER+ —", "ER+", "ER+"),
    ):
        assert marked(text, value) == [found]
    assert marked("cafe\u0301", "cafe") == []


def test_the_search_stays_linear_in_a_note_that_repeats_itself() -> None:
    values = ["bone; liver", "IV", "KRAS G12D", "ER positive", "cisplatin + paclitaxel", "partial response", "bone"]
    extraction = Extraction(TASK, dict(zip(TASK.keys, values, strict=True)))
    counted = []
    for n in (500, 1000):
        calls = 0

        def count(frame: object, event: str, argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        text = "no ER bone KRAS was G12D positive paclitaxel hepatic partial decrease IV, " * n
        sys.setprofile(count)
        try:
            ground(TASK, text, extraction)
        finally:
            sys.setprofile(None)
        counted.append(calls)
    assert counted[1] < 2.5 * counted[0]


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
def test_spans_are_apart_hold_text_and_have_only_the_best_out_of_order(text: str, value: str) -> None:
    try:
        extraction = Extraction(TASK, dict.fromkeys(TASK.keys, value))
    except ValueError:
        return
    for spans in find_evidence(TASK, text, extraction).values():
        assert all(text[span.start : span.end].strip() for span in spans)
        assert all(before.end <= after.start for before, after in pairwise(sorted(spans)))
        assert sorted(spans[1:]) == list(spans[1:])
        assert all(0 <= span.start < span.end <= len(text) for span in spans)


@given(
    st.lists(WORDS.filter("not".__ne__), max_size=8).map(" ".join),
    st.sampled_from(["bone", "İstanbul", "Straße", "PD-L1", "naïve"]),
)
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


def test_a_value_that_says_a_word_twice_is_looked_for_like_any_other() -> None:
    text = "carbohydrate antigen (CA) 19-9 normal"
    assert marked(text, "CA 19-9 19-9 normal") == ["CA) 19-9 normal"]


def test_a_task_without_synonyms_still_has_evidence() -> None:
    task = TASK.model_copy(update={"synonyms": None})
    assert is_grounded(task, "bone lesions", "bone")
    assert not is_grounded(task, "hepatic lesions", "liver")


def test_a_bad_table_is_told(tmp_path: Path) -> None:
    for name, text in (("keys.toml", "surprise = 1"), ("broken.toml", "[synonyms"), ("types.toml", "weak = 'a'")):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SynonymsError, match="table of synonyms"):
            load_lexicon(path)
    with pytest.raises(SynonymsError, match="cannot be read"):
        load_lexicon(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("Case 1. A woman with a fracture of the hip.", "I", False),
        ("The values are in Table 2.", "II", False),
        ("Cycle 4 was given as planned.", "IV", False),
        ("She had stage 1 breast cancer.", "I", True),
        ("Clinical stage: 4.", "IV", True),
        ("Case of 14 May: T2 by ultrasound (n=3).", "T2 by ultrasound (n=3)", True),
    ],
)
def test_a_number_is_a_stage_only_where_the_note_speaks_of_one(text: str, value: str, found: bool) -> None:
    extraction = Extraction(TASK, {**dict.fromkeys(TASK.keys), "stage": value})
    assert (ground(TASK, text, extraction)["stage"].grounding is not Grounding.NOT_FOUND) == found
