"""Columns of tables: names for those that have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def name_columns(header: Sequence[str]) -> list[str]:
    """The names without white space around them; a column without one is named after its place.

    Names that nothing else tells apart keep it.
    """
    plain = [name.strip() or f"column_{number}" for number, name in enumerate(header, start=1)]
    often = Counter(plain)
    return [raw if often[name] > 1 and raw.strip() else name for raw, name in zip(header, plain, strict=True)]
