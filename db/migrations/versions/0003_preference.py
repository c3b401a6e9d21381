"""Preferences: which of two adapters' answers a reviewer chose without knowing whose is whose."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

PREFERENCE = """
CREATE TABLE preference (
    id INTEGER NOT NULL CONSTRAINT pk_preference PRIMARY KEY,
    run_id INTEGER NOT NULL CONSTRAINT fk_preference_run_id_training_run REFERENCES training_run (id),
    note_id INTEGER NOT NULL CONSTRAINT fk_preference_note_id_note REFERENCES note (id),
    reviewer_id INTEGER NOT NULL CONSTRAINT fk_preference_reviewer_id_reviewer REFERENCES reviewer (id),
    old_adapter TEXT NOT NULL,
    new_adapter TEXT NOT NULL,
    choice TEXT NOT NULL CONSTRAINT ck_preference_choice CHECK (choice IN ('old', 'new', 'same')),
    chosen_at TEXT NOT NULL,
    CONSTRAINT uq_preference_run_id_note_id_reviewer_id UNIQUE (run_id, note_id, reviewer_id),
    CONSTRAINT ck_preference_two_adapters CHECK (old_adapter <> new_adapter)
) STRICT
"""


def upgrade() -> None:
    """Make the table; its rows are never changed."""
    op.execute(PREFERENCE)
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER preference_no_{action.lower()} BEFORE {action} ON preference BEGIN "
            "SELECT RAISE(ABORT, 'a row of preference is never changed'); END"
        )
