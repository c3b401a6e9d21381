"""Merging two people's values of one note: what only one of them touched is taken from that one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

Values = Mapping[str, str | None]


@dataclass(frozen=True)
class Merged:
    """What becomes of two versions that began with the same values.

    Attributes:
        values: field key to the merged value; one's own where both touched the field.
        taken: the fields whose value is the other's, because only the other touched them.
        kept: the fields in which the two differ and whose value is one's own, because only oneself touched them.
        both: the fields that both touched and in which they differ; a person has to choose.
    """

    values: dict[str, str | None]
    taken: tuple[str, ...]
    kept: tuple[str, ...]
    both: tuple[str, ...]


def merge(
    base: Values,
    mine: Values,
    theirs: Values,
    *,
    confirmed: Collection[str] = (),
    theirs_confirmed: Collection[str] = (),
) -> Merged:
    """Merge field by field; values are compared as they are written.

    A field was touched by whoever gave it another value or confirmed the one that it had: a value that one person
    confirmed and another changed is for a person to settle.

    Args:
        base: the values that both began with. A field that is missing in one of the three counts as without a value.
        mine: one's own.
        theirs: the other's.
        confirmed: fields that one confirmed since.
        theirs_confirmed: fields that the other confirmed since.
    """
    values: dict[str, str | None] = {}
    taken, kept, both = [], [], []
    for key, own in mine.items():
        before, other = base.get(key), theirs.get(key)
        values[key] = own
        if own == other:
            continue
        is_mine = own != before or key in confirmed
        is_theirs = other != before or key in theirs_confirmed
        if is_mine and is_theirs:
            both.append(key)
        elif is_theirs:
            taken.append(key)
            values[key] = other
        else:
            kept.append(key)
    return Merged(values, tuple(taken), tuple(kept), tuple(both))
