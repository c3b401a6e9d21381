"""Labels as files spell them: what can mean one thing only is taken, the rest is refused with its key."""

from __future__ import annotations

import pytest

from data.labels import LabelError, is_placeholder, labels_aside, read_labels, without_placeholders
from data.metadata import read_metadata
from data.task import Extraction, load_task
from tests.kit.note_files import file, lines, read

TASK = load_task()
EMPTY = dict.fromkeys(TASK.keys)


def labels(record):
    """The fields that have a value, as a record brings them."""
    return {key: value for key, value in read_labels(record, TASK).extraction.items() if value is not None}


@pytest.mark.parametrize(
    "value",
    ["", " ", "NaN", "nan", "None", "N/A", "n/a", "NA", "NULL", "null", "-", "--", "—", "–", "n.a.", "n. a.", "#N/A",
     "<NA>", "NaT", "(none)", "[N/A]", "not applicable", "Not reported", "unknown", "...", "?"],
)  # fmt: skip
def test_a_placeholder_is_no_value(value):
    assert is_placeholder(value)
    assert labels({"output": {"stage": value, "treatment": "surgery"}}) == {"treatment": "surgery"}


@pytest.mark.parametrize(
    "value", ["0", "I", "+", "no", "Na+", "negative", "none of the nodes", "no evidence of disease"]
)
def test_a_value_that_says_something_stays(value):
    assert labels({"output": {"stage": value}}) == {"stage": value}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"output": {"biomarker": ["ER+", "N/A", "PR+"]}}, {"biomarker": "ER+; PR+"}),
        ({"output": {"biomarker": []}}, {}),
        ({"output": {"stage": ["IIA"]}}, {"stage": "IIA"}),
        ({"output": {"biomarker": "ER+; N/A"}}, {"biomarker": "ER+"}),
        ({"output": {"biomarker": "ER+;PR+;"}}, {"biomarker": "ER+;PR+;"}),
        ({"output": '{"stage": "II"}'}, {"stage": "II"}),
        ({"output": {"labels": {"stage": "II"}}}, {"stage": "II"}),
        ({"labels": {"Stage": "II", "CANCER TYPE": "glioma"}}, {"stage": "II", "cancer_type": "glioma"}),
        ({"output": {"stage": 3}}, {"stage": "3"}),
        ({"output": {"stage": 3.0}}, {"stage": "3"}),
        ({"output": {"stage": 2.5}}, {"stage": "2.5"}),
        ({"output": {"stage": float("nan")}}, {}),
        ({"stage": "II", "Stage": "III", "ward": "7"}, {"stage": "II"}),
        ({"Cancer type": "glioma", "labels": "a list of tags"}, {"cancer_type": "glioma"}),
    ],
)
def test_labels_are_taken_in_every_shape_that_means_one_thing(record, expected):
    assert labels(record) == expected


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"output": {"stage": "II", "grade": 2}}, "unknown grade; leave it out, or rename it to one of these"),
        ({"output": {"stage": "II", "Stage": "III"}}, "the field stage once"),
        ({"output": {"stage": ["I", "II"]}}, "one value in stage; found a list of 2"),
        ({"output": {"stage": {"is": "II"}}}, "in stage; found an object"),
        ({"output": {"stage": False}}, "in stage; found true or false"),
        ({"output": {}}, "none of them"),
        ({"output": "stage II"}, "an object under output; found a string"),
        ({"ward": "7"}, "in one column per field; found none"),
    ],
)
def test_labels_that_could_mean_two_things_are_refused(record, said):
    with pytest.raises(LabelError) as refused:
        read_labels(record, TASK)
    assert said in str(refused.value)


def test_what_was_read_otherwise_is_counted():
    found = read_labels({"output": {"stage": "N/A", "response": "none", "treatment": ""}}, TASK)
    assert (found.n_placeholders, found.placeholder, found.keys) == (2, "N/A", ("output",))
    assert found.missing == ("cancer_type", "gene_mutation", "biomarker", "metastasis_site")


def test_stored_placeholders_are_read_as_null():
    stored = Extraction(TASK, {**EMPTY, "stage": "NaN", "treatment": "surgery"})
    assert without_placeholders(TASK, stored) == (Extraction(TASK, {**EMPTY, "treatment": "surgery"}), 1)


def test_a_column_that_is_only_called_like_a_field_stays_metadata(tmp_path):
    path = file(tmp_path, lines({"text": "One.", "stage": "IIA", "ward": "7"}))
    assert read(path)[0][0].metadata == {"stage": "IIA", "ward": "7"}
    (note,), _ = read(path, original=True)
    assert (note.metadata, dict(note.gold)["stage"]) == ({"ward": "7"}, "IIA")


def test_whole_labels_do_not_reach_the_reviewer_as_metadata(tmp_path):
    for record in (
        {"output": {"stage": "II"}},
        {"output": '{"stage": "II"}'},
        {"labels": {"stage": "II"}},
        EMPTY | {"stage": "II"},
    ):
        assert set(labels_aside({"text": "One.", **record}, TASK)) == set(record)
        assert read(file(tmp_path, lines({"text": "One.", **record})))[0][0].metadata == {}
    assert read(file(tmp_path, lines({"text": "One.", "output": "a summary"})))[0][0].metadata == {
        "output": "a summary"
    }


def test_metadata_of_an_export_comes_back_under_its_names():
    record = {
        "text": "One.",
        "meta.ward": "7",
        "meta_json.age": "61",
        "meta_json.broken": "{",
        "metadata": {"site": "lung", "ward": "8"},
        "plain": None,
        "meta.plain": "x",
        "meta.": "y",
        "age": "old",
    }
    assert read_metadata(record, {"text"}) == {
        "ward": "7",
        "meta_json.age": "61",  # the name is another column's
        "broken": "{",
        "plain": "x",
        "meta.": "y",
        "age": "old",
        "site": "lung",
        "metadata.ward": "8",
    }
