"""The task file and the value type."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from data.limits import MAX_VALUE_CHARACTERS
from data.task import DEFAULT_TASK, Extraction, TaskError, load_task

TASK = load_task()
ROOT = Path(__file__).parents[2]
EMPTY = dict.fromkeys(TASK.keys)
FIRST = TASK.keys[0]

OTHER = """
name = "other"
title = "Other"
instruction = "Name the colours."
system = "You name colours."
{more}
[[fields]]
key = "hue"
title = "Hue"
description = "A colour."
colour = "#ffffff"
colour_dark = "#000000"
hotkey = "1"
"""


def written(tmp_path: Path, more: str = "", text: str = OTHER) -> Path:
    path = tmp_path / "other.toml"
    path.write_text(text.replace("{more}", more), encoding="utf-8")
    return path


def test_the_seven_fields_in_their_order() -> None:
    keys = "cancer_type stage gene_mutation biomarker treatment response metastasis_site"
    assert TASK.keys == tuple(keys.split())
    assert {field.key for field in TASK.fields if field.is_list} == {
        "gene_mutation",
        "biomarker",
        "treatment",
        "metastasis_site",
    }
    assert TASK.field("stage").title == "Stage"


def test_no_field_key_is_written_outside_the_task_file() -> None:
    quoted = re.compile(rf"""["']({"|".join(TASK.keys)})["']""")
    sources = [path for room in ("app", "db", "trainer", "data") for path in (ROOT / room).rglob("*.py")]
    assert len(sources) > 20
    found = {
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in sources
        if "synthetic" not in path.parts
        for match in quoted.finditer(path.read_text(encoding="utf-8"))
    }
    assert not found


def test_another_task_is_another_file(tmp_path: Path) -> None:
    task = load_task(written(tmp_path))
    assert task.keys == ("hue",)
    assert task.synonyms is None
    assert Extraction(task, {"hue": "red"})["hue"] == "red"


def test_the_synonyms_are_looked_for_beside_the_task(tmp_path: Path) -> None:
    (tmp_path / "words.toml").write_text("[synonyms]\nred = ['scarlet']\n", encoding="utf-8")
    assert load_task(written(tmp_path, 'synonyms = "/etc/words.toml"')).synonyms == tmp_path / "words.toml"
    assert TASK.synonyms == DEFAULT_TASK.parent / "oncology_synonyms.toml"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('synonyms = "absent.toml"', "cannot be read"),
        ('synonyms = "other.toml"', "table of synonyms"),
        ("synonyms = 3", "synonyms"),
        ('surprise = "x"', "surprise"),
        ("broken = ", "to describe a task"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(TaskError, match=said):
        load_task(written(tmp_path, more))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="cannot be read"):
        load_task(tmp_path / "absent.toml")


def test_fields_differ_and_the_instruction_holds_no_special_token(tmp_path: Path) -> None:
    twice = OTHER + OTHER[OTHER.index("[[fields]]") :]
    with pytest.raises(TaskError, match="share a key"):
        load_task(written(tmp_path, text=twice.replace("{more}", "")))
    with pytest.raises(TaskError, match="without special tokens"):
        load_task(written(tmp_path, text=OTHER.replace("{more}", "").replace("Name the", "<|eot_id|>")))


def test_an_unknown_field_is_told() -> None:
    with pytest.raises(TaskError, match="Expected one of the fields"):
        TASK.field("shoe_size")


def test_an_extraction_is_a_value() -> None:
    one = Extraction(TASK, {**EMPTY, FIRST: "  Café  "})
    assert one[FIRST] == "Café"
    assert one == Extraction(TASK, one)
    assert hash(one) == hash(Extraction(TASK, one.as_dict()))
    assert one != Extraction.empty(TASK)
    assert tuple(one) == TASK.keys
    assert list(one.as_dict()) == list(TASK.keys)
    with pytest.raises(TypeError):
        one[FIRST] = "x"  # type: ignore[index]


def test_its_fields_come_in_the_task_s_order() -> None:
    backwards = Extraction(TASK, dict.fromkeys(reversed(TASK.keys)))
    assert tuple(backwards) == TASK.keys


def test_an_empty_string_is_null() -> None:
    assert Extraction(TASK, {**EMPTY, FIRST: " \t "}) == Extraction.empty(TASK)


def test_its_repr_tells_no_value() -> None:
    assert repr(Extraction(TASK, {**EMPTY, FIRST: "secret"})) == "Extraction(1 of 7 fields filled)"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "found int"),
        (["a"], "found list"),
        ("x" * (MAX_VALUE_CHARACTERS + 1), "at most 2000"),
        ("a\0b", "U\\+0000 at character 2"),
        ("a\ud800", "U\\+D800 at character 2"),
        ("a<|eot_id|>", "special token"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(value: object, said: str) -> None:
    with pytest.raises(TaskError, match=said):
        Extraction(TASK, {**EMPTY, FIRST: value})


def test_the_keys_must_be_the_task_s() -> None:
    with pytest.raises(TaskError, match=f"missing {FIRST} and unknown surprise"):
        Extraction(TASK, {**dict.fromkeys(TASK.keys[1:]), "surprise": None})
