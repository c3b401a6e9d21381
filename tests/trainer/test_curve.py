"""Learning curves: nested parts, points that are not repeated, and sentences that say no more than was measured."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.gate.learning_curve import MIN_NOTES, Curve, CurveError, Point, Share, findings, gain, read_curve, shares
from data.snapshot import Row, read_rows, write_rows
from data.task import DEFAULT_TASK, Extraction, load_task
from tests.kit.commands import Forked
from tests.kit.curves import made_curve
from tests.kit.homes import wait_for
from tests.kit.tiny import shared_tiny, tiny_rows, write_labelled
from trainer.__main__ import main
from trainer.adapter.manifest import RunError
from trainer.config import TrainConfig
from trainer.run.directory import RunDir, trainer_lock
from trainer.run.learning_curve import CURVE, Plan, draw_curve
from trainer.run.progress import Interrupted, Stop, TrainError

TASK = load_task(DEFAULT_TASK)
FIRST = TASK.keys[0]
TITLES = {field.key: field.title for field in TASK.fields}
ONE_STEP = TrainConfig(max_steps=1, batch_size=4, threads=1)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())


def reviewed(n: int, start: int = 0) -> list[Row]:
    """Rows whose reviewers, every other one, changed the last value."""
    changed = [
        Extraction(TASK, {**row.extraction, TASK.keys[-1]: "liver"} if number % 2 else row.extraction)
        for number, row in enumerate(tiny_rows(n, start=start))
    ]
    return [
        replace(row, extraction=label, source="annotation", corrected=bool(number % 2))
        for number, (row, label) in enumerate(zip(tiny_rows(n, start=start), changed, strict=True))
    ]


def plan(folder: Path, *, n_originals: int = 4, n_reviewed: int = 8, **given) -> Plan:
    write_rows(TASK, [*tiny_rows(n_originals, start=100), *reviewed(n_reviewed)], folder / "snapshot.jsonl")
    write_rows(TASK, tiny_rows(3, start=200), folder / "holdout.jsonl")
    files = {"snapshot": folder / "snapshot.jsonl", "holdout": folder / "holdout.jsonl"}
    models = {"base": str(shared_tiny().base), "parent": str(shared_tiny().adapter)}
    return Plan(**{**models, **files, "config": ONE_STEP, "device": "cpu", **given})


def snapshots(directory: Path) -> list[list[Row]]:
    """What the points learned from, by number of reviewed notes."""
    return [read_rows(TASK, path) for path in sorted(directory.glob("points/*/snapshot.jsonl"))]


def written(directory: Path) -> dict[str, int]:
    """Every file of the points, with the time of its last change."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(directory.glob("points/*/*")) if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, Plan, Curve]:
    """A curve that was drawn in one go: its directory, what it was drawn from, and what came out."""
    folder = tmp_path_factory.mktemp("whole")
    wanted = plan(folder, percents=(0, 50, 100))
    return folder / "curves" / "one", wanted, draw_curve(folder / "curves" / "one", wanted)


def test_parts_are_nested_and_originals_are_always_in(whole):
    place, _, curve = whole
    assert [(p.n_corrections, p.n_rows, p.n_steps) for p in curve.points] == [(0, 4, 1), (4, 8, 1), (8, 12, 1)]
    none, half, every = ({row.content_hash for row in rows} for rows in snapshots(place))
    assert none == {row.content_hash for row in tiny_rows(4, start=100)}
    assert none < half < every
    joined = sorted(every - none)
    assert half - none == set(joined[:4]), "in the order of their hashes"
    changed = {row.content_hash for row in reviewed(8) if row.corrected}
    assert [point.n_corrected for point in curve.points] == [0, len(changed & half), 4]
    assert (curve.n_originals, curve.n_notes) == (4, 3)
    assert read_curve((place / CURVE).read_text()) == curve
    for point in curve.points:
        assert point.macro.value == pytest.approx(np.mean([share.value for share in point.fields.values()]))
        assert point.macro.low <= point.macro.value <= point.macro.high
    files = [path for path in place.rglob("*") if path.is_file() and path.suffix in (".json", ".jsonl", ".txt")]
    texts = "".join(path.read_text() for path in files if path.name != "snapshot.jsonl")
    assert "-year-old" not in texts, "note text stays in the snapshots"


def test_a_killed_curve_ends_with_the_figures_of_one_that_was_not(whole, tmp_path):
    _, wanted, curve = whole
    place = tmp_path / "curves" / "killed"
    words = ["curve", str(place), "--shares", "0,100", "--max-steps", "1"]
    words += ["--batch-size", "4", "--threads", "1", "--device", "cpu", "--base", wanted.base]
    words += ["--parent", str(wanted.parent), "--snapshot", str(wanted.snapshot), "--holdout", str(wanted.holdout)]
    process = Forked("trainer.__main__", words, os.environ)
    second = place / "points" / "00008-seed-0" / "run.json"
    wait_for(lambda: second.exists() or process.poll() is not None, "the second point")
    process.kill()
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    assert not (place / CURVE).exists()
    first = {path: at for path, at in written(place).items() if "/00000" in path}
    assert any(path.endswith("predictions.jsonl") for path in first)
    seen: list[Point] = []
    resumed = draw_curve(place, replace(wanted, percents=(0, 100)), seen.append)
    assert {path: at for path, at in written(place).items() if path in first} == first
    assert tuple(seen) == resumed.points
    assert [(p.macro, p.fields) for p in resumed.points] == [(p.macro, p.fields) for p in curve.points[::2]]


def test_a_stopped_curve_goes_on_with_the_same_settings_only(tmp_path):
    warm = ONE_STEP.model_copy(update={"mode": "warm"})
    wanted = plan(tmp_path, counts=(0, 8), n_seeds=2, config=warm)
    place = tmp_path / "curves" / "one"

    def stop(_: Point) -> None:
        with pytest.raises(RunError, match="Another training run"), trainer_lock(place.parent):
            pass
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Interrupted):
        draw_curve(place, wanted, stop)
    told = json.loads(RunDir(place).progress.read_text())
    assert (told["state"], told["step"], told["n_steps"]) == ("interrupted", 1, 2)
    assert not (place / CURVE).exists()
    measured = written(place)
    with pytest.raises(TrainError, match="config changed"):
        draw_curve(place, replace(wanted, config=ONE_STEP))
    curve = draw_curve(place, wanted)
    assert {path: at for path, at in written(place).items() if path in measured} == measured
    assert [(p.n_corrections, p.n_steps, p.n_rows) for p in curve.points] == [(0, 0, 0), (8, 1, 12)]
    start, end = curve.points
    assert start.macro.seed_low == start.macro.seed_high == start.macro.value, "the parent as it is knows no seed"
    assert end.macro.seed_low <= end.macro.value <= end.macro.seed_high
    assert sorted(path.name for path in place.glob("points/0*")) == ["00000-seed-0", "00008-seed-0", "00008-seed-1"]


def test_a_signal_after_the_last_look_inside_is_seen_outside():
    outer, inner = Stop(), Stop()
    with outer.listen():
        with inner.listen():
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Interrupted):
            outer.check()


def test_simulated_reviewers_answer_with_the_labels_before_the_last_ones(tmp_path, capsys):
    labelled = write_labelled(tmp_path / "labelled.jsonl", tiny_rows(10))
    place = tmp_path / "curves" / "simulated"
    words = ["curve", str(place), "--labelled", str(labelled), "--holdout-rows", "3", "--counts", "0,9"]
    words += ["--style", "registry", "--mode", "warm", "--max-steps", "1", "--batch-size", "4", "--threads", "1"]
    words += ["--base", str(shared_tiny().base), "--parent", str(shared_tiny().adapter), "--device", "cpu", "--json"]
    assert main(words) == 0
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert [point["n_corrections"] for point in told["points"]] == [0, 7], "what is beyond takes all"
    assert said.err.count("reviewed notes:") == 2
    assert len(told["sentences"]) == 1 + len(TASK.keys)
    held = read_rows(TASK, place / "holdout.jsonl")
    assert [row.content_hash for row in held] == [row.content_hash for row in tiny_rows(10)[-3:]]
    assert held[1].extraction["stage"] == f"Stage {tiny_rows(10)[-2].extraction['stage']}"
    assert {(row.source, row.corrected) for row in read_rows(TASK, place / "snapshot.jsonl")} == {("annotation", True)}
    assert main(["curve", str(place), "--labelled", str(labelled), "--holdout-rows", "10"]) == 2
    assert "to measure on" in capsys.readouterr().err


def test_what_cannot_become_a_curve_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(TrainError, match="found 0"):
        draw_curve(tmp_path / "c" / "a", plan(tmp_path, n_reviewed=0))
    assert "Review more notes" in (tmp_path / "c/a/error.txt").read_text()
    with pytest.raises(TrainError, match="a parent adapter"):
        draw_curve(tmp_path / "c" / "b", replace(plan(tmp_path, n_originals=0), parent=None))
    with pytest.raises(CurveError):
        read_curve("{}")


@pytest.mark.parametrize(
    ("first", "shape", "kind", "sentence"),
    [
        ((0.024, 0.006, 0.042), {}, "gain", "50 more reviewed notes are worth about +1.2 points of {} (+0.3 to +2.1)."),
        ((0.024, 0.006, 0.042), {"step": 20}, "gain", "20 more reviewed notes are worth about +2.4 points of {} "),
        ((0.024, -0.001, 0.049), {}, "unsure", "{}: too few notes to tell; 50 more reviewed notes may be worth any"),
        ((0.024, 0.006, 0.042), {"n_notes": MIN_NOTES - 1}, "unsure", "{}: too few notes to tell; 29 are held out"),
        ((0.0006, 0.0002, 0.0012), {}, "flat", "{} is flat: 50 more reviewed notes would change it by less"),
        ((0.001, -0.015, 0.017), {}, "flat", "{} is flat: 50 more reviewed notes would change it by less than 1 point"),
        ((-0.03, -0.05, -0.01), {}, "loss", "{} fell over the last 100 reviewed notes, by 3.0 points: "),
        ((0.0, -1.0, 1.0), {"n_notes": 1}, "unsure", "{}: too few notes to tell; 1 are held out"),
    ],
)
def test_sentences_say_what_the_last_step_shows(first, shape, kind, sentence):
    macro, found, other, *_ = findings(made_curve(Share(value=first[0], low=first[1], high=first[2]), **shape), TITLES)
    assert (macro.key, found.key, found.kind) == (None, FIRST, kind)
    assert found.sentence.startswith(sentence.format(TITLES[FIRST]))
    assert other.kind == ("flat" if shape.get("n_notes", 500) >= MIN_NOTES else "unsure")


def test_bands_hold_what_chance_alone_would_do():
    random = np.random.default_rng(0)
    before = random.integers(0, 2, (len(TASK.keys), 400))
    after = before.copy()
    after[0, :60] = 1  # about half of these were wrong
    found = gain(TASK, [before], [after])
    assert found.fields[FIRST].low > 0
    untouched = found.fields[TASK.keys[1]]
    assert (untouched.low, untouched.value, untouched.high) == (-3 / 400, 0.0, 3 / 400), "no note differs, 3/n may"
    shuffled = gain(TASK, [before], [before[:, random.permutation(400)]])
    assert all(share.low < 0 < share.high for share in shuffled.fields.values())
    every = shares(TASK, [np.ones((len(TASK.keys), 100), np.int64)])
    assert (every.macro.value, every.macro.high) == (1.0, 1.0)
    assert every.macro.low == pytest.approx(1 - 3 / 100 / len(TASK.keys))
    assert every.fields[FIRST].low == pytest.approx(0.97)
    one = shares(TASK, [np.ones((len(TASK.keys), 1), np.int64)])
    assert one.macro.low is None
