"""The files a run is trained and measured on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.notes import Note, content_hash, read_notes, split_of
from data.snapshot import Row, Snapshot, SnapshotError, Source, read_rows, write_holdout, write_snapshot
from data.task import Extraction, load_task

TASK = load_task()
FIRST = TASK.keys[0]


def row(text: str, value: str | None = None, source: Source = "original") -> Row:
    return Row(text, Extraction(TASK, {**dict.fromkeys(TASK.keys), FIRST: value}), source, content_hash(text))


def texts(side: str) -> Iterator[str]:
    for number in range(1000):
        text = f"Report {number}: “naïve” tumour.\nLine two."
        if split_of(content_hash(text)) == side:
            yield text


TRAIN = [row(text, f"value {number}") for number, text in zip(range(12), texts("train"), strict=False)]
HOLDOUT = [row(text, "x") for _, text in zip(range(3), texts("holdout"), strict=False)]


def test_rows_come_back_in_the_order_of_their_hashes(tmp_path: Path) -> None:
    written = write_snapshot(TASK, TRAIN, tmp_path / "runs" / "snapshot.jsonl")
    rows = read_rows(TASK, written.path)
    assert rows == sorted(TRAIN, key=lambda one: one.content_hash)
    assert (written.n_rows, written.n_originals, written.n_annotations) == (12, 12, 0)


@settings(max_examples=20)
@given(order=st.permutations(TRAIN))
def test_order_does_not_change_the_fingerprint(order: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("orders")
    one, other = (write_snapshot(TASK, rows, folder / f"{len(rows)}.jsonl") for rows in (TRAIN, [*order, order[0]]))
    assert one.fingerprint == other.fingerprint
    assert one.path.read_bytes() == other.path.read_bytes()


def test_any_difference_changes_the_fingerprint(tmp_path: Path) -> None:
    first, *rest = TRAIN
    variants = [
        TRAIN,
        rest,
        [row(first.text, "another value"), *rest],
        [row(first.text, first.extraction[FIRST], "annotation"), *rest],
        [row(first.text + "!", first.extraction[FIRST]), *rest],
    ]
    found = {write_snapshot(TASK, rows, tmp_path / "snapshot.jsonl").fingerprint for rows in variants}
    assert len(found) == len(variants)


def test_an_annotation_wins_over_the_original(tmp_path: Path) -> None:
    text = TRAIN[0].text
    pair = [row(f" {text}", "reviewed", "annotation"), row(text, "as it came")]
    for rows in (pair, pair[::-1]):
        written = write_snapshot(TASK, rows, tmp_path / "snapshot.jsonl")
        assert (written.n_rows, written.n_originals, written.n_annotations) == (1, 0, 1)
        assert read_rows(TASK, written.path)[0].extraction[FIRST] == "reviewed"


def test_the_hold_out_is_never_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.jsonl"
    for rows, write in (([*TRAIN, HOLDOUT[0]], write_snapshot), ([*HOLDOUT, TRAIN[0]], write_holdout)):
        with pytest.raises(SnapshotError, match="other side of the split"):
            write(TASK, rows, path)
        assert not list(tmp_path.iterdir())
    assert write_holdout(TASK, HOLDOUT, path).n_rows == 3


def test_a_false_hash_does_not_smuggle_a_note_in(tmp_path: Path) -> None:
    held_out = HOLDOUT[0]
    false = Row(held_out.text, held_out.extraction, "original", TRAIN[0].content_hash)
    with pytest.raises(SnapshotError, match="its own note's hash"):
        write_snapshot(TASK, [false], tmp_path / "snapshot.jsonl")


def test_another_task_s_labels_are_refused(tmp_path: Path) -> None:
    task = TASK.model_copy(update={"fields": TASK.fields[:2]})
    with pytest.raises(SnapshotError, match="another task"):
        write_snapshot(task, TRAIN, tmp_path / "snapshot.jsonl")


def test_the_file_is_private_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "snapshot.jsonl"
    before = write_snapshot(TASK, TRAIN[:2], path)
    assert path.stat().st_mode & 0o777 == 0o600
    old = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_snapshot(TASK, TRAIN, path)
    assert path.read_bytes() == old
    assert [one.name for one in tmp_path.iterdir()] == [before.path.name]


def test_a_snapshot_is_an_import_file(tmp_path: Path) -> None:
    written = write_snapshot(TASK, TRAIN, tmp_path / "snapshot.jsonl")
    notes = [note for note in read_notes(written.path, TASK, original=True) if isinstance(note, Note)]
    assert {(note.text, note.gold, note.content_hash) for note in notes} == {
        (one.text, one.extraction, one.content_hash) for one in TRAIN
    }
    line = json.loads(written.path.read_text(encoding="utf-8").splitlines()[0])
    assert list(line) == ["instruction", "input", "output", "source", "content_hash"]
    assert line["instruction"] == TASK.instruction


def test_what_a_reviewer_corrected_is_kept_and_counted(tmp_path: Path) -> None:
    original, accepted, third = TRAIN[0], replace(TRAIN[1], source="annotation"), TRAIN[2]
    corrected = replace(row(third.text, "changed"), source="annotation", corrected=True)
    written = write_snapshot(TASK, [original, accepted, corrected, third], tmp_path / "snapshot.jsonl")
    assert (written.n_rows, written.n_originals, written.n_annotations, written.n_corrected) == (3, 1, 2, 1)
    back = read_rows(TASK, written.path)
    assert back == sorted([original, accepted, corrected], key=lambda one: one.content_hash)
    assert [one.line for one in back] == [1, 2, 3]
    plain = write_snapshot(TASK, [original, accepted, replace(corrected, corrected=False)], tmp_path / "plain.jsonl")
    assert plain.fingerprint != written.fingerprint, "it changes what is learned"


def test_any_labelled_file_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "labelled.jsonl"
    path.write_text(json.dumps({"id": 1, "input": "A note.", "output": dict.fromkeys(TASK.keys), "more": [1]}))
    assert read_rows(TASK, path) == [row("A note.")]


GOOD = json.dumps({"input": "A note.", "output": dict.fromkeys(TASK.keys)})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "labelled.jsonl, line 2, column 2: expected JSON"),
        ('{"input": "secret"}', "line 2: expected labels"),
        ('{"input": "secret", "output": {}}', "found none of them"),
        ('{"input": 3, "output": {}}', "line 2: expected"),
        (GOOD[:-1] + ', "source": "hearsay"}', "the source"),
        (GOOD[:-1] + ', "corrected": true}', "a reviewer's label only"),
        (GOOD[:-1] + ', "source": "annotation", "corrected": "secret"}', "found a string"),
    ],
)
def test_a_bad_line_is_told(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "labelled.jsonl"
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(SnapshotError, match=said) as refused:
        read_rows(TASK, path)
    assert "secret" not in str(refused.value)


def test_a_file_without_rows_is_told(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    with pytest.raises(SnapshotError, match="cannot be read"):
        read_rows(TASK, path)
    path.touch()
    with pytest.raises(SnapshotError, match="at least one labelled note"):
        read_rows(TASK, path)


def test_no_rows_have_a_fingerprint_too(tmp_path: Path) -> None:
    written = write_snapshot(TASK, [], tmp_path / "snapshot.jsonl")
    assert isinstance(written, Snapshot)
    assert written.n_rows == 0
    assert len(written.fingerprint) == 64
