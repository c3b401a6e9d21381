"""Claims: who has which note open, for so long, so that two people are not given the same one.

A claimed note says so itself, kept in step by triggers: the index of the free ones then gives the next note at once,
however many are claimed, where looking up a time for each would read past all of them.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

CLAIM = """
CREATE TABLE claim (
    note_id INTEGER NOT NULL CONSTRAINT pk_claim PRIMARY KEY
        CONSTRAINT fk_claim_note_id_note REFERENCES note (id) ON DELETE CASCADE,
    reviewer_id INTEGER NOT NULL CONSTRAINT fk_claim_reviewer_id_reviewer REFERENCES reviewer (id),
    until_at TEXT NOT NULL
) STRICT
"""
IS_CLAIMED = """
ALTER TABLE note ADD COLUMN is_claimed INTEGER NOT NULL DEFAULT 0
    CONSTRAINT ck_note_is_claimed CHECK (is_claimed IN (0, 1))
"""
FREE = "origin = 'incoming' AND state IN ('todo', 'draft') AND is_claimed = 0"
INDEXES = (
    "ix_claim_until ON claim (until_at)",
    "ix_claim_reviewer ON claim (reviewer_id)",
    f"ix_note_free ON note (is_suggested, id) WHERE {FREE}",
)
TRIGGERS = (
    """CREATE TRIGGER claim_begins AFTER INSERT ON claim BEGIN
        UPDATE note SET is_claimed = 1 WHERE id = NEW.note_id;
    END""",
    """CREATE TRIGGER claim_ends AFTER DELETE ON claim BEGIN
        UPDATE note SET is_claimed = 0 WHERE id = OLD.note_id;
    END""",
    """CREATE TRIGGER claim_stays BEFORE UPDATE OF note_id ON claim BEGIN
        SELECT RAISE(ABORT, 'a claim stays with its note');
    END""",
)


def upgrade() -> None:
    """Add the claims, and to each note whether it is claimed."""
    op.execute(CLAIM)
    op.execute(IS_CLAIMED)
    for index in INDEXES:
        op.execute(f"CREATE INDEX {index}")
    for trigger in TRIGGERS:
        op.execute(trigger)
