"""Suggestions say how long their note is beside the longest that the adapter learned from."""

from __future__ import annotations

from alembic import op

from db.schema.dialects import POSTGRES

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the figure; of suggestions that are there it is not known."""
    kind = "double precision" if op.get_bind().dialect.name == POSTGRES else "REAL"
    op.execute(f"ALTER TABLE suggestion ADD COLUMN times_longest {kind}")
