"""Notes and values written by hand, known to support each other or not; and the rules by which a value follows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from data.grounding.evidence import Evidence, ground
from data.suggestion import Grounding
from data.task import Extraction, load_task
from data.text.rules import RulesError, load_rules

TASK = load_task()
HERE = Path(__file__).parent


def judged(name: str) -> tuple[Counter[str], list[str]]:
    """Pairs of each kind in a file, and those that are judged otherwise than they were by hand."""
    counted: Counter[str] = Counter()
    wrong = []
    for line in (HERE / name).read_text(encoding="utf-8").splitlines()[1:]:
        kind, key, value, rests, note = line.split("\t")
        text = note.replace("\\n", "\n")
        found = ground(TASK, text, Extraction(TASK, {**dict.fromkeys(TASK.keys), key: value}))[key]
        how = {Grounding.NOT_FOUND: "no", Grounding.INFERRED: "inferred"}.get(found.grounding, "yes")
        assert Evidence(TASK, text).supports(value, TASK.field(key)) == (how != "no")
        assert (found.rule is not None) == (how == "inferred")
        counted[kind] += 1
        if how != rests:
            wrong.append(f"{kind}: {value!r} in {note!r} should be {rests}, is {how}")
    return counted, wrong


@pytest.mark.parametrize(
    ("name", "n_pairs", "at_most"), [("evidence_pairs.tsv", 200, 4), ("evidence_pairs_held_out.tsv", 60, 7)]
)
def test_pairs_of_a_note_and_a_value(name: str, n_pairs: int, at_most: int) -> None:
    counted, wrong = judged(name)
    of_kind = Counter(line.split(":")[0] for line in wrong)
    print("\n".join([*(f"{kind}: {of_kind[kind]} of {n} wrong" for kind, n in counted.items()), *wrong]))
    assert counted.total() == n_pairs
    assert len(wrong) <= at_most, wrong


def test_an_inferred_value_tells_its_rule_and_marks_its_words() -> None:
    text = "Colon cancer. CT showed liver metastases."
    found = ground(TASK, text, Extraction(TASK, {**dict.fromkeys(TASK.keys), "stage": "IV"}))["stage"]
    assert found.rule == "Distant metastases of a solid tumour are stage IV."
    assert [text[span.start : span.end] for span in found.spans] == ["metastases"]


def test_a_bad_table_of_rules_is_told(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text("[[rules]]\nfield = 1", encoding="utf-8")
    with pytest.raises(RulesError, match="table of rules"):
        load_rules(tmp_path / "rules.toml")
    with pytest.raises(RulesError, match="cannot be read"):
        load_rules(tmp_path / "absent.toml")
    assert load_rules(None) == ()
