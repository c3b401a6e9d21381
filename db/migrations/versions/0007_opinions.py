"""Opinions: what several reviewers think of one note, each without seeing the others', until one decision is made.

A note says itself how many opinions it wants, how many it has, and whether these differ; the indexes of notes that
wait leave out those that only a lead can settle.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

OPINION = """
CREATE TABLE opinion (
    id INTEGER NOT NULL CONSTRAINT pk_opinion PRIMARY KEY,
    note_id INTEGER NOT NULL CONSTRAINT fk_opinion_note_id_note REFERENCES note (id),
    reviewer_id INTEGER NOT NULL CONSTRAINT fk_opinion_reviewer_id_reviewer REFERENCES reviewer (id),
    status TEXT NOT NULL
        CONSTRAINT ck_opinion_status CHECK (status IN ('submitted', 'skipped', 'flagged', 'withdrawn')),
    extraction TEXT NOT NULL CONSTRAINT ck_opinion_extraction CHECK (json_valid(extraction)),
    settled TEXT NOT NULL CONSTRAINT ck_opinion_settled CHECK (json_valid(settled)),
    comment TEXT NOT NULL,
    suggestion_id INTEGER,
    lead_time_ms INTEGER NOT NULL CONSTRAINT ck_opinion_lead_time_ms CHECK (lead_time_ms >= 0),
    token TEXT NOT NULL CONSTRAINT uq_opinion_token UNIQUE
        CONSTRAINT ck_opinion_token CHECK (length(token) BETWEEN 1 AND 200),
    given_at TEXT NOT NULL,
    CONSTRAINT uq_opinion_id_note_id_reviewer_id UNIQUE (id, note_id, reviewer_id),
    CONSTRAINT fk_opinion_suggestion_id_suggestion
        FOREIGN KEY (suggestion_id, note_id) REFERENCES suggestion (id, note_id)
) STRICT
"""
STANDING = """
CREATE TABLE standing_opinion (
    note_id INTEGER NOT NULL CONSTRAINT fk_standing_opinion_note_id_note REFERENCES note (id),
    reviewer_id INTEGER NOT NULL CONSTRAINT fk_standing_opinion_reviewer_id_reviewer REFERENCES reviewer (id),
    opinion_id INTEGER NOT NULL,
    CONSTRAINT pk_standing_opinion PRIMARY KEY (note_id, reviewer_id),
    CONSTRAINT fk_standing_opinion_opinion_id_opinion
        FOREIGN KEY (opinion_id, note_id, reviewer_id) REFERENCES opinion (id, note_id, reviewer_id)
) STRICT
"""
COLUMNS = (
    "n_wanted INTEGER NOT NULL DEFAULT 1 CONSTRAINT ck_note_n_wanted CHECK (n_wanted BETWEEN 1 AND 9)",
    "n_opinions INTEGER NOT NULL DEFAULT 0 CONSTRAINT ck_note_n_opinions CHECK (n_opinions >= 0)",
    "is_disputed INTEGER NOT NULL DEFAULT 0 CONSTRAINT ck_note_is_disputed CHECK (is_disputed IN (0, 1))",
)
UNDECIDED = "origin = 'incoming' AND state IN ('todo', 'draft')"
WAITING = f"{UNDECIDED} AND is_disputed = 0"
WAITING_INDEXES = {
    "ix_note_queue": f"note (is_suggested, id) WHERE {WAITING}",
    "ix_note_free": f"note (is_suggested, id) WHERE {WAITING} AND is_claimed = 0",
    "ix_note_prefill": f"note (suggested_by, id) WHERE {WAITING}",
}
INDEXES = {
    "ix_opinion_note": "opinion (note_id, reviewer_id)",
    "ix_opinion_suggestion": "opinion (suggestion_id, note_id)",
    "ix_standing_opinion_reviewer": "standing_opinion (reviewer_id, note_id)",
    "ix_note_disputed": "note (id) WHERE is_disputed = 1",
    "ix_note_opinions": "note (id) WHERE n_opinions > 0",
}


def upgrade() -> None:
    """Add the opinions, and to each note what it needs to know of them."""
    op.execute(OPINION)
    op.execute(STANDING)
    for column in COLUMNS:
        op.execute(f"ALTER TABLE note ADD COLUMN {column}")
    for name, index in WAITING_INDEXES.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON {index}")
    for name, index in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {index}")
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER opinion_no_{action.lower()} BEFORE {action} ON opinion BEGIN "
            "SELECT RAISE(ABORT, 'a row of opinion is never changed'); END"
        )
