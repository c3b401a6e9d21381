"""Which keys the first object of a file has, seen in its beginning alone, which may break off anywhere."""

from __future__ import annotations

import re
from functools import lru_cache

# A string without an end goes to the end of the text, or each quotation mark in it would be tried again.
_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"|\\?\Z)|[{}\[\],:]', re.DOTALL)
_N_SHOWN = 64


@lru_cache(1)  # several formats ask about the same file
def leading_keys(text: str) -> dict[str, str]:
    """The keys of the first object, alone or in a list, each with how its value begins.

    An object that goes on behind the text has the keys that stand in it.
    """
    keys: dict[str, str] = {}
    begin = text.find("{")
    if begin < 0 or text[:begin].strip(" \t\r\n[\ufeff"):
        return keys
    depth, key = 0, ""
    is_key = True
    for token in _TOKEN.finditer(text, begin):
        sign = token.group()
        if sign in "{[":
            depth += 1
            is_key = depth == 1
        elif sign in "}]":
            depth -= 1
            if not depth:
                break
        elif depth != 1:
            continue
        elif sign == ",":
            is_key = True
        elif sign == ":":
            keys.setdefault(key, text[token.end() : token.end() + _N_SHOWN].lstrip())
            is_key = False
        elif is_key:
            key = token.group(1)
    return keys
