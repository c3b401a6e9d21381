"""Settings that people change on the desk: a name, a value that JSON can hold, who set it and when."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.audit import record
from db.people.roles import require
from db.schema import tables as t
from db.schema.dialects import insert_into

PERSONAL = ("keys.", "tour.")
"""A setting of one person begins so and ends with the person's name."""


def get_settings(session: Session, prefix: str = "") -> dict[str, Any]:
    """Every setting whose name begins with `prefix`, by its whole name."""
    query = sa.select(t.setting.c.key, t.setting.c.value).where(t.setting.c.key.startswith(prefix, autoescape=True))
    return {row.key: row.value for row in session.execute(query)}


def put_setting(session: Session, key: str, value: Any, by: str) -> None:
    """Set a setting, in place of what it was.

    Args:
        value: what JSON can hold, but not null: a setting that is taken away goes back to its default.
        by: the name of whoever changes it.

    Raises:
        NotAllowed: the setting is not this person's own, and the person may not change the rules.
    """
    _require(session, key, by)
    changed = {"value": value, "changed_by": by, "changed_at": t.now()}
    session.execute(
        insert_into(session, t.setting)
        .values(key=key, **changed)
        .on_conflict_do_update(index_elements=["key"], set_=changed)
    )


def drop_setting(session: Session, key: str, by: str) -> None:
    """Take a setting away; its default holds again.

    Raises:
        NotAllowed: see `put_setting`.
    """
    _require(session, key, by)
    session.execute(sa.delete(t.setting).where(t.setting.c.key == key))


def _require(session: Session, key: str, by: str) -> None:
    if key in {f"{beginning}{by}" for beginning in PERSONAL}:
        return
    require(session, by, "change rules")
    record(session, by, "changed a setting", key)
