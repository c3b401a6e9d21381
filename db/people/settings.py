"""Settings that people change on the desk: a name, a value that JSON can hold, who set it and when."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import Act, LeadAct
from db.schema import tables as t
from db.schema.dialects import insert_into


def get_settings(session: Session, prefix: str = "") -> dict[str, Any]:
    """Every setting whose name begins with `prefix`, by its whole name."""
    query = sa.select(t.setting.c.key, t.setting.c.value).where(t.setting.c.key.startswith(prefix, autoescape=True))
    return {row.key: row.value for row in session.execute(query)}


def put_setting(act: LeadAct, key: str, value: Any) -> None:
    """Set a setting, in place of what it was.

    Args:
        act: of whoever changes it.
        key: its name.
        value: what JSON can hold, but not null: a setting that is taken away goes back to its default.
    """
    _put(act, key, value)
    act.record("changed a setting", key)


def drop_setting(act: LeadAct, key: str) -> None:
    """Take a setting away; its default holds again."""
    _drop(act, key)
    act.record("changed a setting", key)


def put_own_setting(act: Act, kind: str, value: Any) -> None:
    """Set a setting that is only the person's own, `<kind>.<name>`; None takes it away."""
    key = f"{kind}.{act.who}"
    if value is None:
        _drop(act, key)
    else:
        _put(act, key, value)


def _put(act: Act, key: str, value: Any) -> None:
    changed = {"value": value, "changed_by": act.who, "changed_at": t.now()}
    act.session.execute(
        insert_into(act.session, t.setting)
        .values(key=key, **changed)
        .on_conflict_do_update(index_elements=["key"], set_=changed)
    )


def _drop(act: Act, key: str) -> None:
    act.session.execute(sa.delete(t.setting).where(t.setting.c.key == key))
