"""Notes on which two adapters differ, side by side: what is true, what each answered, and which of them is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from app.screens.markup import plural, table
from app.training.answers import AnsweredNote, worse_and_better
from data.task import Extraction, Field
from db.notes.notes import NoteRow

N_SHOWN = 20
N_WORDS_CHARACTERS = 110


def notes_html(answered: Sequence[AnsweredNote], known: Mapping[str, NoteRow], old: str, new: str) -> str:
    """The notes that got worse, then those that got better, each list folded.

    Args:
        answered: every note of the hold-out.
        known: content hash to note, as far as the store still has them.
        old: name of the adapter that was active.
        new: name of the new one.
    """
    worse, better = worse_and_better(answered)
    n_other = sum(bool(note.differing) and not note.n_gained for note in answered)
    other = f" In {plural(n_other, 'note')} the answers differ and as many fields are right." if n_other else ""
    intro = (
        f"<h4>Note by note</h4><p>Fewer fields are right than before in <b>{plural(len(worse), 'note')}</b>, more in"
        f" <b>{len(better):,}</b>.{other}</p>"
    )
    return intro + _folded("got worse", worse, known, old, new) + _folded("got better", better, known, old, new)


def _folded(word: str, notes: Sequence[AnsweredNote], known: Mapping[str, NoteRow], old: str, new: str) -> str:
    if not notes:
        return ""
    some = f", the {N_SHOWN} that changed most" if len(notes) > N_SHOWN else ""
    shown = "".join(_note(note, known.get(note.note_hash), old, new) for note in notes[:N_SHOWN])
    return f'<details class="notes"><summary>{plural(len(notes), "note")} {word}{some}</summary>{shown}</details>'


def _note(note: AnsweredNote, row: NoteRow | None, old: str, new: str) -> str:
    columns = ("Field", "True", f"{escape(old)} (active then)", f"{escape(new)} (new)")
    lines = (
        (
            escape(field.title),
            value_html(note.gold, field),
            _marked(note, field, note.old),
            _marked(note, field, note.new),
        )
        for field in note.differing
    )
    return f"<article>{_heading(row)}{table(columns, lines)}</article>"


def _heading(row: NoteRow | None) -> str:
    if row is None:
        return '<p class="quiet">This note is no longer in the store.</p>'
    begins = " ".join(row.text[: 2 * N_WORDS_CHARACTERS].split())[:N_WORDS_CHARACTERS]
    return (
        f'<p class="begins"><a href="?note={row.id}" data-note="{row.id}">'
        f"{escape(row.external_id or f'note {row.id}')}</a>"
        f' <span class="quiet" dir="auto">{escape(begins)} …</span></p>'
    )


def _marked(note: AnsweredNote, field: Field, answer: Extraction | None) -> str:
    """An answer with the verdict on it: a shape and a word, never a colour alone."""
    kind, shape, word = ("right", "✓", "right") if note.is_right(field, answer) else ("wrong", "✕", "wrong")
    return f'{value_html(answer, field)} <span class="mark-{kind}"><i aria-hidden="true">{shape}</i> {word}</span>'


def value_html(answer: Extraction | None, field: Field) -> str:
    """A field's value as an adapter or a person gave it."""
    if answer is None:
        return '<i class="quiet">the reply could not be read</i>'
    value = answer[field.key]
    return '<i class="quiet">none</i>' if value is None else f'<span dir="auto">{escape(value)}</span>'
