"""Words of a text, in the form in which those of a note and of a value are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

HYPHENS = "-\u2010\u2011\u2012\u2013\u2212"
MARKS = "\u0300-\u036f"  # combining: part of the letter before them

# Endings taken off before words are compared, longest first; at least four letters stay.
_ENDINGS = (
    *("ifications", "ification", "ications", "ication", "ization"),
    *("ations", "ation", "ating", "ative", "ively", "ivity", "ences", "ified", "ifies", "ities"),
    *("ated", "atic", "ates", "ally", "ence", "ents", "ical", "ings", "ions", "ives", "ized", "izes"),
    *("ary", "eal", "ent", "ian", "ied", "ies", "ing", "ion", "ive"),
    *("ae", "al", "ar", "as", "ed", "es", "ic", "is", "or", "um", "us"),
    *("a", "e", "i", "o", "s", "y"),
)
# The same in British and in American letters.
_SPELLINGS = (
    ("tumour", "tumor"),
    ("oesoph", "esoph"),
    ("oestr", "estr"),
    ("aem", "em"),
    ("haemo", "hemo"),
    ("oedem", "edem"),
    ("caec", "cec"),
    ("gynaec", "gynec"),
    ("paed", "ped"),
)
# Names that end in a number are written with a hyphen, with a space or with neither: Ki-67, CA 19-9, HER2/neu.
# Other letters before a number ("ER 56", "PR 23") are two words.
_JOINT = rf"[{HYPHENS}\s/]?"
_NUMBERED = (
    *("BCL", "BRCA", "CA", "CD", "CDK", "ERBB", "FGFR", "FLT", "GATA", "HMB", "HPV", "IDH", "INI", "KI", "MDM", "MLH"),
    *("MSH", "MUC", "MUM", "NTRK", "PALB", "PMS", "ROS", "SMAD", "SOX", "STK", "TSC", "TTF", "VEGFR", "WT"),
)
NAME = re.compile(
    rf"(?<!\w)(?:(?i:PD{_JOINT}L{_JOINT}[12]|HER[{HYPHENS}]?2(?:{_JOINT}neu)?|c{_JOINT}erb{_JOINT}B{_JOINT}2|5{_JOINT}FU|S[{HYPHENS}\s]?100"
    rf"|CA{_JOINT}(?:19{_JOINT}9|15{_JOINT}3|72{_JOINT}4)|p[{HYPHENS}](?:16|21|27|40|53|63)|CK[{HYPHENS}\s]?\d{{1,2}}"
    rf"|(?:{'|'.join(_NUMBERED)})[{HYPHENS}\s]?\d{{1,3}}[AB]?)|HER\s2(?:{_JOINT}neu)?)(?![\w.,]*\d?[\w%])"
)
"""One that stands as a word of its own."""

# A number keeps its per cent sign: 10 is another thing than 10 %. A short name in capitals keeps the number behind its
# hyphen, because as many write it without one. A sign behind a word is a word, behind a digit it is part of a grade.
_WORD = re.compile(
    rf"(?P<name>{NAME.pattern})"
    rf"|(?P<percent>\d+(?:[.,]\d+)*)\s?(?:[%\uff05]|per\s?cent\b)"
    rf"|(?P<code>\b(?:[A-Z]{{2,5}}(?:\d\d)?[{HYPHENS}]\d{{1,3}}|[A-Z]{{2,3}}[{HYPHENS}][A-Z]\d{{1,2}}))(?!\w)"
    rf"|(?P<word>\d\+(?!\w)|\d+(?:[.,]\d+)+|[\w{MARKS}]+)"
    r"|(?<=\w)(?P<plus>\+)(?!\w)"
    rf"|(?<=\w)(?P<minus>[{HYPHENS}])(?=[\s,;/.)]|$)"
)
_JOINTS = re.compile(f"[{HYPHENS}\\s/]")
_SAME = {"her2neu": "her2", "cerbb2": "her2"}

_STAGING = re.compile(
    r"[cpryum]*(?:t(?:[0-4][a-d]?\d?|is|x)|n(?:[0-3][a-c]?(?:mi)?|x)|m(?:[01][a-d]?\d?|x))(?:[cpsn]*[tnmlvr][0-4x][a-d]?(?:mi)?)*"
)

# A change of an amino acid, in the three letters of the HGVS nomenclature; written with one letter as often.
_CHANGE = re.compile(r"([a-z]{3})(\d+)([a-z]{3})")
_AMINO_ACIDS = dict(
    zip(
        re.findall("...", "alaargasnaspcysglngluglyhisileleulysmetpheproserthrtrptyrvalter"),
        "arndcqeghilkmfpstwyv*",
        strict=True,
    )
)


@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """A word without case, accents' spelling and ending: "amplified" and "amplification" have one stem."""
    word = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())
    if not word.isalpha():
        return word.replace(",", "") if word[:1].isdigit() else _one_letter(word)
    for british, american in _SPELLINGS:
        if british in word:
            word = word.replace(british, american)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    return word


def _one_letter(word: str) -> str:
    """val600glu as v600e; any other word as it is."""
    found = _CHANGE.fullmatch(word)
    if not found or found[1] not in _AMINO_ACIDS or found[3] not in _AMINO_ACIDS:
        return word
    return f"{_AMINO_ACIDS[found[1]]}{found[2]}{_AMINO_ACIDS[found[3]]}"


def stems(text: str) -> Iterator[tuple[str, int, int]]:
    """The stem, start and end of every word of a text, in code points; a sign behind a word counts as a word."""
    for match in _WORD.finditer(text):
        kind, start, end = match.lastgroup, match.start(), match.end()
        if kind == "word":
            yield stem(match.group()), start, end
        elif kind == "percent":
            yield f"{stem(match.group('percent'))}%", start, end
        elif kind == "code":
            yield stem(_JOINTS.sub("", match.group())), start, end
        elif kind == "name":
            yield fold_name(match.group()), start, end
        else:
            yield stem("positive" if kind == "plus" else "negative"), start, end


def fold_name(name: str) -> str:
    """A name that ends in a number, in the one form in which it is compared: KI 67 and Ki-67 are ki67."""
    joined = _JOINTS.sub("", unicodedata.normalize("NFKC", name)).casefold()
    return _SAME.get(joined, joined)


def is_staging(word: str) -> bool:
    """Whether a stem is a part of the TNM staging, such as m1b or pt2n1m0, and not a variant of a gene: m1250t."""
    return _STAGING.fullmatch(word) is not None


def is_beginning(word: str) -> bool:
    """Whether a word of a table stands for all that begin with it."""
    return word.endswith("*")
