"""Drafts from what stands in the note and the answer already: what came after the same tokens before.

This is prompt look-up decoding (Saxena 2023) on tokens. A value is made of the note's words, and one that goes round in
circles repeats itself; so does a runner-up, which mostly comes back to the words of the value beside which it stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

_MOST_PLACES = 32
"""Earlier places of a token that are looked at, the latest first."""
SURE = 4
"""Tokens of a match with which a draft is as long as it may be; with fewer it is shorter in proportion."""


class Lookup:
    """The tokens of one note's prompt and of its answer so far.

    Args:
        prompt: tokens of the prompt.
    """

    def __init__(self, prompt: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._places: dict[int, list[int]] = defaultdict(list)
        self._n_prompt = len(prompt)
        self._add(prompt)

    def propose(self, path: Sequence[int], current: Sequence[int], n_tokens: int) -> list[int]:
        """At most `n_tokens` tokens that may follow.

        Args:
            path: the tokens of the record so far.
            current: the tokens of the value that is being written; its last is what is looked for.
            n_tokens: how many are of use.
        """
        self._add(path[len(self._tokens) - self._n_prompt :])
        found, n_same = self._find_longest(current)
        return list(found[: max(2, n_tokens * n_same // SURE)][:n_tokens])

    def _find_longest(self, current: Sequence[int]) -> tuple[Sequence[int], int]:
        """What follows the longest match of the value's last tokens, and how many these are."""
        best: tuple[Sequence[int], int] = [], 0
        if not current:
            return best
        own = [place for place in range(len(current) - 1) if current[place] == current[-1]]
        places = self._places.get(current[-1], [])
        for tokens, some in ((current, own), (self._tokens, places)):
            for place in reversed(some[-_MOST_PLACES:]):
                n_same = 1
                while n_same < SURE and n_same <= place and n_same < len(current):
                    if tokens[place - n_same] != current[-1 - n_same]:
                        break
                    n_same += 1
                if n_same > best[1] and place + 1 < len(tokens):
                    best = tokens[place + 1 : place + 33], n_same
        return best

    def _add(self, tokens: Sequence[int]) -> None:
        for token in tokens:
            self._places[token].append(len(self._tokens))
            self._tokens.append(token)
