"""The end of a run: the verdict from its answers, what it activates, and what people decide afterwards."""

from __future__ import annotations

import json

import pytest

from app.core.adapters import WEIGHTS
from app.core.errors import DeskError, InputError
from app.importing.load import import_files
from app.training.answers import ANSWERS, OLD_ANSWERS, add_old_answers
from app.training.conclusion import OLD_METRICS, Job, conclude
from app.training.decisions import activate_adapter, reject_adapter, rejection, roll_back, run_that_made
from app.training.requests import TrainOptions, request_run, run_directory, run_name
from data.evaluation.scoring import score
from data.gate.verdict import N_USES_WORN
from db.training.adapters import AdapterRow, activate, activations, active_adapter, get_adapter, register_adapter
from db.training.runs import get_run, update_run
from tests.kit.compared import ALL, LAST_WRONG, NONE, answers, labels
from tests.kit.desk.permits import person_in, program_in
from tests.kit.homes import TASK, Home
from tests.kit.tiny import tiny_rows, write_labelled

N_NOTES = 40
GAINED = ([(NONE, 10), (ALL, 0)], [(ALL, 0)])
LEVEL = ([(ALL, 0)], [(ALL, 0)])
FALLEN = ([(NONE, 10), (ALL, 0)], [(LAST_WRONG, 23), (ALL, 0)])
LOST = ([(ALL, 0)], [(NONE, 10), (ALL, 0)])


@pytest.fixture
def desk(tmp_path):
    home = Home(tmp_path / "home", {"CASELOOP_BASE": "/nowhere/base", "CASELOOP_ADAPTER": "/nowhere/adapter"})
    with home.desk() as desk:
        import_files(desk.store, desk.task, [write_labelled(tmp_path / "a.jsonl", tiny_rows(60))], original=True)
        with desk.store.transaction() as session:
            put_adapter(desk, session, "old")
            activate(person_in(session, "test"), "old", reason="test")
        yield desk


def put_adapter(desk, session, name):
    (desk.settings.adapters / name).mkdir(parents=True)
    (desk.settings.adapters / name / WEIGHTS).touch()
    return register_adapter(
        program_in(session), AdapterRow(name, f"./adapters/{name}", "/nowhere/base", None, 1, "0" * 64)
    )


def write_lines(path, gold, **given):
    """A file of answers as the trainer writes it."""
    lines = [
        {"content_hash": f"{number:064}", "gold": true.as_dict()}
        | {name: found and found[number] and found[number].as_dict() for name, found in given.items()}
        for number, true in enumerate(gold)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def finished_run(desk, patterns, options=None, *, same_base=True):
    """The files that a trainer leaves, and the run that they are of."""
    options = options or TrainOptions()
    run_id = request_run(desk.store, options, "ada")
    directory = run_directory(desk.settings, run_id)
    (directory / "adapter").mkdir(parents=True)
    manifest = {"prompt_version": 1, "weights_sha256": f"{run_id:064}"}
    (directory / "adapter" / "manifest.json").write_text(json.dumps(manifest))
    (directory / "adapter" / WEIGHTS).touch()
    gold = labels(N_NOTES)
    old, new = (answers(gold, *pattern) for pattern in patterns)
    scores = {name: score(TASK, gold, given).to_json() for name, given in (("old", old), ("new", new))}
    if same_base:
        write_lines(directory / ANSWERS, gold, old=old, new=new)
        (directory / "metrics.json").write_text(json.dumps(scores))
    else:
        write_lines(directory / ANSWERS, gold, old=None, new=new)
        write_lines(directory / OLD_ANSWERS, gold, answer=old)
        add_old_answers(directory)
        (directory / "metrics.json").write_text(json.dumps({**scores, "old": None}))
        (directory / OLD_METRICS).write_text(json.dumps(scores["old"]))
    with desk.store.transaction() as session:
        update_run(program_in(session), run_id, status="running")
        parent = active_adapter(session)
    return Job(run_id, directory, options, parent, parent.base, same_base, "f" * 64)


def gate_of(desk, run_id):
    with desk.store.reading() as session:
        return get_run(session, run_id).gate


def active(desk):
    with desk.store.reading() as session:
        return active_adapter(session).name


def use(desk, name, reason=""):
    with desk.store.transaction() as session:
        return activate_adapter(person_in(session, "bob"), desk.settings, name, reason=reason)


def reject(desk, name, reason):
    with desk.store.transaction() as session:
        return reject_adapter(person_in(session, "bob"), name, reason=reason)


@pytest.mark.parametrize(
    ("patterns", "options", "outcome", "takes_over", "word"),
    [
        (GAINED, TrainOptions(), "better", True, "It is active now"),
        (LEVEL, TrainOptions(), "unclear", False, "old stays active"),
        (FALLEN, TrainOptions(), "blocked", False, "old stays active"),
        (LOST, TrainOptions(), "worse", False, "old stays active"),
        (GAINED, TrainOptions(activate=False), "better", False, "as asked"),
        (LOST, TrainOptions(activate_anyway="rare tumours"), "worse", True, "a person said so: rare tumours"),
    ],
)
def test_the_gate_decides_unless_a_person_does(desk, patterns, options, outcome, takes_over, word):
    told = conclude(desk, finished_run(desk, patterns, options))
    assert (told.verdict.outcome, told.is_active) == (outcome, takes_over)
    assert word in told.sentence
    assert active(desk) == (run_name(1) if takes_over else "old")
    kept = gate_of(desk, 1)
    assert kept["sentence"] == told.sentence
    assert (kept["outcome"], kept["passed"], kept["n_notes"]) == (outcome, outcome == "better", N_NOTES)
    assert (kept["active"], "decision" in kept) == (takes_over, takes_over)
    if takes_over:
        kind = "activated" if outcome == "better" else "activated anyway"
        assert (kept["decision"]["kind"], kept["decision"]["by"]) == (kind, "ada")


@pytest.mark.parametrize(("patterns", "outcome"), [(GAINED, "better"), (LOST, "worse")])
def test_an_adapter_on_another_base_is_compared_note_by_note(desk, patterns, outcome):
    told = conclude(desk, finished_run(desk, patterns, same_base=False))
    assert told.verdict.outcome == outcome
    assert told.verdict.old is not None
    assert told.verdict.n_better_notes + told.verdict.n_worse_notes == 10


def test_answers_of_other_notes_are_not_compared(desk):
    job = finished_run(desk, GAINED, same_base=False)
    write_lines(job.directory / OLD_ANSWERS, labels(N_NOTES - 1), answer=labels(N_NOTES - 1))
    with pytest.raises(DeskError, match="the same notes"):
        add_old_answers(job.directory)


def test_answers_that_are_not_those_of_the_figures_decide_nothing(desk):
    job = finished_run(desk, GAINED)
    write_lines(job.directory / ANSWERS, labels(N_NOTES), old=None, new=labels(N_NOTES))
    with pytest.raises(DeskError, match="they are not"):
        conclude(desk, job)
    (job.directory / ANSWERS).write_text("{")
    with pytest.raises(DeskError, match="cannot be read"):
        conclude(desk, job)
    assert active(desk) == "old"
    assert not (desk.settings.adapters / job.name).exists()


def test_an_adapter_that_was_not_compared_is_not_replaced(desk):
    job = finished_run(desk, GAINED)
    with desk.store.transaction() as session:
        put_adapter(desk, session, "newer")
        activate(person_in(session, "test"), "newer", reason="test")
    told = conclude(desk, job)
    assert not told.is_active
    assert "newer became active meanwhile" in told.sentence
    assert active(desk) == "newer"


def test_a_hold_out_that_has_decided_often_says_so(desk):
    for number in range(N_USES_WORN + 2):
        told = conclude(desk, finished_run(desk, LEVEL, TrainOptions(seed=number)))
        assert told.verdict.n_uses == number
        assert ("has decided" in told.sentence) == (number > N_USES_WORN)
    assert f"has decided {N_USES_WORN + 1} times before" in gate_of(desk, N_USES_WORN + 2)["sentence"]


def test_one_that_did_not_pass_takes_over_only_with_a_reason(desk):
    conclude(desk, finished_run(desk, LEVEL))
    for blank in ("", "  "):
        with pytest.raises(InputError, match="run-0001 did not pass its gate"):
            use(desk, "run-0001", blank)
    assert active(desk) == "old"
    use(desk, "run-0001", "better on rare tumours")
    assert active(desk) == "run-0001"
    decision = gate_of(desk, 1)["decision"]
    assert (decision["kind"], decision["by"]) == ("activated anyway", "bob")
    assert decision["reason"] == "better on rare tumours"
    use(desk, "old")  # no run made it, so nothing speaks against it
    assert active(desk) == "old"


def test_a_rejected_adapter_stays_listed_and_needs_a_reason(desk):
    conclude(desk, finished_run(desk, GAINED, TrainOptions(activate=False)))
    with pytest.raises(InputError, match="needs a reason"):
        reject(desk, "run-0001", " ")
    reject(desk, "run-0001", "invents stages")
    rejected = rejection(gate_of(desk, 1))
    assert (rejected["by"], rejected["reason"]) == ("bob", "invents stages")
    assert rejected["at"].startswith("20")
    with desk.store.reading() as session:
        assert get_adapter(session, "run-0001").name == "run-0001"
    with pytest.raises(InputError, match=r"rejected by bob \(invents stages\)"):
        use(desk, "run-0001")
    use(desk, "run-0001", "the stages are right")
    kept = gate_of(desk, 1)
    assert kept["decision"]["kind"] == "activated anyway"
    assert [one["kind"] for one in kept["earlier_decisions"]] == ["rejected"]
    assert rejection(kept) is None


def test_only_an_inactive_adapter_of_a_run_is_rejected(desk):
    conclude(desk, finished_run(desk, GAINED))
    with pytest.raises(DeskError, match="Roll back or activate another adapter first"):
        reject(desk, "run-0001", "no")
    with pytest.raises(DeskError, match="old was not made by a training run"):
        reject(desk, "old", "no")
    with pytest.raises(DeskError, match="no adapter called 'nobody'"):
        reject(desk, "nobody", "no")


def test_a_rollback_is_kept_with_the_verdict(desk):
    conclude(desk, finished_run(desk, GAINED))
    with desk.store.transaction() as session:
        assert roll_back(person_in(session, "bob"), desk.settings, reason="slow").name == "old"
    kept = gate_of(desk, 1)
    assert (kept["decision"]["kind"], kept["decision"]["reason"]) == ("rolled back", "slow")
    with desk.store.reading() as session:
        assert activations(session)[0].reason == "slow"
        assert run_that_made(session, "old") is None


def test_a_run_from_before_the_intervals_keeps_its_rule(desk):
    with desk.store.transaction() as session:
        put_adapter(desk, session, "run-0001")
    run_id = request_run(desk.store, TrainOptions(), "ada")
    old_shape = {"passed": False, "sentence": "It is no better.", "old": 0.5, "new": 0.5, "n_notes": 40}
    with desk.store.transaction() as session:
        update_run(program_in(session), run_id, status="finished", adapter="run-0001", gate=old_shape)
    with pytest.raises(InputError, match="did not pass its gate"):
        use(desk, "run-0001")
    reject(desk, "run-0001", "no")
    assert gate_of(desk, 1)["sentence"] == "It is no better."
