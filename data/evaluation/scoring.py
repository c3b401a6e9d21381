"""Scoring: the one definition of when a field is right, used by every figure that is shown.

A field is right when gold and prediction agree after normalising (`data.text.values.normalise`); for a list field the
values are split and compared as sets. Words for "no value" count as null. A reply that could not be read is wrong in
every field and is never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rapidfuzz.distance import Levenshtein

from data.evaluation.reliability import Reliability, reliability
from data.grounding.evidence import Evidence
from data.suggestion import Suggestion
from data.task import Extraction, Field, Task
from data.text.values import fold, normalise, split

if TYPE_CHECKING:
    from data.evaluation.form_scoring import FormScore

__all__ = [
    "Confidence",
    "FieldScore",
    "Score",
    "ScoreError",
    "is_exact",
    "is_right",
    "items",
    "score",
    "score_confidence",
]


class ScoreError(ValueError):
    """Gold and predictions that cannot be compared; the message says what to do."""


@dataclass(frozen=True)
class FieldScore:
    """Figures of one field, or their mean over fields; shares from 0 to 1.

    A value that is not null and right is a true positive; a wrong one is a false positive and a false negative; a
    missed one a false negative; one where gold is null a false positive. Where there was nothing to find and nothing
    was proposed, precision, recall and F1 are 1.

    Attributes:
        exact: share of notes where the strings are equal after case and white space.
        normalised: share of notes where the field is right.
        precision: share of predicted values that are right.
        recall: share of gold values that were found.
        f1: harmonic mean of the two.
        ungrounded: share of predicted values of which some part has no evidence in the note; None when the notes were
            not given.
    """

    exact: float
    normalised: float
    precision: float
    recall: float
    f1: float
    ungrounded: float | None

    def to_json(self) -> dict[str, float | None]:
        """The figures as plain JSON values."""
        return {figure.name: getattr(self, figure.name) for figure in fields(self)}


@dataclass(frozen=True)
class Confidence:
    """How far the confidence of an adapter can be trusted on one set of labelled notes.

    Attributes:
        source: where the curves come from that made it, in a few words.
        overall: over all fields together; None where no note was answered, like those of the fields.
        fields: field key to its figures.
    """

    source: str
    overall: Reliability | None
    fields: dict[str, Reliability | None]

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        return {
            "source": self.source,
            "overall": self.overall and self.overall.to_json(),
            "fields": {key: figures and figures.to_json() for key, figures in self.fields.items()},
        }


@dataclass(frozen=True)
class Score:
    """Figures of one adapter on one set of labelled notes.

    Attributes:
        n_notes: notes scored.
        json_valid: share of replies that could be read.
        all_fields: share of notes with every field right.
        macro: mean over fields.
        fields: field key to its figures.
        fields_changed: fields that a reviewer would have to change, per note.
        edit_distance: characters between the proposed and the gold values, per note (Levenshtein; null is empty).
        confidence: of what was proposed, None where nothing said how sure it was.
        form: of what stands in the form, None where nobody looked; the gate goes by what was proposed.
    """

    n_notes: int
    json_valid: float
    all_fields: float
    macro: FieldScore
    fields: dict[str, FieldScore]
    fields_changed: float
    edit_distance: float
    confidence: Confidence | None = None
    form: FormScore | None = None

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        measured = {} if self.confidence is None else {"confidence": self.confidence.to_json()}
        figures = {
            "n_notes": self.n_notes,
            "json_valid": self.json_valid,
            "all_fields": self.all_fields,
            "macro": self.macro.to_json(),
            "fields": {key: figures.to_json() for key, figures in self.fields.items()},
            "fields_changed": self.fields_changed,
            "edit_distance": self.edit_distance,
            **measured,
        }
        if self.form is not None:
            self.form.add_to(figures)
        return figures


def items(value: str | None, field: Field) -> frozenset[str]:
    """The normalised values of a field, without those that mean null; at most one where the field is no list."""
    return _items(value, field.is_list)


@lru_cache(maxsize=1 << 14)
def _items(value: str | None, is_list: bool) -> frozenset[str]:
    whole = normalise(value)
    if whole is None:
        return frozenset()
    return frozenset(item for part in (split(whole) if is_list else [whole]) if (item := normalise(part)))


def is_exact(field: Field, gold: str | None, predicted: str | None) -> bool:
    """Whether two values are the same string after case and white space, or both null."""
    found = items(gold, field), items(predicted, field)
    return fold(gold or "") == fold(predicted or "") if all(found) else not any(found)


def is_right(field: Field, gold: str | None, predicted: str | None) -> bool:
    """Whether two values say the same after normalising, as sets in a list field; or both null."""
    return items(gold, field) == items(predicted, field)


def score(
    task: Task,
    gold: Sequence[Extraction],
    predicted: Sequence[Extraction | None],
    texts: Sequence[str] | None = None,
) -> Score:
    """Score predictions against gold, note by note in the same order.

    Args:
        task: names the fields.
        gold: what is true.
        predicted: what was proposed; None where the reply could not be read.
        texts: the notes, for the share of ungrounded values.

    Raises:
        ScoreError: there are no notes, or the sequences differ in length.
    """
    lengths = {len(gold), len(predicted), len(gold if texts is None else texts)}
    if len(lengths) != 1 or not gold:
        raise ScoreError(
            f"Expected one prediction and one text for each of at least one labelled note; found {len(gold)} labels, "
            f"{len(predicted)} predictions and {'no' if texts is None else len(texts)} texts. Check the data set."
        )
    evidence = None if texts is None else [Evidence(task, text) for text in texts]
    scored = {field.key: _score_field(field, gold, predicted, evidence) for field in task.fields}
    n_right = [
        sum(answer is not None and is_right(field, true[field.key], answer[field.key]) for field in task.fields)
        for true, answer in zip(gold, predicted, strict=True)
    ]
    return Score(
        n_notes=len(gold),
        json_valid=sum(answer is not None for answer in predicted) / len(gold),
        all_fields=sum(right == len(task.fields) for right in n_right) / len(gold),
        macro=_mean(list(scored.values())),
        fields=scored,
        fields_changed=sum(len(task.fields) - right for right in n_right) / len(gold),
        edit_distance=sum(map(_distance, gold, predicted)) / len(gold),
    )


def score_confidence(
    task: Task, gold: Sequence[Extraction], answers: Sequence[Suggestion | None], *, source: str
) -> Confidence:
    """Measure what an adapter said about its own answers.

    Notes without an answer are left out, and so are answers without a confidence: not every server gives one.

    Args:
        task: names the fields.
        gold: what is true.
        answers: what was proposed for each note, in the same order.
        source: where the confidence comes from, in a few words.
    """
    known = [(true, answer) for true, answer in zip(gold, answers, strict=True) if answer and answer.confidence]
    columns = {
        field.key: (
            [answer.confidence[field.key] for _, answer in known],
            [is_right(field, true[field.key], answer.extraction[field.key]) for true, answer in known],
            [answer.raw_confidence[field.key] for _, answer in known],
        )
        for field in task.fields
    }
    confidence, right, raw = (
        [one for column in part for one in column] for part in zip(*columns.values(), strict=True)
    )
    return Confidence(source, reliability(confidence, right, raw), {k: reliability(*c) for k, c in columns.items()})


def _score_field(
    field: Field, gold: Sequence[Extraction], predicted: Sequence[Extraction | None], evidence: list[Evidence] | None
) -> FieldScore:
    n_exact = n_right = hits = false_positives = false_negatives = n_ungrounded = 0
    for position, (true, answer) in enumerate(zip(gold, predicted, strict=True)):
        value = answer[field.key] if answer is not None else None
        has_gold, has_value = bool(items(true[field.key], field)), bool(items(value, field))
        right = answer is not None and is_right(field, true[field.key], value)
        n_right += right
        n_exact += answer is not None and is_exact(field, true[field.key], value)
        hits += right and has_value
        false_positives += has_value and not right
        false_negatives += has_gold and not right
        if evidence and value is not None and has_value:
            n_ungrounded += not evidence[position].supports(value, field)
    return FieldScore(
        exact=n_exact / len(gold),
        normalised=n_right / len(gold),
        precision=_share(hits, hits + false_positives, empty=not false_negatives),
        recall=_share(hits, hits + false_negatives, empty=not false_positives),
        f1=_share(2 * hits, 2 * hits + false_positives + false_negatives, empty=True),
        ungrounded=_share(n_ungrounded, hits + false_positives, empty=False) if evidence is not None else None,
    )


def _share(part: int, whole: int, *, empty: bool) -> float:
    return part / whole if whole else float(empty)


def _mean(scores: Sequence[FieldScore]) -> FieldScore:
    columns = zip(*(one.to_json().values() for one in scores), strict=True)
    return FieldScore(*(_mean_of(column) for column in columns))


def _mean_of(figures: Sequence[float | None]) -> Any:
    known = [figure for figure in figures if figure is not None]
    return sum(known) / len(known) if known else None


def _distance(true: Extraction, answer: Extraction | None) -> int:
    """Characters that differ between two records, over all fields; an unreadable reply proposes nothing."""
    return sum(
        Levenshtein.distance(true[key] or "", (answer[key] if answer is not None else None) or "") for key in true
    )
