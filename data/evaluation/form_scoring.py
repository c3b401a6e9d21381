"""Scoring the form that a reviewer is given, beside an empty one.

What counts is what stands in the fields: a value that is kept out of the form (`data.prefill.withholding`) is not
proposed there, and its field is as good as an empty one. A value is right where it says the same as the label, or as
one of the other values that the file accepts (`data.evaluation.accepted`). An empty form is the least that a pre-fill
has to beat: where most notes have no value in a field, it is right in most of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rapidfuzz.distance import Levenshtein

from data.accepted import Accepted
from data.cutoffs import SURE
from data.evaluation.accepted import is_accepted, right_values
from data.evaluation.scoring import ScoreError, items
from data.prefill.withholding import form_values
from data.suggestion import Suggestion
from data.task import Extraction, Field, Task

Invented = Callable[[Task, str, Mapping[str, str | None]], Mapping[str, Sequence[str]]]
"""Words of a note's values that were not written down anywhere, by field."""
LENGTHS = (200, 333, 600, 1000)
"""Where the classes of note length begin, in tokens."""


@dataclass(frozen=True)
class Shown:
    """The values that stand in the form.

    Attributes:
        n_gold: values that the labels have.
        n_proposed: values that the adapter proposed, in the form or not.
        n: values in the form.
        n_right: of these, the right ones.
        precision: their share; 1 where nothing is shown.
        share: of the fields whose label has a value, the share that the form shows a value in.
        recall: of the same fields, the share that it shows a right value in.
        of_proposed: of the proposed values, the share that stands in the form.
    """

    n_gold: int
    n_proposed: int
    n: int
    n_right: int
    precision: float
    share: float
    recall: float
    of_proposed: float


@dataclass(frozen=True)
class Edits:
    """Characters to type or take out until the form is right, per note (Levenshtein, to the nearest right value).

    Attributes:
        form: from the form as it is given.
        empty_form: from an empty one.
        saved: the difference; below 0 the form makes work.
    """

    form: float
    empty_form: float
    saved: float


@dataclass(frozen=True)
class OfLength:
    """The notes of one class of length.

    Attributes:
        least: tokens of the shortest, 0 for the first class.
        below: tokens that all are below; None for the last.
        n_notes: how many; classes without notes are left out.
        accepted: share of fields that are right in the form.
        empty_form: share that an empty form has right.
    """

    least: int
    below: int | None
    n_notes: int
    accepted: float
    empty_form: float


@dataclass(frozen=True)
class Sure:
    """The fields that are shown as sure, empty ones among them.

    Attributes:
        n: how many.
        n_right: of these, the right ones.
        n_values: those with a value.
        n_values_right: of these, the right ones.
    """

    n: int
    n_right: int
    n_values: int
    n_values_right: int


@dataclass(frozen=True)
class FormScore:
    """Figures of the forms of one adapter on one set of labelled notes; shares from 0 to 1.

    Attributes:
        n_with_accepted: notes for which the file accepts other values besides.
        accepted: field key to the share of notes in which the form is right.
        empty_form: the same for an empty form.
        lengths: classes of note length, the shortest first; None where nobody counted tokens.
        n_invented: words of names among all proposed values that stand in neither note nor lexicon, nor among the
            adapter's house words; None where nobody looked.
        n_house_words: words that only stand among the house words; None where the adapter has none.
    """

    n_with_accepted: int
    accepted: dict[str, float]
    empty_form: dict[str, float]
    shown: Shown
    edits: Edits
    sure: Sure
    lengths: tuple[OfLength, ...] | None
    n_invented: int | None = None
    n_house_words: int | None = None

    def add_to(self, figures: dict[str, Any]) -> None:
        """Put the figures into those of `data.evaluation.scoring.Score.to_json`."""
        figures["macro"] |= {"accepted": _share(self.accepted.values()), "empty_form": _share(self.empty_form.values())}
        for key, of_field in figures["fields"].items():
            of_field |= {"accepted": self.accepted[key], "empty_form": self.empty_form[key]}
        figures["n_with_accepted"] = self.n_with_accepted
        figures["shown"], figures["edits"], figures["sure"] = asdict(self.shown), asdict(self.edits), asdict(self.sure)
        if self.lengths is not None:
            figures["lengths"] = [asdict(one) for one in self.lengths]
        if self.n_invented is not None:
            figures["invented_names"] = self.n_invented
        if self.n_house_words is not None:
            figures["house_words"] = self.n_house_words


@dataclass(frozen=True)
class _Cell:
    """One field of one note: what was proposed, what stands in the form, and what of it is right."""

    is_gold: bool
    is_proposed: bool
    is_shown: bool
    is_right: bool
    is_empty_right: bool
    is_sure: bool
    edits: int
    empty_edits: int


def score_form(
    task: Task,
    texts: Sequence[str],
    gold: Sequence[Extraction],
    accepted: Sequence[Accepted],
    answers: Sequence[Suggestion | None],
    *,
    n_tokens: Sequence[int] | None = None,
    invented: Invented | None = None,
) -> FormScore:
    """Score what the forms of some notes hold, note by note in the same order.

    Args:
        task: names the fields.
        texts: the notes.
        gold: what is true.
        accepted: what is right as well.
        answers: what was proposed; a note without an answer has an empty form, which counts as wrong in every field.
        n_tokens: length of each note.
        invented: finds the words of a note's values that were not written down anywhere, by field.

    Raises:
        ScoreError: there are no notes, or the sequences differ in length.
    """
    lengths = {len(texts), len(gold), len(accepted), len(answers), len(texts if n_tokens is None else n_tokens)}
    if len(lengths) != 1 or not texts:
        raise ScoreError("Expected a label and an answer for each of at least one note; found others. Check the file.")
    notes = [
        _cells(task, text, true, others, answer)
        for text, true, others, answer in zip(texts, gold, accepted, answers, strict=True)
    ]
    cells = [cell for note in notes for cell in note]
    columns = list(zip(*notes, strict=True))
    return FormScore(
        n_with_accepted=sum(map(bool, accepted)),
        accepted={key: _share(c.is_right for c in column) for key, column in zip(task.keys, columns, strict=True)},
        empty_form={
            key: _share(c.is_empty_right for c in column) for key, column in zip(task.keys, columns, strict=True)
        },
        shown=_measure_shown(cells),
        edits=_edits(cells, len(notes)),
        sure=_measure_sure(cells),
        lengths=None if n_tokens is None else _measure_by_length(notes, n_tokens),
        n_invented=None if invented is None else count_words(task, texts, answers, invented),
    )


def count_words(task: Task, texts: Sequence[str], answers: Sequence[Suggestion | None], invented: Invented) -> int:
    """How many words `invented` finds in what was proposed for some notes."""
    found = [invented(task, text, a.extraction) for text, a in zip(texts, answers, strict=True) if a is not None]
    return sum(len(words) for note in found for words in note.values())


def _cells(task: Task, text: str, gold: Extraction, accepted: Accepted, answer: Suggestion | None) -> list[_Cell]:
    form: Mapping[str, str | None] = {} if answer is None else form_values(task, lambda: text, answer)
    sure: Mapping[str, float] = {}
    if answer is not None and not answer.is_raw:
        sure = answer.confidence  # lowered already on a note that the adapter's curves tell nothing of
    return [
        _cell(field, right_values(field, gold, accepted), form.get(field.key), answer, sure.get(field.key, 0.0))
        for field in task.fields
    ]


def _cell(
    field: Field, right: Sequence[str | None], value: str | None, answer: Suggestion | None, confidence: float
) -> _Cell:
    proposed = answer is not None and bool(items(answer.extraction[field.key], field))
    shown = bool(items(value, field))
    is_right = answer is not None and is_accepted(field, right, value)
    is_empty_right = is_accepted(field, right, None)
    return _Cell(
        is_gold=bool(items(right[0], field)),
        is_proposed=proposed,
        is_shown=shown,
        is_right=is_right,
        is_empty_right=is_empty_right,
        is_sure=confidence >= SURE and shown == proposed,  # a value that is kept out is not sure, nor is its field
        edits=0 if is_right else _distance(right, value if shown else None),
        empty_edits=0 if is_empty_right else _distance(right, None),
    )


def _distance(right: Sequence[str | None], value: str | None) -> int:
    return min(Levenshtein.distance(one or "", value or "") for one in right)


def _measure_shown(cells: Sequence[_Cell]) -> Shown:
    gold = [cell for cell in cells if cell.is_gold]
    n, n_proposed = sum(cell.is_shown for cell in cells), sum(cell.is_proposed for cell in cells)
    n_right = sum(cell.is_shown and cell.is_right for cell in cells)
    return Shown(
        n_gold=len(gold),
        n_proposed=n_proposed,
        n=n,
        n_right=n_right,
        precision=n_right / n if n else 1.0,
        share=_share(cell.is_shown for cell in gold),
        recall=_share(cell.is_shown and cell.is_right for cell in gold),
        of_proposed=n / n_proposed if n_proposed else 1.0,
    )


def _edits(cells: Sequence[_Cell], n_notes: int) -> Edits:
    form, empty = (sum(of) / n_notes for of in ((c.edits for c in cells), (c.empty_edits for c in cells)))
    return Edits(form, empty, empty - form)


def _measure_sure(cells: Sequence[_Cell]) -> Sure:
    sure = [cell for cell in cells if cell.is_sure]
    values = [cell for cell in sure if cell.is_shown]
    return Sure(len(sure), sum(c.is_right for c in sure), len(values), sum(c.is_right for c in values))


def _measure_by_length(notes: Sequence[Sequence[_Cell]], n_tokens: Sequence[int]) -> tuple[OfLength, ...]:
    found = []
    for least, below in zip((0, *LENGTHS), (*LENGTHS, None), strict=True):
        within = [note for note, n in zip(notes, n_tokens, strict=True) if least <= n and (below is None or n < below)]
        cells = [cell for note in within for cell in note]
        if cells:
            right, empty = _share(c.is_right for c in cells), _share(c.is_empty_right for c in cells)
            found.append(OfLength(least, below, len(within), right, empty))
    return tuple(found)


def _share(of: Any) -> float:
    listed = list(of)
    return sum(listed) / len(listed) if listed else 0.0
