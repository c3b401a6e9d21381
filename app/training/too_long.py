"""The notes that a run could not learn from because they are too long: read from its files, kept in its row, and said.

Nothing here needs the trainer, which counts them when it reads the rows with the base's tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TOO_LONG = "too_long"
"""Where a run's row keeps what its trainer counted."""
_FILE = "left_out.json"


def read_counts(directory: Path) -> dict[str, Any]:
    """What the trainer left in a run's directory, as a run's row holds it; empty where it did not count yet."""
    try:
        values = json.loads((directory / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {TOO_LONG: values} if isinstance(values, dict) else {}


def n_too_long(config: Mapping[str, Any]) -> int:
    """How many notes were too long, from the config of a run's row."""
    return int((config.get(TOO_LONG) or {}).get("n_too_long") or 0)


def too_long(config: Mapping[str, Any]) -> str:
    """What to say of the notes that the trainer left out, from the config of a run's row; empty where it left none."""
    values = config.get(TOO_LONG) or {}
    limit, said = int(values.get("max_tokens") or 0), []
    if n := n_too_long(config):
        notes, have = ("1 note is", "it has") if n == 1 else (f"{n:,} notes are", "they have")
        said.append(
            f"{notes} left out of training: with prompt and answer {have} more than {limit:,} tokens (max_tokens)."
        )
    if n := int(values.get("n_refused") or 0):
        notes = "1 note is" if n == 1 else f"{n:,} notes are"
        said.append(f"{notes} left out of training for a special token of the model in the text.")
    return " ".join(said)
