"""A model on labelled notes as the desk would use it, and beyond them: one measure after the other.

`speed` comes first, so that its memory is that of the model at work and of nothing else.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from data.evaluation.form_scoring import score_form
from data.evaluation.proposed import propose
from data.evaluation.scoring import Score
from data.notes import content_hash
from data.snapshot import Row, read_rows
from data.storage.locations import EMBEDDED
from data.suggestion import Suggestion
from data.synthetic.corpus import MIX, generate
from data.synthetic.sets.shipped import LABELLED
from data.task import DEFAULT_TASK, Extraction, Task, load_task
from data.vocabulary.wording import invented_words
from tests.bench.desk.form import measure_forms
from tests.bench.model.embedded.lengths import BEHIND, PLACES, surround
from tests.bench.model.prefill import lengthened
from tests.bench.model.run import BenchError
from tests.bench.model.timing import Timer, machine
from trainer.engine import Engine
from trainer.engine.api import EngineError, Outcome
from trainer.evaluation.calibrate import calibrate, with_confidence
from trainer.evaluation.evaluate import answer_rows, count_tokens, score_answers, score_forms
from trainer.model.loading import load_for_serving
from trainer.pretraining.calibrating import read_suggestion
from trainer.pretraining.notes.padding import neutral_passages
from trainer.pretraining.notes.real import read_real, read_texts

Figures = dict[str, Any]
MADE_UP = tomllib.loads(Path(__file__).with_name("notes.toml").read_text(encoding="utf-8"))
SEED = 9_000  # of generated notes: none that a model is made from
N_SINGLE, N_BULK = 8, 32
USUAL, LONG = 1_000, 20_000
"""Characters of the notes that are timed."""


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        labelled: labelled notes as JSON lines, perhaps with `accept`; None for the samples.
        neutral: texts without labels whose neutral sentences stand around notes; None for made-up ones.
        synthetic: labelled notes of a public set.
        suggestions: what the step `calibrate` of pretraining left, of the notes in `labelled`.
        base: directory of the base.
        adapter: directory of the adapter.
        only: the measures that are made; all for which there are files where none is named.
        n_notes: labelled notes that are used, at most.
        n_generated: generated notes that are answered.
        n_padded: labelled notes that are put among other text.
        n_tokens: tokens of a long context.
        device: None takes the GPU where there is one.
    """

    labelled: Path | None = None
    neutral: Path | None = None
    synthetic: Path | None = None
    suggestions: Path | None = None
    base: Path = EMBEDDED / "base"
    adapter: Path = EMBEDDED / "adapter"
    only: Sequence[str] = ()
    n_notes: int | None = None
    n_generated: int = 2_000
    n_padded: int = 16
    n_tokens: int = 6_000
    device: str | None = None


def run_model(plan: Plan, say: Callable[[str], None] = lambda line: None) -> Iterator[Figures]:
    """The figures of each measure as soon as it is made, its name under `measure`.

    Raises:
        BenchError: a measure is not known or lacks its file, or there are no notes.
        ModelError: the model cannot be loaded.
        SnapshotError, PretrainError: a file of notes cannot be read.
    """
    unknown = [name for name in plan.only if name not in MEASURES]
    if unknown:
        raise BenchError(f"Expected measures among {', '.join(MEASURES)}; found {unknown[0]!r}.")
    files = {"synthetic": plan.synthetic, "folds": plan.suggestions}
    for name, option in (("synthetic", "--synthetic"), ("folds", "--suggestions")):
        if name in plan.only and files[name] is None:
            raise BenchError(f"Expected a file for the measure {name}; found none. Name it with {option}.")
    bench = _Bench(plan, say)
    for name, measure in MEASURES.items():
        if name in plan.only or (not plan.only and files.get(name, plan) is not None):
            say(name)
            yield {"measure": name, **_rounded(measure(bench))}


class _Bench:
    """The model, the notes, and what it answered for them."""

    def __init__(self, plan: Plan, say: Callable[[str], None]) -> None:
        self.plan, self.task, self._say = plan, load_task(DEFAULT_TASK), say

    @cached_property
    def engine(self) -> Engine:
        return Engine(load_for_serving(self.plan.base, self.plan.adapter, device=self.plan.device), self.task)

    @cached_property
    def rows(self) -> list[Row]:
        path = self.plan.labelled or LABELLED
        rows = read_rows(self.task, path)[: self.plan.n_notes]
        if not rows:
            raise BenchError(f"Expected labelled notes in {path.name}; found none. Name another file.")
        return rows

    @cached_property
    def answers(self) -> list[Suggestion | None]:
        return self.answer(self.rows)

    @cached_property
    def neutral(self) -> Sequence[str]:
        if self.plan.neutral is None:
            return MADE_UP["neutral"]  # type: ignore[no-any-return]
        return neutral_passages(self.task, read_texts(self.plan.neutral, ()))

    def answer(self, rows: Sequence[Row]) -> list[Suggestion | None]:
        every = max(1, len(rows) // 10)
        return answer_rows(
            self.engine, rows, lambda done, n: self._say(f"answered {done}/{n}") if done % every == 0 else None
        )

    def score(self, rows: Sequence[Row], answers: Sequence[Suggestion | None] | None = None) -> Figures:
        """See `told`."""
        answers = self.answer(rows) if answers is None else answers
        return told(self.task, rows, answers, score_forms(self.engine, rows, answers, self.task))

    def brief(self, rows: Sequence[Row]) -> Figures:
        """The figures that a comparison needs."""
        figures = self.score(rows)
        macro, shown = figures["macro"], figures["shown"]
        form = {
            "form": macro["accepted"],
            "raw": macro["raw"],
            "n_shown": shown["n"],
            "n_shown_right": shown["n_right"],
        }
        return {**form, "sure": figures["sure"]}


def told(task: Task, rows: Sequence[Row], answers: Sequence[Suggestion | None], score: Score) -> Figures:
    """What `caseloop evaluate --json` tells, without the confidence in detail.

    `raw` is of what was proposed, other right values accepted.
    """
    figures = score.to_json()
    figures.pop("confidence", None)
    right = [
        [one.right for one in propose(task, row.extraction, answer, row.accepted)] if answer else []
        for row, answer in zip(rows, answers, strict=True)
    ]
    for number, key in enumerate(task.keys):
        figures["fields"][key]["raw"] = fmean(bool(note) and note[number] for note in right)
    figures["macro"]["raw"] = fmean(one["raw"] for one in figures["fields"].values())
    return figures


def _speed(bench: _Bench) -> Figures:
    nearest = sorted(bench.rows, key=lambda row: abs(len(row.text) - USUAL))
    usual = [row.text for row in nearest[: max(N_SINGLE, N_BULK)]]
    long = lengthened(bench.rows, LONG)[0].text[:LONG]
    engine = bench.engine
    bench.answer(nearest[:1])  # the first note pays for what later ones find ready
    return {
        "machine": machine(engine.device),
        "characters": fmean(map(len, usual)),
        "one_note": _timed(engine, [[text] for text in usual[:N_SINGLE]]),
        "bulk": _timed(engine, [usual[:N_BULK]]),
        "long_note": {"characters": len(long), **_timed(engine, [[long]])},
    }


def _timed(engine: Engine, batches: Sequence[Sequence[str]]) -> Figures:
    timer, before = Timer(engine.device), engine.counts.n_passes
    outcomes: list[Outcome] = []
    for texts in batches:
        with timer:
            outcomes += list(engine.attempt(texts))
    n_passes = max(1, engine.counts.n_passes - before)
    n_unanswered = sum(isinstance(one, EngineError) for one in outcomes)
    return {"n_unanswered": n_unanswered, **timer.figures(len(outcomes), n_passes, has_each=len(batches) > 1)}


def _labelled(bench: _Bench) -> Figures:
    return bench.score(bench.rows, bench.answers)


def _keys(bench: _Bench) -> Figures:
    return _count_keys(bench.task, bench.rows, bench.answers)


def _count_keys(task: Task, rows: Sequence[Row], answers: Sequence[Suggestion | None]) -> Figures:
    """Keys to put the forms right, by the desk's rules: see `tests.bench.desk.form`."""
    nothing = Suggestion(Extraction(task, dict.fromkeys(task.keys)), {}, "", "", 1, 0)
    counted = measure_forms(task, rows, [one or nothing for one in answers], [row.accepted for row in rows])
    names = ("n_notes", "keys", "keys_from_scratch", "keys_share", "n_as_it_stands", "presses_as_it_stands", "asks")
    return {name: counted[name] for name in names}


def _folds(bench: _Bench) -> Figures:
    """The folds' answers of `trainer pretrain`, curves and cut-offs of each fold fitted on the others."""
    assert bench.plan.suggestions is not None
    task = bench.task
    notes = {note.row.content_hash: note for note in read_real(task, bench.plan.labelled or LABELLED)}
    lines = [json.loads(line) for line in bench.plan.suggestions.read_text(encoding="utf-8").splitlines()]
    pairs = [
        (line["fold"], notes[line["content_hash"]], read_suggestion(task, line["suggestion"], "folds"))
        for line in lines
        if line["content_hash"] in notes
    ]
    if len(pairs) < len(lines) or not lines:
        raise BenchError(
            f"Expected the labels of all {len(lines):,} notes in {bench.plan.suggestions.name}; found {len(pairs):,}. "
            "Name the file that the model was made of with --labelled."
        )
    rows, answers = [], []
    for fold in sorted({fold for fold, _, _ in pairs}):
        others = [(note, answer) for number, note, answer in pairs if number != fold]
        gold, given = [note.gold_for(task, answer) for note, answer in others], [answer for _, answer in others]
        curves, _ = calibrate(task, gold, given, "folds", accepted=[note.right(task) for note, _ in others])
        rows += [note.row for number, note, _ in pairs if number == fold]
        answers += [with_confidence(answer, curves) for number, _, answer in pairs if number == fold]
    texts, gold, accepted = zip(*((row.text, row.extraction, row.accepted) for row in rows), strict=True)
    form = score_form(task, texts, gold, accepted, answers, invented=invented_words)
    figures = told(task, rows, answers, replace(score_answers(rows, answers, task), form=form))
    return {**figures, "keys": _count_keys(task, rows, answers)}


def _generated(bench: _Bench) -> Figures:
    examples = generate(SEED, bench.plan.n_generated, mix=MIX)
    return bench.score([_row(bench.task, example.text, example.output) for example in examples])


def _padding(bench: _Bench) -> Figures:
    rows = bench.rows[: bench.plan.n_padded]
    behind = {n: bench.brief([surround(row, bench.neutral, n) for row in rows]) for n in BEHIND}
    falls = behind[0]["form"] - min(one["form"] for one in behind.values())
    return {"n_notes": len(rows), "characters_behind": behind, "form_falls_by": falls}


def _context(bench: _Bench) -> Figures:
    """Notes that are at most half as long as the context, at its start, in its middle and at its end."""
    task, n_wanted = bench.task, bench.plan.n_tokens
    others = " ".join(bench.neutral)
    (n_others,) = count_tokens(bench.engine, [_row(task, others, {})])
    lengths = zip(bench.rows, count_tokens(bench.engine, bench.rows), strict=True)
    short = [(row, n) for row, n in lengths if n <= n_wanted / 2][: bench.plan.n_padded]
    if not short:
        raise BenchError(f"Expected labelled notes of at most {n_wanted // 2:,} tokens; found none. Name another file.")
    found = {"alone": bench.brief([row for row, _ in short])}
    for place, before in PLACES.items():
        long = [
            surround(row, bench.neutral, round((n_wanted - n) * len(others) / n_others), before) for row, n in short
        ]
        found[place] = {**bench.brief(long), "mean_tokens": fmean(count_tokens(bench.engine, long))}
    falls = found["alone"]["form"] - min(one["form"] for one in found.values())
    return {"n_notes": len(short), "places": found, "form_falls_by": falls}


def _strange(bench: _Bench) -> Figures:
    """Notes that the model was not made for: `n_sure_wrongly` counts sure fields that are not rightly empty."""
    kinds: Figures = {}
    for kind in dict.fromkeys(note["kind"] for note in MADE_UP["notes"]):
        notes = [note for note in MADE_UP["notes"] if note["kind"] == kind]
        found = bench.brief([_row(bench.task, note["text"], note.get("output", {})) for note in notes])
        sure = found["sure"]
        n_rightly = sure["n_right"] - sure["n_values_right"]
        kinds[kind] = {"n_notes": len(notes), **found, "n_sure_wrongly": sure["n"] - n_rightly}
    return {"kinds": kinds, "n_sure_wrongly": sum(one["n_sure_wrongly"] for one in kinds.values())}


def _synthetic(bench: _Bench) -> Figures:
    assert bench.plan.synthetic is not None
    return bench.score(read_rows(bench.task, bench.plan.synthetic)[: bench.plan.n_notes])


def _row(task: Task, text: str, output: Figures) -> Row:
    values = Extraction(task, {key: output.get(key) for key in task.keys})
    return Row(text, values, "original", content_hash(text))


def _rounded(value: Any) -> Any:
    """Floats to four decimals, keys as JSON has them."""
    if isinstance(value, dict):
        return {str(key): _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


MEASURES: dict[str, Callable[[_Bench], Figures]] = {
    "speed": _speed,
    "labelled": _labelled,
    "keys": _keys,
    "padding": _padding,
    "context": _context,
    "strange": _strange,
    "folds": _folds,
    "synthetic": _synthetic,
    "generated": _generated,
}
