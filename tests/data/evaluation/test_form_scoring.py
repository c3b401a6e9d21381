"""The figures of a form beside an empty one, on forms that were worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from data.accepted import AcceptedError, read_accepted
from data.evaluation.form_report import COLUMNS, field_table, length_table, sentences, warnings
from data.evaluation.form_scoring import FormScore, score_form
from data.evaluation.scoring import ScoreError, score
from data.snapshot import SnapshotError, read_rows
from data.suggestion import Grounding, Suggestion
from data.task import Extraction, load_task

TASK = load_task()
CANCER, STAGE, GENE, BIOMARKER, TREATMENT, RESPONSE, SITE = TASK.keys
TEXT = "A melanoma of stage II, treated by wide excision."


def label(**values: str | None) -> Extraction:
    return Extraction(TASK, {**dict.fromkeys(TASK.keys), **values})


def answer(values: dict[str, str | None], *, left_out: tuple[str, ...] = (), sure: float = 0.5) -> Suggestion:
    """A suggestion whose values are all in the note but those that are left out of the form."""
    grounding = {key: Grounding.NOT_FOUND if key in left_out else Grounding.EXACT for key in values if values[key]}
    confidence = dict.fromkeys(TASK.keys, sure)
    raw = dict.fromkeys(TASK.keys, 0.97)
    return Suggestion(label(**values), confidence, "{}", "a", 1, 5, raw_confidence=raw, grounding=grounding)


def form_of(gold: Extraction, accepted: dict[str, tuple[str | None, ...]], given: Suggestion | None) -> FormScore:
    return score_form(TASK, [TEXT], [gold], [accepted], [given], n_tokens=[12])


def test_what_is_kept_out_of_the_form_counts_as_an_empty_field() -> None:
    gold = label(**{CANCER: "melanoma", STAGE: "II"})
    form = form_of(gold, {}, answer({CANCER: "Melanoma", STAGE: "III", GENE: "BRAF V600E"}, left_out=(GENE, STAGE)))
    assert (form.accepted[GENE], form.empty_form[GENE]) == (1, 1)
    assert (form.accepted[STAGE], form.empty_form[STAGE]) == (0, 0)
    assert (form.accepted[CANCER], form.empty_form[CANCER]) == (1, 0)
    shown = form.shown
    assert (shown.n_gold, shown.n_proposed, shown.n, shown.n_right) == (2, 3, 1, 1)
    assert (shown.precision, shown.share, shown.recall) == (1, 0.5, 0.5)
    assert shown.of_proposed == pytest.approx(1 / 3)


def test_a_wrong_value_is_filled_in_but_not_rightly() -> None:
    shown = form_of(label(**{CANCER: "melanoma", STAGE: "II"}), {}, answer({CANCER: "naevus", SITE: "liver"})).shown
    assert (shown.n, shown.n_right, shown.precision, shown.share, shown.recall) == (2, 0, 0, 0.5, 0)


def test_other_values_that_the_file_accepts_are_right_for_both_forms() -> None:
    gold, others = label(**{STAGE: "II", RESPONSE: "stable disease"}), {STAGE: ("IIA", None), RESPONSE: ("none seen",)}
    form = form_of(gold, others, answer({STAGE: "iia", RESPONSE: "progression"}))
    assert (form.accepted[STAGE], form.empty_form[STAGE]) == (1, 1)
    assert (form.accepted[RESPONSE], form.empty_form[RESPONSE]) == (0, 0)
    assert form.n_with_accepted == 1
    assert form_of(gold, {}, answer({STAGE: "iia"})).accepted[STAGE] == 0


def test_work_is_counted_to_the_nearest_right_value() -> None:
    gold = label(**{STAGE: "II", TREATMENT: "wide excision", SITE: "liver"})
    form = form_of(gold, {SITE: (None, "lung")}, answer({STAGE: "Ii.", TREATMENT: "wide incision", SITE: "lun"}))
    # Stage is right as it is; two letters differ in the treatment; one is missing in the site.
    assert (form.edits.form, form.edits.empty_form) == (3, 2 + len("wide excision"))
    assert form.edits.saved == form.edits.empty_form - form.edits.form


def test_sure_is_what_stands_in_the_form_with_a_calibrated_confidence() -> None:
    gold = label(**{CANCER: "melanoma"})
    sure = form_of(gold, {}, answer({CANCER: "melanoma", GENE: "BRAF"}, left_out=(GENE,), sure=0.95)).sure
    assert (sure.n, sure.n_right, sure.n_values, sure.n_values_right) == (6, 6, 1, 1), "what is kept out is not sure"
    raw = answer({CANCER: "melanoma"}, sure=0.97)  # the model's own probabilities, whatever they are
    assert raw.is_raw
    assert form_of(gold, {}, raw).sure.n == 0
    assert form_of(gold, {}, answer({CANCER: "melanoma"}, sure=0.89)).sure.n == 0


def test_a_note_without_an_answer_is_wrong_and_saves_nothing() -> None:
    form = form_of(label(**{STAGE: "II"}), {}, None)
    assert set(form.accepted.values()) == {0}
    assert form.empty_form[GENE] == 1
    assert (form.edits.saved, form.shown.precision, form.shown.share) == (0, 1, 0)


def test_classes_of_length_hold_each_note_once() -> None:
    tokens = [0, 199, 200, 332, 333, 599, 600, 999, 1000, 5000]
    n = len(tokens)
    form = score_form(TASK, [TEXT] * n, [label()] * n, [{}] * n, [answer({STAGE: "II"})] * n, n_tokens=tokens)
    assert form.lengths is not None
    assert [(one.least, one.below, one.n_notes) for one in form.lengths] == [
        (0, 200, 2), (200, 333, 2), (333, 600, 2), (600, 1000, 2), (1000, None, 2),
    ]  # fmt: skip
    assert {one.accepted for one in form.lengths} == {6 / 7}
    few = score_form(TASK, [TEXT], [label()], [{}], [None], n_tokens=[700]).lengths
    assert few is not None
    assert [one.least for one in few] == [600]


def test_invented_names_are_counted_among_all_that_was_proposed() -> None:
    given = [answer({GENE: "BRAF V600E", TREATMENT: "xyzumab and abcinib"}, left_out=(TREATMENT,)), None]

    def invented(task, text, values):  # type: ignore[no-untyped-def]
        assert (task, text) == (TASK, TEXT)
        return {TREATMENT: tuple(values[TREATMENT].split(" and "))}

    form = score_form(TASK, [TEXT] * 2, [label()] * 2, [{}] * 2, given, invented=invented)
    figures = score(TASK, [label()], [label()]).to_json()
    form.add_to(figures)
    assert (form.n_invented, figures["invented_names"]) == (2, 2)
    assert sentences(figures)[-1] == "Invented names (in neither note nor lexicon): 2."
    replace(form, n_house_words=3).add_to(figures)
    assert figures["house_words"] == 3
    assert sentences(figures)[-1].endswith("(learned from reviewers, not counted as invented): 3.")


def test_what_does_not_fit_together_is_refused() -> None:
    for given in ([], [None, None]):
        with pytest.raises(ScoreError):
            score_form(TASK, [TEXT] * bool(given), [label()] * bool(given), [{}] * bool(given), given)


def figures_of(gold: Extraction, given: Suggestion) -> dict[str, object]:
    figures = score(TASK, [gold], [given.extraction]).to_json()
    form_of(gold, {STAGE: (None,)}, given).add_to(figures)
    return figures


def test_the_report_says_in_words_where_an_empty_form_is_better() -> None:
    figures = figures_of(label(**{CANCER: "melanoma"}), answer({STAGE: "II", GENE: "BRAF", SITE: "liver"}))
    assert figures["macro"]["accepted"] == 3 / 7  # type: ignore[index]
    assert figures["macro"]["empty_form"] == 6 / 7  # type: ignore[index]
    assert figures["shown"]["precision"] == 0  # type: ignore[index]
    told = "\n".join(sentences(figures))
    assert "right in 42.9 % of the fields; an empty one would be in 85.7 %." in told
    assert "1 of 1 notes have some" in told
    assert "3 of 3 proposed, 0 of them right (0.0 %)" in told
    assert "8 characters a note" not in told
    warned = warnings(TASK, figures)
    assert warned[0].startswith("This adapter costs work")
    assert [one.split(":")[0] for one in warned[1:-1]] == ["Stage", "Gene mutation", "Metastasis site"]
    assert warned[-1].startswith("Correcting the form takes more typing")
    assert len(field_table(figures)) == len(TASK.keys) + 1
    assert all(len(row) == len(COLUMNS) for row in field_table(figures))
    assert length_table(figures) == [("under 200", "1", "0.429", "0.857")]
    assert warnings(TASK, figures_of(label(**{CANCER: "melanoma"}), answer({CANCER: "melanoma"}))) == []


def test_accept_lists_are_read_and_others_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "labelled.jsonl"
    good = {"input": TEXT, "output": label(**{STAGE: "II"}).as_dict(), "accept": {STAGE: ["IIA", None], GENE: []}}
    path.write_text(json.dumps(good) + "\n", encoding="utf-8")
    assert read_rows(TASK, path)[0].accepted == {STAGE: ("IIA", None)}
    for wrong in ("IIA", {"grade": ["2"]}, {STAGE: "IIA"}, {STAGE: [2]}):
        path.write_text("\n".join(json.dumps(one) for one in (good, {**good, "accept": wrong})), encoding="utf-8")
        with pytest.raises(SnapshotError, match=r'labelled.jsonl, line 2: expected .*"accept"') as caught:
            read_rows(TASK, path)
        assert "IIA" not in str(caught.value), "no word of a note"
        with pytest.raises(AcceptedError):
            read_accepted(TASK, wrong)
