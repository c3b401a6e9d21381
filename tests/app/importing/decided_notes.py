"""Notes on which people have decided, for the tests of export."""

from __future__ import annotations

import pytest

from app.exporting.choice import Choice
from app.exporting.writing import export_pieces
from data.notes import make_note
from data.suggestion import Grounding, Suggestion
from data.task import Extraction, load_task
from db.notes.notes import add_notes
from db.notes.suggestions import add_suggestion
from db.review.decisions import submit
from db.review.drafts import save_draft
from db.store.store import open_store
from db.training.adapters import AdapterRow, activate, register_adapter
from tests.kit.desk.permits import person_in, program_in

TASK = load_task()
KEYS = TASK.keys
FORMULA = "=HYPERLINK(1)"


METASTATIC = "Décision – première: metastatic melanoma."
RULE = "Distant metastases of a solid tumour are stage IV."


def values(**changes):
    return Extraction(TASK, {**dict.fromkeys(KEYS), **changes})


@pytest.fixture
def store(tmp_path):
    """Three notes: submitted after a suggestion, skipped, and only drafted."""
    with open_store(tmp_path / "store" / "caseloop.db") as store:
        with store.transaction() as session:
            texts = [METASTATIC, "Second report.", "Third report."]
            notes = [make_note(TASK, text, external_id=f"case-{n}") for n, text in enumerate(texts)]
            first, second, third = add_notes(program_in(session), notes).note_ids
            register_adapter(program_in(session), AdapterRow("first", "/x", "/y", None, 1, "0" * 64))
            activate(person_in(session, "test"), "first", reason="test")
            suggested = Suggestion(
                values(**{KEYS[0]: "melanoma", KEYS[1]: "IV"}), {KEYS[0]: 0.75}, "{}", "first", 1, 12,
                grounding={KEYS[0]: Grounding.FUZZY, KEYS[1]: Grounding.INFERRED},
            )  # fmt: skip
            number = add_suggestion(program_in(session), first, suggested)
            add_suggestion(program_in(session), second, suggested)
            decided = values(**{KEYS[0]: "melanoma", KEYS[1]: "III", KEYS[2]: FORMULA})
            common = {"seen_revision": 0}
            submit(
                person_in(session, "ada"),
                note_id=first,
                status="submitted",
                extraction=decided,
                suggestion_id=number,
                comment="@checked",
                lead_time_ms=900,
                settled=KEYS[:2],
                token="token-1",
                **common,
            )
            submit(
                person_in(session, "ada"),
                note_id=second,
                status="skipped",
                extraction=decided,
                token="token-2",
                **common,
            )
            save_draft(person_in(session, "ada"), note_id=third, extraction=decided, **common)
        yield store


def exported(store, form, **settings):
    with store.reading() as session:
        return b"".join(export_pieces(session, TASK, Choice(form, **settings))).decode()
