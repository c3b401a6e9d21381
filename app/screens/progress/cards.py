"""The cards of the progress screen: each a question that the reviewed notes answer, or what to do to get an answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from statistics import median, quantiles

from markupsafe import Markup

from app.core.templates import Pieces
from app.screens.charts.plots import SMALL, days_chart, reliability
from app.screens.charts.rows import Spread, share_row, spread_row
from data.corrections import Kind
from data.evaluation.intervals import median_change, wilson
from data.evaluation.scoring import is_right
from data.task import Task
from data.text.figures import minutes, percent, plural
from db.review.figures.statistics import N_BINS, Outcome, newest_first
from db.review.reviewed import DayCount
from db.review.trials import TrialOutcome

KINDS: tuple[Kind, ...] = ("accepted", "edited", "added", "cleared")
N_ADAPTERS = 4
N_DAYS = 60
N_WEEKS = 520
"""Above that many, weeks without a review are left out: one wrong year of another desk would draw thousands."""
ENOUGH = 20
"""Notes of each kind below which a difference is not told."""
ENOUGH_SEEDED = 10
"""Seeded values of a field below which its share is not told."""
N_CONFUSIONS = 12
MS_PER_MINUTE = 60_000

_HTML = Pieces("screens/progress/progress.html")


def notes_over_time(per_day: Sequence[DayCount]) -> Markup:
    """How many notes were reviewed when."""
    counted = {row.day: row.n_submitted for row in per_day if row.n_submitted}
    if not counted:
        return _HTML.over_time("")
    first, last = min(counted), max(counted)
    n_days = (last - first).days + 1
    if n_days <= N_DAYS:
        days = [first + timedelta(days=number) for number in range(n_days)]
        return _HTML.over_time(days_chart([(day, counted.get(day, 0)) for day in days]))
    weeks: Counter[date] = Counter()
    for day, n in counted.items():
        weeks[day - timedelta(days=day.weekday())] += n
    first = min(weeks)
    n_weeks = (max(weeks) - first).days // 7 + 1
    mondays = [first + timedelta(weeks=number) for number in range(n_weeks)] if n_weeks <= N_WEEKS else sorted(weeks)
    return _HTML.over_time(days_chart([(monday, weeks[monday]) for monday in mondays], "week"))


def acceptance(task: Task, found: Iterable[Outcome], active: str | None) -> Markup:
    """What reviewers did with the suggested values: per field a bar for each adapter version, the active one first."""
    counted: dict[tuple[str, str], Counter[Kind]] = defaultdict(Counter)
    n_notes: Counter[str] = Counter()
    for one in found:
        if one.is_shown:
            counted[one.field, one.adapter][one.kind] += one.n
    for (_, adapter), kinds in counted.items():
        n_notes[adapter] = max(n_notes[adapter], kinds.total())
    names = order_adapters(n_notes, active)
    rows = []
    for field in task.fields if counted else ():
        for name in names:
            kinds = counted[field.key, name]
            share = kinds["accepted"] / kinds.total() if kinds.total() else None
            title = field.title if name == names[0] else ""
            rows.append((title, name, [(kind, kinds[kind], kind) for kind in KINDS], share))
    adapters = [(name, n_notes[name]) for name in names]
    return _HTML.acceptance([(kind, kind) for kind in KINDS], adapters, active, len(n_notes) - len(names), rows)


def time_taken(
    times: Mapping[str | None, Sequence[int]],
    active: str | None,
    trials: Sequence[TrialOutcome],
    *,
    blind_share: float = 0.0,
) -> Markup:
    """Minutes per note by adapter, and what pre-filling saves.

    Args:
        times: adapter to milliseconds a note; None for notes without a suggestion.
        active: the adapter that comes first.
        trials: what became of the notes that were shown otherwise than usual.
        blind_share: of the notes, how many are shown blind, from 0 to 1.
    """
    named: list[str | None] = [*order_adapters((name for name in times if name is not None), active)]
    names = [*named, None] if None in times else named
    spreads = [(name, spread_of(times[name])) for name in names]
    reach = 1.05 * max((spread.high for _, spread in spreads), default=0.0)
    rows = [
        (name or "without a suggestion", spread_row(spread, reach), minutes(spread.median), f"{spread.n:,}")
        for name, spread in spreads
    ]
    return _HTML.time_taken(rows, minutes(reach), time_saved(trials, blind_share))


def time_saved(trials: Sequence[TrialOutcome], share: float = 0.0) -> Markup:
    """What pre-filling saves: the notes that were shown blind against the others, of those drawn by chance.

    Args:
        trials: what became of the notes that were shown otherwise than usual.
        share: of the notes, how many are shown blind, from 0 to 1.
    """
    blind = [one.lead_time_ms / MS_PER_MINUTE for one in trials if one.kind == "blind" and one.lead_time_ms]
    others = [one.lead_time_ms / MS_PER_MINUTE for one in trials if one.kind != "blind" and one.lead_time_ms]
    if not blind:
        why_none = (
            "No note was reviewed blind yet. Only notes that are shown without the suggested values, drawn by chance, "
            "can tell."
        )
        return _HTML.saving(why_none, share)
    if min(len(blind), len(others)) < ENOUGH:
        have = f"{len(blind):,} shown blind, {len(others):,} pre-filled"
        return _HTML.saving(f"Too few notes to tell: {have}; {ENOUGH} of each are needed.")
    saved, low, high = median_change(others, blind)
    whole = median(blind)
    if low > 0:
        word, said = "passed", f"Pre-filling saves {minutes(saved)} a note, {100 * saved / whole:.0f} % of its time."
    elif high < 0:
        word, said = "failed", f"Pre-filling costs {minutes(-saved)} a note: the suggestions slow reviewers down."
    else:
        word, said = "", "Any difference could be chance."
    figures = (
        f"Median {minutes(whole)} for {plural(len(blind), 'note')} shown blind, {minutes(median(others))} for "
        f"{len(others):,} pre-filled; the difference lies between {minutes(low)} and {minutes(high)} (95 %)."
    )
    return _HTML.saving(kind=word, verdict=said, figures=figures)


def seeded_errors(task: Task, trials: Sequence[TrialOutcome], share: float = 0.0) -> Markup:
    """How often a value that was seeded wrong passed.

    Args:
        task: the fields, in their order.
        trials: what became of the notes that were shown otherwise than usual.
        share: of the notes, how many get a wrong value, from 0 to 1.
    """
    counted: dict[str, list[bool]] = defaultdict(list)
    for one in trials:
        if one.kind == "seeded" and one.field is not None:
            counted[one.field].append(one.is_passed)
    passed = [is_passed for some in counted.values() for is_passed in some]
    if not passed:
        return _HTML.seeded("", (), 0, ENOUGH_SEEDED, share)
    some = [(field.title, counted[field.key]) for field in task.fields if len(counted[field.key]) >= ENOUGH_SEEDED]
    rows = [
        (title, share_row(*(part := wilson(sum(values), len(values)))), percent(part[0]), f"{len(values):,}")
        for title, values in [("all fields", passed), *some]
    ]
    _, low, high = wilson(sum(passed), len(passed))
    were, they = ("was", "it") if len(passed) == 1 else ("were", "they")
    sentence = (
        f"{plural(len(passed), 'wrong value')} that had been seeded {were} submitted as {they} stood "
        f"(95 % interval {percent(low)} to {percent(high)})."
    )
    return _HTML.seeded(sentence, rows, len(task.fields) - len(some), ENOUGH_SEEDED, share)


def calibration(task: Task, found: Sequence[Outcome]) -> Markup:
    """How sure the adapters were against how often reviewers found them right."""
    binned: dict[tuple[str, int], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for one in found:
        if one.bin is None:
            continue
        field = task.field(one.field)
        right = one.n if one.kind == "accepted" or is_right(field, one.decided, one.suggested) else 0
        for key in ("", one.field):
            sums = binned[key, one.bin]
            for place, more in enumerate((one.n, one.confidence, right)):
                sums[place] += more
    figures = []
    for key, name in [("", "All fields"), *((field.key, field.title) for field in task.fields)]:
        bins = [
            (int(n), sure / n, right / n)
            for n, sure, right in (binned[key, number] for number in range(N_BINS) if (key, number) in binned)
        ]
        if not bins:
            continue
        n_values = sum(n for n, _, _ in bins)
        error = sum(n * abs(right - sure) for n, sure, right in bins) / n_values
        leaning = sum(n * (right - sure) for n, sure, right in bins) / n_values
        figures.append((name, n_values, error, leaning, reliability(bins, name, SMALL)))
    return _HTML.calibration(figures)


def keep_task_fields(task: Task, found: Sequence[Outcome]) -> list[Outcome]:
    """What became of the values that the task asks for today; the store may hold others."""
    return [one for one in found if one.field in task.keys]


def confusions(task: Task, found: Sequence[Outcome]) -> list[tuple[str, str | None, str | None, int, list[int]]]:
    """The most frequent changes: field, what was suggested, what was decided, how often, and the newest notes."""
    counted: Counter[tuple[str, str | None, str | None]] = Counter()
    notes: dict[tuple[str, str | None, str | None], tuple[tuple[int, int], ...]] = {}
    for one in found:
        if one.kind != "accepted" and one.is_shown:
            change = one.field, one.suggested, one.decided
            counted[change] += one.n
            notes[change] = newest_first([*notes.get(change, ()), *one.notes])
    often = sorted(counted, key=lambda change: (-counted[change], task.keys.index(change[0]), str(change)))
    return [(*change, counted[change], [note for _, note in notes[change]]) for change in often[:N_CONFUSIONS]]


def confusions_html(
    task: Task, found: Sequence[tuple[str, str | None, str | None, int, list[int]]], names: Mapping[int, str]
) -> Markup:
    """The same as a table; each of the notes opens in Review."""
    rows = [
        (task.field(key).title, before, after, n, [(note, names.get(note, f"note {note}")) for note in notes])
        for key, before, after, n, notes in found
    ]
    return _HTML.confusions(rows, max((n for *_, n, _ in found), default=1))


def order_adapters(names: Iterable[str], active: str | None) -> list[str]:
    """The adapters that are shown: the active one, then those of the latest runs; the oldest are left out."""
    return sorted(sorted(names, reverse=True), key=lambda name: name != active)[:N_ADAPTERS]


def spread_of(times_ms: Sequence[int]) -> Spread:
    """The middle half of some times and their median, in minutes."""
    taken = [time / MS_PER_MINUTE for time in times_ms]
    low, middle, high = quantiles(taken, n=4, method="inclusive") if len(taken) > 1 else taken * 3
    return Spread(low, middle, high, len(taken))
