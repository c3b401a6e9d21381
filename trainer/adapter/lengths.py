"""How long and how legible the notes are that an adapter learned from, and how a new one compares with them."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.run.directory import Manifest
from trainer.run.learning.examples import FEW, Example

SHORT = 256
"""Tokens of a prompt that no base finds long: up to here a note is as good as learned, whatever an adapter saw."""


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


def times_longest(manifest: Manifest | None, *, n_tokens: int) -> float | None:
    """A prompt's length as a multiple of the longest that the adapter learned from; None where that is not known."""
    if manifest is None or manifest.longest_prompt is None:
        return None
    return n_tokens / max(manifest.longest_prompt, SHORT)


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


def legibility(manifest: Manifest | None, text: str, n_tokens: int) -> float | None:
    """A note's characters per token as a multiple of the fewest that were learned from; None where not known."""
    if manifest is None or not manifest.least_legible or n_tokens < FEW:
        return None
    return len(text) / n_tokens / manifest.least_legible
