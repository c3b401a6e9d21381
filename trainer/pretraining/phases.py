"""The steps themselves: start, corpus, tune, real, unlabelled, quantise, adapt, fold-1 and on, calibrate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from data.notes import content_hash
from data.prompt import load_prompt
from data.snapshot import Row, write_rows
from data.storage.files import save_json
from data.task import DEFAULT_TASK, Extraction, Task, load_task
from trainer.config import ROWS_PER_STEP, LoraSettings, TrainConfig
from trainer.pretraining import calibrating
from trainer.pretraining.answering import answers, quantise, select_learnable, to_json
from trainer.pretraining.averaging import average, convert_to_16_bits
from trainer.pretraining.notes.padding import NO_PADDING, Padding, neutral_passages
from trainer.pretraining.notes.real import RealNote, read_real, read_texts
from trainer.pretraining.notes.tokens import (
    Encoder,
    Labelled,
    TokenSet,
    generate_note,
    generate_tokens,
    join_sets,
    pad_notes,
)
from trainer.pretraining.settings import Job, PretrainError
from trainer.pretraining.start import start
from trainer.pretraining.steps import Step, place
from trainer.pretraining.tune import Phase, tune

GENERATED, MIXED = "generated.npz", "mixed.npz"
_SEED_MIXED, _SEED_ADAPTER = 100, 200  # added to the seed: other notes than the first phase's
_ROWS_AT_ONCE = 8  # of an adapter: 16 rows of 3,000 tokens take 40 GB, too much where folds share a GPU
_LEARNING = ("seed", "batch_tokens", "max_tokens", "note_weight", "train_embedding", "warmup", "weight_decay")
_REAL = (*_LEARNING, "passes", "runs", "padded", "real_rate", "real_batch_notes")
_LORA = ("seed", "max_tokens", "reports", "rank", "adapter_name", "adapter_passes", "adapter_rate", "n_adapter_notes")
_UNLABELLED = ("unlabelled_passes", "unlabelled_rate", "text_weight", "sure")


def all_steps(job: Job) -> list[Step]:
    """The steps of a job in their order: those for which it has no notes are left out."""
    root = Path(__file__).parents[2] / "data"
    generator = sorted(path for path in (root / "synthetic").rglob("*") if path.suffix in (".py", ".toml"))
    source = sorted(path for path in job.dense.iterdir() if path.is_file()) if job.dense else []
    source += [job.gguf] if job.gguf else []
    read = [path for path in (job.unlabelled, job.labelled) if path is not None]
    of_corpus = ("seed", "n_notes", "n_mixed", "reports", "padded", "text_passes")
    of_tuning = (*_LEARNING, "text_weight", "learning_rate", "batch_notes")
    steps = [
        Step("start", (), (), tuple(source), start),
        Step("corpus", of_corpus, ("start",), (*generator, *read, DEFAULT_TASK), _corpus),
        Step("tune", of_tuning, ("start", "corpus"), (), _tune),
    ]
    last = "tune"
    settings: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    if job.real is not None:
        settings, files, last = _REAL, (job.real,), "real"
        steps.append(Step("real", settings, ("tune", "corpus"), files, _run_real))
    if job.real is not None and _is_self_trained(job):
        settings, files, last = (*_REAL, *_UNLABELLED), (job.real, *read), "unlabelled"
        steps.append(Step("unlabelled", settings, ("real", "corpus"), files, _run_unlabelled))
    steps.append(Step("quantise", ("name",), (last,), (), _quantiser(last)))
    steps.append(Step("adapt", _LORA, ("quantise",), files[:1], _adapt))
    if job.real is None:
        return steps
    folds = [f"fold-{number + 1}" for number in range(job.settings.folds)]
    for number, name in enumerate(folds):
        depends = dict.fromkeys((*settings, *_LORA, "folds", "fold_adapters", "name"))
        steps.append(Step(name, tuple(depends), ("tune", "corpus"), files, _folder(number)))
    steps.append(Step("calibrate", ("adapter_name",), tuple(folds), (job.real,), calibrating.calibrate))
    return steps


def _corpus(job: Job, draft: Path) -> Mapping[str, Any]:
    tokenizer, settings = place(job, "start") / "tokenizer.json", job.settings
    unlabelled = read_texts(job.unlabelled, ()) if job.unlabelled else []
    padding = _padding(job, unlabelled)
    how: dict[str, Any] = {"reports": settings.reports, "padding": padding, "n_processes": job.n_processes}
    generated = generate_tokens(tokenizer, settings.seed, settings.n_notes, **how)
    encoder, sets = Encoder(tokenizer), [generated]
    if job.labelled is not None:
        labelled = [note.labelled for note in read_real(load_task(DEFAULT_TASK), job.labelled)]
        sets.append(encoder.encode(pad_notes(labelled, padding, settings.seed)))
    texts = [Labelled(text, {}, only_text=True) for text in unlabelled]
    sets += [encoder.encode(texts)] * settings.text_passes if texts else []
    join_sets(sets).save(draft / GENERATED)
    mixed = generate_tokens(tokenizer, settings.seed + _SEED_MIXED, settings.n_mixed, **how)
    mixed.save(draft / MIXED)
    lengths = generated.lengths
    return {
        "n_notes": generated.n_notes,
        "mean_tokens": round(float(lengths.mean()), 1),
        "longest": int(lengths.max()),
        "n_labelled": sets[1].n_notes if job.labelled is not None else 0,
        "n_texts": len(texts),
        "n_passages": len(padding.passages),
        "n_mixed": mixed.n_notes,
    }


def _tune(job: Job, draft: Path) -> Mapping[str, Any]:
    settings = job.settings
    weights = settings.note_weight, settings.text_weight
    phase = Phase("tune", settings.learning_rate, 1, settings.batch_notes, *weights)
    return tune(job, phase, TokenSet.load(place(job, "corpus") / GENERATED), place(job, "start"), draft)


def _run_real(job: Job, draft: Path) -> Mapping[str, Any]:
    return _tune_real(job, "real", _notes(job), draft)


def _run_unlabelled(job: Job, draft: Path) -> Mapping[str, Any]:
    return _tune_unlabelled(job, "unlabelled", _notes(job), place(job, "real"), draft)


def _quantiser(last: str) -> Callable[[Job, Path], Mapping[str, Any]]:
    def run(job: Job, draft: Path) -> Mapping[str, Any]:
        quantise(job, place(job, last), draft / "base")
        files = [path for path in (draft / "base").iterdir() if path.is_file()]
        return {"n_bytes": sum(path.stat().st_size for path in files), "tuned_by": last}

    return run


def _adapt(job: Job, draft: Path) -> Mapping[str, Any]:
    return _train_adapter(job, place(job, "quantise") / "base", _notes(job), draft / "adapter")


def _train_adapter(job: Job, base: Path, notes: Sequence[RealNote], out: Path) -> Mapping[str, Any]:
    """An adapter by the project's own trainer: at a low rate, so that it begins where the base is."""
    from trainer.run.train import train

    task, settings = load_task(DEFAULT_TASK), job.settings
    rows = [note.row for note in notes]
    for index in range(settings.n_adapter_notes):
        example = generate_note(settings.seed + _SEED_ADAPTER, index, settings.reports)
        rows.append(Row(example.text, Extraction(task, example.output), "original", content_hash(example.text)))
    snapshot, run = out.with_name("snapshot.jsonl"), out.with_name("run")
    write_rows(task, rows, snapshot)
    config = TrainConfig(
        epochs=settings.adapter_passes,
        learning_rate=settings.adapter_rate,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        batch_size=_ROWS_AT_ONCE,
        accumulation=ROWS_PER_STEP // _ROWS_AT_ONCE,
        lora=LoraSettings(r=settings.rank, alpha=2 * settings.rank),
    )
    result = train(
        run,
        base=base,
        parent_adapter=None,
        snapshot=snapshot,
        holdout=None,
        config=config,
        name=settings.adapter_name,
        device=job.device,
        task=task,
    )
    shutil.rmtree(out, ignore_errors=True)
    convert_to_16_bits(result.adapter, out)
    shutil.rmtree(run)
    snapshot.unlink()
    figures = {"n_rows": len(rows), "n_steps": result.n_steps, "loss": result.loss, "seconds": result.seconds}
    return {**figures, "longest_prompt": result.manifest.longest_prompt}


def _folder(number: int) -> Callable[[Job, Path], Mapping[str, Any]]:
    """The step of one fold: make the model of the real notes of the others, answer its own."""

    def run(job: Job, draft: Path) -> Mapping[str, Any]:
        task, name = load_task(DEFAULT_TASK), f"fold-{number + 1}"
        own, others = _divide_notes(job, number)
        weights, base = draft / "real", draft / "base"
        figures = _do_once(weights, lambda: _tune_real(job, name, others, weights))
        if _is_self_trained(job):
            before, weights = weights, draft / "unlabelled"
            figures = _do_once(weights, lambda: _tune_unlabelled(job, name, others, before, weights))
        if not base.exists():
            quantise(job, weights, base)
        adapter = draft / "adapter" if job.settings.fold_adapters else None
        if adapter is not None and not adapter.exists():
            _train_adapter(job, base, others, adapter)
        found = answers(job, task, base, adapter, [note.row.text for note in own])
        calibrating.write_suggestions(draft / calibrating.SUGGESTIONS, own, found, number)
        for made in (draft / "real", draft / "unlabelled", base, draft / "adapter"):
            shutil.rmtree(made, ignore_errors=True)
        return {**figures, "n_answered": sum(one is not None for one in found), "n_own": len(own)}

    return run


def _divide_notes(job: Job, number: int) -> tuple[list[RealNote], list[RealNote]]:
    """The notes of a fold, and the others.

    Raises:
        PretrainError: one of the two is empty.
    """
    notes, n_folds = _notes(job), job.settings.folds
    own = [note for note in notes if note.fold(n_folds) == number]
    if not own or len(own) == len(notes):
        raise PretrainError(
            f"Expected notes in each of {n_folds} folds and in the others; found {len(own)} of {len(notes)} in fold "
            f"{number + 1}. Give more notes with --real, or other --folds."
        )
    return own, [note for note in notes if note.fold(n_folds) != number]


def _notes(job: Job) -> list[RealNote]:
    return read_real(load_task(DEFAULT_TASK), job.real) if job.real is not None else []


def _tune_real(job: Job, name: str, notes: Sequence[RealNote], out: Path) -> Mapping[str, Any]:
    """The second phase: real notes, shown several times, among generated ones that are shown once.

    Several runs in different orders, whose weights are averaged (M. Wortsman and others, "Model soups", 2022), answer
    better than one and cost no more to ask.
    """
    settings = job.settings
    encoder, labelled = Encoder(place(job, "start") / "tokenizer.json"), _label_notes(notes)
    padding = _padding(job, read_texts(job.unlabelled, ()) if job.unlabelled else [])
    phase = Phase(name, settings.real_rate, 1, settings.real_batch_notes, settings.note_weight)
    mixed = TokenSet.load(place(job, "corpus") / MIXED)

    def run(number: int, target: Path) -> Mapping[str, Any]:
        seed = settings.seed + number
        passes = [encoder.encode(pad_notes(labelled, padding, seed, len(notes) * i)) for i in range(settings.passes)]
        of_run = replace(job, settings=replace(settings, seed=seed))
        return tune(of_run, phase, join_sets([*passes, mixed]), place(job, "tune"), target)

    if settings.runs == 1:
        return {**run(0, out), "n_real": len(notes)}
    made = []
    for number in range(settings.runs):
        target = out / f"run-{number + 1}"
        made.append((target, _do_once(target, partial(run, number, target))))
    average([directory for directory, _ in made], out)
    for directory, _ in made:
        shutil.rmtree(directory)
    return {**made[0][1], "n_real": len(notes)}


def _label_notes(notes: Sequence[RealNote]) -> list[Labelled]:
    return [note.labelled for note in notes]


def _is_self_trained(job: Job) -> bool:
    return job.unlabelled is not None and job.settings.unlabelled_passes > 0


def _padding(job: Job, texts: Sequence[str]) -> Padding:
    if not texts or not job.settings.padded:
        return NO_PADDING
    return Padding(neutral_passages(load_task(DEFAULT_TASK), texts), job.settings.padded)


def _tune_unlabelled(job: Job, name: str, notes: Sequence[RealNote], before: Path, out: Path) -> Mapping[str, Any]:
    """The third phase: what the model is sure of in unlabelled texts, and their words, with the real notes."""
    settings, task = job.settings, load_task(DEFAULT_TASK)
    assert job.unlabelled is not None
    texts = read_texts(job.unlabelled, notes)
    kept = out / "answers.json"
    if not kept.is_file():
        base = out / "base"
        quantise(job, before, base)
        found = answers(job, task, base, None, [text for text in texts if _is_plain(task, text)])
        shutil.rmtree(base)
        asked = iter(found)
        told = [to_json(next(asked)) if _is_plain(task, text) else None for text in texts]
        save_json(kept, {"answers": told})
    given = json.loads(kept.read_text(encoding="utf-8"))["answers"]
    pairs = zip(texts, given, strict=True)
    labelled = [one for text, answer in pairs if answer and (one := select_learnable(text, answer, settings.sure))]
    encoder = Encoder(place(job, "start") / "tokenizer.json")
    real = encoder.encode(_label_notes(notes))
    own = encoder.encode(labelled)
    n_fields = sum(len(note.output) - len(note.unsure) for note in labelled)
    phase = Phase(name, settings.unlabelled_rate, 1, settings.real_batch_notes, settings.text_weight)
    passes = [join_sets([own, real])] * settings.unlabelled_passes
    mixed = TokenSet.load(place(job, "corpus") / MIXED)
    figures = tune(job, phase, join_sets([*passes, mixed]), before, out)
    kept.unlink()
    return {**figures, "n_texts": len(texts), "n_learned_from": len(labelled), "n_fields": n_fields}


def _is_plain(task: Task, text: str) -> bool:
    """Whether the prompt takes the text."""
    try:
        load_prompt(task).render(text)
    except ValueError:
        return False
    return True


def _do_once(directory: Path, make: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Do a part of a step, unless an earlier call finished it."""
    done = directory / "figures.json"
    if done.is_file():
        figures: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return figures
    directory.mkdir(exist_ok=True)
    made = dict(make())
    save_json(done, made)
    return made
