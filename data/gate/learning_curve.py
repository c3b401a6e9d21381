"""Learning curves: measure an adapter after more and more reviewed notes, and what further ones are worth.

Adapters are trained with growing, nested parts of the reviewed notes and measured on the same hold-out. A curve that
still rises over its last step says that more reviews help: the train-curve of Prodigy (prodi.gy/docs/recipes). The gain
of that last step is taken note by note, so that what both adapters have alike cancels out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from data.evaluation.intervals import N_UNSEEN, Counts, changes, intervals
from data.evaluation.scoring import is_right
from data.task import Extraction, Task
from data.text.figures import points

N_MORE = 50
"""Reviewed notes that a sentence speaks of; fewer where the last step of the curve was shorter, never more."""
FLAT = 0.01
"""A change that is surely smaller than this is called flat."""
TINY = 0.001
"""A gain that is surely smaller than this is called flat too, however sure it is: its figures would all read 0.0."""
MIN_NOTES = 30
"""With fewer hold-out notes nothing is said: resamples of so few are too alike."""

Kind = Literal["gain", "flat", "loss", "unsure"]
Rights = NDArray[np.int64]
"""Whether each field of each note is right, 0 or 1: shape (fields, notes)."""
Band = tuple[float, float | None, float | None]
"""A share and the ends of its 95 % interval over notes, None where there is none."""


class CurveError(ValueError):
    """A file that does not hold a curve; the message says what to do."""


class Share(BaseModel):
    """A share of notes from 0 to 1, or the change of one, with its 95 % band over notes.

    Attributes:
        low: lower end of the band; None where one note is too few for one, as for `high`.
        seed_low: lowest value of several seeds, None with one, as for `seed_high`: the luck of training, which the
            band does not hold.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    value: float
    low: float | None = None
    high: float | None = None
    seed_low: float | None = None
    seed_high: float | None = None


class Shares(BaseModel):
    """Normalised accuracy: the mean over fields, and each field's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    macro: Share
    fields: dict[str, Share]


class Point(Shares):
    """One point of a curve.

    Attributes:
        n_corrections: reviewed notes that were learned from, whether their reviewer changed a value or agreed.
        n_corrected: those of them in which a value was changed.
        n_rows: rows that the run was given, originals included; 0 where the parent adapter was measured as it is.
        n_steps: optimiser steps; None where they are not known, 0 without training.
        seconds: what training and measuring took, mean over seeds; of a point that was interrupted, since it went on.
    """

    n_corrections: int
    n_corrected: int
    n_rows: int
    n_steps: int | None
    seconds: float


class Curve(BaseModel):
    """A learning curve.

    Attributes:
        mode: `full`: a fresh adapter for every point; `warm`: on from the parent.
        n_originals: rows besides the reviewed notes.
        n_notes: hold-out notes that every point was measured on.
        seeds: of the runs; with several, every figure is a mean over them.
        points: by number of reviewed notes, two or more.
        gain: what the last step brought, between the last two points.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = 1
    mode: Literal["full", "warm"]
    base: str
    parent: str | None
    snapshot_fingerprint: str
    holdout_fingerprint: str
    n_originals: int
    n_notes: int
    seeds: tuple[int, ...]
    config: dict[str, Any]
    points: tuple[Point, ...] = Field(min_length=2)
    gain: Shares
    created_at: str


@dataclass(frozen=True)
class Finding:
    """What a curve says about one field, or about the mean over fields.

    Attributes:
        key: of the field; None for the mean.
        kind: `gain` or `loss` where the change is beyond 0, `flat` where it is surely small, else `unsure`.
        n_more: reviewed notes that it speaks of.
        change: what they would bring if it went on as in the last step, a share; with the ends of its band.
        sentence: all of it for a person.
    """

    key: str | None
    kind: Kind
    n_more: int
    change: float
    low: float
    high: float
    sentence: str


def rights(task: Task, gold: Sequence[Extraction], answers: Sequence[Extraction | None]) -> Rights:
    """Whether each field of each note is right; a reply that could not be read is wrong in every field."""
    pairs = list(zip(gold, answers, strict=True))
    return np.array(
        [[a is not None and is_right(f, true[f.key], a[f.key]) for true, a in pairs] for f in task.fields], np.int64
    )


def shares(task: Task, by_seed: Sequence[Rights]) -> Shares:
    """The figures of a point, from the right answers of each of its seeds."""
    rows, over = _rows(np.sum(by_seed, axis=0), len(by_seed))
    if rows.shape[1] == 1:  # one note says nothing about the others
        bands: list[Band] = [(float(share), None, None) for share in (rows / over)[:, 0]]
    else:
        widened = zip(intervals(rows, over), _widen_unseen(rows, over), strict=True)
        bands = [(value, max(low - more, 0.0), min(high + more, 1.0)) for (value, low, high), more in widened]
    means = np.array([[one.mean(), *one.mean(1)] for one in by_seed])
    spread = list(zip(means.min(0).tolist(), means.max(0).tolist(), strict=True)) if len(by_seed) > 1 else None
    return _name_bands(task, bands, spread)


def gain(task: Task, before: Sequence[Rights], after: Sequence[Rights]) -> Shares:
    """What a step of the curve brought: the right answers after it less those before, note by note."""
    rows, over = _rows(np.sum(after, axis=0) - np.sum(before, axis=0), len(before))
    widened = zip(changes(rows, over), _widen_unseen(rows, over), strict=True)
    return _name_bands(task, [(value, low - more, high + more) for (value, low, high), more in widened])


def _rows(counts: Counts, n_seeds: int) -> tuple[Counts, Counts]:
    """Counts over all fields and of each field, and what they are counted in."""
    rows = np.vstack([counts.sum(0), counts])
    over = np.full_like(rows, n_seeds)
    over[0] *= len(counts)
    return rows, over


def _widen_unseen(rows: Counts, over: Counts) -> list[float]:
    """By how much a row's interval has to be wider where every note says the same: a bootstrap sees no chance there.

    In a note that says otherwise and was not seen, one field does.
    """
    most = N_UNSEEN / rows.shape[1] * over[1, 0]
    return [float(most / among[0]) if (row == row[0]).all() else 0.0 for row, among in zip(rows, over, strict=True)]


def _name_bands(task: Task, bands: Sequence[Band], spread: Sequence[tuple[float, float]] | None = None) -> Shares:
    ends: Sequence[tuple[float | None, float | None]] = spread or [(None, None)] * len(bands)
    macro, *each = (
        Share(value=value, low=low, high=high, seed_low=lowest, seed_high=highest)
        for (value, low, high), (lowest, highest) in zip(bands, ends, strict=True)
    )
    return Shares(macro=macro, fields=dict(zip(task.keys, each, strict=True)))


def read_curve(text: str) -> Curve:
    """A curve from its JSON.

    Raises:
        CurveError: it does not hold one.
    """
    try:
        return Curve.model_validate_json(text)
    except ValueError as error:
        raise CurveError("Expected a learning curve; the file holds none. Draw it again.") from error


def findings(curve: Curve, titles: Mapping[str, str]) -> list[Finding]:
    """What the last step of a curve says: about the mean over fields first, then about each field.

    Args:
        curve: what was measured.
        titles: field key to its title.
    """
    step = curve.points[-1].n_corrections - curve.points[-2].n_corrections
    named: list[tuple[str | None, Share]] = [(None, curve.gain.macro), *curve.gain.fields.items()]
    return [_finding(key, titles.get(key or "", key or ""), share, step, curve.n_notes) for key, share in named]


def _finding(key: str | None, title: str, step_gain: Share, step: int, n_notes: int) -> Finding:
    n_more = min(N_MORE, step)
    part = n_more / step
    change = step_gain.value * part
    low, high = (
        part * (end if end is not None else limit) for end, limit in ((step_gain.low, -1), (step_gain.high, 1))
    )
    kind = _kind(low, high, n_notes)
    if key is None:
        subject, of = "The mean over all fields", "the mean over all fields"
    else:
        subject, of = f"{title[:1].upper()}{title[1:]}", title
    more = f"{n_more} more reviewed {'note' if n_more == 1 else 'notes'}"
    band = f"{points(low)} to {points(high)}"
    if kind == "gain":
        sentence = f"{more} are worth about {points(change)} points of {of} ({band})."
    elif kind == "loss":
        sentence = (
            f"{subject} fell over the last {step:,} reviewed notes, by {abs(100 * step_gain.value):.1f} points: "
            "more of them would not help; check how they are labelled."
        )
    elif kind == "flat":
        sentence = f"{subject} is flat: {more} would change it by less than {100 * FLAT:.0f} point ({band})."
    elif n_notes < MIN_NOTES:
        sentence = f"{subject}: too few notes to tell; {n_notes} are held out, and at least {MIN_NOTES} are needed."
    else:
        sentence = f"{subject}: too few notes to tell; {more} may be worth anything from {band} points."
    return Finding(key, kind, n_more, change, low, high, sentence)


def _kind(low: float, high: float, n_notes: int) -> Kind:
    if n_notes < MIN_NOTES:
        return "unsure"
    if low > 0:
        return "gain" if high >= TINY else "flat"
    if high < 0:
        return "loss"
    return "flat" if max(-low, high) < FLAT else "unsure"
