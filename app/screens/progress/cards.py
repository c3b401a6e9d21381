"""The cards of the progress screen: each a question that the reviewed notes answer, or what to do to get an answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from statistics import median, quantiles

from app.screens.charts.bars import Spread, days_chart, minutes, share_row, small_reliability, spread_row
from app.screens.charts.lines import stacked_bar
from app.screens.markup import empty, percent, plural, table
from data.corrections import Kind
from data.evaluation.intervals import median_change, wilson
from data.evaluation.scoring import is_right
from data.task import Task
from db.review.decisions import DayCount
from db.review.figures.statistics import N_BINS, Outcome, newest_first
from db.review.trials import TrialOutcome

KINDS: tuple[Kind, ...] = ("accepted", "edited", "added", "cleared")
N_ADAPTERS = 4
N_DAYS = 60
ENOUGH = 20
"""Notes of each kind below which a difference is not told."""
ENOUGH_SEEDED = 10
"""Seeded values of a field below which its share is not told."""
N_CONFUSIONS = 12
MS_PER_MINUTE = 60_000

NOTHING = empty("Nothing reviewed yet.", "Open Review and save the first note.")


def nothing(*, has_notes: bool) -> str:
    """What the screen says before the first note is reviewed."""
    if not has_notes:
        return empty("No notes yet.", "Import some under Queue, or run caseloop import FILE; then review them.")
    return empty(
        "Nothing reviewed yet.",
        "Open Review and save the first note: from then on this screen shows how many are done, how long they take and "
        "what becomes of the suggestions.",
    )


def over_time(per_day: Sequence[DayCount]) -> str:
    """How many notes were reviewed when."""
    title = "<h3>Reviewed over time</h3>"
    counted = {row.day: row.n_submitted for row in per_day if row.n_submitted}
    if not counted:
        return title + NOTHING
    first, last = min(counted), max(counted)
    n_days = (last - first).days + 1
    if n_days <= N_DAYS:
        days = [first + timedelta(days=number) for number in range(n_days)]
        return title + days_chart([(day, counted.get(day, 0)) for day in days])
    weeks: Counter[date] = Counter()
    for day, n in counted.items():
        weeks[day - timedelta(days=day.weekday())] += n
    first = min(weeks)
    mondays = [first + timedelta(weeks=number) for number in range((max(weeks) - first).days // 7 + 1)]
    return title + days_chart([(monday, weeks[monday]) for monday in mondays], "week")


def acceptance(task: Task, found: Iterable[Outcome], active: str | None) -> str:
    """What reviewers did with the suggested values: per field a bar for each adapter version, the active one first."""
    title = "<h3>What became of the suggestions</h3>"
    counted: dict[tuple[str, str], Counter[Kind]] = defaultdict(Counter)
    n_notes: Counter[str] = Counter()
    for one in found:
        if one.is_shown:
            counted[one.field, one.adapter][one.kind] += one.n
    if not counted:
        return title + NOTHING
    for (_, adapter), kinds in counted.items():
        n_notes[adapter] = max(n_notes[adapter], kinds.total())
    names = in_order(n_notes, active)
    rows = []
    for field in task.fields:
        for name in names:
            kinds = counted[field.key, name]
            head = f"<b>{escape(field.title)}</b>" if name == names[0] else ""
            share = kinds["accepted"] / kinds.total() if kinds.total() else None
            bar = stacked_bar([(kind, kinds[kind]) for kind in KINDS])
            rows.append((head, escape(name), bar, percent(share)))
    legend = "".join(f'<li class="{kind}">{kind}</li>' for kind in KINDS)
    told = ", ".join(
        f"<b>{escape(name)}</b>{' (active)' if name == active else ''} {plural(n_notes[name], 'note')}"
        for name in names
    )
    older = f"; {plural(len(n_notes) - len(names), 'older adapter')} left out" if len(n_notes) > len(names) else ""
    return (
        f'{title}<ul class="legend">{legend}</ul><p class="quiet">{told}{older}</p>'
        f'<div class="by-field">{table(("Field", "Adapter", "", "Kept"), rows, numbers=[3])}</div>'
    )


def time_taken(
    times: Mapping[str | None, Sequence[int]],
    active: str | None,
    trials: Sequence[TrialOutcome],
    *,
    blind_share: float = 0.0,
) -> str:
    """Minutes per note by adapter, and what pre-filling saves.

    Args:
        times: adapter to milliseconds a note; None for notes without a suggestion.
        active: the adapter that comes first.
        trials: what became of the notes that were shown otherwise than usual.
        blind_share: of the notes, how many are shown blind, from 0 to 1.
    """
    title = "<h3>Minutes per note</h3>"
    if not times:
        return title + NOTHING + saving(trials, blind_share)
    named: list[str | None] = [*in_order((name for name in times if name is not None), active)]
    names = [*named, None] if None in times else named
    spreads = [(name, spread_of(times[name])) for name in names]
    reach = max(spread.high for _, spread in spreads) * 1.05
    rows = (
        (
            escape(name) if name else "without a suggestion",
            spread_row(spread, reach),
            minutes(spread.median),
            f"{spread.n:,}",
        )
        for name, spread in spreads
    )
    scale = f'<span class="scale"><i>0</i><i>{minutes(reach)}</i></span>'
    return (
        f"{title}<div class='spreads'>{table(('Suggested by', scale, 'Median', 'Notes'), rows, numbers=[2, 3])}</div>"
        '<p class="quiet under">The bar holds the middle half of the notes, the line is the median.</p>'
        f"{saving(trials, blind_share)}"
    )


def saving(trials: Sequence[TrialOutcome], share: float = 0.0) -> str:
    """What pre-filling saves: the notes that were shown blind against the others, of those drawn by chance.

    Args:
        trials: what became of the notes that were shown otherwise than usual.
        share: of the notes, how many are shown blind, from 0 to 1.
    """
    title = "<h4>What pre-filling saves</h4>"
    blind = [one.lead_time_ms / MS_PER_MINUTE for one in trials if one.kind == "blind" and one.lead_time_ms]
    others = [one.lead_time_ms / MS_PER_MINUTE for one in trials if one.kind != "blind" and one.lead_time_ms]
    if not blind:
        return (
            f'{title}<p class="quiet">No note was reviewed blind yet. Only notes that are shown without the suggested '
            f"values, drawn by chance, can tell.</p>{_share_is_set(share, 'shown blind')}"
        )
    if min(len(blind), len(others)) < ENOUGH:
        return (
            f'{title}<p class="quiet">Too few notes to tell: {len(blind):,} shown blind, {len(others):,} pre-filled; '
            f"{ENOUGH} of each are needed.</p>"
        )
    saved, low, high = median_change(others, blind)
    whole = median(blind)
    if low > 0:
        word, said = "passed", f"Pre-filling saves {minutes(saved)} a note, {100 * saved / whole:.0f} % of its time."
    elif high < 0:
        word, said = "failed", f"Pre-filling costs {minutes(-saved)} a note: the suggestions slow reviewers down."
    else:
        word, said = "", "No difference that could not be chance."
    return (
        f'{title}<div class="verdict {word}"><p><b>{said}</b></p>'
        f"<p>Median {minutes(whole)} for {plural(len(blind), 'note')} shown blind, {minutes(median(others))} for "
        f"{len(others):,} pre-filled; the difference lies between {minutes(low)} and {minutes(high)} (95 %).</p></div>"
    )


def _share_is_set(share: float, how: str) -> str:
    """A line for a card that is empty: how many notes it is fed with, and where that is set."""
    now = f"{100 * share:g} % of the notes are" if share else "No note is"
    return (
        f'<p class="quiet share-is-set">{now} {how} now; the share is set under '
        '<a href="#settings" data-tab="settings">Settings</a>.</p>'
    )


def seeded(task: Task, trials: Sequence[TrialOutcome], share: float = 0.0) -> str:
    """How often a value that was seeded wrong passed.

    Args:
        task: the fields, in their order.
        trials: what became of the notes that were shown otherwise than usual.
        share: of the notes, how many get a wrong value, from 0 to 1.
    """
    title = "<h3>Do wrong values pass?</h3>"
    counted: dict[str, list[bool]] = defaultdict(list)
    for one in trials:
        if one.kind == "seeded" and one.field is not None:
            counted[one.field].append(one.is_passed)
    passed = [is_passed for some in counted.values() for is_passed in some]
    if not passed:
        said = empty(
            "No seeded value was reviewed yet.",
            "Notes into which one wrong value was put tell whether reviewers still read what is pre-filled.",
        )
        return title + said + _share_is_set(share, "given a wrong value")
    share, low, high = wilson(sum(passed), len(passed))
    said = (
        f"<p><b>{percent(share)}</b> of {plural(len(passed), 'wrong value')} that had been seeded "
        f"{'was' if len(passed) == 1 else 'were'} submitted as {'it' if len(passed) == 1 else 'they'} stood "
        f"(95 % interval {percent(low)} to {percent(high)}).</p>"
    )
    rows = [("all fields", share_row(share, low, high), percent(share), f"{len(passed):,}")]
    few = 0
    for field in task.fields:
        some = counted.get(field.key, [])
        if len(some) < ENOUGH_SEEDED:
            few += 1
            continue
        part = wilson(sum(some), len(some))
        rows.append((escape(field.title), share_row(*part), percent(part[0]), f"{len(some):,}"))
    scale = '<span class="scale"><i>0</i><i>100 %</i></span>'
    left = (
        f'<p class="quiet under">Fewer than {ENOUGH_SEEDED} seeded values: {plural(few, "field")}.</p>' if few else ""
    )
    columns = ("Field", scale, "Passed", "Seeded")
    return f"{title}{said}<div class='spreads'>{table(columns, rows, numbers=[2, 3])}</div>{left}"


def calibration(task: Task, found: Sequence[Outcome]) -> str:
    """How sure the adapters were against how often reviewers found them right."""
    title = "<h3>Can the confidence be trusted?</h3>"
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
    if not binned:
        return title + empty("No reviewed value with a confidence yet.", "Review notes that an adapter has pre-filled.")
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
        word = "right more often than it says" if leaning > 0 else "right less often than it says"
        figures.append(
            f"<figure><figcaption><b>{escape(name)}</b> <span class='quiet'>{plural(n_values, 'value')}</span>"
            f"</figcaption>{small_reliability(bins, name)}<p>off by {percent(error)}; {word}</p></figure>"
        )
    return (
        f'{title}<p class="quiet">Across: how sure the adapter was. Upwards: the share that reviewers found right. On '
        "the dashed line the two agree; a larger dot stands for more values. Most reviewers saw the suggestions, "
        f'which flatters them.</p><div class="reliabilities">{"".join(figures)}</div>'
    )


def of_task(task: Task, found: Sequence[Outcome]) -> list[Outcome]:
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
) -> str:
    """The same as a table; each of the notes opens in Review."""
    title = "<h3>What is mistaken for what</h3>"
    if not found:
        return title + empty("No suggested value was changed yet.", "What reviewers change most is listed here.")
    most = max(n for *_, n, _ in found)
    rows = []
    for key, before, after, n, notes in found:
        buttons = "".join(
            f'<button type="button" class="note" data-note="{note}">{escape(names.get(note, f"note {note}"))}</button>'
            for note in notes
        )
        meter = f'<span class="often"><i style="width:{100 * n / most:.1f}%"></i></span>'
        rows.append((escape(task.field(key).title), _value(before), _value(after), f"{n:,}", meter, buttons))
    columns = ("Field", "Model says", "Reviewers say", "Times", "", "Newest notes")
    return f'{title}<div class="confusions">{table(columns, rows, numbers=[3])}</div>'


def in_order(names: Iterable[str], active: str | None) -> list[str]:
    """The adapters that are shown: the active one, then those of the latest runs; the oldest are left out."""
    return sorted(sorted(names, reverse=True), key=lambda name: name != active)[:N_ADAPTERS]


def spread_of(times_ms: Sequence[int]) -> Spread:
    """The middle half of some times and their median, in minutes."""
    taken = [time / MS_PER_MINUTE for time in times_ms]
    low, middle, high = quantiles(taken, n=4, method="inclusive") if len(taken) > 1 else taken * 3
    return Spread(low, middle, high, len(taken))


def _value(value: str | None) -> str:
    return '<i class="quiet">nothing</i>' if value is None else f'<q dir="auto">{escape(value)}</q>'
