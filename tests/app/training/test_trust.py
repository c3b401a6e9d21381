"""An adapter that came without curves: nothing is sure until the first reviewed notes say how sure it may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.access.guard import LOCAL_REVIEWER
from app.core.adapters import ensure_adapter, weights_place
from app.core.desk import Desk
from app.importing.load import import_files
from app.operations.status import read_status
from app.screens.progress.progress import show
from app.screens.queue import queue
from app.screens.review.note import note as opening
from app.screens.review.saving.saves import Decision, decide
from app.worker.calibration import (
    apply_kept_curves,
    hand_over,
    keep_curves,
    keep_measured,
    kept_curves,
    key_of,
    name_weights,
    trust_in,
)
from app.worker.prefill import Prefill
from app.worker.refitting import Refitting, refit
from data.evaluation.calibration import MIN_NOTES, Calibration, Curve
from data.task import TaskError
from db.notes.notes import add_notes
from db.notes.queue.search import Filters, count_notes, search_notes
from db.notes.samples import remove_samples
from db.notes.suggestions import add_suggestion, suggestion_of
from db.review.decisions import submit
from db.review.figures.judged import count_judged, read_judged_rows
from db.store.store import Session
from db.training.adapters import AdapterRow
from tests.kit.desk import stores
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import FIRST, empty_session, extraction, note, store, suggestion
from tests.kit.homes import Home, write_notes
from tests.kit.tiny import tiny_rows

__all__ = ["empty_session", "store"]

ROWS = tiny_rows(16)


@pytest.fixture
def desk(tiny_home: Home, tmp_path: Path) -> Iterator[Desk]:
    """Sixteen notes, the first twelve with suggestions of an adapter without curves."""
    with tiny_home.desk() as desk:
        ensure_adapter(desk.settings, desk.store)
        import_files(desk.store, desk.task, [write_notes(tmp_path / "notes.jsonl", [row.text for row in ROWS])])
        yield desk


def review(desk: Desk, number: int) -> None:
    with desk.store.transaction() as session:
        found = suggestion_of(session, number)
        assert found is not None
        submit(
            person_in(session, "ada"),
            note_id=number,
            status="submitted",
            extraction=ROWS[number - 1].extraction,
            seen_revision=0,
            token=f"t-{number}",
            suggestion_id=found.id,
        )


def test_nothing_is_sure_until_reviewed_notes_say_so(desk: Desk) -> None:
    worker = Prefill(desk)
    worker.run(12)
    assert worker._adapter is not None
    assert worker._engine is not None
    adapter, engine = worker._adapter, worker._engine
    place = Path(weights_place(desk.settings, adapter))
    before = {path.name: path.stat().st_mtime_ns for path in place.iterdir()}

    _is_asked_about(desk)
    for number in range(1, MIN_NOTES):
        review(desk, number)
    assert refit(desk, adapter) is None
    review(desk, MIN_NOTES)
    Refitting(desk).turn(adapter, engine)
    fitted = kept_curves(desk.settings, adapter)
    assert fitted is not None
    assert (fitted.n_notes, fitted.adapter) == (MIN_NOTES, adapter.name)
    assert (desk.settings.home / "calibrations" / f"{adapter.weights_sha256}.json").is_file()
    assert {path.name: path.stat().st_mtime_ns for path in place.iterdir()} == before  # it may be read-only
    assert refit(desk, adapter) is None  # nothing new

    with desk.store.reading() as session:
        stored = suggestion_of(session, 12)
        assert stored is not None
        now = fitted.confidence(stored.extraction, stored.raw_confidence, stored.grounding)
        assert stored.is_raw  # a suggestion is never changed
        assert apply_kept_curves(desk.settings, session, stored).confidence == now
        assert [row.is_raw for row in search_notes(session) if row.id in (11, 12)] == [False, False]
    page = opening.page_for(desk, LOCAL_REVIEWER, "12")
    assert {key: field["confidence"] for key, field in page["fields"].items()} == now
    assert not any(field["raw"] for field in page["fields"].values())
    worker.run()
    with desk.store.reading() as session:
        later = suggestion_of(session, 16)
        assert later is not None
        assert later.confidence == fitted.confidence(later.extraction, later.raw_confidence, later.grounding)
    trust = read_status(desk).trust
    assert trust is not None
    assert trust.sentence == f"Confidence is calibrated on {MIN_NOTES} labelled notes."


def _is_asked_about(desk: Desk) -> None:
    """Whether everything that the adapter suggested for note 12 asks to be looked at, and says why."""
    page = opening.page_for(desk, LOCAL_REVIEWER, "12")
    assert {field["word"] for field in page["fields"].values()} == {"look"}
    assert all(field["raw"] for field in page["fields"].values())
    assert "not calibrated" in page["heading"]
    assert page["caution"] == "The adapter's confidence is not calibrated yet; check every field."
    asked = Decision(
        note=12, revision=0, suggestion=page["suggestion"], status="submitted", token="too hasty", settled=[],
        values={key: field["value"] for key, field in page["fields"].items()},
    )  # fmt: skip
    with pytest.raises(TaskError, match="asks to be looked at"):
        decide(desk, LOCAL_REVIEWER, asked)
    assert "raw" in queue.show(desk, LOCAL_REVIEWER, queue.FIRST)[2]
    with desk.store.reading() as session:
        assert count_notes(session, Filters(sure_below=0.9)) == 12
        shown = search_notes(session, order="confidence")[:12]
        assert all(row.is_raw for row in shown)
        assert [row.min_confidence for row in shown] == sorted(row.min_confidence or 0 for row in shown)
        assert "not calibrated" in show(desk, session, [])[3]
    status = read_status(desk)
    assert status.to_json()["confidence"] == {"calibrated": False, "n_notes": 0, "n_judged": 0}


def curves(n_notes: int, share: float = 0.6) -> Calibration:
    return Calibration(n_notes, "some", {"value": Curve(((0.0, share),))}, {})


def test_curves_are_kept_by_what_the_weights_are(desk: Desk) -> None:
    settings = desk.settings
    hub = AdapterRow("theirs", "owner/name", "owner/base", None, 1, "")
    assert key_of(settings, hub).startswith("name-")
    name_weights(settings, hub, "a" * 64, curves(500))
    assert key_of(settings, hub) == "a" * 64
    with desk.store.reading() as session:
        trust = trust_in(settings, session, hub)
        assert trust is not None
        assert trust.n_notes == 500  # those that came with it
    assert keep_curves(settings, key_of(settings, hub), curves(30))
    assert not keep_curves(settings, key_of(settings, hub), curves(20))
    assert kept_curves(settings, hub) == curves(30)
    name_weights(settings, hub, "b" * 64, None)  # another release under the same name
    assert kept_curves(settings, hub) is None
    (settings.home / "calibrations" / f"{'a' * 64}.json").write_text("{")
    assert kept_curves(settings, replace(hub, weights_sha256="a" * 64)) is None
    assert key_of(settings, replace(hub, weights_sha256="../../elsewhere")).startswith("name-")


def test_what_a_run_knows_of_the_old_adapter_is_kept_and_handed_on(desk: Desk, tmp_path: Path) -> None:
    adapter = ensure_adapter(desk.settings, desk.store)
    told = tmp_path / "old_calibration.json"
    keep_measured(desk.settings, told)  # a run with too few notes has none
    told.write_text(json.dumps({**curves(40).to_json(), "weights_sha256": adapter.weights_sha256}))
    keep_measured(desk.settings, told)
    assert kept_curves(desk.settings, adapter) == curves(40)
    hand_over(desk.settings, adapter, tmp_path / "parent.json")
    assert Calibration.from_json(json.loads((tmp_path / "parent.json").read_text())) == curves(40)


def of(session: Session, text: str = "", *, split: str = "train", **settings: object) -> int:
    """A note of its own on a side of the hold-out, with a suggestion of `first`."""
    made = [note(number, text=f"{text}{number} of a kind.", **settings) for number in range(60)]  # type: ignore[arg-type]
    (number,) = add_notes(program_in(session), [next(one for one in made if one.split == split)]).note_ids
    return number


def test_only_what_the_adapter_cannot_have_known_is_fitted_on(empty_session: Session) -> None:
    session = empty_session
    fresh, again = of(session, "fresh "), of(session, "again ")
    held = of(session, "held out ", split="holdout", gold=extraction(first="lung"))
    known = of(session, "with labels ", gold=extraction(first="lung"))
    (sample,) = add_notes(program_in(session), [replace(note(0, text="A made-up case."), origin="sample")]).note_ids
    stores.decide(session, again, 0)  # decided, perhaps learned from, and only then suggested for
    for number in (fresh, held, known, again, sample):
        add_suggestion(program_in(session), number, suggestion())
        stores.decide(session, number, 1 if number == again else 0)
    assert count_judged(session, "first") == 2
    found = read_judged_rows(session, "first", 10)
    assert [one.decided[FIRST] for one in found] == ["decided", "decided"]
    assert found[0].raw_confidence == suggestion().raw_confidence
    assert count_judged(session, "second") == 0
    remove_samples(person_in(session, "local"))
    assert count_judged(session, "first") == 2
