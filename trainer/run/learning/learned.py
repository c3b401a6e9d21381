"""How long and how legible the notes are that a run learned from: kept with its adapter."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.adapter.manifest import Manifest
from trainer.run.learning.examples import Example


def longest_of(learned: Sequence[Example], went_on_from: Manifest | None) -> int | None:
    """Tokens of the longest prompt that was learned from; None where that is not known.

    Args:
        learned: the rows, without those that were left out.
        went_on_from: of the adapter that the training went on with, whose notes count as well; None for a fresh one.
    """
    if went_on_from is not None and went_on_from.longest_prompt is None:
        return None
    before = went_on_from.longest_prompt if went_on_from is not None else None
    return max([*(example.n_prompt for example in learned), before or 0]) or None


def least_legible_of(learned: Sequence[Example], went_on_from: Manifest | None) -> float | None:
    """Characters per token that all but one in a hundred of the notes have at least; None where that is not known.

    Args:
        learned: the rows, without those that were left out.
        went_on_from: as in `longest_of`.
    """
    before = went_on_from.least_legible if went_on_from is not None else None
    if went_on_from is not None and before is None:
        return None
    shares = sorted(example.legible for example in learned if example.legible)
    own = [shares[len(shares) // 100]] if shares else []
    return min([*own, *([] if before is None else [before])], default=None)
