"""Pairs of notes that differ in one sign, digit, accent or space: none is merged, and no label is on another's text.

The first of each pair is imported without labels, the second with them, as when two receptor lines of two patients
meet; then both again, with `--update`. Half of the pairs have ids, half have none.

    python -m tests.proofs.pairs [--pairs 20000] [--postgres]
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.importing.load import import_files
from data.task import load_task
from db.notes.identity import Rules
from db.review.reviewed import holdout_rows, training_rows
from db.store.store import Store, open_store
from tests.kit.desk.postgres import a_place

TASK = load_task()
WORDS = ("ER", "HER2", "Ki-67", "Gleason", "T1", "N0", "PD-L1", "margin", "lymph nodes", "café", "naïve", "Größe", "cm")
SIGNS = tuple("+-<>≤≥=~/.,;:()%↑↓±§µ²₂¹½→–—'\"‘’“” \u00a0\u2009\t#*&|^_")
ACCENTS = ("\u0301", "\u0308", "\u0327", "\u030a")


def pairs(n: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Texts that differ in one place; each pair is another, and neither text is any other's."""
    draw, seen = random.Random(seed), set[str]()
    while n:
        words = [draw.choice(WORDS) for _ in range(draw.randint(2, 6))]
        one = f"{' '.join(words)} {draw.choice(SIGNS)}{draw.randint(0, 99)} case{draw.choice(' -/')}{len(seen)} end"
        other = _changed(one, draw)
        if other is None or {one, other} & seen or one.strip() == other.strip():
            continue
        seen |= {one, other}
        n -= 1
        yield one, other


def _changed(text: str, draw: random.Random) -> str | None:
    at = draw.randrange(1, len(text) - 1)
    sign, kind = text[at], draw.choice(("sign", "digit", "accent", "space", "case", "form"))
    if kind == "sign":
        return text[:at] + draw.choice(SIGNS) + text[at + draw.randint(0, 1) :]
    if kind == "digit":
        places = [place for place, one in enumerate(text) if one.isdecimal()]
        place = draw.choice(places)
        return text[:place] + str((int(text[place]) + draw.randint(1, 9)) % 10) + text[place + 1 :]
    if kind == "accent":
        return text[: at + 1] + draw.choice(ACCENTS) + text[at + 1 :] if sign.isalpha() else None
    if kind == "space":
        return text[:at] + draw.choice((" ", "\n", "\u00a0")) + text[at:]
    changed = text[:at] + sign.swapcase() + text[at + 1 :] if kind == "case" else unicodedata.normalize("NFD", text)
    return changed if changed != text else None


def check(store: Store, folder: Path, n: int) -> dict[str, int]:
    """Import pairs, and count what was merged and what has another's labels."""
    made = list(pairs(n))
    first, second = folder / "first.jsonl", folder / "second.jsonl"
    _write(first, [_record(number, "a", one) for number, (one, _) in enumerate(made)])
    _write(
        second, [{**_record(number, "b", other), "output": _label(number)} for number, (_, other) in enumerate(made)]
    )
    for rules in (Rules(), Rules(update=True)):
        import_files(store, TASK, [first], rules=rules)
        import_files(store, TASK, [second], original=True, rules=rules)
    n_misplaced = 0
    owners = {other: _label(number) for number, (_, other) in enumerate(made)}
    n_labelled = 0
    with store.reading() as session:
        n_notes = session.connection().exec_driver_sql("SELECT count(*) FROM note").scalar_one()
        for rows in (training_rows, holdout_rows):
            for row in rows(session, TASK):
                n_labelled += 1
                n_misplaced += owners.get(row.text) != dict(row.extraction)
    return {
        "n_pairs": n,
        "n_merged": 2 * n - n_notes,
        "n_labels_on_another_text": n_misplaced,
        "n_labels_missing": n - n_labelled,
    }


def _record(number: int, which: str, text: str) -> dict[str, Any]:
    return {"id": f"{which}-{number}", "text": text} if number % 2 else {"text": text}


def _label(number: int) -> dict[str, str | None]:
    return {**dict.fromkeys(TASK.keys), TASK.keys[0]: f"label {number}"}


def _write(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")


def main() -> int:
    """Print the figures; 1 where a note was merged or has another's labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--postgres", action="store_true")
    chosen = parser.parse_args()
    with (
        a_place(in_postgres=chosen.postgres) as place,
        tempfile.TemporaryDirectory() as folder,
        open_store(place) as store,
    ):
        figures = check(store, Path(folder), chosen.pairs)
        print(json.dumps({**figures, "database": store.database}))
    return int(any(n for name, n in figures.items() if name != "n_pairs"))


if __name__ == "__main__":
    raise SystemExit(main())
