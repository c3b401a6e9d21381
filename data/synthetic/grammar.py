"""A small phrase grammar: `[this|that]` chooses, `{name}` inserts; both nest inside brackets."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeVar

T = TypeVar("T")
Slots = Mapping[str, str | tuple[str, ...]]

# A compiled template: text, a slot's name behind "\0", or a tuple of alternatives.
Node = str | tuple["Sequence[Node]", ...]


class GrammarError(ValueError):
    """A template that does not close its brackets."""


@cache
def _compile(template: str) -> tuple[Node, ...]:
    nodes, end = _sequence(template, 0, inside=False)
    if end != len(template):
        raise GrammarError(f"Expected matching brackets; found a stray one at {end} in {template!r}.")
    return tuple(nodes)


def _sequence(template: str, start: int, *, inside: bool) -> tuple[list[Node], int]:
    nodes: list[Node] = []
    text = start
    at = start
    while at < len(template):
        character = template[at]
        if inside and character in "|]":
            break
        if character in "[{]":
            if text < at:
                nodes.append(template[text:at])
            if character == "[":
                node, at = _alternatives(template, at + 1)
                nodes.append(node)
            elif character == "{":
                close = template.find("}", at)
                if close < 0:
                    raise GrammarError(f"Expected a closing brace in {template!r}.")
                nodes.append("\0" + template[at + 1 : close])
                at = close + 1
            else:
                return nodes, at
            text = at
        else:
            at += 1
    if text < at:
        nodes.append(template[text:at])
    return nodes, at


def _alternatives(template: str, at: int) -> tuple[Node, int]:
    options: list[Sequence[Node]] = []
    while True:
        nodes, at = _sequence(template, at, inside=True)
        options.append(tuple(nodes))
        if at >= len(template):
            raise GrammarError(f"Expected a closing bracket in {template!r}.")
        at += 1
        if template[at - 1] == "]":
            return tuple(options), at


def expand(template: str, slots: Slots, rng: random.Random) -> str:
    """One text of a template; a slot's value may be a tuple to choose from, and is expanded no further.

    Raises:
        KeyError: the template names a slot that is not given.
        GrammarError: its brackets do not match.
    """
    parts: list[str] = []
    _write(_compile(template), slots, rng, parts)
    return "".join(parts)


def _write(nodes: Sequence[Node], slots: Slots, rng: random.Random, parts: list[str]) -> None:
    for node in nodes:
        if isinstance(node, tuple):
            _write(node[int(rng.random() * len(node))], slots, rng, parts)
        elif node[0] == "\0":
            value = slots[node[1:]]
            parts.append(value if isinstance(value, str) else value[int(rng.random() * len(value))])
        else:
            parts.append(node)


def pick(options: Sequence[str], slots: Slots, rng: random.Random) -> str:
    """One text of one of several templates."""
    return expand(options[int(rng.random() * len(options))], slots, rng)


def choose(pairs: Sequence[tuple[float, T]], rng: random.Random) -> T:
    """One of several things, by weight."""
    point = rng.random() * sum(pair[0] for pair in pairs)
    for weight, thing in pairs:
        point -= weight
        if point < 0:
            return thing
    return pairs[-1][1]


def chance(probability: float, rng: random.Random) -> bool:
    """True with this probability."""
    return rng.random() < probability
