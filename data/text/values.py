"""Values: the form in which the strings of a field are compared, and how several in one string come apart."""

from __future__ import annotations

import re
import unicodedata

# What people write for "no value", as it is after normalising.
NULL_WORDS = frozenset(
    {
        "", "-", "--", "–", "—", "n/a", "n.a", "n. a", "na", "nan", "nat", "nil", "none", "none identified",
        "none reported", "not applicable", "not available", "not documented", "not given", "not mentioned",
        "not provided", "not reported", "not specified", "not stated", "null", "unknown", "unspecified",
    }
)  # fmt: skip

# Stripped from both ends. Signs that carry meaning are not among them: "ER+" and "ER-" must stay two values.
_SURROUNDING = " .,;:!?…·'\"`´‘’‚“”„«»‹›()[]{}"

# A plus sign separates between spaces or in front of a word; in "ER+, PR+" and "HER2 3+" it belongs to its value.
# A comma between digits belongs to a number.
_SEPARATOR = re.compile(
    r";|(?<!\d),|,(?!\d)|(?<=\s)\+(?=\s)|(?<=\w)\+(?=[^\W\d])|(?:(?<=\s)|^)(?:and|plus|with|then)(?=\s|$)",
    re.IGNORECASE,
)


def fold(value: str) -> str:
    """The value in lower case, with single spaces and none around it."""
    return " ".join(value.lower().split())


def normalise(value: str | None) -> str | None:
    """The form in which two values are compared: Unicode NFKC, lower case, single spaces, no punctuation around it.

    None for null, for an empty string and for the words that mean null.
    """
    if value is None:
        return None
    # Folded first, so that values that are equal in case and white space are equal here whatever NFKC does to them.
    folded = fold(unicodedata.normalize("NFKC", fold(value))).strip(_SURROUNDING)
    return None if folded in NULL_WORDS else folded


def split(value: str) -> list[str]:
    """The parts of a value that names several, in their order and without the separators; never an empty part."""
    return [part for piece in _SEPARATOR.split(value) if (part := piece.strip())]
