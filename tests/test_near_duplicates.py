"""Near duplicates: found as their definition says, kept out of training, refused by the trainer."""

from __future__ import annotations

import json
import math
import random
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from app.failures import DeskError
from app.importing import import_files
from app.perform import _write_rows
from data import near_duplicates
from data.near_duplicates import GRAM, near_pairs, without_near
from data.notes import content_hash, folded, read_notes, split_of
from data.snapshot import Row, read_rows, write_rows
from data.synthetic import generate_one
from db.annotations import training_rows
from tests.homes import ROOT, TASK, Home, write_notes
from tests.tiny import tiny_rows, tiny_sides, write_labelled
from trainer.__main__ import main
from trainer.curve import Plan, draw_curve, simulate_reviews
from trainer.leakage import N_NAMED, check_no_leak
from trainer.progress import TrainError

TEXTS = [generate_one(5, number).text for number in range(30)]


def grams(text: str) -> Counter[str]:
    """How often each gram occurs, with nothing hashed."""
    words = folded(text)
    return Counter(words[i : i + GRAM] for i in range(len(words) - GRAM + 1))


def cosine(one: Counter[str], other: Counter[str]) -> float:
    """By the definition."""
    dot = sum(n * other[gram] for gram, n in one.items() if gram in other)
    return dot / math.sqrt(math.prod(sum(n * n for n in counts.values()) for counts in (one, other)))


def reworded(text: str, share: float, draw: random.Random) -> str:
    """The text with a share of its words replaced."""
    return " ".join("".join(draw.sample(word, len(word))) if draw.random() < share else word for word in text.split())


def twin(row: Row, side: str) -> Row:
    """A near duplicate of a row whose own hash falls on that side of the split."""
    texts = (f"{row.text} Seen on day {day}." for day in range(1000))
    text = next(text for text in texts if split_of(content_hash(text)) == side)
    return replace(row, text=text, content_hash=content_hash(text))


def test_exactly_those_pairs_are_found_whose_cosine_is_high_enough() -> None:
    draw = random.Random(1)
    changed = [reworded(text, share, draw) for text in TEXTS for share in (0.02, 0.05, 0.1, 0.2)]
    known = list(map(grams, TEXTS))
    nearest = [max((cosine(own, other), index) for index, other in enumerate(known)) for own in map(grams, changed)]
    clear = [index for index, (highest, _) in enumerate(nearest) if abs(highest - 0.8) > 0.002]
    assert len([1 for index in clear if 0.75 < nearest[index][0] < 0.85]) > 10, "many lie close to the threshold"
    found = {pair.index: pair for pair in near_pairs(changed, TEXTS)}
    assert list(found) == sorted(found)
    assert [index for index in clear if index in found] == [i for i in clear if nearest[i][0] > 0.8]
    for index, pair in found.items():
        assert (pytest.approx(pair.similarity, abs=0.002), pair.other) == nearest[index]


@pytest.mark.parametrize(
    "disguise",
    [
        str.upper,
        lambda text: text.replace(" ", "\n\n  "),
        lambda text: ", - ".join(text.split()),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    ],
    ids=["case", "white space", "punctuation", "full width"],
)
def test_case_white_space_and_punctuation_hide_nothing(disguise) -> None:
    (pair,) = near_pairs([disguise(TEXTS[7]) + " Day 3."], TEXTS)
    assert (pair.index, pair.other) == (0, 7)
    assert pair.similarity > 0.95


def test_texts_without_a_gram_are_alike_to_none() -> None:
    assert list(near_pairs(["IV", "", "..."], ["IV", *TEXTS])) == []
    assert list(near_pairs(TEXTS, [])) == []
    assert list(near_pairs([], TEXTS)) == []


def test_memory_holds_a_block_of_similarities_only(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, others = ["Like all others."] * 3000, ["Like all others."] * 500
    monkeypatch.setattr(near_duplicates, "MAX_CELLS", 10_000)
    tracemalloc.start()
    n_found = sum(pair.other == 0 for pair in near_pairs(texts, others))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_found == 3000
    assert peak < 3000 * 500 * 8, "less than the similarities alone would take with their places"


def test_the_sample_notes_are_apart() -> None:
    notes = list(read_notes(ROOT / "data" / "samples" / "originals.jsonl", TASK, original=True))
    sides = {side: [note.text for note in notes if note.split == side] for side in ("train", "holdout")}
    assert {side: len(texts) for side, texts in sides.items()} == {"train": 300, "holdout": 100}
    assert list(near_pairs(sides["train"], sides["holdout"])) == []


@pytest.fixture
def desk(tmp_path: Path):
    with Home(tmp_path / "home").desk() as opened:
        yield opened


def test_a_run_leaves_near_duplicates_of_the_hold_out_out(desk, tmp_path: Path) -> None:
    train, held_out = tiny_sides(60)
    original, incoming = twin(held_out[0], "train"), train.pop()
    unlabelled = twin(incoming, "holdout").text  # it is measured on as soon as somebody labels it
    rows = [*train, *held_out, original, incoming, twin(train[0], "train")]
    import_files(desk.store, desk.task, [write_labelled(tmp_path / "originals.jsonl", rows)], original=True)
    import_files(desk.store, desk.task, [write_notes(tmp_path / "incoming.jsonl", [unlabelled])], original=False)
    snapshot, holdout, n_left_out = _write_rows(desk, tmp_path / "run")
    assert n_left_out == 2
    learned = {row.content_hash for row in read_rows(TASK, snapshot.path)}
    assert learned == {row.content_hash for row in (*train, twin(train[0], "train"))}
    assert snapshot.n_rows == snapshot.n_originals == len(train) + 1
    measured = read_rows(TASK, holdout.path)
    assert {row.content_hash for row in measured} == {row.content_hash for row in held_out}
    check_no_leak(read_rows(TASK, snapshot.path), measured)
    with desk.store.reading() as session, pytest.raises(TrainError, match="near duplicate"):
        check_no_leak(list(training_rows(session, TASK)), measured)


def test_a_run_with_nothing_else_to_learn_from_says_so(desk, tmp_path: Path) -> None:
    held_out = tiny_sides(60)[1][:2]
    rows = [*held_out, *(twin(row, "train") for row in held_out)]
    import_files(desk.store, desk.task, [write_labelled(tmp_path / "originals.jsonl", rows)], original=True)
    with pytest.raises(DeskError, match="found none among 2"):
        _write_rows(desk, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_hold_out_wins() -> None:
    train, held_out = tiny_sides(70)
    close = twin(held_out[1], "train")
    kept, pairs = without_near([train[0], close, *train[1:]], [row.text for row in held_out])
    assert kept == train
    assert [(pair.index, pair.other) for pair in pairs] == [(1, 1)]


@pytest.mark.parametrize("same", [True, False], ids=["exact", "near"])
def test_the_trainer_refuses_foreign_files_that_leak(same: bool, tmp_path: Path, capsys) -> None:
    train, held_out = tiny_sides(70)
    leaked = replace(held_out[2], text=held_out[2].text.upper()) if same else twin(held_out[2], "train")
    files = [
        write_labelled(tmp_path / "a.jsonl", [*train[:5], leaked, *train[5:9]]),
        write_labelled(tmp_path / "b.jsonl", held_out),
    ]
    words = ["--snapshot", str(files[0]), "--holdout", str(files[1]), "--base", str(tmp_path / "none")]
    assert main(["train", str(tmp_path / "runs" / "run"), *words]) == 2
    said = capsys.readouterr().err.strip()
    assert f"found 1, such as line 6 of the snapshot (note {leaked.content_hash[:12]})" in said
    assert f"line 3 of the hold-out (note {held_out[2].content_hash[:12]}) with a similarity of" in said
    assert ("similarity of 1.00" in said) is same
    assert "Leave out of the snapshot: line 6; caseloop train" in said
    assert "year-old" not in said.casefold()
    left = json.loads((tmp_path / "runs" / "run" / "progress.json").read_text())
    assert (left["state"], "near duplicate" in left["message"]) == ("failed", True)


def test_a_curve_leaks_nothing_either(tmp_path: Path) -> None:
    train, held_out = tiny_sides(70)
    rows = [*train[:4], twin(held_out[0], "train"), *held_out]
    labelled = write_labelled(tmp_path / "labelled.jsonl", rows)
    snapshot, holdout = simulate_reviews(TASK, labelled, tmp_path / "reviews", n_holdout=len(held_out))
    assert [row.text for row in read_rows(TASK, snapshot)] == [row.text for row in train[:4]]
    assert [row.text for row in read_rows(TASK, holdout)] == [row.text for row in held_out]
    reviewed = [replace(row, source="annotation") for row in rows[:5]]
    write_rows(TASK, reviewed, snapshot)
    plan = Plan(base=str(tmp_path / "none"), parent="none", snapshot=snapshot, holdout=holdout)
    with pytest.raises(TrainError, match="found 1, such as line 5 of the snapshot"):
        draw_curve(tmp_path / "curves" / "one", plan)


def test_a_short_copy_is_refused_and_many_are_counted() -> None:
    short = Row("IV", tiny_rows(1)[0].extraction, "original", content_hash("IV"))
    with pytest.raises(TrainError, match=f"found 1, such as note {content_hash('IV')[:12]}"):
        check_no_leak([short], [short])
    rows = [replace(row, line=n) for n, row in enumerate(tiny_rows(N_NAMED + 3), start=1)]
    with pytest.raises(TrainError, match=f"line {N_NAMED} and 3 more;"):
        check_no_leak(rows, rows)
    check_no_leak(rows, [])
    train, held_out = tiny_sides(70)
    check_no_leak(train * 2, held_out * 2)  # copies on one side are no leak
