"""What an epoch shows: corrected notes oftener than others, and in warm mode a share of the originals again.

Retraining from one adapter on corrections alone forgets what it knew; originals shown again between them keep it
(Ibrahim et al. 2024, arXiv 2403.08763). Corrected notes are repeated rather than weighted, so that a step's rows and
tokens stay what they say.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from data.snapshot import Row
from trainer.config import TrainConfig
from trainer.run.learning.examples import Example


def rows_to_show(rows: Sequence[Row], config: TrainConfig) -> list[Row]:
    """The rows that a run learns from, in the order given.

    In full mode, all. In warm mode every reviewed row, every original that the parent is known not to have learned, and
    `config.replay` other originals for each reviewed row, drawn by the run's seed; all of those where there are no
    more, or where nothing was reviewed.
    """
    reviewed = [row for row in rows if row.source == "annotation"]
    learned = [row for row in rows if row.source != "annotation" and not row.is_new]
    n_replayed = len(reviewed) * config.replay
    if config.mode == "full" or not reviewed or n_replayed >= len(learned):
        return list(rows)
    replayed = set(random.Random(config.seed).sample(range(len(learned)), n_replayed))
    left_out = {id(row) for number, row in enumerate(learned) if number not in replayed}
    return [row for row in rows if id(row) not in left_out]


def with_copies(examples: Sequence[Example], config: TrainConfig) -> list[Example]:
    """The examples of an epoch: corrected ones repeated, as long as they stay under their share of its tokens.

    Where they are above that share without a repetition, each is shown once: none is left out.
    """
    shown = list(examples)
    corrected = [example for example in examples if example.corrected]
    n_all = sum(len(example.tokens) for example in examples)
    n_corrected = sum(len(example.tokens) for example in corrected)
    for _ in range(config.correction_copies - 1):
        for example in corrected:
            n_all, n_corrected = n_all + len(example.tokens), n_corrected + len(example.tokens)
            if n_corrected > config.correction_share * n_all:
                return shown
            shown.append(example)
    return shown
