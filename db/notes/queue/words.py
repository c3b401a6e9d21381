"""The words of a search beyond what a full-text index knows: signs that carry meaning, and scripts without spaces."""

from __future__ import annotations

import re

import sqlalchemy as sa

from db.schema import tables as t
from db.schema.dialects import holds, lower_text

# Han, kana, Hangul, Thai, Lao, Burmese and Khmer: an index takes a run of them for one word.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# In "HER2+" and "<1%" the sign is what is looked for; a hyphen or a full stop may be the sentence's.
_SIGNED = re.compile(r"[<>≤≥≈~±]=?[^\W_].*|.*[^\W_]\+")


def split_words(words: str) -> tuple[str, list[str]]:
    """The words that are looked up in the index, and those that are looked for in the notes themselves.

    A word with a sign is both: the index knows the notes that may have it.
    """
    found = words.split()
    indexed = [word for word in found if not _UNSPACED.search(word)]
    return " ".join(indexed), [word for word in found if _UNSPACED.search(word) or _SIGNED.fullmatch(word)]


def is_in_note(word: str) -> sa.ColumnElement[bool]:
    """Whether a note's text, its id or what came with it has this word, or holds it in a longer one, in any case."""
    wanted = lower_text(sa.literal(word))
    text = sa.select(t.note_text.c.text).where(t.note_text.c.note_id == t.note.c.id).correlate(t.note).scalar_subquery()
    others = (sa.func.coalesce(t.note.c.external_id, ""), sa.cast(t.note.c.metadata, sa.Text))
    return sa.or_(*(holds(lower_text(part), wanted) for part in (text, *others)))
