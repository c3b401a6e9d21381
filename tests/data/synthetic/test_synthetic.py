"""The corpus generator: same notes everywhere, labels that the note holds, breadth, and samples that are current."""

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

from data.notes import content_hash, split_of
from data.synthetic.corpus import MIX, generate, generate_one
from data.synthetic.example import FIELDS, Example
from data.synthetic.grammar import GrammarError, expand
from data.synthetic.lexicon.cancers import cancers
from data.synthetic.sets.demo import house_style_notes
from data.synthetic.sets.house_style import STYLES
from data.synthetic.sets.samples import N_NOTES, sample_rows
from data.task import DEFAULT_TASK, Extraction, load_task
from tests import SHIPPED

SAMPLES = SHIPPED / "samples"
N = 4000


@cache
def notes() -> tuple[Example, ...]:
    return tuple(generate(11, N))


def share(field: str) -> float:
    return sum(example.output[field] is None for example in notes()) / N


def test_the_fields_are_those_of_the_task_in_its_order() -> None:
    task = load_task(DEFAULT_TASK)
    assert task.keys == FIELDS
    for example in notes()[:500]:
        assert tuple(example.output) == task.keys
        assert Extraction(task, example.output).as_dict() == example.output


def test_an_example_depends_on_seed_and_index_alone() -> None:
    whole = list(generate(3, 60))
    assert whole[40:] == list(generate(3, 20, start=40))
    assert whole[17] == generate_one(3, 17)
    assert generate_one(4, 17) != whole[17]


def digest(examples: Iterable[Example]) -> str:
    written = hashlib.sha256()
    for example in examples:
        written.update(json.dumps([example.text, example.output], ensure_ascii=False).encode())
    return written.hexdigest()


@pytest.mark.parametrize(
    ("examples", "written"),
    [
        pytest.param(lambda: generate(1, 1000), "39d9970f", id="abstracts"),
        pytest.param(lambda: generate(5, 200, mix={"report": 1}), "aca24bf7", id="reports"),
        pytest.param(
            lambda: generate(7, 200, mix=MIX, house_style="tumour_board"), "b8ab4450", id="both, in a house's style"
        ),
        pytest.param(lambda: house_style_notes(11, 40), "40ac1d0a", id="a set"),
    ],
)
def test_the_corpus_is_the_one_that_the_embedded_model_was_trained_on(
    examples: Callable[[], Iterable[Example]], written: str
) -> None:
    # A generator that writes other notes needs another embedded model, other samples, and then other digests.
    assert digest(examples())[:8] == written


def test_another_process_writes_the_same_notes(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "data.synthetic", "--seed", "3", "--n", "25", "--start", "5", str(out)]
    # Another hash seed: nothing may depend on the order of a set.
    subprocess.run(
        command,
        check=True,
        env={"PYTHONHASHSEED": "12345", "PATH": ""},
        cwd=Path(__file__).parents[3],
        capture_output=True,
    )
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["input"] for row in rows] == [example.text for example in generate(3, 25, start=5)]
    assert rows[0]["id"] == "s3-0000005"
    assert set(rows[0]) == {"id", "instruction", "input", "output"}
    assert rows[0]["instruction"] == load_task(DEFAULT_TASK).instruction


def test_notes_are_distinct_and_of_a_note_s_length() -> None:
    texts = [example.text for example in notes()]
    assert len(set(texts)) == N
    lengths = sorted(map(len, texts))
    assert lengths[0] > 90
    assert 1500 < lengths[-1] < 3000
    assert 0.03 < sum(length > 800 for length in lengths) / N < 0.09
    assert 360 < sum(lengths) / N < 480


def test_no_template_is_left_unfilled() -> None:
    for example in notes():
        assert not re.search(r"[{}\[\]|\0]", example.text.replace(" | ", " "))
        assert "  " not in example.text.replace(".  ", ". ")


def test_every_tumour_type_is_written() -> None:
    assert len(cancers()) >= 40
    assert len({example.output["cancer_type"] for example in notes()}) >= 60
    common = (
        "lung adenocarcinoma",
        "breast cancer",
        "colorectal",
        "colon",
        "melanoma",
        "prostate",
        "serous ovarian",
        "pancreatic",
    )
    named = sum(any(word in (example.output["cancer_type"] or "") for word in common) for example in notes())
    assert 0.70 < named / N < 0.86


def test_genes_of_the_label_stand_in_the_note() -> None:
    for example in notes():
        for value in (example.output["gene_mutation"] or "").split("; "):
            for token in re.findall(r"[A-Za-z0-9*>-]*[A-Z0-9][A-Za-z0-9*>.-]*", value):
                assert token.lower() in example.text.lower().replace("\u2011", "-").replace(
                    "ex19del", "exon 19 deletion"
                ), (token, example)


TAGS = re.compile(
    r"\((neoadjuvant|leuprolide)\)| maintenance$"
    r"|^(adjuvant|neoadjuvant|maintenance|concurrent|definitive chemoradiation \(|salvage) ?"
)
OPERATIONS = re.compile(
    r"ectomy|surgery|excision|biopsy|resection|debulking|castration|surveillance|androgen|radi|denosumab"
)


def test_drugs_of_the_label_stand_in_the_note() -> None:
    for example in notes():
        text = example.text.lower().replace("\u2011", "-").replace("tumour", "tumor")
        for value in re.split(r"; |, | and | with | followed by ", example.output["treatment"] or ""):
            name = TAGS.sub("", value.strip()).strip(" ()")
            if name and not OPERATIONS.search(name.lower()):
                assert name.lower() in text, (name, example)


def test_numbers_of_biomarkers_stand_in_the_note() -> None:
    for example in notes():
        for number in re.findall(r"(?<![\w-])\d+(?=%| ng| U| pg| mut)", example.output["biomarker"] or ""):
            assert number in example.text.replace(",", ""), example


def test_metastases_are_stage_four_unless_the_note_says_otherwise() -> None:
    distant = [
        example
        for example in notes()
        if (example.output["metastasis_site"] or "").split(",")[0] in ("liver", "brain", "lung")
    ]
    stages = Counter(example.output["stage"] for example in distant)
    assert stages["IV"] / len(distant) > 0.93


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [
        ("cancer_type", 0, 0),
        ("stage", 0.01, 0.06),
        ("gene_mutation", 0.20, 0.36),
        ("biomarker", 0.18, 0.36),
        ("treatment", 0, 0),
        ("response", 0.004, 0.03),
        ("metastasis_site", 0.28, 0.45),
    ],
)
def test_shares_of_empty_values(field: str, low: float, high: float) -> None:
    assert low <= share(field) <= high


def test_responses_are_canonical_and_told_in_many_ways() -> None:
    responses = Counter(example.output["response"] for example in notes())
    assert len(responses) < 20
    assert {
        "partial response",
        "stable disease",
        "progression",
        "no evidence of disease",
        "pathologic complete response",
        "complete response",
        "mixed response",
        "biochemical recurrence",
        "initial partial response then progression",
    } <= set(responses)
    # Described, not only named: most partial responses never say the words alone.
    silent = [
        example
        for example in notes()
        if example.output["response"] == "partial response" and "partial response" not in example.text.lower()
    ]
    assert len(silent) / responses["partial response"] > 0.25


def test_a_part_of_the_names_does_not_exist() -> None:
    known = {
        drug
        for cancer in cancers()
        for _, code in cancer.first + cancer.second + cancer.adjuvant
        for drug in code.split("+")
    }
    invented = re.compile(r"\b[a-z]{5,}(tinib|mab|ciclib|parib|rafenib|platin|taxel|zomib|rasib|lutamide)\b")
    strange = [
        example
        for example in notes()
        if any(
            match.group(0) not in known and match.group(0) in example.text.lower()
            for match in invented.finditer((example.output["treatment"] or "").lower())
        )
    ]
    assert 0.03 < len(strange) / N < 0.20


def test_a_house_style_relabels_the_same_notes() -> None:
    plain, styled = list(generate(5, 300)), list(generate(5, 300, house_style="registry"))
    assert [example.text for example in plain] == [example.text for example in styled]
    changed = Counter(
        key for a, b in zip(plain, styled, strict=True) for key in FIELDS if a.output[key] != b.output[key]
    )
    assert set(changed) == {"stage", "response", "metastasis_site"}
    by_label = {a.output["response"]: b.output["response"] for a, b in zip(plain, styled, strict=True)}
    assert by_label["partial response"] == "PR"
    assert all(STYLES["registry"](a.output) == b.output for a, b in zip(plain, styled, strict=True))
    with pytest.raises(ValueError, match="found 'nobody'"):
        generate_one(5, 1, house_style="nobody")


def test_the_grammar_chooses_inserts_and_refuses() -> None:
    import random

    rng = random.Random(1)
    assert {expand("a[b|c[d|e]]{f}", {"f": "g"}, rng) for _ in range(200)} == {"abg", "acdg", "aceg"}
    assert {expand("{f}", {"f": ("x", "y")}, rng) for _ in range(50)} == {"x", "y"}
    for broken in ("a[b", "a]b", "a{b"):
        with pytest.raises(GrammarError):
            expand(broken, {"b": ""}, rng)
    with pytest.raises(KeyError):
        expand("{missing}", {}, rng)


def test_samples_split_as_promised() -> None:
    rows = [json.loads(line) for line in (SAMPLES / "originals.jsonl").read_text(encoding="utf-8").splitlines()]
    assert Counter(split_of(content_hash(row["input"])) for row in rows) == {"train": 300, "holdout": 100}
    incoming = [json.loads(line) for line in (SAMPLES / "notes.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(incoming) == N_NOTES >= 60
    assert not {row["text"] for row in incoming} & {row["input"] for row in rows}


def test_samples_are_what_the_generator_writes() -> None:
    made = sample_rows()
    for name, rows in zip(("notes.jsonl", "originals.jsonl"), made, strict=True):
        stored = [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]
        assert stored == rows, f"{name} is not current: run `python -m data.synthetic --samples data/embedded/samples`"
