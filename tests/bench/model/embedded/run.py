"""A model on labelled notes as the desk would use it, and beyond them: one measure after the other.

`speed` comes first, so that its memory is that of the model at work and of nothing else.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from data.evaluation.proposed import propose
from data.notes import content_hash
from data.snapshot import Row, read_rows
from data.storage.locations import EMBEDDED
from data.suggestion import Suggestion
from data.synthetic.corpus import MIX, generate
from data.synthetic.sets.shipped import LABELLED
from data.task import DEFAULT_TASK, Extraction, Task, load_task
from tests.bench.desk.form import measure_forms
from tests.bench.model.embedded.lengths import BEHIND, PLACES, surround
from tests.bench.model.prefill import lengthened
from tests.bench.model.run import BenchError
from tests.bench.model.timing import Timer, machine
from trainer.engine import Engine
from trainer.engine.api import EngineError, Outcome
from trainer.evaluation.evaluate import answer_rows, count_tokens, score_forms
from trainer.model.loading import load_for_serving
from trainer.pretraining.notes.padding import neutral_passages
from trainer.pretraining.notes.real import read_texts

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
    if "synthetic" in plan.only and plan.synthetic is None:
        raise BenchError("Expected labelled notes for the measure synthetic; found none. Name them with --synthetic.")
    bench = _Bench(plan, say)
    for name, measure in MEASURES.items():
        if name in plan.only or (not plan.only and (name != "synthetic" or plan.synthetic is not None)):
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
        """What `caseloop evaluate --json` tells of the rows, without the confidence in detail; `raw` of what was
        proposed, other right values accepted."""
        answers = self.answer(rows) if answers is None else answers
        figures = score_forms(self.engine, rows, answers, self.task).to_json()
        figures.pop("confidence", None)
        right = [
            [one.right for one in propose(self.task, row.extraction, answer, row.accepted)] if answer else []
            for row, answer in zip(rows, answers, strict=True)
        ]
        for number, key in enumerate(self.task.keys):
            figures["fields"][key]["raw"] = fmean(bool(note) and note[number] for note in right)
        figures["macro"]["raw"] = fmean(one["raw"] for one in figures["fields"].values())
        return figures

    def brief(self, rows: Sequence[Row]) -> Figures:
        """The figures that a comparison needs."""
        told = self.score(rows)
        macro = {name: told["macro"][key] for name, key in (("form", "accepted"), ("raw", "raw"))}
        return {**macro, "n_shown": told["shown"]["n"], "n_shown_right": told["shown"]["n_right"], "sure": told["sure"]}


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
    """Keys to put the forms right, by the desk's rules: see `tests.bench.desk.form`."""
    nothing = Suggestion(Extraction(bench.task, dict.fromkeys(bench.task.keys)), {}, "", "", 1, 0)
    answers = [answer or nothing for answer in bench.answers]
    told = measure_forms(bench.task, bench.rows, answers, [row.accepted for row in bench.rows])
    names = ("n_notes", "keys", "keys_from_scratch", "keys_share", "n_as_it_stands", "presses_as_it_stands", "asks")
    return {name: told[name] for name in names}


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
    others = "\n".join(bench.neutral)
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
        told = bench.brief([_row(bench.task, note["text"], note.get("output", {})) for note in notes])
        sure = told["sure"]
        n_rightly = sure["n_right"] - sure["n_values_right"]
        kinds[kind] = {"n_notes": len(notes), **told, "n_sure_wrongly": sure["n"] - n_rightly}
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
    "synthetic": _synthetic,
    "generated": _generated,
}
