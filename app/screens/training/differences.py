"""Notes on which two adapters differ, side by side: what is true, what each answered, and which of them is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from app.core.templates import Pieces
from app.training.answers import AnsweredNote, worse_and_better
from db.notes.notes import NoteRow

N_SHOWN = 20

_HTML = Pieces("screens/training/verdict.html")


def notes_html(answered: Sequence[AnsweredNote], known: Mapping[str, NoteRow], old: str, new: str) -> Markup:
    """The notes that got worse, then those that got better, each list folded.

    Args:
        answered: every note of the hold-out.
        known: content hash to note, as far as the store still has them.
        old: name of the adapter that was active.
        new: name of the new one.
    """
    worse, better = worse_and_better(answered)
    n_other = sum(bool(note.differing) and not note.n_gained for note in answered)
    return _HTML.differences(worse, better, n_other, known, N_SHOWN, old, new)
