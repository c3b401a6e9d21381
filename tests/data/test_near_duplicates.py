"""Near duplicates: found as their definition says, kept out of training, refused by the trainer."""

from __future__ import annotations

import json
import math
import random
import re
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.errors import DeskError
from app.importing.load import import_files
from app.training.runner import _write_rows
from data.gate import near_duplicates
from data.gate.near_duplicates import GRAM, LEAST_OWN, N_STOCK, NEAR_DUPLICATE, near_pairs, without_near
from data.notes import content_hash, fold_text, read_notes, split_of
from data.snapshot import Row, read_rows, write_rows
from data.synthetic.corpus import generate_one
from data.synthetic.sets.shipped import LABELLED
from db.review.reviewed import training_rows
from tests.kit.homes import TASK, Home, write_notes
from tests.kit.tiny import tiny_rows, tiny_sides, write_labelled
from trainer.__main__ import main
from trainer.run.leakage import N_NAMED, check_no_leak
from trainer.run.learning_curve import Plan, draw_curve, simulate_reviews
from trainer.run.progress import TrainError

TEXTS = [generate_one(5, number).text for number in range(30)]


def sentences(text: str) -> set[str]:
    """A text's sentences, lines and cells, folded."""
    return {fold_text(part) for part in re.split(r"(?<=[.!?;])\s+|\s*[\n|]+\s*", text)} - {""}


def own(text: str, stock: set[str]) -> str:
    """What is the text's own, folded."""
    parts = [fold_text(part) for part in re.split(r"(?<=[.!?;])\s+|\s*[\n|]+\s*", text)]
    words = " ".join(part for part in parts if part and part not in stock)
    return words if len(words) >= LEAST_OWN else fold_text(text)


def similarities(texts: list[str], others: list[str]) -> list[list[float]]:
    """By the definition, with nothing hashed, of every text to every other."""
    everything = [*texts, *others]
    n_with = Counter(sentence for text in everything for sentence in sentences(text))
    stock = {sentence for sentence, n in n_with.items() if n >= N_STOCK}
    grams = [Counter(w[i : i + GRAM] for i in range(len(w) - GRAM + 1)) for w in (own(t, stock) for t in everything)]
    df = Counter(gram for counts in grams for gram in counts)
    weight = {gram: math.log((1 + len(everything)) / (1 + n)) + 1 for gram, n in df.items()}
    vectors = [{gram: n * weight[gram] for gram, n in counts.items()} for counts in grams]
    return [[cosine(one, other) for other in vectors[len(texts) :]] for one in vectors[: len(texts)]]


def cosine(one: dict[str, float], other: dict[str, float]) -> float:
    dot = sum(n * other[gram] for gram, n in one.items() if gram in other)
    return dot / math.sqrt(math.prod(sum(n * n for n in vector.values()) for vector in (one, other)))


def reworded(text: str, share: float, draw: random.Random) -> str:
    """The text with a share of its words replaced."""
    return " ".join("".join(draw.sample(word, len(word))) if draw.random() < share else word for word in text.split())


def twin(row: Row, side: str) -> Row:
    """A near duplicate of a row whose own hash falls on that side of the split."""
    texts = (f"{row.text} Seen on day {day}." for day in range(1000))
    text = next(text for text in texts if split_of(content_hash(text)) == side)
    return replace(row, text=text, content_hash=content_hash(text))


def test_exactly_those_pairs_are_found_whose_similarity_is_high_enough() -> None:
    draw = random.Random(1)
    changed = [reworded(text, share, draw) for text in TEXTS for share in (0.02, 0.05, 0.1, 0.2)]
    nearest = [max((value, -index) for index, value in enumerate(row)) for row in similarities(changed, TEXTS)]
    clear = [index for index, (highest, _) in enumerate(nearest) if abs(highest - NEAR_DUPLICATE) > 0.004]
    assert len([1 for index in clear if abs(nearest[index][0] - NEAR_DUPLICATE) < 0.05]) > 10, "many lie close to it"
    found = {pair.index: pair for pair in near_pairs(changed, TEXTS)}
    assert list(found) == sorted(found)
    assert [index for index in clear if index in found] == [i for i in clear if nearest[i][0] > NEAR_DUPLICATE]
    for index, pair in found.items():
        assert (pytest.approx(pair.similarity, abs=0.004), -pair.other) == nearest[index]


HEAD = (
    "DISTRICT HOSPITAL, DEPARTMENT OF ONCOLOGY\n\nDear colleagues,\n\nthank you for sending the patient, who was seen "
    "in our outpatient department together with a relative. We report as follows.\n\nEarlier illnesses: high blood "
    "pressure under treatment; tonsils taken out in childhood. No allergy is known. Never smoked.\n\nFindings:\n"
)
FOOT = (
    "\n\nBlood count and liver values within the normal range; creatinine 0.8 mg/dL; CRP below 5 mg/L.\n\nMedicines on "
    "leaving: amlodipine 5 mg 1-0-0, vitamin D 1,000 units 1-0-0, paracetamol 500 mg when needed.\n\nPlease let the "
    "family doctor check the blood count in two weeks. The next appointment here is in three months, earlier if "
    "there are complaints. We are glad to answer questions by telephone at any time.\n\nWith kind regards"
)


def letters(n_templates: int) -> Callable[[int, str], str]:
    """Puts a note into one of so many hospitals' letters, each in words of its own."""
    draw = random.Random(n_templates)
    words = (HEAD + FOOT).split()
    made = [("\n".join(draw.sample(words, 8)) + "\n\n", ". ".join(" ".join(draw.sample(words, 12)) for _ in range(9)))
            for _ in range(n_templates)]  # fmt: skip
    return lambda number, text: f"{made[number % n_templates][0]}{text}\n\n{made[number % n_templates][1]}"


FRAMES: dict[str, Callable[[int, str], str]] = {
    "alone": lambda _, text: text,
    "header": lambda _, text: HEAD + text,
    "footer": lambda _, text: text + FOOT,
    "letter": lambda _, text: HEAD + text + FOOT,
    "long letter": lambda _, text: 3 * HEAD + text + 3 * FOOT,
    "four hospitals": letters(4),
    "nine hospitals": letters(9),
    "table": lambda n, text: f"Receptor | positive\nGrade | {n % 3}\nSide | left\n{text}\nSigned | yes\nCopies | none",
}


def copy_of(text: str, draw: random.Random) -> str:
    """The same case with another age and every fifteenth word changed."""
    words = re.sub(r"\b\d\d(?=[- ]year)", str(draw.randint(40, 79)), text).split()
    for start in range(0, len(words), 15):
        words[min(start + draw.randint(0, 14), len(words) - 1)] = draw.choice(
            ["noted", "routine", "overall", "further"]
        )
    return " ".join(words)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_shared_template_makes_no_copy_and_hides_none(frame: Callable[[int, str], str]) -> None:
    draw = random.Random(3)
    cases = [generate_one(11, number).text for number in range(150)]
    train, held_out = [
        [frame(n, text) for n, text in enumerate(cases) if (n % 10 == 0) is held] for held in (False, True)
    ]
    assert len(list(near_pairs(train, held_out))) <= 0.02 * len(train)
    copies = [frame(n, copy_of(text, draw)) for n, text in enumerate(cases) if n % 10 == 0]
    found = {pair.index - len(train): pair.other for pair in near_pairs([*train, *copies], held_out)}
    assert {copy: other for copy, other in found.items() if copy >= 0} == {n: n for n in range(len(held_out))}


def test_a_copy_is_found_in_a_letter_when_the_case_stands_alone_elsewhere() -> None:
    draw = random.Random(4)
    cases = [generate_one(12, number).text for number in range(60)]
    letters = [HEAD + copy_of(text, draw) + FOOT for text in cases[:20]]
    assert [(pair.index, pair.other) for pair in near_pairs(letters, cases)] == [(n, n) for n in range(20)]


@pytest.mark.parametrize("n_notes", [1, 2, 3, 5, 10])
@pytest.mark.parametrize("frame", ["alone", "letter"])
def test_a_few_notes_are_compared_as_well_as_many(frame: str, n_notes: int) -> None:
    cases = [FRAMES[frame](n, generate_one(13, n).text) for n in range(n_notes + 1)]
    held_out, other = cases[:n_notes], cases[n_notes]
    near = FRAMES[frame](0, copy_of(generate_one(13, 0).text, random.Random(5)))
    exact = held_out[-1].upper()
    assert [(p.index, p.other) for p in near_pairs([other, near, exact], held_out)] == [(1, 0), (2, n_notes - 1)]
    if frame == "alone" or n_notes > 1:  # two letters do not tell what the template is
        assert list(near_pairs([other], held_out)) == []


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
    texts, others = ["Like all others."] * 5000, ["Like all others."] * 800
    monkeypatch.setattr(near_duplicates, "MAX_CELLS", 10_000)
    monkeypatch.setattr(near_duplicates, "MAX_KEPT", 0)
    tracemalloc.start()
    n_found = sum(pair.other == 0 for pair in near_pairs(texts, others))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_found == 5000
    assert peak < 5000 * 800 * 8, "less than the similarities alone would take with their places"


def test_the_sample_notes_are_apart() -> None:
    notes = list(read_notes(LABELLED, TASK, original=True))
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
    snapshot, holdout, sides = _write_rows(desk, tmp_path / "run", None, is_judged=True)
    assert sides.n_near == 2
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
    with pytest.raises(DeskError, match=r"near duplicate of a hold-out note \(2 notes\)"):
        _write_rows(desk, tmp_path / "run", None, is_judged=True)
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
