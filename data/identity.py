"""What makes two records the same note: the source and the id that each came with, and the exact text.

Line ends and white space around the text do not count; every other sign does: `ER+, HER2-` and `ER-, HER2+` are two
notes. `data.notes.content_hash` is something else, a fold by which the hold-out is split.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

_MADE = re.compile(r"caseloop-[0-9a-f]{20}")
_N_DIGITS = 20


def text_hash(text: str) -> str:
    """The SHA-256 of a text with line feeds as line ends, without the white space around it: 64 hexadecimal digits."""
    return hashlib.sha256(text.strip().encode("utf-8")).hexdigest()


def made_id(text: str) -> str:
    """The id under which a note that came without one leaves the store: the same wherever the note lies.

    It is never another note's: an import takes an id of this form for none, see `own_id`.
    """
    return f"caseloop-{text_hash(text)[:_N_DIGITS]}"


def own_id(external_id: str | None) -> str | None:
    """The id that a record has of its own: one that `made_id` made is none."""
    if external_id is None or not external_id.startswith("caseloop-"):
        return external_id
    return None if _MADE.fullmatch(external_id) else external_id


def hash_of_value(value: Any) -> str | None:
    """By what a value that is gone can be known to somebody who has it: 64 hexadecimal digits; None for none."""
    return None if value is None else hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
