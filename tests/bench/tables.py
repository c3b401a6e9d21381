"""What the benches print where no JSON is asked for: figures in columns."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from app.core.terminal import write, write_table


def print_each(measures: Iterable[dict[str, Any]]) -> None:
    """Each measure as a line of JSON, as soon as it is made."""
    for one in measures:
        write(json.dumps(one, ensure_ascii=False))


def print_prefill(result: dict[str, Any]) -> None:
    """Ways of pre-fill, one a line."""
    _print_machine(result)
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


def print_training(result: dict[str, Any]) -> None:
    """Ways of training, one a line."""
    _print_machine(result)
    first = next(iter(result["ways"]))
    rows = [
        (name, f"{way['samples_per_s']:g}", f"{way[f'times_{first}']:g}", f"{way['peak_gib']:g}")
        for name, way in result["ways"].items()
    ]
    write_table(("way", "samples/s", f"x {first}", "GiB"), rows)
    if "accuracy" in result:
        write(result["accuracy"]["verdict"]["sentence"])


def print_keystrokes(counted: dict[str, Any]) -> None:
    """What correcting costs, beside typing all values."""
    write(
        f"{counted['n_strokes']:,} keystrokes for {counted['n_notes']} notes, {counted['n_corrected']} values "
        f"corrected; {counted['n_strokes_from_scratch']:,} from scratch: {counted['share']:.2f} of them"
    )


def print_desk(result: dict[str, Any]) -> None:
    """How fast the desk is for one reviewer."""
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


def print_load(result: dict[str, Any]) -> None:
    """How fast the desk is for many."""
    done = f"{result['n_actions']:,} actions of {result['n_reviewers']} reviewers, {result['n_wrong']} wrong"
    write(f"{result['machine']}; {done}")
    rows = [
        (kind, *(f"{value:g}" for value in result[f"{kind}_ms"].values()))
        for kind in ("save", "draft", "open")
        if f"{kind}_ms" in result
    ]
    write_table(("ms", "median", "p95", "max"), rows)
    write(f"server {result['server_mib'][0]:g} to {result['server_mib'][-1]:g} MiB" if result["server_mib"] else "")
    write(f"{result['n_filled_by_worker']:,} notes filled in meanwhile")


def print_store(result: dict[str, Any]) -> None:
    """Notes in and records out, a second."""
    write(f"{result['machine']}; {result['n_notes']:,} notes, {result['file_mb']:g} MB")
    measured = {name: result[name] for name in ("import", "the same again", "import of short notes")}
    measured |= {f"export, {name}": figures for name, figures in result["export"].items()}
    columns = {"per_s": "notes/s", "seconds": "seconds", "cpu_s": "CPU seconds", "peak_mib": "MiB"}
    rows = [(name, *(f"{figures[key]:,}" for key in columns)) for name, figures in measured.items()]
    write_table(("command", *columns.values()), rows)


def print_lines(counted: dict[str, dict[str, int]]) -> None:
    """Lines of each package, and of all."""
    kinds = list(dict.fromkeys(kind for figures in counted.values() for kind in figures if kind != "tables"))
    rows = [
        (package, *(f"{figures.get(kind, 0):,}" for kind in kinds), f"{_lines(figures):,}", f"{figures['tables']:,}")
        for package, figures in counted.items()
    ]
    write_table(("package", *kinds, "all", "tables, not counted"), rows)
    write(f"{sum(map(_lines, counted.values())):,} lines")


def print_suite(counted: dict[str, dict[str, dict[str, float]]]) -> None:
    """Tests and seconds of each room, of all, and of the dearest files."""
    for kind, sums in counted.items():
        write_table((kind, "tests", "seconds"), [(name, *map(str, one.values())) for name, one in sums.items()])
    rooms = counted["rooms"].values()
    write(f"{sum(one['n_tests'] for one in rooms):,} tests, {sum(one['seconds'] for one in rooms):,.0f} seconds")


def _lines(figures: dict[str, int]) -> int:
    return sum(number for kind, number in figures.items() if kind != "tables")


def _print_machine(result: dict[str, Any]) -> None:
    tokens = result["tokens"]
    write(f"{result['machine']}; {tokens['prompt_mean']:g} + {tokens['answer_mean']:g} tokens a note")
