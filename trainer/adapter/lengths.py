"""How long and how legible the notes are that an adapter learned from, and how a new one compares with them."""

from __future__ import annotations

from trainer.adapter.manifest import Manifest

SHORT = 256
"""Tokens of a prompt that no base finds long: up to here a note is as good as learned, whatever an adapter saw."""


def times_longest(manifest: Manifest | None, *, n_tokens: int) -> float | None:
    """A prompt's length as a multiple of the longest that the adapter learned from; None where that is not known."""
    if manifest is None or manifest.longest_prompt is None:
        return None
    return n_tokens / max(manifest.longest_prompt, SHORT)


def legibility(manifest: Manifest | None, text: str, n_tokens: int) -> float | None:
    """A note's characters per token as a multiple of the fewest that were learned from; None where not known."""
    if manifest is None or not manifest.least_legible or n_tokens < FEW:
        return None
    return len(text) / n_tokens / manifest.least_legible


FEW = 20
"""Tokens of a note below which its characters per token say nothing."""
