"""The gate: whether a new adapter is better than the old one, as far as the hold-out can tell.

Both have answered the same notes. The change of the mean field accuracy gets a 95 % interval by a paired bootstrap over
notes, because the fields of one note are right and wrong together: P. Koehn, "Statistical significance tests for
machine translation evaluation", EMNLP 2004; T. Berg-Kirkpatrick, D. Burkett and D. Klein, "An empirical investigation
of statistical significance in NLP", EMNLP 2012; R. Dror, G. Baumer, S. Shlomov and R. Reichart, "The hitchhiker's guide
to testing statistical significance in natural language processing", ACL 2018. Notes with every field right are compared
by Q. McNemar's test, 1947, in its exact form. The adapter passes when the interval lies above 0 and nothing blocks it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.evaluation.intervals import N_RESAMPLES, N_UNSEEN, changes
from data.evaluation.scoring import ScoreError, is_right, items
from data.gate.reach import N_LEAST, USUAL_SPREAD, detectable_gain, more_would_show, spread_seen
from data.gate.verdict import AllFields, Change, FieldChange, Validity, Verdict, VerdictOutcome, notes
from data.task import Extraction, Task
from data.text.figures import percent, points

OUTWEIGHED = 2.0
"""A field holds an adapter back where it falls by more than so many times what the mean over fields gains, however sure
that is: a reviewer has learnt how far to trust each field. A smaller fall does so only where it is more than chance,
since a few notes that change by chance are many points where there are few notes."""
VALID_FLOOR = 0.995
MCNEMAR_LEVEL = 0.05


@dataclass(frozen=True)
class _Answers:
    """One adapter's answers.

    Attributes:
        right: whether each field of each note is right, shape (fields, notes).
        invented: fields without a gold value that were given one, per note.
        valid: whether the reply could be read, per note.
    """

    right: NDArray[np.bool_]
    invented: NDArray[np.int64]
    valid: NDArray[np.bool_]


def judge(  # noqa: PLR0913 - all but the answers by keyword
    task: Task,
    gold: Sequence[Extraction],
    old: Sequence[Extraction | None] | None,
    new: Sequence[Extraction | None],
    *,
    old_name: str = "the active adapter",
    new_name: str = "the new adapter",
    n_fresh: int = 0,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Verdict:
    """Compare two adapters on the same notes, in the same order.

    Args:
        task: names the fields.
        gold: what is true.
        old: what the old adapter answered, None where the reply could not be read; None where there is no old adapter.
        new: what the new one answered.
        old_name, new_name: for the sentence.
        n_fresh: how many of the notes are not of the hold-out, for the sentence.
        n_resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ScoreError: there are no notes, or the sequences differ in length.
    """
    _check_lengths(gold, old, new)
    after, nulls = _answers(task, gold, new), _nulls(task, gold)
    if old is None:
        return _judge_first(task, after, nulls, new_name, _kind(n_fresh))
    before = _answers(task, gold, old)
    by_note = after.right.sum(0) - before.right.sum(0)
    rows = np.vstack([by_note, after.right.astype(int) - before.right.astype(int), after.invented - before.invented])
    # What each row is counted in, note for note: a resample has another number of fields without a gold value.
    over = np.vstack([np.full_like(by_note, len(task.fields)), np.ones_like(rows[1:-1]), nulls])
    macro, *each, invented = (Change(*change) for change in changes(rows, over, n_resamples=n_resamples, seed=seed))
    fields = {
        field.key: FieldChange(float(before.right[number].mean()), float(after.right[number].mean()), each[number])
        for number, field in enumerate(task.fields)
    }
    hallucination = FieldChange(_share(before.invented, nulls), _share(after.invented, nulls), invented)
    all_fields = _all_fields(np.all(before.right, axis=0), np.all(after.right, axis=0))
    json_valid = Validity(float(before.valid.mean()), float(after.valid.mean()))
    over_all = (_lost_words(all_fields), _hallucinated_words(hallucination), _unreadable_words(json_valid))
    reasons = [*_find_fallen(task, fields, macro.change), *(reason for reason in over_all if reason is not None)]
    outcome = _outcome(macro, is_blocked=bool(reasons))
    figures = _figures(before, after, by_note)
    return Verdict(
        outcome=outcome,
        sentence=_sentence(outcome, figures, macro, reasons, (old_name, new_name, _kind(n_fresh))),
        reasons=tuple(reasons),
        change=macro,
        fields=fields,
        all_fields=all_fields,
        hallucination=hallucination,
        json_valid=json_valid,
        **figures,
    )


def _kind(n_fresh: int) -> str:
    """What the notes are called: not all of the hold-out where others judge beside it."""
    return "" if n_fresh else "hold-out "


def _check_lengths(
    gold: Sequence[Extraction], old: Sequence[Extraction | None] | None, new: Sequence[Extraction | None]
) -> None:
    lengths = {len(gold), len(new), len(gold if old is None else old)}
    if len(lengths) != 1 or not gold:
        raise ScoreError(
            f"Expected an answer of each adapter for each of at least one labelled note; found {len(gold)} labels, "
            f"{'no' if old is None else len(old)} old answers and {len(new)} new ones. Evaluate both again."
        )


def _figures(before: _Answers, after: _Answers, by_note: NDArray[np.int64]) -> dict[str, Any]:
    """What the verdict says in numbers; `by_note` is by how many fields more each note is right now."""
    n_fields = before.right.shape[0]
    return {
        "n_notes": by_note.size,
        "old": float(before.right.mean()),
        "new": float(after.right.mean()),
        "detectable": _detectable_change(by_note / n_fields, 1 / n_fields),
        "n_better_notes": int((by_note > 0).sum()),
        "n_worse_notes": int((by_note < 0).sum()),
    }


def _judge_first(task: Task, after: _Answers, nulls: NDArray[np.int64], new_name: str, kind: str) -> Verdict:
    n_notes, new = after.valid.size, float(after.right.mean())
    return Verdict(
        outcome="first",
        sentence=f"{_capital(new_name)} is right in {percent(new)} of the fields on {notes(n_notes, kind)}; "
        "there is no adapter to compare with.",
        reasons=(),
        n_notes=n_notes,
        old=None,
        new=new,
        change=None,
        fields={
            field.key: FieldChange(None, float(after.right[number].mean()), None)
            for number, field in enumerate(task.fields)
        },
        all_fields=AllFields(None, float(after.right.all(0).mean()), 0, 0, None),
        hallucination=FieldChange(None, _share(after.invented, nulls), None),
        json_valid=Validity(None, float(after.valid.mean())),
        detectable=None,
        n_better_notes=0,
        n_worse_notes=0,
    )


def _answers(task: Task, gold: Sequence[Extraction], given: Sequence[Extraction | None]) -> _Answers:
    pairs = list(zip(gold, given, strict=True))
    right = [[a is not None and is_right(f, g[f.key], a[f.key]) for g, a in pairs] for f in task.fields]
    invented = [
        sum(a is not None and not items(g[f.key], f) and bool(items(a[f.key], f)) for f in task.fields)
        for g, a in pairs
    ]
    return _Answers(np.array(right, bool), np.array(invented, np.int64), np.array([a is not None for a in given]))


def _nulls(task: Task, gold: Sequence[Extraction]) -> NDArray[np.int64]:
    """How many fields of each note have no gold value."""
    return np.array([sum(not items(true[f.key], f) for f in task.fields) for true in gold], np.int64)


def _share(count: NDArray[np.int64], of: NDArray[np.int64]) -> float:
    return float(count.sum() / max(of.sum(), 1))


def _all_fields(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> AllFields:
    from scipy import stats

    n_gained, n_lost = int((after & ~before).sum()), int((before & ~after).sum())
    n_differ = n_gained + n_lost
    p = float(stats.binomtest(n_gained, n_differ, 0.5).pvalue) if n_differ else 1.0
    return AllFields(float(before.mean()), float(after.mean()), n_gained, n_lost, p)


def _detectable_change(differences: NDArray[np.float64], least: float) -> float:
    """The smallest true change that so many notes show in 8 of 10 cases, from the spread of the changes seen.

    Args:
        differences: change of each note's share of right fields.
        least: the smallest change of a note, of which `N_UNSEEN` may go unseen.
    """
    n_notes = differences.size
    if n_notes < N_LEAST:
        return 1.0
    return detectable_gain(math.sqrt(max(float(differences.var(ddof=1)), N_UNSEEN / n_notes * least**2)), n_notes)


def _find_fallen(task: Task, fields: Mapping[str, FieldChange], gain: float) -> list[str]:
    """A reason for each field that falls beyond chance, or by more than the mean's gain makes up for."""
    reasons = []
    for field in task.fields:
        figures = fields[field.key]
        assert figures.by is not None
        assert figures.old is not None
        if figures.by.high < 0:
            why = "which is more than chance"
        elif -figures.by.change > OUTWEIGHED * max(gain, 0.0) + 1e-9:
            why = f"more than the {points(gain)} points of the mean make up for"
        else:
            continue
        reasons.append(
            f"{field.title} is right less often: {percent(figures.new)} instead of {percent(figures.old)} "
            f"({points(figures.by.change)} points), {why}."
        )
    return reasons


def _lost_words(figures: AllFields) -> str | None:
    assert figures.p is not None
    if figures.n_lost <= figures.n_gained or figures.p >= MCNEMAR_LEVEL:
        return None
    return (
        f"{figures.n_lost} notes are no longer right in every field and {figures.n_gained} newly are, "
        f"which is more than chance (p {figures.p:.3f})."
    )


def _hallucinated_words(figures: FieldChange) -> str | None:
    assert figures.by is not None
    assert figures.old is not None
    if figures.by.low <= 0:
        return None
    return (
        f"It more often gives a value where the note has none: {percent(figures.new)} of such fields instead of "
        f"{percent(figures.old)}, which is more than chance."
    )


def _unreadable_words(figures: Validity) -> str | None:
    assert figures.old is not None
    if figures.new >= VALID_FLOOR or figures.new >= figures.old:
        return None
    return (
        f"Fewer replies can be read: {percent(figures.new)} instead of {percent(figures.old)}, "
        f"and fewer than the required {percent(VALID_FLOOR)}."
    )


def _outcome(macro: Change, *, is_blocked: bool) -> VerdictOutcome:
    if macro.high < 0:
        return "worse"
    if macro.low <= 0:
        return "unclear"
    return "blocked" if is_blocked else "better"


def _sentence(
    outcome: VerdictOutcome,
    figures: Mapping[str, Any],
    macro: Change,
    reasons: Sequence[str],
    names: tuple[str, str, str],
) -> str:
    """The verdict for a person: how sure it is, the figures, what blocked it, and how many notes would tell more."""
    old, new, kind = names
    compared = (
        f"on {notes(figures['n_notes'], kind)} it is right in {percent(figures['new'])} of the fields, "
        f"{old} in {percent(figures['old'])} (change {points(macro.change)} points, 95 % interval "
        f"{points(macro.low)} to {points(macro.high)}; better in {notes(figures['n_better_notes'], '')}, "
        f"worse in {figures['n_worse_notes']:,})"
    )
    if outcome == "better":
        return f"{_capital(new)} is better: {compared}. It may take over."
    if outcome == "blocked":
        return f"{_capital(new)} is right more often but does not take over: {compared}. {' '.join(reasons)}"
    if outcome == "worse":
        return f"{_capital(new)} is worse and does not take over: {compared}."
    return (
        f"Too few notes to tell whether {new} is better, so it does not take over: {compared}. {_reach(figures, kind)}"
    )


def _reach(figures: Mapping[str, Any], kind: str) -> str:
    """What so many notes can show, and what more could."""
    n_notes = figures["n_notes"]
    if n_notes < N_LEAST:
        more = more_would_show(USUAL_SPREAD, n_notes, kind)
        return f"So few notes cannot show any difference; at least {N_LEAST} are needed, and {more}."
    more = more_would_show(spread_seen(figures["detectable"], n_notes), n_notes, kind)
    return (
        f"This number of notes shows a difference of {100 * figures['detectable']:.1f} points in 8 of 10 cases; {more}."
    )


def _capital(name: str) -> str:
    """The name as a sentence begins, unless it is an adapter's own, which stays as it is."""
    return f"T{name[1:]}" if name.startswith("the ") else name
