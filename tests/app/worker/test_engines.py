"""Which engine suggests: switched to another adapter without the base, and taught what was reviewed."""

from __future__ import annotations

import pytest

from app.core.adapters import described_adapter, ensure_adapter
from app.core.settings import SettingsError, load_settings
from app.worker.engines import N_DRAFTS, Drafts, load_engine
from data.storage.files import sha256_of
from db.review.reviewed import count_labelled, draft_rows
from db.training.adapters import AdapterRow, register_adapter
from tests.kit.desk.permits import program_in
from tests.kit.desk.stores import TASK as TWO_FIELDS
from tests.kit.desk.stores import add, decide, empty_session, extraction
from tests.kit.desk.stores import file_store as store
from tests.kit.tiny import shared_tiny, tiny_adapter, tiny_rows
from trainer.adapter.files import ModelError

__all__ = ["empty_session", "store"]


@pytest.fixture
def desk(tiny_home):
    with tiny_home.desk() as desk:
        ensure_adapter(desk.settings, desk.store)
        yield desk


def other(desk, name="second"):
    place = tiny_adapter(shared_tiny().base, desk.settings.adapters / name, name=name, seed=7)
    weights = sha256_of(place / "adapter_model.safetensors")
    row = AdapterRow(name, str(place), str(shared_tiny().base), None, 1, weights)
    with desk.store.transaction() as session:
        register_adapter(program_in(session), row)
    return row


def test_switching_adapters_keeps_the_base(desk):
    texts = [row.text for row in tiny_rows(8)]
    first = load_engine(desk.settings, described_adapter(desk.settings), desk.task)
    row = other(desk)
    second = load_engine(desk.settings, row, desk.task, first)
    assert second._shared is first._shared, "the base was not loaded again"
    fresh = load_engine(desk.settings, row, desk.task)
    assert [one.raw_reply for one in second.suggest(texts)] == [one.raw_reply for one in fresh.suggest(texts)]
    assert second.adapter == "second"


def test_a_base_that_was_unpacked_for_one_adapter_is_loaded_again(desk, monkeypatch):
    first = load_engine(desk.settings, described_adapter(desk.settings), desk.task)
    monkeypatch.setattr(type(first._forward), "takes_others", False)
    second = load_engine(desk.settings, other(desk), desk.task, first)
    assert second._shared is not first._shared


def test_a_damaged_adapter_is_named_when_switching(desk):
    first = load_engine(desk.settings, described_adapter(desk.settings), desk.task)
    row = other(desk)
    (desk.settings.adapters / "second" / "adapter_model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(ModelError, match=r"Expected the digest \w+… of .*adapter_model.safetensors"):
        load_engine(desk.settings, row, desk.task, first)


def test_drafts_are_the_newest_decisions_before_the_originals(empty_session):
    session = empty_session
    notes = add(session, 4, gold=extraction(first="gold"))
    decide(session, notes[2], 0, values=extraction(first="early"))
    decide(session, notes[0], 0, values=extraction(first="late"))
    rows = draft_rows(session, TWO_FIELDS, 3)
    assert [dict(row.extraction)[TWO_FIELDS.keys[0]] for row in rows] == ["late", "early", "gold"]
    assert [row.source for row in rows] == ["annotation", "annotation", "original"]


def test_a_flagged_note_is_no_draft(empty_session):
    session = empty_session
    notes = add(session, 2, gold=extraction(first="gold"))
    decide(session, notes[0], 0, status="flagged", comment="odd")
    assert len(draft_rows(session, TWO_FIELDS, 10)) == 1


def test_an_engine_is_taught_anew_only_when_something_was_decided(store):
    class Pupil:
        def __init__(self):
            self.lessons = []

        def learn(self, records):
            self.lessons.append(len(list(records)))

    drafts, pupil = Drafts(store, TWO_FIELDS), Pupil()
    with store.transaction() as session:
        notes = add(session, 3)
        decide(session, notes[0], 0)
    drafts.teach(pupil, at_once=True)
    drafts.teach(pupil)
    drafts._taught = float("-inf")
    drafts.teach(pupil)
    with store.transaction() as session:
        decide(session, notes[1], 0)
        assert count_labelled(session) > 0
    drafts._taught = float("-inf")
    drafts.teach(pupil)
    assert pupil.lessons == [1, 2]
    drafts.teach(object())  # a served engine has nothing to learn
    assert N_DRAFTS > 100


@pytest.mark.parametrize("chosen", ["nf4", "bf16", "fp32", "int8"])
def test_weights_are_chosen_by_name(chosen):
    assert load_settings({"CASELOOP_WEIGHTS": chosen}).weights == chosen


def test_other_weights_are_refused():
    with pytest.raises(SettingsError, match="Expected nf4, bf16, fp32 or int8"):
        load_settings({"CASELOOP_WEIGHTS": "int4"})
