"""Notes among other text: what makes short notes long, so that a model finds the answer wherever it stands.

The text around a note comes from unlabelled notes: the sentences of those that say little of a cancer, without the
sentences that could have changed the answer.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from data.task import Task

LONG = 0.2
"""Share of the padded notes that become as long as a model's context may get."""
_USUAL, _SPREAD, _MOST = math.log(735), 0.9, 6_000  # characters around the others: a log-normal number, at most so many
_LONGEST = 22_000
_FEWEST_SENTENCES = 3
_LARGEST_SHARE = 0.5  # of a note's sentences that may be left out; more, and the rest has lost its sense
_TELLING = re.compile(
    r"tumou?r|cancer|carcino|metasta|malign|neoplas|lymphom|leuk[ae]|sarcom|melanom|oma\b|omas\b|myelo|\bmass|lesion|nodul"
    r"|chemo|radiat|radioth|irradiat|surg|resect|ectomy|operat|therap|treat|stag|grade|relaps|recur|remiss|progress"
    r"|diagnos|respon|died|death|alive|biops|histolog|patholog|mutat|gene\b|receptor|immunohist|positive|negative|marker|node",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Padding:
    """Text to put around notes.

    Attributes:
        passages: the neutral sentences of one unlabelled note each.
        share: of the notes that get some, 0 to 1.
    """

    passages: tuple[str, ...] = ()
    share: float = 0.0

    def surround(self, text: str, random_state: random.Random) -> str:
        """The note as it is, or with other text before and after it."""
        if not self.passages or random_state.random() >= self.share:
            return text
        if random_state.random() < LONG:
            wanted = random_state.uniform(_MOST, _LONGEST)
        else:
            wanted = min(_MOST, math.exp(random_state.gauss(_USUAL, _SPREAD)))
        before, parts = random_state.random(), ([], [])  # type: tuple[float, tuple[list[str], list[str]]]
        n_characters = 0
        while n_characters < wanted:
            passage = random_state.choice(self.passages)
            parts[random_state.random() >= before].append(passage)
            n_characters += len(passage) + 1
        joint = random_state.choice((" ", " ", "\n", "\n\n"))
        return joint.join([*parts[0], text, *parts[1]])


def neutral_passages(task: Task, texts: Sequence[str]) -> tuple[str, ...]:
    """The sentences of notes that tell nothing that a field asks for, one passage for each note that has enough."""
    hints = [field.hint for field in task.fields if field.hint is not None]
    found = []
    for text in texts:
        sentences = re.split(r"(?<=[.!?])\s+", text)
        kept = [one for one in sentences if not _TELLING.search(one) and not any(hint.search(one) for hint in hints)]
        if len(kept) >= max(_FEWEST_SENTENCES, (1 - _LARGEST_SHARE) * len(sentences)):
            found.append(" ".join(kept))
    return tuple(found)


NO_PADDING = Padding()
