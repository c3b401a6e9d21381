"""The first schema: notes, suggestions, annotations, drafts, adapters, runs."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

NOTES = """
CREATE TABLE reviewer (
    id INTEGER NOT NULL CONSTRAINT pk_reviewer PRIMARY KEY,
    name TEXT NOT NULL CONSTRAINT uq_reviewer_name UNIQUE
        CONSTRAINT ck_reviewer_name CHECK (length(name) BETWEEN 1 AND 100),
    role TEXT NOT NULL CONSTRAINT ck_reviewer_role CHECK (role IN ('reviewer', 'admin')),
    added_at TEXT NOT NULL
) STRICT;

CREATE TABLE note (
    id INTEGER NOT NULL CONSTRAINT pk_note PRIMARY KEY,
    content_hash TEXT NOT NULL CONSTRAINT uq_note_content_hash UNIQUE,
    external_id TEXT,
    split TEXT NOT NULL CONSTRAINT ck_note_split CHECK (split IN ('train', 'holdout')),
    origin TEXT NOT NULL CONSTRAINT ck_note_origin CHECK (origin IN ('original', 'incoming')),
    metadata TEXT NOT NULL CONSTRAINT ck_note_metadata CHECK (json_valid(metadata)),
    gold TEXT CONSTRAINT ck_note_gold CHECK (gold IS NULL OR json_valid(gold)),
    state TEXT NOT NULL CONSTRAINT ck_note_state
        CHECK (state IN ('todo', 'draft', 'submitted', 'skipped', 'flagged')),
    revision INTEGER NOT NULL CONSTRAINT ck_note_revision CHECK (revision >= 0),
    reviewer_id INTEGER CONSTRAINT fk_note_reviewer_id_reviewer REFERENCES reviewer (id),
    suggested_by TEXT,
    is_suggested INTEGER NOT NULL CONSTRAINT ck_note_is_suggested CHECK (is_suggested = (suggested_by IS NOT NULL)),
    min_confidence REAL,
    added_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT ck_note_original_has_gold CHECK (origin = 'incoming' OR gold IS NOT NULL),
    CONSTRAINT ck_note_decided_has_revision CHECK ((revision = 0) = (state IN ('todo', 'draft')))
) STRICT;

CREATE TABLE note_text (
    note_id INTEGER NOT NULL CONSTRAINT pk_note_text PRIMARY KEY
        CONSTRAINT fk_note_text_note_id_note REFERENCES note (id) ON DELETE CASCADE,
    text TEXT NOT NULL
) STRICT;

CREATE INDEX ix_note_external_id ON note (external_id);
CREATE INDEX ix_note_counts ON note (origin, state, is_suggested, split);
CREATE INDEX ix_note_state ON note (state, id);
CREATE INDEX ix_note_updated ON note (updated_at, id);
CREATE INDEX ix_note_confidence ON note (coalesce(min_confidence, 2), id);
CREATE INDEX ix_note_reviewer ON note (reviewer_id, id);
CREATE INDEX ix_note_queue ON note (is_suggested, id) WHERE origin = 'incoming' AND state IN ('todo', 'draft');
CREATE INDEX ix_note_prefill ON note (suggested_by, id) WHERE origin = 'incoming' AND state IN ('todo', 'draft');
"""

SEARCH = """
CREATE VIEW note_document AS
    SELECT note.id AS id, note_text.text AS text, note.external_id AS external_id
    FROM note JOIN note_text ON note_text.note_id = note.id;

CREATE VIRTUAL TABLE note_search USING fts5 (
    text, external_id, content = 'note_document', content_rowid = 'id', tokenize = 'unicode61'
);
"""

DECISIONS = """
CREATE TABLE suggestion (
    id INTEGER NOT NULL CONSTRAINT pk_suggestion PRIMARY KEY,
    note_id INTEGER NOT NULL CONSTRAINT fk_suggestion_note_id_note REFERENCES note (id),
    adapter TEXT NOT NULL,
    prompt_version INTEGER NOT NULL,
    extraction TEXT NOT NULL CONSTRAINT ck_suggestion_extraction CHECK (json_valid(extraction)),
    confidence TEXT NOT NULL CONSTRAINT ck_suggestion_confidence CHECK (json_valid(confidence)),
    min_confidence REAL,
    evidence TEXT NOT NULL CONSTRAINT ck_suggestion_evidence CHECK (json_valid(evidence)),
    alternatives TEXT NOT NULL CONSTRAINT ck_suggestion_alternatives CHECK (json_valid(alternatives)),
    raw_reply TEXT NOT NULL,
    latency_ms INTEGER NOT NULL CONSTRAINT ck_suggestion_latency_ms CHECK (latency_ms >= 0),
    created_at TEXT NOT NULL,
    CONSTRAINT uq_suggestion_note_id_adapter UNIQUE (note_id, adapter),
    CONSTRAINT uq_suggestion_id_note_id UNIQUE (id, note_id)
) STRICT;

CREATE TABLE suggestion_failure (
    note_id INTEGER NOT NULL CONSTRAINT fk_suggestion_failure_note_id_note REFERENCES note (id),
    adapter TEXT NOT NULL,
    n_failures INTEGER NOT NULL CONSTRAINT ck_suggestion_failure_n_failures CHECK (n_failures > 0),
    reason TEXT NOT NULL,
    failed_at TEXT NOT NULL,
    CONSTRAINT pk_suggestion_failure PRIMARY KEY (note_id, adapter)
) STRICT;

CREATE TABLE annotation (
    id INTEGER NOT NULL CONSTRAINT pk_annotation PRIMARY KEY,
    note_id INTEGER NOT NULL CONSTRAINT fk_annotation_note_id_note REFERENCES note (id),
    revision INTEGER NOT NULL CONSTRAINT ck_annotation_revision CHECK (revision > 0),
    reviewer_id INTEGER NOT NULL CONSTRAINT fk_annotation_reviewer_id_reviewer REFERENCES reviewer (id),
    status TEXT NOT NULL CONSTRAINT ck_annotation_status CHECK (status IN ('submitted', 'skipped', 'flagged')),
    extraction TEXT NOT NULL CONSTRAINT ck_annotation_extraction CHECK (json_valid(extraction)),
    comment TEXT NOT NULL,
    suggestion_id INTEGER,
    lead_time_ms INTEGER NOT NULL CONSTRAINT ck_annotation_lead_time_ms CHECK (lead_time_ms >= 0),
    token TEXT NOT NULL CONSTRAINT uq_annotation_token UNIQUE
        CONSTRAINT ck_annotation_token CHECK (length(token) BETWEEN 1 AND 200),
    submitted_at TEXT NOT NULL,
    CONSTRAINT uq_annotation_note_id_revision UNIQUE (note_id, revision),
    CONSTRAINT fk_annotation_suggestion_id_suggestion
        FOREIGN KEY (suggestion_id, note_id) REFERENCES suggestion (id, note_id)
) STRICT;

CREATE INDEX ix_annotation_submitted_at ON annotation (submitted_at);
CREATE INDEX ix_annotation_suggestion ON annotation (suggestion_id, note_id);

CREATE TABLE draft (
    note_id INTEGER NOT NULL CONSTRAINT fk_draft_note_id_note REFERENCES note (id),
    reviewer_id INTEGER NOT NULL CONSTRAINT fk_draft_reviewer_id_reviewer REFERENCES reviewer (id),
    revision INTEGER NOT NULL CONSTRAINT ck_draft_revision CHECK (revision >= 0),
    version INTEGER NOT NULL CONSTRAINT ck_draft_version CHECK (version > 0),
    extraction TEXT NOT NULL CONSTRAINT ck_draft_extraction CHECK (json_valid(extraction)),
    comment TEXT NOT NULL,
    suggestion_id INTEGER,
    lead_time_ms INTEGER NOT NULL CONSTRAINT ck_draft_lead_time_ms CHECK (lead_time_ms >= 0),
    saved_at TEXT NOT NULL,
    CONSTRAINT pk_draft PRIMARY KEY (note_id, reviewer_id),
    CONSTRAINT fk_draft_suggestion_id_suggestion
        FOREIGN KEY (suggestion_id, note_id) REFERENCES suggestion (id, note_id)
) STRICT;
"""

LOOP = """
CREATE TABLE training_run (
    id INTEGER NOT NULL CONSTRAINT pk_training_run PRIMARY KEY,
    status TEXT NOT NULL CONSTRAINT ck_training_run_status
        CHECK (status IN ('requested', 'running', 'interrupted', 'failed', 'finished')),
    directory TEXT,
    pid INTEGER,
    config TEXT NOT NULL CONSTRAINT ck_training_run_config CHECK (json_valid(config)),
    requested_by TEXT NOT NULL,
    snapshot_fingerprint TEXT,
    n_rows INTEGER,
    n_originals INTEGER,
    n_annotations INTEGER,
    n_holdout INTEGER,
    adapter TEXT,
    message TEXT NOT NULL,
    metrics TEXT CONSTRAINT ck_training_run_metrics CHECK (metrics IS NULL OR json_valid(metrics)),
    gate TEXT CONSTRAINT ck_training_run_gate CHECK (gate IS NULL OR json_valid(gate)),
    created_at TEXT NOT NULL,
    started_at TEXT,
    ended_at TEXT
) STRICT;

CREATE INDEX ix_training_run_status ON training_run (status, id);

CREATE TABLE adapter (
    name TEXT NOT NULL CONSTRAINT pk_adapter PRIMARY KEY
        CONSTRAINT ck_adapter_name CHECK (length(name) BETWEEN 1 AND 200),
    path TEXT NOT NULL,
    base TEXT NOT NULL,
    base_revision TEXT,
    prompt_version INTEGER NOT NULL,
    weights_sha256 TEXT NOT NULL,
    parent TEXT,
    run_id INTEGER CONSTRAINT fk_adapter_run_id_training_run REFERENCES training_run (id),
    metrics TEXT NOT NULL CONSTRAINT ck_adapter_metrics CHECK (json_valid(metrics)),
    added_at TEXT NOT NULL
) STRICT;

CREATE TABLE activation (
    id INTEGER NOT NULL CONSTRAINT pk_activation PRIMARY KEY,
    adapter TEXT NOT NULL CONSTRAINT fk_activation_adapter_adapter REFERENCES adapter (name),
    reason TEXT NOT NULL,
    activated_by TEXT NOT NULL,
    restores_id INTEGER CONSTRAINT fk_activation_restores_id_activation REFERENCES activation (id),
    activated_at TEXT NOT NULL
) STRICT;

CREATE TABLE evaluation (
    id INTEGER NOT NULL CONSTRAINT pk_evaluation PRIMARY KEY,
    adapter TEXT NOT NULL,
    run_id INTEGER CONSTRAINT fk_evaluation_run_id_training_run REFERENCES training_run (id),
    data_fingerprint TEXT NOT NULL,
    n_notes INTEGER NOT NULL CONSTRAINT ck_evaluation_n_notes CHECK (n_notes >= 0),
    metrics TEXT NOT NULL CONSTRAINT ck_evaluation_metrics CHECK (json_valid(metrics)),
    evaluated_at TEXT NOT NULL
) STRICT;

CREATE INDEX ix_evaluation_adapter ON evaluation (adapter, id);

CREATE TABLE heartbeat (
    what TEXT NOT NULL CONSTRAINT pk_heartbeat PRIMARY KEY,
    payload TEXT NOT NULL CONSTRAINT ck_heartbeat_payload CHECK (json_valid(payload)),
    beat_at TEXT NOT NULL
) STRICT;
"""

TRIGGERS = (
    """CREATE TRIGGER note_text_indexed AFTER INSERT ON note_text BEGIN
        INSERT INTO note_search (rowid, text, external_id)
            SELECT NEW.note_id, NEW.text, external_id FROM note WHERE id = NEW.note_id;
    END""",
    """CREATE TRIGGER note_text_unindexed BEFORE DELETE ON note_text BEGIN
        INSERT INTO note_search (note_search, rowid, text, external_id)
            SELECT 'delete', OLD.note_id, OLD.text, external_id FROM note WHERE id = OLD.note_id;
    END""",
    """CREATE TRIGGER note_identity_fixed
        BEFORE UPDATE OF id, content_hash, external_id, split, added_at ON note BEGIN
        SELECT RAISE(ABORT, 'what a note is never changes');
    END""",
    """CREATE TRIGGER annotation_follows BEFORE INSERT ON annotation
        WHEN NEW.revision <> 1 + (SELECT coalesce(max(revision), 0) FROM annotation WHERE note_id = NEW.note_id) BEGIN
        SELECT RAISE(ABORT, 'an annotation follows the one before it');
    END""",
)
INSERT_ONLY = {
    "note_text": ("UPDATE",),
    "suggestion": ("UPDATE", "DELETE"),
    "annotation": ("UPDATE", "DELETE"),
    "activation": ("UPDATE", "DELETE"),
    "evaluation": ("UPDATE", "DELETE"),
}


def upgrade() -> None:
    """Make every table, index and trigger."""
    for script in (NOTES, SEARCH, DECISIONS, LOOP):
        for statement in script.split(";\n"):
            if statement.strip():
                op.execute(statement)
    for trigger in TRIGGERS:
        op.execute(trigger)
    for table, actions in INSERT_ONLY.items():
        for action in actions:
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} BEGIN "
                f"SELECT RAISE(ABORT, 'a row of {table} is never changed'); END"
            )
