"""A suggested value that the note does not hold stays out of the form, wherever a form is begun, shown or compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access.guard import LOCAL_REVIEWER
from app.core.desk import Desk
from app.core.rules import Rules
from app.core.settings import Settings
from app.screens.review.note.note import Shown
from app.screens.review.saving.trials import apply_trial
from data.corrections import compare
from data.cutoffs import Cutoffs
from data.evaluation.calibration import VALUE, Calibration, Curve
from data.grounding.evidence import ground
from data.prefill.withholding import Reason, find_withheld, form_values, why_withheld
from data.suggestion import Grounding, Suggestion
from data.task import Extraction
from db.notes.suggestions import add_suggestion, suggestion_of
from db.review.bulk import Many, carry_out
from db.review.decisions import Review, open_review
from db.review.figures.statistics import outcomes
from db.review.reviewed import history
from db.store.store import Store
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, TASK, put_notes, suggestion
from tests.kit.desk.desk_web import form, store, web
from tests.kit.desk.permits import person_in, program_in
from trainer.engine.suggestion import Answer, make_suggestion

__all__ = ["store", "web"]

INVENTED: dict[str, str | None] = {**BREAST_VALUES, "gene_mutation": "POLQ R12H", "response": "mixed response"}
IN_FORM = {**INVENTED, "gene_mutation": None, "response": None}


def put(store: Store, confidence: float = 0.6, **more: Any) -> int:
    """A note of which the model invented a gene and a response; its number."""
    (number,) = put_notes(store, [(BREAST, None)])
    with store.transaction() as session:
        text = open_review(session, number, LOCAL_REVIEWER).note.text
        found = ground(TASK, text, Extraction(TASK, INVENTED))
        kinds = {key: one.grounding for key, one in found.items()}
        made = replace(suggestion(text, INVENTED, confidence=confidence), grounding=kinds, **more)
        add_suggestion(program_in(session), number, made)
    return number


def page(web: TestClient, number: int) -> dict[str, Any]:
    shown = web.get("/review", params={"note": number})
    assert shown.status_code == 200
    return dict(shown.json())


def values(shown: dict[str, Any]) -> dict[str, str | None]:
    return {key: field["value"] for key, field in shown["fields"].items()}


@pytest.mark.parametrize(
    ("grounding", "confidence", "expected"),
    [
        (Grounding.NOT_FOUND, 1.0, Reason.NOT_FOUND),
        (Grounding.NOT_FOUND, 0.1, Reason.NOT_FOUND),
        (Grounding.INFERRED, 0.59, Reason.UNSURE),
        (Grounding.INFERRED, 0.6, None),
        (Grounding.INFERRED, None, Reason.INFERRED),
        (Grounding.SYNONYM, 0.59, Reason.UNSURE),
        (Grounding.FUZZY, 0.6, None),
        (Grounding.EXACT, 0.59, Reason.UNSURE),
        (Grounding.EXACT, None, None),
        (None, 0.0, None),
    ],
)
def test_what_is_put_into_a_form(
    grounding: Grounding | None, confidence: float | None, expected: Reason | None
) -> None:
    assert why_withheld(grounding, confidence, takes=0.6) == expected


def test_each_field_takes_its_values_from_its_own_confidence_on() -> None:
    made = suggestion(BREAST, BREAST_VALUES, confidence=0.6)
    found = {key: one.grounding for key, one in ground(TASK, BREAST, made.extraction).items()}
    cutoffs = Cutoffs(100, dict.fromkeys(TASK.keys, 0.6) | {"stage": 0.61})
    made = replace(made, grounding=found, cutoffs=cutoffs, raw_confidence=dict.fromkeys(TASK.keys, 0.7))
    assert form_values(TASK, lambda: BREAST, made) == {**BREAST_VALUES, "stage": None}
    # Outside what the adapter knows no confidence is higher than a half, and the form is as full as elsewhere.
    outside = replace(made, times_longest=2.0, confidence=dict.fromkeys(TASK.keys, 0.5))
    assert form_values(TASK, lambda: BREAST, outside) == BREAST_VALUES


def test_an_older_suggestion_is_looked_for_in_its_note() -> None:
    made = suggestion(BREAST, INVENTED, confidence=0.6)
    assert made.grounding == {}
    assert form_values(TASK, lambda: BREAST, made) == IN_FORM
    sure = replace(made, confidence=dict.fromkeys(TASK.keys, 0.95))
    assert form_values(TASK, lambda: BREAST, sure) == IN_FORM  # no rule makes a partial response a mixed one
    raw = replace(sure, raw_confidence=sure.confidence)  # which is no confidence
    assert form_values(TASK, lambda: BREAST, raw) == IN_FORM


def test_the_form_begins_without_what_the_note_does_not_hold(store: Store, web: TestClient) -> None:
    number = put(store)
    shown = page(web, number)
    assert values(shown) == IN_FORM
    left_out = {key: field["withheld"] for key, field in shown["fields"].items() if field["withheld"]}
    assert left_out == {"gene_mutation": "not_found", "response": "not_found"}
    gene = shown["fields"]["gene_mutation"]
    assert gene["suggested"] == "POLQ R12H"
    assert gene["grounding"]["POLQ R12H"]["kind"] == "not_found"
    with store.reading() as session:
        stored = suggestion_of(session, number)
        assert stored is not None
        assert stored.extraction == INVENTED


def test_a_value_that_is_too_unsure_is_not_called_missing(store: Store, web: TestClient) -> None:
    text = "A 61-year-old man with metastatic melanoma of the left arm, BRAF V600E. He began dabrafenib."
    said = {**dict.fromkeys(TASK.keys), "cancer_type": "melanoma", "stage": "IV", "gene_mutation": "KRAS G12C"}
    (number,) = put_notes(store, [(text, None)])
    with store.transaction() as session:
        found = ground(TASK, text, Extraction(TASK, said))
        made = suggestion(text, said, confidence=0.4)
        made = replace(made, grounding={key: one.grounding for key, one in found.items()})
        raw = dict.fromkeys(TASK.keys, 0.5)
        add_suggestion(program_in(session), number, replace(made, raw_confidence=raw))
    fields = page(web, number)["fields"]
    assert {key: fields[key]["withheld"] for key in TASK.keys if said[key]} == {
        "cancer_type": "unsure",
        "stage": "unsure",
        "gene_mutation": "not_found",
    }
    rule = "Distant metastases of a solid tumour are stage IV."
    assert fields["stage"]["grounding"]["IV"] == {"kind": "inferred", "missing": ["IV"], "denied": [], "rule": rule}
    assert "rule" not in fields["cancer_type"]["grounding"]["melanoma"]
    # Where nobody knows how sure the adapter is, what only follows stays out, and what stands in the note is put in.
    rated = replace(made, confidence=raw, raw_confidence=raw)
    assert find_withheld(TASK, lambda: text, rated) == {"stage": Reason.INFERRED, "gene_mutation": Reason.NOT_FOUND}


def test_a_save_takes_the_empty_fields_as_they_stand(store: Store, web: TestClient) -> None:
    number = put(store, 0.95)
    with store.reading() as session:
        stored = suggestion_of(session, number)
        assert stored is not None
        assert set(stored.confidence.values()) == {0.95}
    decision = {**form(store, number), "values": IN_FORM, "status": "submitted", "token": "token-empty"}
    assert web.post("/decisions", json={**decision, "settled": []}).status_code == 200
    with store.reading() as session:
        (kept,) = history(session, number)
        done = {one.field: one.kind for one in outcomes(session) if one.n}
    # The adapter was wrong there, whoever left the field empty.
    assert kept.extraction == IN_FORM
    assert done["gene_mutation"] == done["response"] == "cleared"
    assert compare(TASK, Extraction(TASK, INVENTED), Extraction(TASK, IN_FORM))["stage"] == "accepted"


def test_a_draft_that_only_left_them_empty_changes_nothing_against_another_decision(
    store: Store, web: TestClient
) -> None:
    number, begun = put(store, 0.95), dict(IN_FORM)
    mine = {**form(store, number), "values": {**begun, "stage": "III"}, "settled": ["stage"]}
    theirs = {**begun, "gene_mutation": "PIK3CA H1047R"}
    decided = {
        **form(store, number),
        "values": theirs,
        "settled": ["gene_mutation", "response"],
        "token": "token-theirs",
    }
    assert web.post("/decisions", json={**decided, "status": "submitted"}).status_code == 200
    told = web.post("/drafts", json=mine)
    assert told.status_code == 409
    merged = told.json()["theirs"]["merge"]
    assert merged["base"]["gene_mutation"] is None
    assert (merged["taken"], merged["kept"], merged["both"]) == (["gene_mutation"], ["stage"], [])


def test_a_note_that_is_skipped_in_bulk_keeps_what_its_form_shows(store: Store) -> None:
    number = put(store)
    with store.transaction() as session:
        carry_out(person_in(session, "ada"), TASK, action="skip", many=Many(ids=(number,)), bulk="abcdefghijkl")
        (kept,) = history(session, number)
    assert (kept.status, kept.extraction) == ("skipped", IN_FORM)


def test_only_what_stands_in_the_note_is_seeded(store: Store) -> None:
    number = put(store, alternatives={"gene_mutation": ("HER2",), "stage": ("IIA", "L3"), "treatment": ("nothing",)})
    desk = Desk(Settings(home=store.path.parent, base="embedded", adapter="embedded"), TASK, store)
    with store.reading() as session:
        review: Review = open_review(session, number, LOCAL_REVIEWER)
    shown = Shown(review, dict(IN_FORM), {}, dict.fromkeys(("gene_mutation", "response"), Reason.NOT_FOUND))
    seeded = apply_trial(desk, LOCAL_REVIEWER, shown, Rules(seeded_share=0.5, blind_share=0.0))
    again = apply_trial(desk, "somebody else", shown, Rules(seeded_share=0.5, blind_share=0.0))
    drawn = {
        (key, one.proposed[key]) for one in (seeded, again) for key in TASK.keys if one.proposed[key] != IN_FORM[key]
    }
    assert drawn <= {("stage", "L3")}


def test_a_note_longer_than_any_that_was_learned_from_says_so_once_and_nothing_is_sure(
    store: Store, web: TestClient
) -> None:
    def shown(times: float | None) -> dict[str, Any]:
        return page(web, put(store, 0.99, times_longest=times))

    for times in (None, 1.0):
        known = shown(times)
        assert known["caution"] is None
        assert "caution" not in known["heading"]
        assert known["fields"]["stage"]["word"] == "sure"
    beyond = shown(1.01)
    assert beyond["caution"] == "This note is longer than any the adapter learned from; check every field."
    assert beyond["heading"].count(beyond["caution"]) == 1
    assert {field["word"] for field in beyond["fields"].values()} == {"look"}


def test_what_was_learned_from_bounds_the_confidence() -> None:
    curves = Calibration(n_notes=100, adapter="a", pooled={VALUE: Curve(((0.0, 0.97),))}, fields={})
    raw = dict.fromkeys(TASK.keys, 0.8)

    def made(times: float | None, by: Calibration | None = curves) -> Suggestion:
        answer = Answer(BREAST_VALUES, raw, "{}", {}, 1)
        said = {"adapter": "a", "prompt_version": 1, "calibration": by, "times_longest": times}
        return make_suggestion(TASK, BREAST, answer, **said)  # type: ignore[arg-type]

    assert set(made(0.9).confidence.values()) == set(made(None).confidence.values()) == {0.97}
    assert set(made(1.2).confidence.values()) == {0.5}
    assert made(1.2).raw_confidence == raw
    assert made(1.2).times_longest == 1.2
    assert made(1.2, None).is_raw
