"""What the screens say, without a browser: figures, verdicts and states, whatever they are made from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.access.guard import LOCAL_REVIEWER
from app.core.adapters import WEIGHTS
from app.core.desk import Desk
from app.core.rules import Rules, change_rules
from app.core.settings import Settings, prepare_home
from app.screens import status
from app.screens.charts.plots import line_chart
from app.screens.export import export
from app.screens.markup import try_action
from app.screens.progress import progress
from app.screens.review.note import note as opening
from app.screens.training import material, verdict
from app.screens.training import training as train
from app.training.foresight import foresee
from app.training.material import N_NEAR_DUPLICATES
from app.training.requests import run_directory
from data.grounding.evidence import Grounded
from data.notes import make_note
from data.suggestion import Grounding, Span
from data.task import Extraction
from db.notes.notes import add_notes, get_note
from db.notes.suggestions import add_suggestion, suggestion_of
from db.review.decisions import open_review, submit
from db.review.drafts import save_draft
from db.review.figures.statistics import outcomes
from db.store.heartbeats import HeartbeatRow
from db.training.adapters import AdapterRow, active_adapter, register_adapter
from db.training.runs import add_evaluation, create_run, list_runs, update_run
from tests.app.screens.test_ui_marks import Reader
from tests.kit.compared import ALL, NONE, judged
from tests.kit.desk.desk_store import (
    BREAST,
    BREAST_VALUES,
    COLON,
    COLON_VALUES,
    HOSTILE,
    MELANOMA,
    TASK,
    empty_values,
    make_store,
    suggestion,
)
from tests.kit.desk.permits import person_in, program_in
from tests.kit.people import add_people

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HARM = HOSTILE[0]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    prepare_home(settings)
    with make_store(tmp_path, [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES), (MELANOMA, None)]) as store:
        yield Desk(settings, TASK, store)


def decide(desk: Desk, note_id: int, state: str = "submitted", **changes: str | None) -> None:
    with desk.store.transaction() as session:
        seen = open_review(session, note_id, LOCAL_REVIEWER)
        submit(
            person_in(session, LOCAL_REVIEWER),
            note_id=note_id,
            status=state,  # type: ignore[arg-type]
            extraction=Extraction(TASK, {**(seen.values or empty_values()), **changes}),
            seen_revision=seen.revision,
            suggestion_id=seen.suggestion.id if seen.suggestion else None,
            token=f"token-{note_id}-{seen.revision}",
        )


def text(markup: str) -> str:
    return " ".join(Reader(markup).text.split())


def score(share: float) -> dict[str, object]:
    return {
        "n_notes": 50,
        "macro": {"exact": share, "normalised": share, "f1": share},
        "fields": {key: {"normalised": share} for key in TASK.keys},
    }


def test_confidence_is_told_in_words(desk: Desk) -> None:
    with desk.store.reading() as session:
        row = suggestion_of(session, 1)
    assert row is not None
    there, absent = Grounded((), Grounding.EXACT), Grounded((), Grounding.NOT_FOUND)
    assert opening.confidence_word(row, "stage", there, Rules()) == "sure"
    assert opening.confidence_word(row, "stage", None, Rules()) == "sure"  # null needs no evidence
    assert opening.confidence_word(row, "stage", absent, Rules()) == "look"  # however sure the model is
    row.confidence["stage"] = 0.5
    assert opening.confidence_word(row, "stage", there, Rules()) == "look"
    assert opening.confidence_word(row, "stage", there, Rules(look_below={"stage": 0.4})) == "fair"


def test_the_screen_says_how_each_value_rests_on_its_note(desk: Desk) -> None:
    with desk.store.transaction() as session:
        text = f"{BREAST} Hepatic metastases."
        (number,) = add_notes(program_in(session), [make_note(TASK, text)]).note_ids
        values = {**empty_values(), "treatment": "letrozole; cisplatin", "metastasis_site": "liver", "stage": "IV"}
        suggested = suggestion(text, values)
        kept = replace(
            suggested,
            evidence={"stage": (Span(3, 5),), "treatment": ()},
            grounding={"stage": Grounding.FUZZY, "treatment": Grounding.NOT_FOUND},
            alternatives={"stage": ("III", None)},
        )
        add_suggestion(program_in(session), number, kept)
        save_draft(
            person_in(session, LOCAL_REVIEWER),
            note_id=number,
            extraction=Extraction(TASK, {**values, "treatment": "letrozole", "metastasis_site": "bone; brain"}),
            seen_revision=0,
        )
    page = opening.page_for(desk, LOCAL_REVIEWER, str(number))
    fields = page["fields"]
    as_kept = {"IV": {"kind": "fuzzy", "missing": [], "denied": []}}  # not found anew
    assert fields["stage"]["grounding"] == as_kept
    assert fields["stage"]["alternatives"] == ["III", None]
    assert f">{text[3:5]}</mark>" in page["html"]
    assert fields["treatment"]["grounding"] == {
        "letrozole; cisplatin": {"kind": "not_found", "missing": ["cisplatin"], "denied": []},
        "letrozole": {"kind": "exact", "missing": [], "denied": []},
    }
    assert fields["treatment"]["word"] == "look"
    assert fields["metastasis_site"]["grounding"] == {
        "liver": {"kind": "synonym", "missing": [], "denied": []},
        "bone; brain": {"kind": "not_found", "missing": ["brain"], "denied": []},
    }
    assert fields["response"]["grounding"] == {}


def test_the_review_screen_tells_where_one_is(desk: Desk) -> None:
    page = opening.page_for(desk, LOCAL_REVIEWER, "")
    assert page["note"] == 1
    assert "1 of 3 to review" in text(page["heading"])
    assert text(page["html"]) == BREAST
    assert {key: field["value"] for key, field in page["fields"].items()} == BREAST_VALUES
    assert (page["comment"], page["settled"]) == ("", [])
    first, second = opening.next_pages(desk, LOCAL_REVIEWER, 1, [])["notes"]
    assert [first["note"], second["note"]] == [2, 3]
    assert "2 of 3 to review" in text(first["heading"])
    assert "3 of 3 to review" in text(second["heading"])
    assert [one["note"] for one in opening.next_pages(desk, LOCAL_REVIEWER, 1, [2])["notes"]] == [3]
    decide(desk, 1)
    decide(desk, 2, "skipped")
    assert "3 of 3 to review" in text(opening.page_for(desk, LOCAL_REVIEWER, "")["heading"])
    assert "1 left to review" in text(opening.page_for(desk, LOCAL_REVIEWER, "1")["heading"])
    assert "no suggestion yet" in text(opening.page_for(desk, LOCAL_REVIEWER, "3")["heading"])
    decide(desk, 3)
    assert opening.next_pages(desk, LOCAL_REVIEWER, 1, [])["notes"] == []
    said = text(opening.page_for(desk, LOCAL_REVIEWER, "")["html"])
    assert "Nothing left to review.2 reviewed. 1 skipped or flagged" in said


@pytest.mark.parametrize("number", ["99", "-1", "٣", "1; drop", "9" * 30, "0"])
def test_a_note_that_is_not_there_is_no_fault(desk: Desk, number: str) -> None:
    assert opening.page_for(desk, LOCAL_REVIEWER, number)["note"] in (None, 1)


def test_progress_tells_what_became_of_the_suggestions(desk: Desk) -> None:
    decide(desk, 1, stage="II", response=None, gene_mutation="TP53")
    with desk.store.transaction() as session:
        for name, share in (("first", 0.5), (HARM, 0.625)):
            add_evaluation(
                program_in(session),
                adapter=name,
                run_id=None,
                data_fingerprint="0" * 64,
                n_notes=50,
                metrics=score(share),
            )
    with desk.store.reading() as session:
        counted, per_day, _, scored, accepted, _, agreed = progress.show(desk, session, outcomes(session))
    assert "1 reviewed" in text(counted).replace("1reviewed", "1 reviewed")
    assert "1 note reviewed between" in per_day
    assert [title in accepted for title in ("edited: 1", "cleared: 1", "added: 1")] == [True] * 3
    assert "Every note has one reviewer" in agreed
    assert "62.5 %" in text(scored)
    assert "<img" not in scored


def test_progress_tells_the_shares_that_feed_its_empty_cards(desk: Desk) -> None:
    decide(desk, 1)
    with desk.store.transaction() as session:
        change_rules(person_in(session, "ada"), TASK, {"blind_share": 0.02, "seeded_share": 0.015})
    with desk.store.reading() as session:
        _, _, minutes, _, _, wrong, _ = progress.show(desk, session, outcomes(session))
    assert "2 % of the notes are shown blind now" in text(minutes)
    assert "1.5 % of the notes are given a wrong value now" in text(wrong)


def test_progress_says_what_to_do_before_the_first_note(desk: Desk) -> None:
    with desk.store.reading() as session:
        shown = [*progress.show(desk, session, []), *progress.show_suggestions(TASK, session, [], "")]
    assert "Open Review and save the first note" in shown[1]
    assert [bool(card) for card in shown] == [True, True, False, True, False, False, True, False, False]


def test_a_runs_verdict_is_shown_per_field_with_its_curve(desk: Desk) -> None:
    run, runs = map(text, train.show(desk, None)[-2:])
    assert ("No run yet" in run, "None yet." in runs) == (True, True)
    with desk.store.transaction() as session:
        run = create_run(person_in(session, HARM), config={})
        directory = run_directory(desk.settings, run.id)
        directory.mkdir(parents=True)
        log = [{"step": step, "loss": 2.0 / step, "eval_loss": 2.5 / step} for step in range(1, 9)]
        (directory / "log.jsonl").write_text("\n".join(map(json.dumps, log)) + '\n{"step": 9, "lo')
        (directory / "progress.json").write_text(
            json.dumps({"state": "training", "step": 3, "n_steps": 8, "loss": 0.7, "eta_s": 200, "message": HARM})
        )
        update_run(program_in(session), run.id, status="running", directory=str(directory))
    current = train.show(desk, None)[-2]
    assert "step 3 of 8, loss 0.700, 3 min to go" in text(current)
    assert "<polyline" in current
    assert "<img" not in "".join(part for part in train.show(desk, None) if isinstance(part, str))
    decision = judged(50, [(ALL, 25), (NONE, 0)], [(ALL, 20), (NONE, 0)])
    with desk.store.transaction() as session:
        metrics = {"old": score(0.5), "new": score(0.4)}
        update_run(
            program_in(session), run.id, status="finished", adapter="second", gate=decision.to_json(), metrics=metrics
        )
        first = active_adapter(session)
        assert first is not None
        row = AdapterRow(
            name="second",
            path="./adapters/second",
            base="embedded",
            base_revision=None,
            prompt_version=1,
            weights_sha256="1" * 64,
        )
        register_adapter(program_in(session), row)
    assert "Its verdict is below" in text(train.show(desk, None)[-2])
    shown = "".join(part for part in verdict.show(desk, None, "") if isinstance(part, str))
    assert text(decision.sentence) in text(shown)
    assert text(shown).count("50.0 %") >= len(TASK.fields)
    gone = try_action(lambda: train.activate_adapter(desk, LOCAL_REVIEWER, "second", "for a comparison"))
    assert "are missing from" in text(gone)
    (desk.settings.adapters / "second").mkdir()
    (desk.settings.adapters / "second" / WEIGHTS).touch()
    refused = try_action(lambda: train.activate_adapter(desk, LOCAL_REVIEWER, "second", " "))
    assert "did not pass its gate" in text(refused)
    assert "second is active" in train.activate_adapter(desk, LOCAL_REVIEWER, "second", "for a comparison")
    assert "first is active again" in train.roll_back(desk, LOCAL_REVIEWER, "")


def test_what_a_run_would_learn_from_leaves_the_hold_out_out(desk: Desk) -> None:
    gold = Extraction(TASK, COLON_VALUES)
    labelled = [make_note(TASK, f"{COLON} Patient {number}.", gold=gold) for number in range(60)]
    n_train = sum(note.split == "train" for note in labelled)
    assert 0 < n_train < 60
    with desk.store.transaction() as session:
        add_notes(program_in(session), labelled)
    assert foresee(desk, patience_s=60)
    said = text(material.material_html(desk))
    assert f"{n_train} originals that came with labels and 0 reviewed notes" in said
    assert f"{60 - n_train} labelled note" in said
    found = f"{n_train} notes are left out of training: near duplicates of hold-out notes."
    assert found in said, "before any run was asked for"
    assert isinstance(material.awaited_html(desk, said), dict), "nothing new"
    assert found in text(material.awaited_html(desk, material.AWAITED))
    with desk.store.transaction() as session:
        create_run(person_in(session, LOCAL_REVIEWER), config={N_NEAR_DUPLICATES: n_train})
        create_run(person_in(session, LOCAL_REVIEWER), config={})  # it waits: nothing is known of it yet
        runs = list_runs(session)
    assert [found in text(train.run_html(desk, run)) for run in sorted(runs, key=lambda run: run.id)] == [1, 0]
    under_way = replace(min(runs, key=lambda run: run.id), status="running")
    run_directory(desk.settings, under_way.id).mkdir(parents=True)
    counts = {"n_too_long": 2, "n_refused": 0, "max_tokens": 2048}
    (run_directory(desk.settings, under_way.id) / "left_out.json").write_text(json.dumps(counts))
    assert "they have more than 2,048 tokens" in text(train.run_html(desk, under_way)), "as soon as it is counted"
    decide(desk, 1)
    with desk.store.reading() as session:
        learned = get_note(session, 1).split == "train"
    assert (f"1 reviewed note, {int(learned)} of them since" in text(material.material_html(desk))) == learned


def test_the_export_shows_how_it_begins(desk: Desk) -> None:
    assert "Nothing is reviewed yet" in export.show(desk)
    decide(desk, 1, stage=HARM)
    shown = export.show(desk, "jsonl", ["text", "metadata", "provenance"])
    assert 'href="/export/jsonl?with_provenance=1"' in shown
    assert "<img" not in shown
    assert HARM.replace('"', '\\"') in text(shown)
    assert "id,input" in export.show(desk, "csv")


def test_a_reviewer_sees_nothing_of_an_export(desk: Desk) -> None:
    decide(desk, 1)
    add_people(desk.store, {"Ann Lee": "admin", "bob": "lead", "kim": "reviewer"})
    assert text(export.show(desk, by="kim")).strip() == "Only leads may export; kim is a reviewer. Ask a lead."
    assert "1 reviewed note" in text(export.show(desk, by="bob"))


def test_the_export_counts_under_its_filters(desk: Desk) -> None:
    decide(desk, 1)
    decide(desk, 2, stage="IV")
    decide(desk, 3, "flagged")
    assert "2 reviewed notes" in text(export.show(desk))
    assert "1 reviewed note" in text(export.show(desk, only=["corrected"]))
    assert "3 notes" in text(export.show(desk, only=["flagged"]))
    assert "No note matches" in export.show(desk, reviewer=HARM)
    assert "No note matches" in export.show(desk, until="2020-01-01")
    assert "Expected a day such as 2026-01-31" in export.show(desk, since="yesterday")
    assert "at least one field" in export.show(desk, fields=[])
    only_stage = export.show(desk, "label-studio", fields=["stage"])
    assert 'href="/export/label-studio?fields=stage"' in only_stage
    assert 'href="/export/label-studio.xml?fields=stage"' in only_stage
    bare = export.show(desk, "parquet", tell=[])
    assert BREAST[:20] not in text(bare)
    assert "not yet anonymous" in text(bare)


@pytest.mark.parametrize(
    ("said", "age_s", "state"),
    [
        ("idle", 1, "idle"),
        ("busy", 1, "busy"),
        ("loading", 1, "busy"),
        ("failed: Expected a model; found none.", 1, "failed"),
        ("stopped", 1, "absent"),
        ("idle", 3600, "absent"),
    ],
)
def test_the_worker_is_told_in_a_word(said: str, age_s: int, state: str) -> None:
    beat = HeartbeatRow("worker", {"state": said, "n_done": 2}, NOW - timedelta(seconds=age_s))
    assert status.worker(beat, NOW)[0] == state
    assert status.worker(None, NOW)[0] == "absent"


def test_charts_take_nothing_one_point_and_equal_values() -> None:
    assert line_chart({"loss": []}, x="step", y="loss") == ""
    assert "<circle" in line_chart({"loss": [(3, 1.0)]}, x="step", y="loss")
    assert "nan" not in line_chart({"loss": [(1, 0.0), (2, 0.0)]}, x="step", y="loss").lower()
    assert "<script" not in line_chart({"<script>": [(1, 1)]}, x="<script>", y="<script>")
