"""Words of values: each stands in the note or in the task's lexicon, and what was begun can be ended."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from data.synthetic.corpus import generate_one
from data.synthetic.invented import invented_drug, invented_gene, invented_marker
from data.synthetic.lexicon import drugs
from data.task import DEFAULT_TASK, Extraction, TaskError, load_task
from data.text.lexicon import load_names
from data.vocabulary.wording import START, Reading, Words, collect_known, invented_words, words_of

TASK = load_task(DEFAULT_TASK)
NOTE = (
    "A 61-year-old woman took zorvelumab 12.5 mg and gorafenib-ZX4 (1,200 mg/m2). EGFR L858R with T790 M; Ki67 30 %, "
    "CA 125 was 64 U/mL, CA19-9 1/160. pT2b, N1 (3/12 nodes). HER2 positive lesions of the spleen; adeno-\ncarcinoma. "
    "Café naïve 中文 TNF\u2011α 5 µm, p.Gly12Cys in KRAS; c-KIT/CD34."
)


def extraction(**values: str | None) -> Extraction:
    return Extraction(TASK, {key: values.get(key) for key in TASK.keys})


@pytest.mark.parametrize(
    ("key", "value", "unknown"),
    [
        ("treatment", "zorvelumab and carboplatin; surgery", ()),
        ("treatment", "Zorvelumab; ZORVELUMAB", ()),
        ("treatment", "yaritovociclib", ("yaritovociclib",)),
        ("treatment", "carboplatin; nedlutamide; FOLFOX", ("nedlutamide",)),
        ("treatment", "zorvelumabs; zorvel", ("zorvelumabs", "zorvel")),
        ("treatment", "gorafenib-ZX4", ()),
        ("treatment", "gorafenib", ()),
        ("treatment", "zorvelumab-ZX4", ("zorvelumab-ZX4",)),  # both parts stand in the note, never together
        ("treatment", "carboplatinpaclitaxel", ("carboplatinpaclitaxel",)),
        ("treatment", "carboplatin/paclitaxel", ()),
        ("treatment", "carboplatin+zorvelumab", ()),
        ("treatment", "zorvelumab 12.5 mg", ()),
        ("treatment", "zorvelumab 5 mg", ()),  # of "5 µm"
        ("treatment", "zorvelumab 12 mg; 2.5 mg", ("2.5",)),  # 12 is the number of the nodes
        ("treatment", "1,200 mg; 1200 mg; 200 mg", ("1200", "200")),
        ("gene_mutation", "EGFR L858R; EGFR T790M; TP53 mutation", ()),
        ("gene_mutation", "EGFR L861Q", ("L861Q",)),
        ("gene_mutation", "BRAF V600E", ("V600E",)),
        ("gene_mutation", "KRAS p.Gly12Cys; KRAS G12C", ("G12C",)),
        ("gene_mutation", "HERQIL4 amplification", ("HERQIL4",)),
        ("biomarker", "Ki-67 30%; CA-125 64 U/mL; CA 19-9 1/160", ()),
        ("biomarker", "Ki-67 40%; CA125 65", ("40", "65")),
        ("biomarker", "serum 1/12; 160/3", ("1/12", "160/3")),
        ("biomarker", "HER2-positive; TNF-α; c-KIT; CD34; CD-34", ()),
        ("biomarker", "neoostatin-A", ("neoostatin-A",)),
        ("stage", "pT2bN1; T2bN1; IIIB", ()),
        ("stage", "pT2bN1M1", ("pT2bN1M1",)),
        ("stage", "banana", ("banana",)),
        ("cancer_type", "adenocarcinoma; café; cafe; naive; 中文", ()),
        ("cancer_type", "中国", ("中国",)),
        ("metastasis_site", "spleen lesion, liver, bone", ()),
        ("response", "partial response; stable disease", ()),
        ("treatment", "(-)", ()),
    ],
)
def test_words_that_stand_in_neither_note_nor_lexicon_are_named(key, value, unknown):
    found = invented_words(TASK, NOTE, extraction(**{key: value}))
    assert found.get(key, ()) == unknown
    words = words_of(TASK, NOTE)[TASK.keys.index(key)]
    assert words is not None
    assert words.accepts(value) == (not unknown)


def fields_of(note: str) -> list[Words]:
    return [words for words in words_of(TASK, note) if words is not None]


def test_a_value_is_read_the_same_in_whatever_pieces_it_comes():
    rng = random.Random(4)
    for value in (
        "zorvelumab 12.5 mg; TNF\u2011α",
        "中文 café; c-KIT/CD34",
        "CA 19-9 1/160 (64 U/mL)",
        "中国",
        "Ki-67 31%",
    ):
        for words in fields_of(NOTE):
            data, reading = value.encode(), START
            while data and reading is not None:
                size = rng.randint(1, 4)
                reading, data = words.read(reading, data[:size]), data[size:]
            assert (reading is not None and words.is_whole(reading)) == words.accepts(value)


def one_more(words: Words, reading: Reading, rng: random.Random, signs: range) -> tuple[Reading, bytes] | None:
    """A byte at random that may follow, if there is any."""
    for sign in rng.sample(signs, len(signs)):
        if following := words.read(reading, bytes([sign])):
            return following, bytes([sign])
    return None


def test_whatever_was_begun_can_be_ended_byte_by_byte():
    rng = random.Random(5)
    for words in fields_of(NOTE):
        for length in range(40):
            reading, written = START, b""
            while len(written) < length or not words.is_whole(reading):
                found = one_more(words, reading, rng, range(32, 256))
                assert found is not None, written
                assert len(written) < 500, written
                reading, written = found[0], written + found[1]
            assert words.accepts(written.decode())


def test_what_may_be_written_at_random_holds_known_words_only():
    """The same question asked in another way: plain words of letters, looked up in note and lists."""
    rng = random.Random(6)
    lists = load_names(TASK.lexicon)
    for field, words in zip(TASK.fields, fields_of(NOTE), strict=True):
        listed = " ".join(name for key in field.lexicon for name in lists[key])
        known = {"lesion", "adenocarcinoma", "cafe", "naive"}
        known |= set(re.findall(r"[a-z]+", f"{NOTE} {listed}".casefold()))
        n_seen = 0
        for _ in range(40):
            reading, written = START, b""
            while len(written) < 40 or not words.is_whole(reading):
                signs = range(97, 123) if rng.random() < 0.9 else range(32, 127)
                found = one_more(words, reading, rng, signs) or one_more(words, reading, rng, range(32, 127))
                assert found is not None, written
                reading, written = found[0], written + found[1]
            for word in re.findall(r"(?<![\w\-.'])[a-z]{4,}(?![\w\-.'])", written.decode().casefold()):
                n_seen += 1
                assert word in known or word + "s" in known, (field.key, written)
        assert n_seen > 20


@pytest.mark.parametrize(
    ("note", "is_known"),
    [("pT3b, NO.", True), ("T3 pNO MX", True), ("pT3b. NO nodes", False), ("pT3, no nodes", False)],
)
def test_a_zero_that_was_typed_as_a_letter_is_one(note, is_known):
    words = words_of(TASK, note)[TASK.keys.index("stage")]
    assert words.accepts("T3bN0" if "3b" in note else "T3N0") == is_known


def test_the_exon_of_a_short_form_is_known():
    place = TASK.keys.index("gene_mutation")
    for note, value in (("EGFR ex19del", "exon 19"), ("METex14 skipping", "MET exon 14"), ("EGFR 20ins", "exon 20")):
        assert words_of(TASK, note)[place].accepts(f"{value} deletion")
        assert not words_of(TASK, note)[place].accepts("exon 21 deletion")


def test_signs_that_divide_a_list_divide_something():
    words = words_of(TASK, NOTE)[TASK.keys.index("treatment")]
    assert words.accepts("surgery; carboplatin, cisplatin;")
    assert not any(
        map(words.accepts, ("surgery;;", "surgery; ; cisplatin", "surgery,,", "surgery;,", "surgery ------ cisplatin"))
    )


def test_a_value_that_was_broken_off_loses_the_word_that_was_begun():
    words = words_of(TASK, NOTE)[TASK.keys.index("treatment")]
    assert words.cut("zorvelumab; gorafeni") == "zorvelumab"
    assert words.cut("zorvel") == ""


def test_no_invented_name_stands_in_the_lexicon_and_no_number_does():
    rng = random.Random(7)
    made_up = [make(rng) for _ in range(700) for make in (invented_drug, invented_gene, invented_marker)]
    made_up += drugs["regimen_codes"]
    lexicon_only = fields_of("")
    alone = [name.split()[0] for name in made_up]
    taken = {name for name in alone for words in lexicon_only if words.accepts(name)}
    assert taken <= {"SOLE", "TRAP"}, taken  # a part of the foot and an enzyme
    assert not taken & set(drugs["regimen_codes"])
    for words in lexicon_only:
        assert not any(words.accepts(number) for number in ("1", "12", "67", "125", "19-9", "0.5", "30%", "1/160"))


def test_names_that_the_generator_writes_are_known():
    lexicon_only = words_of(TASK, "")[TASK.keys.index("treatment")]
    assert [name for pair in drugs.words("brands").items() for name in pair if not lexicon_only.accepts(name)] == []
    n_values = n_unknown = 0
    for number in range(150):
        case = generate_one(3, number)
        n_values += sum(value is not None for value in case.output.values())
        n_unknown += len(invented_words(TASK, case.text, case.output))
    assert n_unknown <= 0.02 * n_values


def test_a_task_that_names_no_lexicon_holds_no_field_to_it(tmp_path):
    settings = DEFAULT_TASK.read_text(encoding="utf-8").replace('synonyms = "oncology_synonyms.toml"\n', "")
    settings = settings.replace('rules = "oncology_rules.toml"\n', "")
    free = tmp_path / "free.toml"
    free.write_text(re.sub(r"(?m)^lexicon.*\n", "", settings), encoding="utf-8")
    task = load_task(free)
    assert words_of(task, NOTE) == (None,) * len(task.fields)
    assert invented_words(task, NOTE, extraction(treatment="yaritovociclib")) == {}
    copied = tmp_path / "copied.toml"
    copied.write_text(re.sub(r"(?m)^lexicon = \[.*", "lexicon = []", re.sub('(?m)^lexicon = ".*\n', "", settings)))
    task = load_task(copied)
    assert invented_words(task, "on zorvelumab", extraction(treatment="zorvelumab; cisplatin")) == {
        "treatment": ("cisplatin",)
    }


@pytest.mark.parametrize("broken", ["no folder", "no list", "no table"])
def test_a_lexicon_that_is_not_there_is_named(tmp_path, broken):
    settings = DEFAULT_TASK.read_text(encoding="utf-8").replace('synonyms = "oncology_synonyms.toml"\n', "")
    settings = settings.replace('rules = "oncology_rules.toml"\n', "")
    path, folder = tmp_path / "mine.toml", tmp_path / "oncology_lexicon"
    path.write_text(settings, encoding="utf-8")
    if broken != "no folder":
        folder.mkdir()
        (folder / "sites.toml").write_text("names = 3" if broken == "no table" else 'names = ["liver"]')
    with pytest.raises(TaskError, match="Expected"):
        load_task(path)


def test_a_note_of_any_length_and_kind_is_read():
    assert collect_known("").words == ["" for _ in ()]
    long = "-".join(["a1"] * 5000) + " " + "x" * 5000
    assert len(collect_known(long).words) < 60
    assert Path(TASK.lexicon).is_dir()
