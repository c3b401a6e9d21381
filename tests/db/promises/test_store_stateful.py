"""Any order of opening, typing, saving, sending again, suggesting, importing and restarting loses nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from db.notes.notes import add_notes, get_note, next_note
from db.notes.queue.search import counts
from db.notes.suggestions import add_suggestion
from db.review.decisions import open_review, reopen, submit
from db.review.drafts import discard_draft, save_draft
from db.review.reviewed import Status
from db.review.revisions import Conflict, Saved
from db.store.store import Store, open_store
from tests.kit.desk.empty_stores import empty_store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.postgres import Server
from tests.kit.desk.stores import FIRST, add, extraction, note, suggestion

N_NOTES = 3
DECIDED = f"""SELECT note_id, revision, name, status, extraction ->> '{FIRST}' FROM annotation
    JOIN reviewer ON reviewer.id = reviewer_id ORDER BY note_id, revision"""
TYPED = f"""SELECT note_id, name, extraction ->> '{FIRST}' FROM draft JOIN reviewer ON reviewer.id = reviewer_id"""
NAMES = ("ada", "bob", "cyd")
notes = st.integers(1, N_NOTES)
names = st.sampled_from(NAMES)
statuses = st.sampled_from(["submitted", "skipped", "flagged"])


@dataclass
class Expected:
    """What the store must say about a note: its decisions and what each reviewer typed since their last one."""

    decided: list[tuple[str, str, str]] = field(default_factory=list)  # (reviewer, status, value)
    typed: dict[str, str] = field(default_factory=dict)
    labelled: bool = False
    suggested: list[str] = field(default_factory=list)

    @property
    def stands(self) -> str | None:
        """The status of the decision that stands, if any."""
        last = self.decided[-1][1] if self.decided else "reopened"
        return None if last == "reopened" else last


class Desk(RuleBasedStateMachine):
    """Reviewers at their pages, a worker that suggests, imports, and a program that stops at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.make()
        self.store: Store = open_store(self.place)
        with self.store.transaction() as session:
            add(session, N_NOTES)
        self.expected = {number: Expected() for number in range(1, N_NOTES + 1)}
        self.pages: dict[str, tuple[int, int]] = {}  # reviewer to (note, revision seen)
        self.sent: list[tuple[str, int, int, Saved]] = []  # (token, note, revision seen, answer)
        self.n = 0

    def make(self) -> None:
        """Find a place for an empty store."""
        self.folder = Path(tempfile.mkdtemp())
        self.place: Path | str = self.folder / "store.db"
        empty_store(self.place).close()

    def clear(self) -> None:
        """Delete it."""
        shutil.rmtree(self.folder)

    def text(self) -> str:
        self.n += 1
        return f"value {self.n}"

    def seen_revision(self, who: str) -> int:
        """What the page sends back with a save."""
        return self.pages[who][1]

    @rule(who=names, number=notes)
    def open_page(self, who: str, number: int) -> None:
        with self.store.reading() as session:
            review = open_review(session, number, who)
        self.pages[who] = (number, review.revision)
        expected = self.expected[number]
        typed = expected.typed.get(who)
        stands = expected.decided[-1][2] if expected.decided else None
        proposed = "label" if expected.labelled else (expected.suggested[-1] if expected.suggested else None)
        shown = review.values[FIRST] if review.values else None
        assert shown == (typed or stands or proposed), "a person's value comes before a machine's"

    @precondition(lambda self: self.pages)
    @rule(who=names)
    def type_something(self, who: str) -> None:
        if who not in self.pages:
            return
        (number, seen), value = self.pages[who], self.text()
        fresh = seen == len(self.expected[number].decided)
        conflict = self.told(lambda: self.draft(who, number, value))
        assert fresh == (conflict is None), "a draft on an old page was taken, or one on a fresh page refused"
        if fresh:
            self.expected[number].typed[who] = value

    @precondition(lambda self: self.pages)
    @rule(who=names, status=statuses)
    def save(self, who: str, status: Status) -> None:
        if who not in self.pages:
            return
        number, seen = self.pages[who]
        expected, value = self.expected[number], self.text()
        fresh = seen == len(expected.decided)
        conflict = self.told(lambda: self.sent.append((value, number, seen, self.send(who, number, status, value))))
        assert fresh == (conflict is None), "a save from an old page was taken, or one from a fresh page refused"
        if conflict is None:
            expected.decided.append((who, status, value))
            expected.typed.pop(who, None)
            self.pages[who] = (number, self.sent[-1][-1].revision)
        else:
            assert conflict.theirs is not None
            assert conflict.theirs.extraction[FIRST] == expected.decided[-1][2]

    def told(self, act: Callable[[], object]) -> Conflict | None:
        """The conflict that an action ran into, if any."""
        try:
            act()
        except Conflict as conflict:
            return conflict
        return None

    def draft(self, who: str, number: int, value: str) -> Saved:
        seen = self.seen_revision(who)
        with self.store.transaction() as session:
            return save_draft(
                person_in(session, who), note_id=number, extraction=extraction(first=value), seen_revision=seen
            )

    def send(self, who: str, number: int, status: Status, value: str) -> Saved:
        seen = self.seen_revision(who)
        with self.store.transaction() as session:
            return submit(
                person_in(session, who),
                note_id=number,
                status=status,
                extraction=extraction(first=value),
                seen_revision=seen,
                token=value,
            )

    @precondition(lambda self: self.pages)
    @rule(who=names)
    def take_back(self, who: str) -> None:
        if who not in self.pages:
            return
        number, seen = self.pages[who]
        expected, token = self.expected[number], self.text()
        is_decided = bool(expected.decided) and expected.decided[-1][1] != "reopened"
        fresh = is_decided and seen == len(expected.decided)
        conflict = self.told(lambda: self.undo(who, number, token))
        assert fresh == (conflict is None), "a decision was taken back from an old page, or not from a fresh one"
        if fresh:
            value = expected.decided[-1][2]
            expected.decided.append((who, "reopened", value))
            expected.typed[who] = value
            self.pages[who] = (number, len(expected.decided))

    def undo(self, who: str, number: int, token: str) -> Saved:
        seen = self.seen_revision(who)
        with self.store.transaction() as session:
            return reopen(person_in(session, who), note_id=number, seen_revision=seen, token=token)

    @rule(who=names, number=notes)
    def throw_away(self, who: str, number: int) -> None:
        with self.store.transaction() as session:
            gone = discard_draft(person_in(session, who), note_id=number)
        assert gone == (self.expected[number].typed.pop(who, None) is not None)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), who=names)
    def send_again(self, data: st.DataObject, who: str) -> None:
        token, number, seen, answer = data.draw(st.sampled_from(self.sent))
        with self.store.transaction() as session:
            again = submit(
                person_in(session, who),
                note_id=number,
                status="submitted",
                extraction=extraction(first="again"),
                seen_revision=seen,
                token=token,
            )
        assert again.repeated
        assert (again.annotation_id, again.revision, again.at) == (answer.annotation_id, answer.revision, answer.at)

    @rule(number=notes)
    def suggest(self, number: int) -> None:
        value = self.text()
        with self.store.transaction() as session:
            add_suggestion(program_in(session), number, suggestion(f"adapter {self.n}", first=value))
        self.expected[number].suggested.append(value)

    @rule(number=notes)
    def import_labels(self, number: int) -> None:
        with self.store.transaction() as session:
            report = add_notes(program_in(session), [note(number - 1, gold=extraction(first="label"))])
        assert (report.n_added, report.note_ids) == (0, (number,))
        self.expected[number].labelled = True

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = open_store(self.place)

    @invariant()
    def nothing_is_lost(self) -> None:
        with self.store.reading() as session:
            decided = session.execute(sa.text(DECIDED)).all()
            typed = session.execute(sa.text(TYPED)).all()
            rows = session.execute(sa.text("SELECT id, state, revision FROM note ORDER BY id")).all()
            found = counts(session)
            upcoming = next_note(session)
        for number, state, revision in rows:
            expected = self.expected[number]
            kept = [(who, status, value) for owner, _, who, status, value in decided if owner == number]
            assert kept == expected.decided, "the decisions differ from those acknowledged"
            assert [step for owner, step, *_ in decided if owner == number] == list(range(1, revision + 1))
            assert {who: value for owner, who, value in typed if owner == number} == expected.typed
            undecided = "draft" if expected.typed else "todo"
            stands = expected.stands
            assert state == (undecided if stands is None else stands)
        states = [row.state for row in rows if self.expected[row.id].stands]
        assert (found.n_submitted, found.n_flagged) == (states.count("submitted"), states.count("flagged"))
        assert upcoming is None or self.expected[upcoming].stands is None

    def teardown(self) -> None:
        problems = self.store.problems()
        self.store.close()
        self.clear()
        assert problems == []


class CarelessDesk(Desk):
    """A page that reads the revision when it saves instead of sending the one that it showed."""

    def seen_revision(self, who: str) -> int:
        with self.store.reading() as session:
            return get_note(session, self.pages[who][0]).revision


def in_postgres(server: Server) -> type[Desk]:
    """The same desk with its store in PostgreSQL."""

    class DeskInPostgres(Desk):
        def make(self) -> None:
            self.place = server.emptied()

        def clear(self) -> None:
            """It is emptied for the next one."""

    return DeskInPostgres


def run(machine: type[RuleBasedStateMachine], n: int, *, n_steps: int = 30, derandomize: bool = False) -> None:
    lenient = settings(
        max_examples=n,
        derandomize=derandomize,
        stateful_step_count=n_steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(machine, settings=lenient)


def test_no_order_of_events_loses_anything() -> None:
    run(Desk, 25)


def test_no_order_of_events_loses_anything_in_postgres(postgres: Server) -> None:
    run(in_postgres(postgres), 8)


@pytest.mark.long
def test_the_search_finds_a_desk_without_compare_and_swap() -> None:
    with pytest.raises(AssertionError, match="old page was taken"):
        run(CarelessDesk, 400, n_steps=40, derandomize=True)  # always the same search, so it finds it always
