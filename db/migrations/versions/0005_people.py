"""People: a third role, passwords, sign-ins, and the audit trail.

A role's rule cannot be changed in place, so the table of reviewers is built anew and its rows moved. The one local
reviewer of a desk without sign-in may do everything.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

REVIEWER = """
CREATE TABLE reviewer_new (
    id INTEGER NOT NULL CONSTRAINT pk_reviewer PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT uq_reviewer_name UNIQUE
        CONSTRAINT ck_reviewer_name CHECK (length(name) BETWEEN 1 AND 100),
    role TEXT NOT NULL CONSTRAINT ck_reviewer_role CHECK (role IN ('reviewer', 'lead', 'admin')),
    password_hash TEXT,
    disabled_at TEXT,
    added_at TEXT NOT NULL
) STRICT
"""

MOVE = """
INSERT INTO reviewer_new (id, name, role, added_at)
SELECT id, name, CASE name WHEN 'local' THEN 'admin' ELSE role END, added_at FROM reviewer
"""

SIGN_IN = """
CREATE TABLE sign_in (
    token_hash TEXT NOT NULL CONSTRAINT pk_sign_in PRIMARY KEY
        CONSTRAINT ck_sign_in_token_hash CHECK (length(token_hash) = 64),
    reviewer_id INTEGER NOT NULL CONSTRAINT fk_sign_in_reviewer_id_reviewer REFERENCES reviewer (id),
    begun_at TEXT NOT NULL,
    seen_at TEXT NOT NULL
) STRICT
"""

AUDIT = """
CREATE TABLE audit (
    id INTEGER NOT NULL CONSTRAINT pk_audit PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL CONSTRAINT ck_audit_detail CHECK (json_valid(detail)),
    hash TEXT NOT NULL CONSTRAINT uq_audit_hash UNIQUE CONSTRAINT ck_audit_hash CHECK (length(hash) = 64)
) STRICT
"""


def upgrade() -> None:
    """Build the table of reviewers anew around its rows, add what is new."""
    op.execute(REVIEWER)
    op.execute(MOVE)
    op.execute("DROP TABLE reviewer")
    op.execute("ALTER TABLE reviewer_new RENAME TO reviewer")
    op.execute(SIGN_IN)
    op.execute("CREATE INDEX ix_sign_in_reviewer ON sign_in (reviewer_id)")
    op.execute(AUDIT)
    op.execute("CREATE INDEX ix_audit_subject ON audit (subject, id)")
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_no_{action.lower()} BEFORE {action} ON audit BEGIN "
            "SELECT RAISE(ABORT, 'a row of audit is never changed'); END"
        )
