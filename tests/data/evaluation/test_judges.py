"""Who judges a new adapter: nobody that it or the active one has learned from, in these words or in others."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.importing.load import import_files
from app.training.material import FRESH, count_judged, foretell_material, learned_texts, read_sides
from app.training.requests import run_directory, run_name
from app.training.runner import _write_rows
from data.gate.judges import ENOUGH, ONE_IN, divide
from data.gate.near_duplicates import near_pairs
from data.notes import content_hash, split_of
from data.snapshot import Row, SnapshotError, read_rows, write_judges, write_rows
from data.synthetic.corpus import generate_one
from data.task import Extraction
from db.notes.notes import find_note
from db.review.decisions import submit
from db.training.adapters import activate, register_adapter
from db.training.runs import create_run, update_run
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import adapter
from tests.kit.homes import TASK, Home, write_notes
from tests.kit.tiny import write_labelled
from trainer.run.leakage import check_no_leak

LABEL = Extraction(TASK, dict.fromkeys(TASK.keys))


def reviewed(text: str) -> Row:
    return Row(text, LABEL, "annotation", content_hash(text))


CASES = list(dict.fromkeys(generate_one(21, number).text for number in range(400)))
TRAIN = [reviewed(text) for text in CASES if split_of(content_hash(text)) == "train"]
HELD = [reviewed(text) for text in CASES if split_of(content_hash(text)) == "holdout"]


def copy_of(text: str, side: str) -> str:
    """A near copy whose own hash falls on that side."""
    texts = (f"{text} Seen on day {day}." for day in range(1000))
    return next(text for text in texts if split_of(content_hash(text)) == side)


def test_a_week_of_sixty_notes_is_judged_by_more_than_its_hold_out() -> None:
    sides = divide(TRAIN[:54], HELD[:6], [], [], {})
    assert (len(sides.rows), len(sides.held_out), len(sides.fresh)) == (36, 6, 54 // ONE_IN)
    assert sorted(row.text for row in [*sides.rows, *sides.fresh]) == sorted(row.text for row in TRAIN[:54])
    backwards = divide(TRAIN[:54][::-1], HELD[:6], [], [], {})
    assert {row.text for row in backwards.fresh} == {row.text for row in sides.fresh}, "whatever their order"


def test_every_note_is_learned_from_and_the_judges_take_turns() -> None:
    turns: list[set[str]] = []
    counts: dict[str, int] = {}
    for _ in range(ONE_IN):
        fresh = {row.content_hash for row in divide(TRAIN[:54], HELD[:6], [], [], counts).fresh}
        turns.append(fresh)
        counts |= {judge: counts.get(judge, 0) + 1 for judge in fresh}
    assert sum(map(len, turns)) == len(set.union(*turns)) == 54


def test_a_hold_out_that_is_enough_judges_alone() -> None:
    held_out = [reviewed(f"{number} {text}") for number, text in enumerate(CASES[:ENOUGH])]
    rows = [row for row in TRAIN if row.text not in CASES[:ENOUGH]]
    assert len(divide(rows, held_out, [], [], {}).fresh) == 0
    assert len(divide(rows, held_out[:-2], [], [], {}).fresh) == 2


def test_labels_that_came_with_their_notes_do_not_judge() -> None:
    rows = [replace(row, source="original") for row in TRAIN[:30]]
    sides = divide([*rows, *TRAIN[30:36]], HELD[:2], [], [], {})
    assert len(sides.fresh) == 6 // ONE_IN
    assert {row.source for row in sides.fresh} == {"annotation"}


@pytest.mark.parametrize("plant", [str, str.upper, lambda text: copy_of(text, "train")], ids=["same", "copy", "near"])
def test_nobody_judges_who_was_learned_from(plant) -> None:
    learned = [plant(row.text) for row in (*TRAIN[:20], *HELD[:2])]
    sides = divide(TRAIN[:54], HELD[:6], [], learned, {})
    assert [row.text for row in sides.held_out] == [row.text for row in HELD[2:6]]
    assert sides.n_without_vote == 2
    assert len(sides.fresh) == (54 - 20) // ONE_IN
    assert not {row.text for row in sides.fresh} & {row.text for row in TRAIN[:20]}
    assert len(sides.rows) == 54 - len(sides.fresh)


def test_a_note_whose_copy_is_learned_from_in_this_run_does_not_judge() -> None:
    copies = [reviewed(copy_of(row.text, "train")) for row in TRAIN[:27]]
    sides = divide([*TRAIN[:27], *copies], HELD[:6], [], [], {})
    texts = [row.text for row in sides.rows]
    assert sides.fresh
    assert list(near_pairs(texts, [row.text for row in sides.judges])) == []
    twins = {row.text: copy.text for row, copy in zip(TRAIN, copies, strict=False)}
    twins |= {copy: text for text, copy in twins.items()}
    assert {twins[row.text] for row in sides.fresh} <= {row.text for row in sides.fresh}, "both copies, or neither"


def test_where_nobody_knows_what_was_learned_the_hold_out_judges_alone() -> None:
    sides = divide(TRAIN[:54], HELD[:6], [], None, {})
    assert (len(sides.rows), len(sides.held_out), sides.fresh) == (54, 6, [])


def test_judges_of_the_wrong_side_are_not_written(tmp_path) -> None:
    assert write_judges(TASK, HELD[:2], TRAIN[:2], tmp_path / "judges.jsonl").n_rows == 4
    for held_out, fresh in ((TRAIN[:1], []), ([], HELD[:1])):
        with pytest.raises(SnapshotError, match="of the other side of the split"):
            write_judges(TASK, held_out, fresh, tmp_path / "no.jsonl")
    assert not (tmp_path / "no.jsonl").exists()


@pytest.fixture
def desk(tmp_path):
    variables = {"CASELOOP_BASE": "/nowhere/base", "CASELOOP_ADAPTER": "/nowhere/adapter"}
    with Home(tmp_path / "home", variables).desk() as opened:
        yield opened


def review(desk, tmp_path, texts: list[str]) -> None:
    import_files(desk.store, desk.task, [write_notes(tmp_path / f"{len(texts)}-{texts[0][:9]}.jsonl", texts)])
    for text in texts:
        with desk.store.transaction() as session:
            note = find_note(session, content_hash(text))
            assert note is not None
            submit(
                person_in(session, "ada"), note_id=note.id, status="submitted", extraction=LABEL,
                seen_revision=note.revision, token=f"token-{note.id}",
            )  # fmt: skip


def trained(desk, texts: list[str], parent: str | None, mode: str):
    """An adapter of a finished run of this home that learned from these texts, active now."""
    with desk.store.transaction() as session:
        run = create_run(person_in(session, "tests"), config={"mode": mode, "parent": parent or "embedded"})
        name = run_name(run.id)
        write_rows(TASK, [reviewed(text) for text in texts], run_directory(desk.settings, run.id) / "snapshot.jsonl")
        update_run(program_in(session), run.id, status="finished", adapter=name)
        made = register_adapter(program_in(session), adapter(name, run_id=run.id, parent=parent))
        activate(person_in(session, "tests"), name, reason="test")
        return made


def learned(desk, active):
    with desk.store.reading() as session:
        return learned_texts(desk.settings, session, active)


def test_an_adapter_has_learned_what_those_before_it_learned(desk) -> None:
    with desk.store.transaction() as session:
        register_adapter(program_in(session), adapter("embedded"))
    first = trained(desk, CASES[:3], "embedded", "warm")
    second = trained(desk, CASES[3:5], first.name, "warm")
    fresh = trained(desk, CASES[5:6], second.name, "full")
    assert learned(desk, first) == CASES[:3]
    assert sorted(learned(desk, second)) == sorted(CASES[:5])
    assert learned(desk, fresh) == CASES[5:6]
    (run_directory(desk.settings, 1) / "snapshot.jsonl").unlink()
    assert learned(desk, second) is None
    assert learned(desk, fresh) == CASES[5:6]


def test_a_run_keeps_out_of_its_verdict_whatever_either_adapter_learned(desk, tmp_path) -> None:
    """Planted: a note that was learned two adapters ago, a near copy of one, a copy in capitals, and held-out ones."""
    held, train = [row.text for row in HELD[:8]], [row.text for row in TRAIN[:40]]
    old = [train[0], copy_of(train[1], "train"), train[2].upper(), held[0].upper()]
    first = trained(desk, [*old, *CASES[-5:]], None, "full")
    active = trained(desk, [copy_of(held[1], "train"), copy_of(train[3], "train")], first.name, "warm")
    twin = copy_of(train[4], "train")
    review(desk, tmp_path, [*held, *train, twin])
    snapshot, holdout, sides = _write_rows(desk, run_directory(desk.settings, 9), active, is_judged=True)
    rows, judges = read_rows(TASK, snapshot.path), read_rows(TASK, holdout.path)
    judged = {row.text for row in judges}
    assert judged == {row.text for row in sides.judges}
    known = [*(learned(desk, active) or []), *(row.text for row in rows)]
    assert not {content_hash(text) for text in known} & {content_hash(text) for text in judged}
    assert list(near_pairs([row.text for row in judges], known)) == []
    assert not judged & {*held[:2], *train[:4]}
    assert (len(sides.held_out), sides.n_without_vote) == (6, 2)
    assert 10 <= len(sides.fresh) <= (41 - 4) // ONE_IN, "one whose copy is learned from gives its place up"
    assert len(rows) + len(judges) == 8 + 41 - 2
    check_no_leak(rows, judges)
    fresh = json.loads((run_directory(desk.settings, 9) / FRESH).read_text())
    assert sorted(fresh) == sorted(row.content_hash for row in sides.fresh)
    assert set(count_judged(desk.settings)) == set(fresh)
    later = read_sides(desk, active)
    assert not {row.content_hash for row in later.fresh} & set(fresh)
    assert {row.content_hash for row in later.rows} >= set(fresh), "the next run learns from them"


def test_originals_that_the_active_adapter_never_learned_are_new_to_it(desk, tmp_path) -> None:
    known, new = [row.text for row in TRAIN[:4]], [row.text for row in TRAIN[4:9]]
    originals = [replace(row, source="original") for row in (*TRAIN[:9], *HELD[:2])]
    import_files(desk.store, desk.task, [write_labelled(tmp_path / "originals.jsonl", originals)], original=True)
    active = trained(desk, known, None, "full")
    snapshot, _, _ = _write_rows(desk, run_directory(desk.settings, 9), active, is_judged=True)
    rows = read_rows(TASK, snapshot.path)
    assert sorted(row.text for row in rows if row.is_new) == sorted(new)
    pulled = adapter("pulled", path="./adapters/pulled")
    assert not any(row.is_new for row in read_sides(desk, pulled).rows), "it may well be made from them"


def test_a_curve_is_judged_by_the_hold_out_and_learns_from_all(desk, tmp_path) -> None:
    review(desk, tmp_path, [row.text for row in (*HELD[:3], *TRAIN[:12])])
    _, holdout, sides = _write_rows(desk, tmp_path / "run", None, is_judged=False)
    assert (holdout.n_rows, len(sides.rows), sides.fresh) == (3, 12, [])


def test_what_is_foretold_is_plain() -> None:
    assert foretell_material({}) == ""
    said = foretell_material({"n_near_duplicates": 2, "n_fresh": 18, "n_without_vote": 1})
    assert said.startswith(
        "2 notes are left out of training: near duplicates of hold-out notes. 18 reviewed notes are set"
    )
    assert said.endswith("1 hold-out note does not count: the active adapter was trained on a copy of it.")
