"""Fitting calibrations on labelled notes that the adapter was not trained on.

What is fitted, per field and kind of answer (`data.evaluation.calibration.KINDS`), is an isotonic regression over the
log-odds of the raw probability, every step of which is drawn towards a prior curve as if `PRIOR_NOTES` further notes
lay on it. The prior curves (`trainer.evaluation.prior`) are fitted in one regression over all fields, from an earlier
adapter's curves where there are such, so a field with few notes takes its curve from these and from all fields. With
many notes the steps are what counts. Ends of curves keep to the rule of succession: with those further notes among n,
never surer than (n + 1) / (n + 2).

On 3,602 notes that the embedded adapter was not trained on, fitted on n of them and measured on others (mean of eight
draws over the fields of logarithmic loss, and expected calibration error; raw 1.23, 0.188), without earlier curves and
with the most likely prior curves in place of the expected ones:

    n      logistic, shared    isotonic         this
    50     0.392  0.065        0.423  0.065     0.387  0.054
    400    0.375  0.046        0.380  0.036     0.367  0.033
    3,000  0.368  0.048        0.359  0.032     0.356  0.033

One temperature per field leaves 0.08 at any n. Sources: B. Zadrozny and C. Elkan, "Transforming classifier scores into
accurate multiclass probability estimates", KDD 2002, for isotonic regression; A. Gelman and J. Hill, "Data analysis
using regression and multilevel models", 2007, for partial pooling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from data.accepted import Accepted
from data.cutoffs import fit_cutoffs
from data.evaluation.calibration import (
    CALIBRATION,
    MIN_NOTES,
    Calibration,
    CalibrationError,
    Curve,
    Curves,
    kind_of,
    log_odds,
)
from data.evaluation.proposed import propose
from data.evaluation.scoring import Confidence, is_right, score_confidence
from data.storage.files import save_json
from data.suggestion import Suggestion
from data.task import Extraction, Task
from trainer.adapter.manifest import replace_file
from trainer.evaluation.prior import Observed, Prior

__all__ = ["CROSS_FITTED", "PRIOR_NOTES", "calibrate", "cross_fit", "fit", "observe"]

PRIOR_NOTES = 20.0
N_FOLDS = 5
CROSS_FITTED = "calibration fitted on the other notes of the same set"
_GRID = tuple(float(odds) for odds in range(-12, 15, 2))  # knots of a curve that has no notes of its own


def observe(task: Task, gold: Sequence[Extraction], answers: Sequence[Suggestion | None]) -> list[list[Observed]]:
    """What each answered note tells, one entry per field; nothing for a note without an answer."""
    return [
        []
        if answer is None
        else [
            Observed(
                field.key,
                kind_of(answer.extraction[field.key], answer.grounding.get(field.key)),
                log_odds(answer.raw_confidence[field.key]),
                is_right(field, true[field.key], answer.extraction[field.key]),
            )
            for field in task.fields
        ]
        for true, answer in zip(gold, answers, strict=True)
    ]


def fit(notes: Sequence[Sequence[Observed]], adapter: str, earlier: Calibration | None = None) -> Calibration:
    """Fit the curves of an adapter.

    Args:
        notes: from `observe`.
        adapter: its name.
        earlier: curves to begin from: its parent's, or its own of when less was known.

    Raises:
        CalibrationError: fewer than `MIN_NOTES` notes were answered.
    """
    _check_number(sum(map(bool, notes)))
    return _fit(notes, adapter, earlier)


def is_enough(answers: Sequence[Suggestion | None]) -> bool:
    """Whether so many notes are worth fitting on; those without an answer do not count."""
    return sum(answer is not None for answer in answers) >= MIN_NOTES


def _check_number(n_answered: int) -> None:
    if n_answered < MIN_NOTES:
        raise CalibrationError(
            f"Expected at least {MIN_NOTES} labelled notes with an answer to fit confidence on; "
            f"found {n_answered}. Label more notes."
        )


def _fit(notes: Sequence[Sequence[Observed]], adapter: str, earlier: Calibration | None) -> Calibration:
    answered = [note for note in notes if note]
    seen = [one for note in answered for one in note]
    prior = Prior(seen, earlier)
    pooled = {kind: _plain(prior, None, kind) for kind in prior.kinds}
    fields: dict[str, Curves] = {}
    for key in dict.fromkeys(one.key for one in seen):
        of_field = [one for one in seen if one.key == key]
        fields[key] = {kind: _curve(prior, key, kind, [o for o in of_field if o.kind == kind]) for kind in prior.kinds}
    return Calibration(n_notes=len(answered), adapter=adapter, pooled=pooled, fields=fields)


def cross_fit(
    task: Task,
    gold: Sequence[Extraction],
    answers: Sequence[Suggestion | None],
    earlier: Calibration | None = None,
) -> list[Suggestion | None]:
    """The answers, each with the confidence that curves fitted on the other notes give it.

    Every fifth note is held back in turn, so that no note has a say in its own confidence.

    Raises:
        CalibrationError: fewer than `MIN_NOTES` notes were answered.
    """
    notes = observe(task, gold, answers)
    _check_number(sum(map(bool, notes)))
    fitted = [_fit([note for i, note in enumerate(notes) if i % N_FOLDS != k], "", earlier) for k in range(N_FOLDS)]
    return [with_confidence(answer, fitted[number % N_FOLDS]) for number, answer in enumerate(answers)]


def with_confidence(answer: Suggestion | None, calibration: Calibration) -> Suggestion | None:
    """The answer with the confidence that a calibration gives it."""
    if answer is None:
        return None
    confidence = calibration.confidence(answer.extraction, answer.raw_confidence, answer.grounding)
    return replace(answer, confidence=confidence, cutoffs=calibration.cutoffs)


def calibrate(
    task: Task,
    gold: Sequence[Extraction],
    answers: Sequence[Suggestion | None],
    adapter: str,
    earlier: Calibration | None = None,
    accepted: Sequence[Accepted] | None = None,
) -> tuple[Calibration, Confidence]:
    """Fit an adapter's curves and cut-offs on labelled notes, and measure them by cross-fitting on the same.

    Args:
        task: names the fields.
        gold: the labels.
        answers: what the adapter answered for each note, in the same order.
        adapter: its name.
        earlier: curves and cut-offs to begin from.
        accepted: for each note, field key to further values that count as right for the cut-offs; None for none.

    Raises:
        CalibrationError: fewer than `MIN_NOTES` notes were answered.
    """
    fitted = fit(observe(task, gold, answers), adapter, earlier)
    judged = cross_fit(task, gold, answers, earlier)
    measured = score_confidence(task, gold, judged, source=CROSS_FITTED)
    proposed = [
        propose(task, true, answer, {} if accepted is None else accepted[number])
        for number, (true, answer) in enumerate(zip(gold, judged, strict=True))
        if answer is not None
    ]
    cutoffs = fit_cutoffs(proposed, earlier.cutoffs if earlier is not None else None)
    return replace(fitted, figures=_without_bins(measured.to_json()), cutoffs=cutoffs), measured


def _without_bins(figures: Any) -> Any:
    if not isinstance(figures, dict):
        return round(figures, 4) if isinstance(figures, float) else figures
    return {key: _without_bins(value) for key, value in figures.items() if key != "bins"}


def fit_or_keep(
    task: Task,
    gold: Sequence[Extraction],
    answers: Sequence[Suggestion | None],
    adapter: str,
    earlier: Calibration | None,
) -> Calibration | None:
    """The calibration fitted on labelled notes, from that of an earlier adapter; where they are too few, the latter."""
    return calibrate(task, gold, answers, adapter, earlier)[0] if is_enough(answers) else earlier


def judge(
    task: Task, gold: Sequence[Extraction], answers: Sequence[Suggestion | None], earlier: Calibration | None
) -> tuple[list[Suggestion | None], str | None]:
    """The answers with a confidence that can be judged on the same notes, and in a few words where it comes from.

    Cross-fitted, so that adapters that are compared on these notes are judged alike; where the notes are too few, from
    the curves of an earlier adapter.
    """
    if is_enough(answers):
        return cross_fit(task, gold, answers, earlier), CROSS_FITTED
    if earlier is None:
        return list(answers), None
    source = f"calibration of {earlier.adapter}, because fewer than {MIN_NOTES} notes are too few to fit one on"
    return [with_confidence(answer, earlier) for answer in answers], source


def keep_measured(path: Path, weights_sha256: str, calibration: Calibration | None) -> None:
    """Put what a run fitted for its old adapter, if anything, into a file, with the digest of its weights."""
    if calibration is not None:
        save_json(path, {**calibration.to_json(), "weights_sha256": weights_sha256})


def write_calibration(directory: Path, calibration: Calibration | None) -> None:
    """Put a calibration, if there is one, into an adapter's directory: a reader sees it as a whole or not at all."""
    if calibration is not None:
        with replace_file(directory, CALIBRATION):
            save_json(directory / CALIBRATION, calibration.to_json())


def _plain(prior: Prior, key: str | None, kind: str) -> Curve:
    """The prior curve itself, for answers of which there are none to fit on."""
    return _bound_curve(_GRID, prior(key, kind, _GRID, _level), n_notes=0)


def _curve(prior: Prior, key: str, kind: str, seen: Sequence[Observed]) -> Curve:
    """The curve of one field and kind of answer."""
    if not seen:
        return _plain(prior, key, kind)
    ranked = sorted(seen, key=lambda one: one.odds)
    ends = _steps(ranked)
    at = [odds for odds, _, _ in ends]
    expected = prior(key, kind, at, _level)
    shares = [
        (share * n + expectation * PRIOR_NOTES) / (n + PRIOR_NOTES)
        for (_, n, share), expectation in zip(ends, expected, strict=True)
    ]
    return _bound_curve(at, _isotonic(shares, [n for _, n, _ in ends]), n_notes=len(seen))


def _steps(ranked: Sequence[Observed]) -> list[tuple[float, int, float]]:
    """Both ends of each step of an isotonic regression: log-odds, notes in the step, share of them that is right."""
    by_odds: dict[float, list[bool]] = {}
    for one in ranked:
        by_odds.setdefault(one.odds, []).append(one.right)
    at, counts = list(by_odds), [len(rights) for rights in by_odds.values()]
    fitted = _isotonic([sum(rights) / len(rights) for rights in by_odds.values()], counts)
    ends: list[tuple[float, int, float]] = []
    start = 0
    for position in range(1, len(at) + 1):
        if position < len(at) and fitted[position] - fitted[start] < 1e-12:
            continue
        n = sum(counts[start:position])
        ends += [(at[end], n, fitted[start]) for end in sorted({start, position - 1})]
        start = position
    return ends


def _level(shares: Sequence[float]) -> list[float]:
    return _isotonic(shares, [1.0] * len(shares))


def _isotonic(shares: Sequence[float], weights: Sequence[float]) -> list[float]:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression().fit_transform(range(len(shares)), shares, sample_weight=weights)
    return [float(share) for share in fitted]


def _bound_curve(at: Sequence[float], shares: Sequence[float], *, n_notes: int) -> Curve:
    """A curve within the rule of succession, rounded to what a file needs; equal log-odds are merged."""
    n_likely = n_notes + PRIOR_NOTES
    low, high = 1 / (n_likely + 2), (n_likely + 1) / (n_likely + 2)
    knots = {round(odds, 4): round(min(max(share, low), high), 4) for odds, share in zip(at, shares, strict=True)}
    return Curve(tuple(knots.items()))
