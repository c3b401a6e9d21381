"""Which records are the same note: those with the same id and exactly the same text, and no others."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.exporting.choice import Choice
from app.exporting.writing import export_lines
from app.importing.load import ImportReport, import_files
from app.importing.preview import preview
from data.identity import made_id, own_id, text_hash
from data.notes import content_hash, make_note
from data.reading.records import USUAL
from data.snapshot import read_rows, write_holdout, write_snapshot
from db.notes.notes import add_notes, find_note, get_note, notes_by_hash
from db.review.reviewed import holdout_rows, training_rows
from db.store.store import Store
from tests.kit.desk.permits import program_in
from tests.kit.desk.stores import TASK, decide, extraction, note, store
from tests.kit.desk.stores import empty_session as session
from tests.proofs.pairs import check

__all__ = ["session", "store"]

# Each pair has the same words and says something else.
OTHER_SIGNS = (
    ("Receptors: ER+, HER2-.", "Receptors: ER-, HER2+."),
    ("Expression <1 %.", "Expression >1 %."),
    ("Size ≤ 2 cm.", "Size ≥ 2 cm."),
    ("Marker ↑ since May.", "Marker ↓ since May."),
    ("Grade 3+4.", "Grade 3-4."),
    ("Depth T1-2.", "Depth T1/2."),
    ("No invasion.", "No, invasion."),
    ("Margin 1.5 mm.", "Margin 1 5 mm."),
    ("Stage ii.", "Stage II."),
    ("Café.", "Cafe\u0301."),
    ("one two", "one  two"),
)


def written(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def bring(store: Store, file: Path, **settings: Any) -> ImportReport:
    """Import a file, after a preview that must have said the same."""
    seen = preview(store, TASK, file, chosen=USUAL, original=settings.get("original", False))
    report = import_files(store, TASK, [file], **settings)
    said = (seen["n_new"], seen["n_known"], seen["n_labelled"])
    notable = [sentence for sentence in seen["remarks"] if "ids in id repeat" not in sentence]
    assert said == (report.n_added, report.n_known, report.n_labelled)
    assert notable == report.likeness_sentences()
    return report


@pytest.mark.parametrize(("one", "other"), OTHER_SIGNS)
def test_another_sign_is_another_note_with_labels_of_its_own(session: Session, one: str, other: str) -> None:
    add_notes(program_in(session), [note(1, text=one, external_id="a")])
    report = add_notes(program_in(session), [note(2, text=other, gold=extraction(first="lung"), external_id="b")])
    assert (report.n_added, report.n_labelled, report.likenesses.n_copies) == (1, 0, 0)
    assert (get_note(session, 1).text, get_note(session, 1).gold, get_note(session, 1).origin) == (
        one,
        None,
        "incoming",
    )
    assert get_note(session, 2).gold == dict(extraction(first="lung"))
    assert [row.text for row in (*training_rows(session, TASK), *holdout_rows(session, TASK))] == [other]


@given(st.text(alphabet="ab1é ", min_size=2, max_size=12), st.sampled_from("+-<>≤≥/.,;:()↑↓é2 \u00a0"), st.data())
def test_only_white_space_around_a_text_and_line_ends_do_not_count(text: str, sign: str, data: Any) -> None:
    at = data.draw(st.integers(1, len(text) - 1))
    changed = f"{text[:at]}{sign}{text[at:]}"
    assert (text_hash(changed) == text_hash(text)) == (changed.strip() == text.strip())
    assert text_hash(f"\u2003\n{text}\t ") == text_hash(text)


def test_pairs_that_differ_in_one_place_stay_two_notes_with_labels_of_their_own(store: Store, tmp_path: Path) -> None:
    n = 200
    nothing = {"n_merged": 0, "n_labels_on_another_text": 0, "n_labels_missing": 0}
    assert check(store, tmp_path, n) == {"n_pairs": n, **nothing}


def test_line_ends_do_not_count(session: Session) -> None:
    texts = ("First line.\r\nSecond.", "First line.\nSecond.\n", " First line.\rSecond.")
    assert add_notes(program_in(session), [note(0, text=text) for text in texts]).note_ids == (1, 1, 1)


def test_a_text_under_two_ids_is_two_notes_on_one_side_and_the_report_says_so(store: Store, tmp_path: Path) -> None:
    text = "Biopsy without any sign of a tumour."
    file = written(tmp_path / "a.jsonl", *({"id": one, "text": text} for one in ("p-1", "p-2", "p-3")))
    report = bring(store, file)
    assert report.n_added == 3
    assert report.likeness_sentences() == [
        "2 new notes have the text of another note, under other ids: a.jsonl line 2, a.jsonl line 3."
    ]
    again = bring(store, file)
    assert (again.n_added, again.n_known, again.likeness_sentences()) == (0, 3, [])
    with store.reading() as session:
        found = [get_note(session, number) for number in (1, 2, 3)]
    assert [row.external_id for row in found] == ["p-1", "p-2", "p-3"]
    assert {row.split for row in found} == {found[0].split}


def test_an_id_with_another_text_is_another_note_and_the_report_says_so(store: Store, tmp_path: Path) -> None:
    bring(store, written(tmp_path / "a.jsonl", {"id": "s-1", "text": "Margins are free."}))
    report = bring(store, written(tmp_path / "b.jsonl", {"id": "s-1", "text": "Amended: margins are not free."}))
    assert (report.n_added, report.to_json()["n_namesakes"]) == (1, 1)
    assert report.likeness_sentences() == ["1 new note has an id that another text has: b.jsonl line 1."]
    both = ({"id": "s-2", "text": "One."}, {"id": "s-2", "text": "Two."})
    assert bring(store, written(tmp_path / "c.jsonl", *both)).likenesses.n_namesakes == 1
    assert bring(store, written(tmp_path / "c.jsonl", *both)).n_known == 2


def test_a_record_without_an_id_is_the_note_with_its_text(store: Store, tmp_path: Path) -> None:
    text, gold = "The text is what there is.", dict(extraction(first="lung"))
    bare, named = {"text": text}, {"id": "p-1", "text": text}
    assert bring(store, written(tmp_path / "a.jsonl", bare, bare)).n_added == 1
    report = bring(store, written(tmp_path / "b.jsonl", named))  # never the note without an id, which may be another's
    assert (report.n_added, report.likenesses.n_copies) == (1, 1)
    assert bring(store, written(tmp_path / "c.jsonl", bare, named)).n_known == 2
    labelled = bring(store, written(tmp_path / "d.jsonl", {**bare, "output": gold}), original=True)
    assert (labelled.n_known, labelled.n_labelled) == (1, 1)
    with store.reading() as session:
        assert [get_note(session, number).gold for number in (1, 2)] == [gold, None]
    other = {"id": "p-2", "text": "Another text."}
    bring(store, written(tmp_path / "e.jsonl", other, {"text": other["text"]}))
    with store.reading() as session:
        assert get_note(session, 3).external_id == "p-2"
        assert session.execute(sa.text("SELECT count(*) FROM note")).scalar_one() == 3


def test_the_first_labels_stay_and_nobody_offers_to_bring_others(store: Store, tmp_path: Path) -> None:
    first, second = ({"id": "p-1", "text": "A text.", "output": dict(extraction(first=value))} for value in "xy")
    bring(store, written(tmp_path / "a.jsonl", first), original=True)
    report = bring(store, written(tmp_path / "b.jsonl", second), original=True)
    assert (report.n_known, report.n_labelled) == (1, 0)


def test_a_note_without_an_id_leaves_under_one_that_is_no_other_notes(store: Store, tmp_path: Path) -> None:
    bring(store, written(tmp_path / "a.jsonl", {"id": "2", "text": "Named like a number."}, {"text": "Nameless."}))
    with store.transaction() as session:
        for number in (1, 2):
            decide(session, number, 0)
    with store.reading() as session:
        out = "".join(export_lines(session, TASK, Choice("jsonl")))
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["2", made_id("Nameless.")]
    back = tmp_path / "back.jsonl"
    back.write_text(out, encoding="utf-8")
    assert bring(store, back, original=True).n_known == 2
    assert make_note(TASK, "Other.", external_id=made_id("Nameless.")).external_id is None
    assert own_id("caseloop-17") == "caseloop-17"


def test_a_note_is_found_by_either_hash(session: Session) -> None:
    add_notes(
        program_in(session),
        [note(n, text=text, external_id=f"p-{n}") for n, text in enumerate(("a + b", "a - b", "a + b"))],
    )
    exact, folded = text_hash("a + b"), content_hash("a b")
    found = notes_by_hash(session, [exact, folded])
    assert (found[exact].id, found[folded].id) == (1, 1)
    newest, of_minus = find_note(session, folded), find_note(session, text_hash("a - b"))
    assert newest is not None
    assert of_minus is not None
    assert (newest.id, of_minus.id) == (3, 2)


def test_the_database_itself_refuses_the_same_note_twice(store: Store) -> None:
    for external_id in ("p-1", None):
        with store.transaction() as session:
            add_notes(program_in(session), [note(1, external_id=external_id)])
        columns = "content_hash, text_hash, external_id, split, origin, metadata, state, revision, is_suggested"
        columns += ", added_at, updated_at"
        copied = f"INSERT INTO note (id, {columns}) SELECT id + 10, {columns} FROM note"
        with pytest.raises(Exception, match="uq_note_identity"), store.transaction() as session:
            session.execute(sa.text(copied))


def test_training_rows_that_differ_in_signs_or_labels_are_kept_apart(session: Session, tmp_path: Path) -> None:
    for sign in "+-":
        for n, value in enumerate(("x", "x", "y")):
            given_id = f"{sign}{n}"
            add_notes(
                program_in(session), [note(1, text=f"HER2 {sign}", gold=extraction(first=value), external_id=given_id)]
            )
    held = get_note(session, 1).split == "holdout"
    rows = list((holdout_rows if held else training_rows)(session, TASK))
    file = (write_holdout if held else write_snapshot)(TASK, rows, tmp_path / "rows.jsonl")
    found = read_rows(TASK, file.path)
    assert len(rows) == 6
    assert sorted((row.text, row.extraction[TASK.keys[0]]) for row in found) == [
        ("HER2 +", "x"),
        ("HER2 +", "y"),
        ("HER2 -", "x"),
        ("HER2 -", "y"),
    ]
    assert all(one.content_hash == other.content_hash for one, other in pairwise(found))
