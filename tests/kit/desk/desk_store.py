"""A store with notes and literal suggestions for the tests of the desk; written for these tests, field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from data.notes import content_hash, make_note
from data.suggestion import Span, Suggestion
from data.task import Extraction, load_task
from db.notes.notes import add_notes, find_note
from db.notes.queue.search import counts
from db.notes.suggestions import add_suggestion
from db.store.store import Store
from db.training.adapters import AdapterRow, activate, register_adapter
from tests.kit.desk.empty_stores import empty_store
from tests.kit.desk.permits import person_in, program_in

TASK = load_task()
ADAPTER = "first"

BREAST = (
    "A 58-year-old woman noticed a lump in the left breast. Core biopsy: invasive ductal carcinoma, ER positive, "
    "HER2 negative. A bone scan showed a lesion in L3, stage IV. Letrozole with palbociclib led to a partial response."
)
BREAST_VALUES = {
    "cancer_type": "invasive ductal carcinoma",
    "stage": "IV",
    "gene_mutation": None,
    "biomarker": "ER positive; HER2 negative",
    "treatment": "letrozole; palbociclib",
    "response": "partial response",
    "metastasis_site": "bone",
}
COLON = "Caecal adenocarcinoma, stage III, BRAF V600E. Right hemicolectomy, then CAPOX; no evidence of disease."
COLON_VALUES = {
    "cancer_type": "caecal adenocarcinoma",
    "stage": "III",
    "gene_mutation": "BRAF V600E",
    "biomarker": None,
    "treatment": "right hemicolectomy; CAPOX",
    "response": "no evidence of disease",
    "metastasis_site": None,
}
MELANOMA = "Superficial spreading melanoma of the calf, NRAS Q61R, adjuvant nivolumab for one year without recurrence."

# Each would do harm where text is taken for markup, for a template or for script.
HOSTILE = (
    '<img src=x onerror="window.hurt=1">',
    "<script>window.hurt=2</script>",
    "${window.hurt=3}",
    "${Object.assign(window,{hurt:4})}",
    "\\u003cimg src=x onerror=window.hurt=5\\u003e",
    "{{constructor.constructor('window.hurt=6')()}}",
    "`${window.hurt=7}`",
    "'\"><svg onload=window.hurt=8>",
    "</textarea></script><iframe srcdoc='<script>parent.hurt=9</script>'>",
    "\u202etxet\u202c שלום عربى é 𝔘",
    "&lt;b&gt; &amp; %3Cb%3E javascript:window.hurt=10",
)


def empty_values() -> dict[str, str | None]:
    """All fields null."""
    return dict.fromkeys(TASK.keys)


def suggestion(
    text: str, values: Mapping[str, str | None], *, confidence: float = 0.95, adapter: str = ADAPTER
) -> Suggestion:
    """A suggestion with evidence wherever a listed value stands in the text."""
    return Suggestion(
        extraction=Extraction(TASK, values),
        confidence=dict.fromkeys(TASK.keys, confidence),
        raw_reply=json.dumps(values),
        adapter=adapter,
        prompt_version=1,
        latency_ms=12,
        evidence={key: _spans(text, value) for key, value in values.items() if value},
    )


def _spans(text: str, value: str) -> tuple[Span, ...]:
    found = ((text.lower().find(part.strip().lower()), len(part.strip())) for part in value.split(";"))
    return tuple(Span(start, start + length) for start, length in found if start >= 0)


def make_store(home: Path, notes: Sequence[tuple[str, Mapping[str, str | None] | None]]) -> Store:
    """A store under `home` with one active adapter and these notes; a note's values become its suggestion."""
    store = empty_store(home / "caseloop.db")
    with store.transaction() as session:
        row = AdapterRow(
            name=ADAPTER,
            path="./adapters/first",
            base="embedded",
            base_revision=None,
            prompt_version=1,
            weights_sha256="0" * 64,
        )
        register_adapter(program_in(session), row)
        activate(person_in(session, "tests"), ADAPTER, reason="for the tests")
    put_notes(store, notes)
    return store


def put_notes(store: Store, notes: Sequence[tuple[str, Mapping[str, str | None] | None]]) -> list[int]:
    """Add notes behind those that are there, as `case-<number>`; texts that are there already get a number at the end.

    Returns:
        Their numbers, in order and without a gap.
    """
    put = []
    for text, values in notes:
        with store.transaction() as session:
            number = counts(session).n_notes + 1
            known = find_note(session, content_hash(text)) is not None
            note = make_note(TASK, f"{text} ({number})" if known else text, external_id=f"case-{number}")
            (note_id,) = add_notes(program_in(session), [note]).note_ids
            assert note_id == number
            if values is not None:
                add_suggestion(program_in(session), note_id, suggestion(note.text, values))
        put.append(note_id)
    return put
