"""The tables as the queries see them. The schema itself, with its rules, is made by `migrations/`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class UtcTime(TypeDecorator[datetime]):
    """A time as text of fixed width, so that text order is time order: `2026-01-31T09:30:00.000000Z`."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Python to the store; a time without a zone is refused."""
        return None if value is None else self.text_of(value)

    @staticmethod
    def text_of(value: datetime) -> str:
        """The text that stands for a time.

        Raises:
            ValueError: it has no zone.
        """
        if value.tzinfo is None:
            raise ValueError("Expected a time with a time zone; found one without. Use UTC.")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """The store to Python, in UTC."""
        return None if value is None else datetime.fromisoformat(value)


Json = sa.JSON(none_as_null=True)

_INTEGER = sa.Integer().with_variant(sa.BigInteger(), "postgresql")


def _table(name: str, *columns: sa.Column[object]) -> sa.Table:
    for column in columns:
        if isinstance(column.type, sa.Integer):  # SQLite's hold 64 bits, and so do PostgreSQL's
            column.type = _INTEGER  # type: ignore[assignment]
    return sa.Table(name, metadata, *columns)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=False)


reviewer = _table(
    "reviewer",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("disabled_at", UtcTime),
    sa.Column("added_at", UtcTime, nullable=False),
)

sign_in = _table(
    "sign_in",
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), nullable=False),
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
)

audit = _table(
    "audit",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", Json, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)

# State, revision and reviewer are written by `decisions.py` only, in the transaction of the annotation or draft.
# `suggested_by` names the adapter of the newest suggestion, `min_confidence` is that suggestion's; `is_suggested` says
# whether there is one, as a column of its own because SQLite reads no generated column from an index alone. `doubt` and
# `n_not_found` are that suggestion's too, `n_changed` the standing annotation's: the queue sorts and filters by them.
note = _table(
    "note",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("content_hash", sa.Text, nullable=False),  # splits the hold-out; several notes may have one
    sa.Column("text_hash", sa.Text, nullable=False),  # with the external id, or none: which note it is
    sa.Column("external_id", sa.Text),
    sa.Column("split", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("gold", Json),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id")),
    sa.Column("suggested_by", sa.Text),
    sa.Column("is_suggested", sa.Integer, nullable=False),
    sa.Column("min_confidence", sa.Double),
    sa.Column("doubt", sa.Double),
    sa.Column("n_not_found", sa.Integer),
    sa.Column("n_changed", sa.Integer),
    sa.Column("novelty", sa.Double),
    sa.Column("added_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("is_claimed", sa.Integer, nullable=False, server_default="0"),  # by triggers: whether `claim` has it
    sa.Column("n_wanted", sa.Integer, nullable=False, server_default="1"),  # these three are written by `opinions.py`
    sa.Column("n_opinions", sa.Integer, nullable=False, server_default="0"),
    sa.Column("is_disputed", sa.Integer, nullable=False, server_default="0"),
    sa.Column("source", sa.Text, nullable=False, server_default=""),  # a part of what it is, with text and id
    sa.Column("import_id", sa.Integer, sa.ForeignKey("note_import.id")),
    sa.Column("supersedes_id", sa.Integer, sa.ForeignKey("note.id")),
    sa.Column("is_superseded", sa.Integer, nullable=False, server_default="0"),  # whether another supersedes it
)

note_import = _table(
    "note_import",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime),
    sa.Column("brought_by", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("files", Json, nullable=False),
    _number("n_files"),
    sa.Column("options", Json, nullable=False),
    *[_number(f"n_{what}") for what in ("added", "known", "labelled", "updated", "superseded", "refused")],
    sa.Column("undone_at", UtcTime),
    sa.Column("undone_by", sa.Text),
)

deletion = _table(
    "deletion",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    _number("n_notes"),
    sa.Column("finished_at", UtcTime),
)

# Rows about a note may go once its number is here, where it stays: no other note gets it. The hashes go later.
deleted_note = _table(
    "deleted_note",
    sa.Column("note_id", sa.Integer, primary_key=True),
    sa.Column("deletion_id", sa.Integer, sa.ForeignKey("deletion.id"), nullable=False),
    sa.Column("text_hash", sa.Text),
    sa.Column("content_hash", sa.Text),
)

claim = _table(
    "claim",
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), primary_key=True),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), nullable=False),
    sa.Column("until_at", UtcTime, nullable=False),
)

note_text = _table(
    "note_text",
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

note_search = sa.table("note_search", sa.column("rowid", sa.Integer))

suggestion = _table(
    "suggestion",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), nullable=False),
    sa.Column("adapter", sa.Text, nullable=False),
    sa.Column("prompt_version", sa.Integer, nullable=False),
    sa.Column("extraction", Json, nullable=False),
    sa.Column("confidence", Json, nullable=False),
    sa.Column("min_confidence", sa.Double),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("alternatives", Json, nullable=False),
    sa.Column("raw_reply", sa.Text, nullable=False),
    sa.Column("latency_ms", sa.Integer, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("raw_confidence", Json, nullable=False),
    sa.Column("grounding", Json, nullable=False),
    sa.Column("times_longest", sa.Double),
    sa.Column("legibility", sa.Double),
)

suggestion_failure = _table(
    "suggestion_failure",
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), primary_key=True),
    sa.Column("adapter", sa.Text, primary_key=True),
    sa.Column("n_failures", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("failed_at", UtcTime, nullable=False),
)

annotation = _table(
    "annotation",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("extraction", Json, nullable=False),
    sa.Column("settled", Json, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("suggestion_id", sa.Integer, sa.ForeignKey("suggestion.id")),
    sa.Column("lead_time_ms", sa.Integer, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("submitted_at", UtcTime, nullable=False),
)

draft = _table(
    "draft",
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), primary_key=True),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("extraction", Json, nullable=False),
    sa.Column("settled", Json, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("suggestion_id", sa.Integer, sa.ForeignKey("suggestion.id")),
    sa.Column("lead_time_ms", sa.Integer, nullable=False),
    sa.Column("saved_at", UtcTime, nullable=False),
)

opinion = _table(
    "opinion",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), nullable=False),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("extraction", Json, nullable=False),
    sa.Column("settled", Json, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("suggestion_id", sa.Integer, sa.ForeignKey("suggestion.id")),
    sa.Column("lead_time_ms", sa.Integer, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("given_at", UtcTime, nullable=False),
)

standing_opinion = _table(
    "standing_opinion",
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), primary_key=True),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), primary_key=True),
    sa.Column("opinion_id", sa.Integer, sa.ForeignKey("opinion.id"), nullable=False),
)

training_run = _table(
    "training_run",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("directory", sa.Text),
    sa.Column("pid", sa.Integer),
    sa.Column("config", Json, nullable=False),
    sa.Column("requested_by", sa.Text, nullable=False),
    sa.Column("snapshot_fingerprint", sa.Text),
    sa.Column("n_rows", sa.Integer),
    sa.Column("n_originals", sa.Integer),
    sa.Column("n_annotations", sa.Integer),
    sa.Column("n_holdout", sa.Integer),
    sa.Column("adapter", sa.Text),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("metrics", Json),
    sa.Column("gate", Json),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("ended_at", UtcTime),
)

adapter = _table(
    "adapter",
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("base", sa.Text, nullable=False),
    sa.Column("base_revision", sa.Text),
    sa.Column("prompt_version", sa.Integer, nullable=False),
    sa.Column("weights_sha256", sa.Text, nullable=False),
    sa.Column("parent", sa.Text),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("training_run.id")),
    sa.Column("metrics", Json, nullable=False),
    sa.Column("added_at", UtcTime, nullable=False),
)

activation = _table(
    "activation",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("adapter", sa.Text, sa.ForeignKey("adapter.name"), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("activated_by", sa.Text, nullable=False),
    sa.Column("restores_id", sa.Integer, sa.ForeignKey("activation.id")),
    sa.Column("activated_at", UtcTime, nullable=False),
)

evaluation = _table(
    "evaluation",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("adapter", sa.Text, nullable=False),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("training_run.id")),
    sa.Column("data_fingerprint", sa.Text, nullable=False),
    sa.Column("n_notes", sa.Integer, nullable=False),
    sa.Column("metrics", Json, nullable=False),
    sa.Column("evaluated_at", UtcTime, nullable=False),
)

preference = _table(
    "preference",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("training_run.id"), nullable=False),
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), nullable=False),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), nullable=False),
    sa.Column("old_adapter", sa.Text, nullable=False),
    sa.Column("new_adapter", sa.Text, nullable=False),
    sa.Column("choice", sa.Text, nullable=False),
    sa.Column("chosen_at", UtcTime, nullable=False),
)

setting = _table(
    "setting",
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", Json, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
)

saved_filter = _table(
    "saved_filter",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("query", Json, nullable=False),
    sa.Column("saved_at", UtcTime, nullable=False),
)

offer = _table(
    "offer",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("old_value", sa.Text, nullable=False),
    sa.Column("new_value", sa.Text),
    sa.Column("offered_by", sa.Text, nullable=False),
    sa.Column("offered_at", UtcTime, nullable=False),
    sa.Column("withdrawn_at", UtcTime),
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id")),
)

trial = _table(
    "trial",
    sa.Column("note_id", sa.Integer, sa.ForeignKey("note.id"), primary_key=True),
    sa.Column("reviewer_id", sa.Integer, sa.ForeignKey("reviewer.id"), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("field", sa.Text),
    sa.Column("value", sa.Text),
    sa.Column("begun_at", UtcTime, nullable=False),
)

heartbeat = _table(
    "heartbeat",
    sa.Column("what", sa.Text, primary_key=True),
    sa.Column("payload", Json, nullable=False),
    sa.Column("beat_at", UtcTime, nullable=False),
)
