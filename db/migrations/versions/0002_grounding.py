"""How the values of a suggestion rest on their note, and the model's own probabilities of them.

Rows from before get neither: their evidence stands, and what rests on it is found anew when it is shown.
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the two columns."""
    for column in ("raw_confidence", "grounding"):
        op.execute(
            f"ALTER TABLE suggestion ADD COLUMN {column} TEXT NOT NULL DEFAULT '{{}}' "
            f"CONSTRAINT ck_suggestion_{column} CHECK (json_valid({column}))"
        )
