"""bench: measurements of several ways to do the same, side by side in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.core.terminal import say, write, write_json, write_table

Data = Annotated[Path | None, typer.Option(readable=False, help="Labelled notes as JSON lines; default: the samples.")]
Geometry = Annotated[
    str | None, typer.Option(help="llama-3.1-8b: that model's sizes with random weights; needs a GPU.")
]
Tokenizer = Annotated[Path | None, typer.Option(help="Directory of a tokenizer, for a geometry.")]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; default: the GPU where there is one.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads, the same for every way.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Measurements, side by side in one run.", no_args_is_help=True)
    group.command()(prefill)
    group.command()(train)
    group.command()(desk)
    group.command()(load)
    group.command()(store)
    app.add_typer(group, name="bench")


def prefill(
    data: Data = None,
    geometry: Geometry = None,
    tokenizer: Tokenizer = None,
    notes: Annotated[int | None, typer.Option(min=16, help="Notes that are answered in bulk.")] = None,
    accuracy: Annotated[int, typer.Option(min=0, help="Notes on which kinds of weights are compared.")] = 0,
    device: Device = None,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Measure pre-fill: transformers' generate, one note and in batches, and the engine; all write the same answers.

    The engine is compared with the fastest generate that fits, of 4-bit and of unpacked weights; on a CPU also by the
    time that the processor works. Notes are as long as they are, and 2,000 and 5,000 characters long. With a geometry
    the labels stand in for the model's choices, so that answers have the lengths of real ones.

    \b
    Example:
      caseloop bench prefill
      caseloop bench prefill --data labelled.jsonl --accuracy 500 --json
    """
    from trainer.bench.run import Options, run_prefill

    options = Options(data, geometry, tokenizer, notes, accuracy, device, threads)
    result = run_prefill(options, say=say)
    if as_json:
        write_json(result)
        return
    write(
        f"{result['machine']}; {result['tokens']['prompt_mean']:g} + {result['tokens']['answer_mean']:g} tokens a note"
    )
    _table(result)


def train(  # noqa: PLR0913, PLR0917 - one parameter per option
    data: Data = None,
    geometry: Geometry = None,
    tokenizer: Tokenizer = None,
    steps: Annotated[int, typer.Option(min=2, help="Optimiser steps that are timed.")] = 30,
    accuracy: Annotated[float, typer.Option(min=0, help="Epochs for which both recipes are scored as well.")] = 0,
    memory_gib: Annotated[float, typer.Option(help="What each process may take of the GPU, in GiB.")] = 22.0,
    device: Device = None,
    threads: Threads = None,
    gpus: Annotated[int, typer.Option(min=1, help="Measure the fast recipe on so many GPUs, and on one.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure training: the published recipe, and the fast one step by step, each in a process of its own.

    The memory of each is held to what an L4 leaves a process.

    \b
    Example:
      caseloop bench train
      caseloop bench train --data labelled.jsonl --accuracy 5 --json
    """
    from trainer.bench.train import TrainOptions, run_train

    options = TrainOptions(data, geometry, tokenizer, steps, device, memory_gib, threads, accuracy, gpus)
    result = run_train(options, say=say)
    if as_json:
        write_json(result)
        return
    write(
        f"{result['machine']}; {result['tokens']['prompt_mean']:g} + {result['tokens']['answer_mean']:g} tokens a note"
    )
    rows = [
        (name, f"{way['samples_per_s']:g}", f"{way['times_published']:g}", f"{way['peak_gib']:g}")
        for name, way in result["ways"].items()
    ]
    write_table(("way", "samples/s", "x published", "GiB"), rows)
    if "accuracy" in result:
        write(result["accuracy"]["verdict"]["sentence"])


def desk(
    notes: Annotated[int, typer.Option(min=10, help="Notes in the store.")] = 10_000,
    saves: Annotated[int, typer.Option(min=5, help="Notes that are saved one after the other.")] = 500,
    keys: Annotated[Path | None, typer.Option(help="Labelled notes, JSON lines: count the keys that 20 cost.")] = None,
    as_json: Json = False,
) -> None:
    """Measure the desk in a headless browser: key press to the next note, first load, search, memory.

    With labelled notes it counts keystrokes instead: what correcting the model's values costs, against typing them.

    \b
    Example:
      caseloop bench desk
      caseloop bench desk --notes 1000 --saves 50 --json
      caseloop bench desk --keys labelled.jsonl
    """
    from app.bench.desk import run_desk
    from app.bench.keystrokes import run_keystrokes

    if keys is not None:
        counted = run_keystrokes(keys, 20, say=say)
        share = counted["n_strokes"] / counted["n_strokes_from_scratch"]
        if as_json:
            write_json(counted | {"share": round(share, 3)})
        else:
            write(
                f"{counted['n_strokes']:,} keystrokes for {counted['n_notes']} notes, {counted['n_corrected']} values "
                f"corrected; {counted['n_strokes_from_scratch']:,} from scratch: {share:.2f} of them"
            )
        return
    result = run_desk(notes, min(saves, notes - 3), say=say)
    if as_json:
        write_json(result)
        return
    write(f"{result['machine']}; {result['n_notes']:,} notes, {result['n_saves']} saved in a row")
    write_table(
        ("ms", "median", "p95", "max"),
        [
            (name, *(f"{value:g}" for value in result[key].values()))
            for name, key in (
                ("key press to the next note", "next_note_ms"),
                ("of these the first fifth", "first_fifth_ms"),
                ("of these the last fifth", "last_fifth_ms"),
                ("search", "search_ms"),
            )
        ],
    )
    write(f"first load {result['first_load_ms']:g} ms, second {result['second_load_ms']:g} ms")
    write(f"page {result['page_heap_mib']} MiB, server {result['server_mib']} MiB, at each fifth")


def load(
    reviewers: Annotated[int, typer.Option(min=1, help="People who are signed in.")] = 50,
    rate: Annotated[float, typer.Option(min=0.1, help="Actions a second, of all together.")] = 25.0,
    minutes: Annotated[float, typer.Option(min=0.1, help="How long.")] = 10.0,
    as_json: Json = False,
) -> None:
    """Measure the desk with many reviewers at once, through the real server, while the worker fills notes in.

    \b
    Example:
      caseloop bench load
      caseloop bench load --reviewers 10 --rate 5 --minutes 1 --json
    """
    from app.bench.load import run_load

    result = run_load(reviewers, rate, minutes, say=say)
    if as_json:
        write_json(result)
        return
    write(f"{result['machine']}; {result['n_actions']:,} actions of {reviewers} reviewers, {result['n_wrong']} wrong")
    rows = [
        (kind, *(f"{value:g}" for value in result[f"{kind}_ms"].values()))
        for kind in ("save", "draft", "open")
        if f"{kind}_ms" in result
    ]
    write_table(("ms", "median", "p95", "max"), rows)
    write(f"server {result['server_mib'][0]:g} to {result['server_mib'][-1]:g} MiB" if result["server_mib"] else "")
    write(f"{result['n_filled_by_worker']:,} notes filled in meanwhile")


def store(
    notes: Annotated[int, typer.Option(min=10, help="Notes that come in and go out.")] = 100_000, as_json: Json = False
) -> None:
    """Measure the store: notes a second of an import, records a second of an export in each format, and memory.

    Each is the real command in a process of its own, timed from its start to its end.

    \b
    Example:
      caseloop bench store
      caseloop bench store --notes 10000 --json
    """
    from app.bench.store import run_store

    result = run_store(notes, say=say)
    if as_json:
        write_json(result)
        return
    write(f"{result['machine']}; {result['n_notes']:,} notes, {result['file_mb']:g} MB")
    measured = {name: result[name] for name in ("import", "the same again", "import of short notes")}
    measured |= {f"export, {name}": figures for name, figures in result["export"].items()}
    columns = {"per_s": "notes/s", "seconds": "seconds", "cpu_s": "CPU seconds", "peak_mib": "MiB"}
    rows = [(name, *(f"{figures[key]:,}" for key in columns)) for name, figures in measured.items()]
    write_table(("command", *columns.values()), rows)


def _table(result: dict[str, Any]) -> None:
    columns = {
        "notes/s": "notes_per_s",
        "ms a note": "ms_per_note",
        "CPU ms a note": "cpu_ms_per_note",
        "x generate": "times_generate",
        "x in CPU time": "times_generate_cpu",
        "passes a note": "passes_per_note",
        "ms a pass": "ms_per_pass",
        "share of floor": "share_of_floor",
        "GiB": "peak_gib",
        "same tokens": "same_tokens",
    }
    columns = {name: key for name, key in columns.items() if any(key in way for way in result["ways"].values())}
    rows = [(name, *(str(way.get(key, "")) for key in columns.values())) for name, way in result["ways"].items()]
    write_table(("way", *columns), rows)
    for like, name in result["fastest"].items():
        write(f"{like}: the fastest generate is {name.removeprefix('generate ')}")
    if "drafts" in result:
        points = [tuple(f"{value:g}" for value in point.values()) for point in result["drafts"]]
        write_table(("records known", "passes a note", "tokens read"), points)
    if "accuracy" in result:
        kinds = [(kind, figures) for kind, figures in result["accuracy"].items() if isinstance(figures, dict)]
        write_table(
            ("weights", "normalised", "exact", "all fields", "other answers"),
            [(kind, *(f"{value:g}" for value in figures.values())) for kind, figures in kinds],
        )
