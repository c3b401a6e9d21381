"""Generated reports: they hold what their labels say, leave every field empty often, and are as long as real ones."""

import re
from functools import cache

import pytest

from data.synthetic.corpus import MIX, generate, generate_one
from data.synthetic.example import FIELDS, Example
from data.synthetic.reports.tables import ORGANS, SYNONYMS, TUMOURS, WORDS
from data.synthetic.sets.demo import house_style_notes
from data.synthetic.sets.house_style import ADJECTIVES

N = 2000
# Words of a value that a note may say in another way.
SAID_OTHERWISE = {"and", "adjuvant", "neoadjuvant", "palliative"}


def _is_pair(value: str, known: set[str]) -> bool:
    return any(value.startswith(f"{one} and ") and value.removeprefix(f"{one} and ") in known for one in known)


@cache
def reports() -> tuple[Example, ...]:
    return tuple(generate(21, N, mix={"report": 1}))


def words(text: str) -> set[str]:
    """The words of a text, those that a line break divides as one word too."""
    return set(re.findall(r"[a-z0-9]+", text.lower())) | set(re.findall(r"[a-z0-9]+", text.lower().replace("-\n", "")))


@pytest.mark.parametrize("field", ["gene_mutation", "treatment"])
def test_every_word_of_genes_and_treatments_stands_in_the_report(field: str) -> None:
    for example in reports():
        unknown = words(example.output[field] or "") - words(example.text) - SAID_OTHERWISE
        assert not unknown, (unknown, example)


def test_every_word_of_a_tumour_s_name_stands_in_the_report_or_is_a_known_synonym() -> None:
    for example in reports():
        value = example.output["cancer_type"] or ""
        if not words(value) <= words(example.text):
            shorts = [short for short, long in SYNONYMS.items() if long in value]
            assert any(short in example.text for short in shorts), example


def test_sites_are_said_as_noun_or_adjective() -> None:
    for example in reports():
        for site in (example.output["metastasis_site"] or "").split(", "):
            if site:
                adjectives, places = ORGANS[site]
                assert any(
                    said.lower() in " ".join(example.text.lower().split()) for said in (*adjectives, *places, site)
                ), (site, example)


def test_values_are_from_the_tables_of_real_names() -> None:
    drugs = {drug for tumour in TUMOURS for code in tumour.rx for drug in re.split(r" and |, ", code)}
    tumours = {SYNONYMS.get(name, name) for tumour in TUMOURS for name in tumour.names}
    known = (
        drugs | set(WORDS["generic_rx"]) | {op for tumour in TUMOURS for op in (*tumour.op, *tumour.loc, *tumour.rx)}
    )
    known |= set(WORDS["generic_op"]) | set(WORDS["generic_loc"])
    for example in reports():
        for name in (example.output["cancer_type"] or "").split("; "):
            assert not name or {name, re.sub(r" \([a-z- ]+\)$", "", name)} & tumours, example.output
        for value in (example.output["treatment"] or "").split("; "):
            bare = re.sub(r"^(neo)?(adjuvant|palliative) ", "", value)
            assert not value or {value, bare} & known or _is_pair(value, known), value


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("cancer_type", 0.05, 0.15),
        ("stage", 0.3, 0.6),
        ("gene_mutation", 0.7, 0.95),
        ("biomarker", 0.45, 0.75),
        ("treatment", 0.15, 0.35),
        ("response", 0.4, 0.65),
        ("metastasis_site", 0.4, 0.65),
    ],
)
def test_every_field_is_often_empty(field: str, low: float, high: float) -> None:
    assert low <= sum(example.output[field] is None for example in reports()) / N <= high


def test_reports_are_as_long_as_real_ones_and_distinct() -> None:
    lengths = sorted(len(example.text) for example in reports())
    assert len({example.text for example in reports()}) == N
    assert 700 < lengths[N // 2] < 1300
    assert lengths[int(N * 0.97)] > 3000
    assert all(tuple(example.output) == FIELDS for example in reports())


def test_distant_metastases_of_a_solid_tumour_are_stage_four() -> None:
    for example in reports():
        if example.output["stage"] is None and example.output["metastasis_site"] not in (None, "lymph nodes"):
            assert any(
                example.output["cancer_type"] in (None, name) or name in example.text
                for tumour in TUMOURS
                if tumour.kind != "solid"
                for name in tumour.names
            ), example


def test_a_mix_is_the_same_for_seed_and_index_and_refuses_unknown_styles() -> None:
    mixed = [generate_one(3, index, mix=MIX) for index in range(200)]
    assert mixed == list(generate(3, 200, mix=MIX))
    short = sum(example == generate_one(3, index) for index, example in enumerate(mixed))
    assert 70 < short < 130
    for wrong in ({"poem": 1.0}, {"report": 0.0}, {}):
        with pytest.raises(ValueError, match="Expected weights above zero for abstract and report"):
            generate_one(3, 1, mix=wrong)


def test_a_house_s_notes_are_short_styled_and_do_not_depend_on_how_many_are_asked_for() -> None:
    found = house_style_notes(9, 120)
    assert found[:60] == house_style_notes(9, 60)
    assert len({example.text for example in found}) == 120
    assert max(len(example.text) for example in found) <= 1200
    responses = {example.output["response"] for example in found}
    assert {"PR", "NED", "relapse", "dead"} <= responses
    assert not responses & {"partial response", "no evidence of disease", "recurrence", "died"}
    assert all(
        (example.output["stage"] or "Stage")[:5] in ("Stage", "Ann A", "limit") or "T" in str(example.output["stage"])
        for example in found
    )
    sites = {site for example in found for site in (example.output["metastasis_site"] or "").split(", ")}
    assert "hepatic" in sites
    assert not sites & (set(ADJECTIVES) - set(ADJECTIVES.values()))
    with pytest.raises(ValueError, match="found -1"):
        house_style_notes(9, -1)
