"""The best allowed tokens of a pass on a CPU: of 49,152 logits a place, read as few times as can be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch

from trainer.engine.forward.base import N_OPTIONS

_BLOCK = 256


class Chooser:
    """Chooses as `trainer.engine.forward.best_options` does, in less than half of the time.

    Args:
        allowed: mask of the tables, (states, n_logits), bool.
    """

    def __init__(self, allowed: torch.Tensor) -> None:
        self._allowed = allowed

    @cached_property
    def _barred(self) -> torch.Tensor:
        # Adding is vectorised; filling where a mask says so is not, and takes longer than all the rest.
        return torch.zeros(self._allowed.shape).masked_fill_(~self._allowed, -torch.inf)

    def choose_best(self, logits: torch.Tensor, states: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """The best allowed tokens and their log-probabilities among all tokens.

        Args:
            logits: (places, n_logits), fp32.
            states: of the mask, one for each place.

        Returns:
            Tokens and log-probabilities, both (places, N_OPTIONS); a place with fewer allowed tokens repeats -inf.
        """
        sure = self._barred[list(states)].add_(torch.log_softmax(logits, -1))
        n_rows, width = sure.shape
        if width % _BLOCK or width < N_OPTIONS * _BLOCK:
            values, tokens = sure.topk(N_OPTIONS, -1)
            return tokens, values
        # The best are in the blocks with the largest maxima, which take one quick reading.
        blocks = sure.view(n_rows, -1, _BLOCK)
        chosen = blocks.amax(-1).topk(N_OPTIONS, -1).indices
        values, places = blocks[torch.arange(n_rows)[:, None], chosen].flatten(1).topk(N_OPTIONS, -1)
        return chosen.gather(1, places // _BLOCK) * _BLOCK + places % _BLOCK, values
