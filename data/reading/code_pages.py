"""Code pages: which of the encodings before UTF-8 a text is written in, told by the letters that it then has.

Among those of Latin letters the alphabet decides, since charset-normalizer takes a short German text for Mac Iceland;
among the others charset-normalizer does, which knows their letters by how often they follow each other. Nothing is
guessed from a few letters.
"""

from __future__ import annotations

import re
from itertools import pairwise

_LATIN = ("cp1252", "cp1250", "cp1254", "cp1257", "iso8859_2", "mac_roman", "cp850", "cp852")
"""In the order in which they are taken where several read a text the same."""
_ALPHABETS = (
    "äöüßéèàç",  # German
    "àâæçéèêëîïôœùûüÿ",  # French
    "áéíñóúü",  # Spanish
    "ãõáâàéêíóôúç",  # Portuguese
    "àèéìíòóù",  # Italian
    "åæøäöéü",  # Nordic
    "éëïöüèêáóú",  # Dutch
    "áðéíóúýþæö",  # Icelandic
    "ąćęłńóśźż",
    "áčďéěíňóřšťúůýž",
    "áäčďéíĺľňóôŕšťúýž",
    "áéíóöőúüű",
    "ăâîşţșț",
    "čćđšž",
    "çğıöşüâîûi̇",
    "ąčęėįšųūž",
    "āčēģīķļņōŗšūž",
    "äöõüšž",
)
_WESTERN = frozenset("".join(_ALPHABETS[:8]))
_SIGNS = frozenset("‚„“”‘’‹›«»–—…•·°±µμ²³¹½¼¾×÷§©®™€£ºª¿¡†‰´\xa0\xad≤≥≠≈∞→")
_BETWEEN_LETTERS = re.compile(r"[^\W\d_][^\w\s!-~’‘´–—·\xad\xa0][^\W\d_]")
_OTHERS = ["cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp874"]
_OTHERS += ["cp932", "euc_jp", "gb18030", "big5", "cp949"]
_ANY_LETTER, _KANA = re.compile(r"[^\W\d_]"), re.compile("[\u3041-\u30ff]")
_HANGUL, _HAN = re.compile("[\uac00-\ud7a3]"), re.compile("[\u3007\u4e00-\u9fff]")
# Letters without which nothing is written in a language of that encoding, and their share at least.
_OWN_LETTERS = {"cp932": (_KANA, 0.08), "euc_jp": (_KANA, 0.08), "cp949": (_HANGUL, 0.6)}
_OWN_LETTERS |= {"gb18030": (_HAN, 0.6), "big5": (_HAN, 0.6)}
_WORD = re.compile(r"[^\W\d_]{3,}")
_MANY, _FEW_BAD, _MIXED, _MAX_CHAOS, _MAX_FOREIGN = 8, 0.05, 0.03, 0.15, 0.3


def code_page_of(sample: bytes) -> str | None:
    """Python's name for the encoding of lines that are not UTF-8; None where nothing is sure enough."""
    return _detect_latin(sample) or _detect_other(sample)


def _detect_latin(sample: bytes) -> str | None:
    fits = [(fit, number) for number, codec in enumerate(_LATIN) if (fit := _misfit(sample, codec)) <= _FEW_BAD]
    return _LATIN[min(fits)[1]] if fits else None


def _misfit(sample: bytes, codec: str) -> float:
    """The share of letters beyond ASCII that no language has which has the others; 1 where it cannot be said."""
    try:
        text = sample.decode(codec)
    except UnicodeDecodeError:
        return 1
    beyond = [sign for sign in text if sign > "\x7f" and sign not in _SIGNS]
    n_odd = len(_BETWEEN_LETTERS.findall(text)) + _count_inner_capitals(text)
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    n_foreign = sum(all(sign > "\x7f" for sign in word) for word in words)  # in Latin letters some are always plain
    if (len(beyond) < _MANY and codec != _LATIN[0]) or n_foreign > _MAX_FOREIGN * len(words):
        return 1
    letters = [sign.lower() for sign in beyond]
    shares = [sum(sign not in alphabet for sign in letters) for alphabet in map(frozenset, _ALPHABETS)]
    n_bad = min(*shares, sum(sign not in _WESTERN for sign in letters) + _MIXED * len(letters))
    return (n_bad + n_odd) / max(1, len(beyond))


def _count_inner_capitals(text: str) -> int:
    """How many capitals beyond ASCII follow a small letter."""
    return sum(after > "\x7f" and after.isupper() and before.islower() for before, after in pairwise(text))


def _detect_other(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes

    for match in from_bytes(sample, cp_isolation=_OTHERS, threshold=_MAX_CHAOS):
        text = str(match)
        n_beyond = sum(sign > "\x7f" for sign in text)
        own, share = _OWN_LETTERS.get(match.encoding, (_ANY_LETTER, 0.5))
        if n_beyond >= _MANY and len(own.findall(text)) >= share * n_beyond:
            return str(match.encoding)
    return None
