"""What the desk needs beside a decision: how each field was settled, reopened notes, settings, filters, offers, trials.

A note can be opened again, which the first schema's rules left out; SQLite changes no rule in place, so the two tables
that hold one are built anew and their rows moved.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

NOTE = """
CREATE TABLE note_new (
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
    doubt REAL,
    n_not_found INTEGER,
    n_changed INTEGER,
    novelty REAL,
    added_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT ck_note_original_has_gold CHECK (origin = 'incoming' OR gold IS NOT NULL),
    CONSTRAINT ck_note_decided_has_revision CHECK (revision > 0 OR state IN ('todo', 'draft'))
) STRICT
"""

MOVE_NOTES = """
INSERT INTO note_new (id, content_hash, external_id, split, origin, metadata, gold, state, revision, reviewer_id,
    suggested_by, is_suggested, min_confidence, doubt, n_not_found, n_changed, added_at, updated_at)
SELECT n.id, n.content_hash, n.external_id, n.split, n.origin, n.metadata, n.gold, n.state, n.revision, n.reviewer_id,
    n.suggested_by, n.is_suggested, n.min_confidence,
    (SELECT sum(1.0 - c.value) FROM suggestion s, json_each(s.confidence) c
        WHERE s.note_id = n.id AND s.adapter = n.suggested_by),
    (SELECT count(g.value) FROM suggestion s LEFT JOIN json_each(s.grounding) g ON g.value = 'not_found'
        WHERE s.note_id = n.id AND s.adapter = n.suggested_by GROUP BY s.id),
    (SELECT count(d.key) FROM annotation a JOIN suggestion s ON s.id = a.suggestion_id
        LEFT JOIN json_each(a.extraction) d ON d.value IS NOT json_extract(s.extraction, '$.' || d.key)
        WHERE a.note_id = n.id AND a.revision = n.revision GROUP BY a.id),
    n.added_at, n.updated_at
FROM note n
"""

ANNOTATION = """
CREATE TABLE annotation_new (
    id INTEGER NOT NULL CONSTRAINT pk_annotation PRIMARY KEY,
    note_id INTEGER NOT NULL CONSTRAINT fk_annotation_note_id_note REFERENCES note (id),
    revision INTEGER NOT NULL CONSTRAINT ck_annotation_revision CHECK (revision > 0),
    reviewer_id INTEGER NOT NULL CONSTRAINT fk_annotation_reviewer_id_reviewer REFERENCES reviewer (id),
    status TEXT NOT NULL CONSTRAINT ck_annotation_status
        CHECK (status IN ('submitted', 'skipped', 'flagged', 'reopened')),
    extraction TEXT NOT NULL CONSTRAINT ck_annotation_extraction CHECK (json_valid(extraction)),
    settled TEXT NOT NULL CONSTRAINT ck_annotation_settled CHECK (json_valid(settled)),
    comment TEXT NOT NULL,
    suggestion_id INTEGER,
    lead_time_ms INTEGER NOT NULL CONSTRAINT ck_annotation_lead_time_ms CHECK (lead_time_ms >= 0),
    token TEXT NOT NULL CONSTRAINT uq_annotation_token UNIQUE
        CONSTRAINT ck_annotation_token CHECK (length(token) BETWEEN 1 AND 200),
    submitted_at TEXT NOT NULL,
    CONSTRAINT uq_annotation_note_id_revision UNIQUE (note_id, revision),
    CONSTRAINT fk_annotation_suggestion_id_suggestion
        FOREIGN KEY (suggestion_id, note_id) REFERENCES suggestion (id, note_id)
) STRICT
"""

MOVE_ANNOTATIONS = """
INSERT INTO annotation_new
SELECT id, note_id, revision, reviewer_id, status, extraction, '[]', comment, suggestion_id, lead_time_ms, token,
    submitted_at
FROM annotation
"""

VIEW = """
CREATE VIEW note_document AS
    SELECT note.id AS id, note_text.text AS text, note.external_id AS external_id
    FROM note JOIN note_text ON note_text.note_id = note.id
"""

INDEXES = (
    "ix_note_external_id ON note (external_id)",
    "ix_note_counts ON note (origin, state, is_suggested, split)",
    "ix_note_state ON note (state, id)",
    "ix_note_updated ON note (updated_at, id)",
    "ix_note_confidence ON note (coalesce(min_confidence, 2), id)",
    "ix_note_doubt ON note (coalesce(doubt, -1) DESC, id)",
    "ix_note_novelty ON note (coalesce(novelty, -1) DESC, id)",
    "ix_note_not_found ON note (id) WHERE n_not_found > 0",
    "ix_note_changed ON note (id) WHERE n_changed > 0",
    "ix_note_reviewer ON note (reviewer_id, id)",
    "ix_note_queue ON note (is_suggested, id) WHERE origin = 'incoming' AND state IN ('todo', 'draft')",
    "ix_note_prefill ON note (suggested_by, id) WHERE origin = 'incoming' AND state IN ('todo', 'draft')",
    "ix_annotation_submitted_at ON annotation (submitted_at)",
    "ix_annotation_suggestion ON annotation (suggestion_id, note_id)",
    "ix_offer_standing ON offer (field, old_value) WHERE withdrawn_at IS NULL",
)

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
    *(
        f"CREATE TRIGGER annotation_no_{action.lower()} BEFORE {action} ON annotation BEGIN "
        "SELECT RAISE(ABORT, 'a row of annotation is never changed'); END"
        for action in ("UPDATE", "DELETE")
    ),
)

TABLES = (
    """CREATE TABLE setting (
        key TEXT NOT NULL CONSTRAINT pk_setting PRIMARY KEY,
        value TEXT NOT NULL CONSTRAINT ck_setting_value CHECK (json_valid(value)),
        changed_by TEXT NOT NULL,
        changed_at TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE saved_filter (
        id INTEGER NOT NULL CONSTRAINT pk_saved_filter PRIMARY KEY,
        reviewer_id INTEGER NOT NULL CONSTRAINT fk_saved_filter_reviewer_id_reviewer REFERENCES reviewer (id),
        name TEXT NOT NULL CONSTRAINT ck_saved_filter_name CHECK (length(name) BETWEEN 1 AND 100),
        query TEXT NOT NULL CONSTRAINT ck_saved_filter_query CHECK (json_valid(query)),
        saved_at TEXT NOT NULL,
        CONSTRAINT uq_saved_filter_reviewer_id_name UNIQUE (reviewer_id, name)
    ) STRICT""",
    """CREATE TABLE offer (
        id INTEGER NOT NULL CONSTRAINT pk_offer PRIMARY KEY,
        field TEXT NOT NULL,
        old_value TEXT NOT NULL,
        new_value TEXT,
        offered_by TEXT NOT NULL,
        offered_at TEXT NOT NULL,
        withdrawn_at TEXT,
        CONSTRAINT ck_offer_two_values CHECK (new_value IS NOT old_value)
    ) STRICT""",
    """CREATE TABLE trial (
        note_id INTEGER NOT NULL CONSTRAINT fk_trial_note_id_note REFERENCES note (id),
        reviewer_id INTEGER NOT NULL CONSTRAINT fk_trial_reviewer_id_reviewer REFERENCES reviewer (id),
        kind TEXT NOT NULL CONSTRAINT ck_trial_kind CHECK (kind IN ('prefilled', 'blind', 'seeded')),
        field TEXT,
        value TEXT,
        begun_at TEXT NOT NULL,
        CONSTRAINT pk_trial PRIMARY KEY (note_id, reviewer_id),
        CONSTRAINT ck_trial_seeded_has_value CHECK ((kind = 'seeded') = (field IS NOT NULL AND value IS NOT NULL))
    ) STRICT""",
)


def upgrade() -> None:
    """Build the two tables anew around their rows, add what is new."""
    for trigger in ("note_text_indexed", "note_text_unindexed"):
        op.execute(f"DROP TRIGGER {trigger}")
    op.execute("DROP VIEW note_document")
    op.execute(NOTE)
    op.execute(MOVE_NOTES)
    op.execute("DROP TABLE note")
    op.execute("ALTER TABLE note_new RENAME TO note")
    op.execute(ANNOTATION)
    op.execute(MOVE_ANNOTATIONS)
    op.execute("DROP TRIGGER annotation_no_delete")  # dropping a table deletes its rows
    op.execute("DROP TABLE annotation")
    op.execute("ALTER TABLE annotation_new RENAME TO annotation")
    op.execute(
        "ALTER TABLE draft ADD COLUMN settled TEXT NOT NULL DEFAULT '[]' "
        "CONSTRAINT ck_draft_settled CHECK (json_valid(settled))"
    )
    for table in TABLES:
        op.execute(table)
    op.execute(VIEW)
    for index in INDEXES:
        op.execute(f"CREATE INDEX {index}")
    for trigger in TRIGGERS:
        op.execute(trigger)
