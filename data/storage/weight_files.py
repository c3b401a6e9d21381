"""Which files of a model's directory are weights that may be read: safetensors, and nothing that can run code.

Trainers and hub repositories keep much else beside them: a trainer's arguments, its optimiser and random states, the
same weights as pickles, pictures. All of that is left where it is and never opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

READ = ".safetensors"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
EMBEDDING = "embedding-8bit.safetensors"
"""A base's embedding table, where it is stored in 8 bits beside the other weights."""
EMBEDDING_KEY = "caseloop_embedding"
"""What a base's configuration says of that table."""
_NO_WEIGHTS = ("training_args", "optimizer", "scheduler", "rng_state", "scaler")


def pickled_weights(names: Iterable[str]) -> str | None:
    """The first of these files that looks like weights in a format that is not read; None where none does."""
    found = sorted(
        name
        for name in names
        if PurePath(name).suffix.lower() in PICKLES and not PurePath(name).name.startswith(_NO_WEIGHTS)
    )
    return found[0] if found else None


def no_safetensors(what: str, wanted: str, names: Iterable[str]) -> str:
    """What to say of a place without the weights that are read.

    Args:
        what: the place, for example "the adapter /models/mine".
        wanted: the file that was looked for.
        names: of the files that are there.
    """
    other = pickled_weights(names)
    if other is None:
        return f"Expected {wanted} in {what}; it is missing. Copy it there again, or name another."
    return (
        f"Expected {wanted} in {what}; found {other[:80]} only. Weights are read from safetensors, since other formats "
        "can run code: save them again with safe_serialization=True, or use another copy."
    )


def embedding_file(values: Mapping[str, Any]) -> str | None:
    """The file of the table in 8 bits, from the values of a base's configuration; None where it has none.

    Raises:
        ValueError: it is of a kind that is not known here.
    """
    stored = values.get(EMBEDDING_KEY)
    if stored is None:
        return None
    if stored != {"bits": 8, "file": EMBEDDING}:
        found = str(stored)[:80]
        raise ValueError(
            f"expected its embedding table in 8 bits; found {found}. Use a newer caseloop, or another base"
        )
    return EMBEDDING
