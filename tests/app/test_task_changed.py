"""A task file that changed since notes were reviewed: nothing is locked, nothing is lost, and it is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.core.desk import Desk
from app.core.rules import Rules, change_rules, read_rules
from app.core.settings import load_settings, prepare_home
from app.exporting.choice import Choice
from app.exporting.formats import FORMATS
from app.exporting.writing import export_pieces
from app.operations.doctor import examine
from app.operations.status import read_status
from app.operations.task_fit import adapter_fit, store_fit
from app.screens import status
from app.screens.progress import progress
from app.screens.review.note import history as past
from app.screens.review.note import note as opening
from app.screens.review.saving import saves as saving
from app.worker.engines import Drafts
from data.task import Extraction, Field, Task, TaskError
from db.notes.queue.overlap import Overlap
from db.review.bulk import Many, carry_out, undo
from db.review.decisions import reopen
from db.review.drafts import save_draft
from db.review.offers import make_offer
from db.review.overlap_changes import set_overlap
from db.review.reviewed import acceptance, draft_rows, holdout_rows, latest_annotation, training_rows
from db.training.adapters import active_adapter, get_adapter, register_adapter
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, COLON_VALUES, MELANOMA, TASK, make_store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import decide

FIRST, *REST = TASK.fields
NEW = Field(key="grade", title="Grade", description="How far", colour="#112233", colour_dark="#445566", hotkey="9")
CHANGES = {
    "added": TASK.model_copy(update={"fields": (*TASK.fields, NEW)}),
    "removed": TASK.model_copy(update={"fields": tuple(REST)}),
    "renamed": TASK.model_copy(update={"fields": (FIRST.model_copy(update={"key": NEW.key}), *REST)}),
}
COUNT = "SELECT count(*) FROM note"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two notes decided, one with a draft, one that waits with a suggestion, one that waits without."""
    settings = load_settings({"CASELOOP_HOME": str(tmp_path)})
    prepare_home(settings)
    texts = [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES), (f"{BREAST} (2)", BREAST_VALUES)]
    with make_store(tmp_path, [*texts, (f"{COLON} (2)", COLON_VALUES), (MELANOMA, None)]) as store:
        with store.transaction() as session:
            decide(session, 1, 0, values=Extraction(TASK, {**BREAST_VALUES, FIRST.key: "by hand"}), suggestion_id=1)
            decide(session, 2, 0, values=Extraction(TASK, COLON_VALUES), suggestion_id=2)
            typed = Extraction(TASK, {**BREAST_VALUES, FIRST.key: "typed"})
            save_draft(person_in(session, "ada"), note_id=3, extraction=typed, seen_revision=0, suggestion_id=3)
            change_rules(person_in(session, "local"), TASK, {"look_below": {FIRST.key: 0.5}})
            make_offer(
                person_in(session, "ada"), field=FIRST.key, old_value=COLON_VALUES[FIRST.key] or "", new_value="other"
            )
        yield Desk(settings, TASK, store)


@pytest.fixture(params=CHANGES)
def changed(desk: Desk, request: pytest.FixtureRequest) -> Desk:
    return replace(desk, task=CHANGES[request.param])


def exported(desk: Desk, form: Any, *, with_provenance: bool = True) -> bytes:
    with desk.store.reading() as session:
        choice = Choice(form, with_provenance=with_provenance)
        return b"".join(export_pieces(session, desk.task, choice))


def fields_of(task: Task, extraction: Extraction) -> bool:
    return tuple(extraction) == task.keys


def test_every_format_is_exported_and_the_same_as_before_once_the_task_is_back(desk: Desk, changed: Desk) -> None:
    lines = exported(desk, "jsonl")
    for form in (one for one in FORMATS if one != "spacy" or find_spec("spacy")):
        assert exported(changed, form)
        assert exported(changed, form, with_provenance=False)
    assert exported(desk, "jsonl") == lines
    told = exported(changed, "jsonl").decode()
    assert ('"not asked"' in told) == (NEW.key in changed.task.keys)
    assert ("by hand" in told) == (FIRST.key in changed.task.keys)


def test_training_and_what_else_reads_decisions_gets_todays_fields(changed: Desk) -> None:
    with changed.store.reading() as session:
        rows = [*training_rows(session, changed.task), *holdout_rows(session, changed.task)]
        rows += draft_rows(session, changed.task, 10)
        counted = acceptance(session, changed.task)
    assert len(rows) == 4
    assert all(fields_of(changed.task, row.extraction) for row in rows)
    assert set(counted["first"]) == set(changed.task.keys)


def test_every_note_opens_and_is_saved(changed: Desk) -> None:
    for number in range(1, 6):
        page = opening.page_for(changed, "ada", str(number))
        assert tuple(page["fields"]) == changed.task.keys
        assert past.list_events(changed, "ada", number)["steps"]
        sent = {"note": number, "revision": page["revision"], "suggestion": page["suggestion"], "draft": page["draft"]}
        sent |= {"values": {key: one["value"] for key, one in page["fields"].items()}}
        saving.keep(changed, "ada", saving.Draft(**sent))
        decision = saving.Decision(**sent, settled=changed.task.keys, status="submitted", token=f"a-token-{number}")
        assert saving.decide(changed, "ada", decision)["revision"] == page["revision"] + 1
    assert opening.next_pages(changed, "ada", 1, ())["notes"] == []
    assert set(opening.personal_settings(changed, "ada")["values"]) == set(changed.task.keys)


def test_a_decision_keeps_aside_what_is_not_asked(desk: Desk, changed: Desk) -> None:
    with desk.store.reading() as session:
        before = latest_annotation(session, 1)
    assert before is not None
    with changed.store.transaction() as session:
        reopen(person_in(session, "ada"), note_id=1, seen_revision=1, token="reopen-1")
        values = Extraction.from_stored(changed.task, before.extraction)
        save_draft(person_in(session, "ada"), note_id=1, extraction=values, seen_revision=2)
        decide(session, 1, 2, values=values)
    with desk.store.reading() as session:
        after = latest_annotation(session, 1)
    assert after is not None
    assert Extraction.from_stored(desk.task, after.extraction) == Extraction(desk.task, before.extraction)
    assert tuple(after.extraction)[: len(changed.task.keys)] == changed.task.keys


def test_many_at_once_and_several_reviewers(changed: Desk) -> None:
    with changed.store.transaction() as session:
        done = carry_out(person_in(session, "ada"), changed.task, action="skip", many=Many(ids=(4, 5)), bulk="b1")
        assert undo(person_in(session, "ada"), changed.task, bulk="b1").n_done == done.n_done > 0
        again = carry_out(person_in(session, "ada"), changed.task, action="reopen", many=Many(ids=(1, 2)), bulk="b2")
        assert undo(person_in(session, "ada"), changed.task, bulk="b2").n_done == again.n_done == 2
        set_overlap(person_in(session, "local"), Overlap(share=1.0, n_opinions=2))
        for by in ("ada", "bob"):
            values = Extraction.from_stored(changed.task, COLON_VALUES)
            decide(session, 4, 2, by=by, values=values)
        standing = latest_annotation(session, 4)
    assert standing is not None
    assert fields_of(changed.task, Extraction(changed.task, standing.extraction))


def test_the_screens_show_and_the_rules_can_be_changed(changed: Desk) -> None:
    with changed.store.reading() as session:
        found = progress.figures.keep_task_fields(changed.task, progress.outcomes(session))
        assert all(progress.show_suggestions(changed.task, session, found, ""))
        assert len(progress.show(changed, session, found)) == 7
    key = changed.task.keys[0]
    with changed.store.transaction() as session:
        change_rules(person_in(session, "local"), changed.task, {"look_below": {key: 0.25}})
        assert read_rules(session).look_below == {FIRST.key: 0.5, key: 0.25}
        assert isinstance(change_rules(person_in(session, "local"), changed.task, {"blind_share": 0.1}), Rules)


def test_an_engine_is_taught_what_was_reviewed(changed: Desk) -> None:
    taught: list[Extraction] = []

    class Learner:
        def learn(self, records: Any) -> None:
            taught.extend(extraction for _, extraction in records)

    Drafts(changed.store, changed.task).teach(Learner(), at_once=True)  # type: ignore[arg-type]
    assert [tuple(extraction) for extraction in taught] == [changed.task.keys] * 2


def test_it_is_said_what_the_store_holds_and_what_the_adapter_knows(desk: Desk, changed: Desk) -> None:
    def told(one: Desk) -> dict[tuple[str, str], str]:
        return {(finding.name, finding.state): finding.said for finding in examine(one.settings, one.task)}

    assert told(desk)["fields", "ok"] == "2 decisions and labels, all with the 7 fields of the task"
    assert ("adapter", "warn") not in told(desk)
    with desk.store.transaction() as session:
        figures = {"fields": {key: {"normalised": 0.5} for key in TASK.keys}}
        register_adapter(program_in(session), replace(get_adapter(session, "first"), metrics=figures))
    said = told(changed)
    if NEW.key in changed.task.keys:
        assert f"asks for {NEW.key} (missing in 2): null there" in said["fields", "warn"]
        assert f"without {NEW.key}" in said["adapter", "warn"]
    if FIRST.key not in changed.task.keys:
        assert f"does not ask for {FIRST.key} (held by 2): kept aside" in said["fields", "warn"]
        assert f"with {FIRST.key}, which the task does not ask for" in said["adapter", "warn"]
    assert read_status(changed).adapter_fit == said["adapter", "warn"]
    with desk.store.reading() as session:
        row = active_adapter(session)
        assert row is not None
        assert adapter_fit(row, desk.task) == ""
        assert store_fit(session, desk.task)[0]
    assert status.look(changed)["adapter"] == "first"


def test_what_comes_from_outside_must_have_just_the_fields(changed: Desk) -> None:
    with pytest.raises(TaskError, match="Expected exactly the fields"):
        Extraction(changed.task, COLON_VALUES)
    with changed.store.reading() as session:
        assert session.execute(sa.text(COUNT)).scalar_one() == 5
