"""From which confidence on a value is put in, which fields ask, and which notes are outside what an adapter knows."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from app.core.rules import Rules
from app.screens.review.note.cautions import caution, outside_line
from app.screens.review.note.note import confidence_word
from data.cutoffs import AIM, DEFAULT, EVEN, SURE, Cutoffs, Proposed, fit_cutoffs, share_below, shown_share
from data.evaluation.calibration import HINTED_MOST, NO_VALUE, VALUE, Calibration, CalibrationError, Curve, kind_of
from data.prefill.hints import find_hinted
from data.prefill.outside import Outside, judge_outside, place
from data.snapshot import Row
from data.suggestion import Grounding
from data.task import Extraction
from tests.bench.desk.form import measure_forms
from tests.kit.desk.desk_store import BREAST, TASK, empty_values, suggestion
from trainer.engine.suggestion import Answer, make_suggestion

TEXTS_WITH_HINTS = [
    ("Adenokarzinom der Lunge mit Leber- und Lungenmetastasen.", "metastasis_site"),
    ("Carcinoma metastatico alle ossa.", "metastasis_site"),
    ("Adénocarcinome pulmonaire. Mutation EGFR exon 19.", "gene_mutation"),
    ("肺腺癌，EGFR外显子缺失。", "gene_mutation"),
    ("Cáncer de mama, BRCA1 mutado.", "gene_mutation"),
]


def notes(seed: int, n: int, invented: float) -> list[list[Proposed]]:
    """Two fields each: one where what is wrong should be none, one where there always is a value."""
    rng, made = random.Random(seed), []
    for _ in range(n):
        note = []
        for key, share in (("drug", invented), ("tumour", 0.0)):
            confidence = rng.random()
            right = rng.random() < confidence
            empty = not right and rng.random() < share
            note.append(Proposed(key, confidence, True, False, right, empty, not empty))
        made.append(note)
    return made


def test_so_many_values_are_put_in_that_the_aim_is_met() -> None:
    learned, others = notes(1, 600, 1.0), notes(2, 600, 1.0)
    fitted = fit_cutoffs(learned)
    right, shown = shown_share([one for note in others for one in note], fitted.put_in)
    assert right is not None
    assert shown is not None
    # Half of the values that there are have to show, though with values this wrong fewer than the aim are right.
    assert shown >= 0.47
    assert right >= AIM - 0.12
    lower = {key: at - 0.2 for key, at in fitted.put_in.items()}
    assert shown_share([one for note in others for one in note], lower)[0] < right  # type: ignore[operator]


def test_a_field_that_is_best_left_empty_takes_less() -> None:
    sure = [
        [replace(one, confidence=0.95, right=True) if one.key == "tumour" else one for one in note]
        for note in notes(3, 400, 1.0)
    ]
    fitted = fit_cutoffs(sure)
    assert fitted.takes("drug") >= fitted.takes("tumour")
    assert 0.45 <= fitted.takes("drug") <= 0.7
    assert fitted.takes("unknown") == EVEN


def test_few_notes_move_what_was_known_a_little() -> None:
    earlier = Cutoffs(500, {"drug": 0.8, "gone": 0.7}, tuple(n / 100 for n in range(101)), 0.4)
    for n, share in ((5, 5 / 55), (200, 0.8)):
        alone, fitted = fit_cutoffs(notes(4, n, 1.0)), fit_cutoffs(notes(4, n, 1.0), earlier)
        assert fitted.n_notes == n
        assert fitted.takes("drug") == pytest.approx(0.8 + (alone.takes("drug") - 0.8) * share)
        assert fitted.takes("gone") == 0.7
        assert fitted.least_mean == pytest.approx(0.4 + (alone.least_mean - 0.4) * share)
    assert fit_cutoffs([], earlier) == earlier
    assert fit_cutoffs([[]]) == DEFAULT


@pytest.mark.parametrize("budget", [0.0, 0.15, 0.5, 1.0])
def test_the_budget_is_the_share_that_asks(budget: float) -> None:
    seen = notes(5, 500, 0.5)
    fitted = fit_cutoffs(seen)
    stands = [one.confidence for note in seen for one in note if one.confidence >= fitted.takes(one.key)]
    assert share_below(stands, fitted.asks_below(budget)) == pytest.approx(budget, abs=0.011)
    assert DEFAULT.asks_below(budget) == SURE


def test_cutoffs_are_kept_with_the_curves() -> None:
    curves = {VALUE: Curve(((0.0, 0.5),))}
    cutoffs = Cutoffs(30, {"stage": 0.625}, tuple(n / 100 for n in range(101)), 0.375)
    kept = Calibration(30, "a", curves, {}, cutoffs=cutoffs).to_json()
    assert Calibration.from_json(kept).cutoffs == cutoffs
    del kept["cutoffs"]  # as it was before there were any
    assert Calibration.from_json(kept).cutoffs is None
    broken = (
        {"put_in": {"stage": 1.5}},
        {"ranks": [0.5]},
        {"ranks": [n / 100 for n in range(100, -1, -1)]},
        {"least_mean": "x"},
    )
    for one in broken:
        with pytest.raises(CalibrationError, match="Fit the calibration again"):
            Calibration.from_json({**kept, "cutoffs": {**cutoffs.to_json(), **one}})


@pytest.mark.parametrize(("text", "key"), TEXTS_WITH_HINTS)
def test_no_value_is_believed_less_where_the_note_hints_at_one(text: str, key: str) -> None:
    curves = {VALUE: Curve(((0.0, 0.6),)), NO_VALUE: Curve(((0.0, 0.97),))}
    calibration = Calibration(n_notes=100, adapter="a", pooled=curves, fields={})

    def made(said: str) -> tuple[float, Grounding | None]:
        answer = Answer(dict.fromkeys(TASK.keys), dict.fromkeys(TASK.keys, 0.9), "{}", {}, 1)
        one = make_suggestion(TASK, said, answer, adapter="a", prompt_version=1, calibration=calibration)
        return one.confidence[key], one.grounding.get(key)

    assert made(text) == (HINTED_MOST, Grounding.HINTED)
    assert made("A patient in good health.") == (0.97, None)
    assert kind_of(None, Grounding.HINTED) == "no_value_hinted"
    assert key not in find_hinted(TASK, text, Extraction(TASK, {**dict.fromkeys(TASK.keys), key: "bone"}))


def test_where_a_note_is_outside() -> None:
    cutoffs = Cutoffs(100, {}, (), 0.5)
    assert place({"a": 0.4, "b": 0.5}, 2.0, 0.5, cutoffs) is Outside.LENGTH
    assert place({"a": 0.4, "b": 0.5}, 1.0, 0.99, cutoffs) is Outside.WRITING
    assert place({"a": 0.4, "b": 0.5}, None, 1.0, cutoffs) is Outside.CONFIDENCE
    assert place({"a": 0.4, "b": 0.6}, None, None, cutoffs) is None
    assert place({}, None, None, cutoffs) is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"legibility": 0.8}, "This note is written unlike those the adapter learned from; check every field."),
        ({"cutoffs": Cutoffs(9, {}, (), 0.97)}, "The adapter is less sure of this note than of nearly all others"),
    ],
)
def test_one_line_says_so_and_nothing_is_sure(said: dict[str, object], why: str) -> None:
    made = replace(suggestion(BREAST, empty_values(), confidence=0.95), raw_confidence=dict.fromkeys(TASK.keys, 0.99))
    assert judge_outside(made) is None
    assert {confidence_word(made, key, None, Rules()) for key in TASK.keys} == {"sure"}
    there = replace(made, **said)
    assert {confidence_word(there, key, None, Rules()) for key in TASK.keys} == {"look"}
    told = caution(there)
    assert told is not None
    assert told.startswith(why)
    assert told in (outside_line(there) or ())


def test_the_least_sure_ask_and_a_field_of_its_own_goes_by_that() -> None:
    ranks = tuple(n / 100 for n in range(101))
    made = suggestion(BREAST, empty_values(), confidence=0.95)
    made = replace(
        made,
        confidence={**made.confidence, "stage": 0.3, "response": 0.8},
        raw_confidence=dict.fromkeys(TASK.keys, 0.99),
        cutoffs=Cutoffs(100, {}, ranks, 0.0),
    )

    def words(rules: Rules) -> tuple[str, str, str]:
        said = [confidence_word(made, key, None, rules) for key in ("stage", "response", "treatment")]
        return said[0], said[1], said[2]

    assert words(Rules()) == ("fair", "fair", "sure")
    assert words(Rules(look_share=0.5)) == ("look", "fair", "sure")
    assert words(Rules(look_share=1.0)) == ("look", "look", "look")
    assert words(Rules(look_share=0.5, look_below={"stage": 0.2, "treatment": 0.99})) == ("fair", "fair", "look")


def test_the_keys_of_a_form_are_counted_without_a_browser() -> None:
    gold = Extraction(TASK, {**empty_values(), "stage": "IV", "response": "progression"})
    said = {
        **empty_values(),
        "stage": "IV",
        "treatment": "letrozole",
        "response": "stable disease",
        "biomarker": "CEA 9",
    }
    kinds = {"stage": Grounding.EXACT, "treatment": Grounding.EXACT, "biomarker": Grounding.EXACT}
    made = replace(
        suggestion(BREAST, said, confidence=0.95),
        grounding={**kinds, "response": Grounding.NOT_FOUND},
        alternatives={"response": ("progression",)},
    )
    row = Row(BREAST, gold, "original", "")
    told = measure_forms(TASK, [row], [made], [{"biomarker": ["CEA 9"]}])
    # To the treatment and empty it, to the response and take what stands second there, save.
    assert (told["keys"], told["keys_from_scratch"]) == (2 + 2 + 1, 7 + len("IV") + len("progression") + 1)
    assert (told["macro"], told["empty_form"]) == (pytest.approx(5 / 7), pytest.approx(5 / 7))
    assert (told["precision"], told["shown"], told["asks"]) == (pytest.approx(2 / 3), 0.5, 0.0)
    assert (told["sure"], told["sure_right"]) == (pytest.approx(6 / 7), pytest.approx(5 / 6))
    assert told["presses_as_it_stands"] is None
    right = measure_forms(TASK, [row], [replace(made, extraction=gold)], [{}], Rules(look_below={"stage": 0.99}))
    assert (right["n_as_it_stands"], right["presses_as_it_stands"]) == (0, None)  # response is not found
    as_it_stands = replace(made, extraction=gold, grounding={"stage": Grounding.EXACT, "response": Grounding.SYNONYM})
    for rules, presses in ((Rules(), 1), (Rules(look_below={"stage": 0.99, "response": 0.99}), 2)):
        assert measure_forms(TASK, [row], [as_it_stands], [{}], rules)["presses_as_it_stands"] == presses
