"""Endings: which files are read, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

from data.reading.records import Refusal, refused_file

PARQUET = ".parquet"
SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""The usual sign between the columns of a table of text."""
ENDINGS = (".jsonl", ".ndjson", ".json", *SEPARATORS, PARQUET, ".txt")

_UNPACK, _SHEET, _DOCUMENT = "unpack it first", "save the sheet as CSV or Parquet", "save its text as .txt"
_ADVICE = {
    **dict.fromkeys((".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tar", ".tgz", ".rar"), _UNPACK),
    **dict.fromkeys((".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers"), _SHEET),
    **dict.fromkeys((".pdf", ".doc", ".docx", ".odt", ".rtf", ".pages"), _DOCUMENT),
    **dict.fromkeys((".md", ".text", ".log"), "rename it to .txt if it is one note"),
    **dict.fromkeys((".tab", ".psv"), "rename it to .csv: the separator is found by itself"),
}


def other_ending(path: Path) -> Refusal:
    """The refusal of a file that has none of the endings that are read."""
    ending = path.suffix.lower()
    found = f"another ending, {ending}" if ending in _ADVICE else "another ending" if ending else "no ending"
    advice = _ADVICE.get(ending, "write its notes into one of these")
    return refused_file(path.name, f"a file ending in {', '.join(ENDINGS)}", found, advice)
