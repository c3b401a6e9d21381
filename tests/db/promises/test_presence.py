"""A store that is taken away while it is open: nothing is acknowledged any more, and none is made in its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from db.schema.errors import StoreGone
from db.store.sqlite import WAL_SAFE
from db.store.store import Store, open_store
from tests.kit.desk.stores import add, file_store, store

__all__ = ["file_store", "store"]


def remove(path: Path) -> None:
    path.unlink()


def move(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def move_the_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))


def replace(path: Path) -> None:
    shutil.copy(path, path.with_name("copy.db"))
    path.with_name("copy.db").rename(path)


def remove_the_log(path: Path) -> None:
    if not WAL_SAFE:
        pytest.skip("this SQLite works without a write-ahead log")
    path.with_name(f"{path.name}-wal").unlink()


WAYS = (remove, move, move_the_folder, replace, remove_the_log)


@pytest.mark.parametrize("way", WAYS)
def test_it_is_noticed_at_the_next_use(file_store: Store, way: Callable[[Path], None]) -> None:
    with file_store.transaction() as session:
        add(session, 1)
    file_store.require_there()
    way(file_store.path)
    for use in (file_store.transaction, file_store.reading):
        with pytest.raises(StoreGone, match="Nothing more is saved"), use() as session:
            session.execute(sa.text("SELECT 1"))
    with pytest.raises(StoreGone):
        file_store.require_there()


@pytest.mark.parametrize("way", WAYS)
def test_what_was_begun_before_is_not_acknowledged(file_store: Store, way: Callable[[Path], None]) -> None:
    with file_store.reading() as session:
        session.execute(sa.text("SELECT 1"))
    with pytest.raises(StoreGone), file_store.transaction() as session:  # noqa: PT012 - it is the end of the block
        add(session, 1)
        way(file_store.path)


def test_one_that_is_expected_is_opened_and_none_is_made_in_its_place(store: Store) -> None:
    place = store.path or store.place
    with open_store(place, expected=store.identity) as opened:
        assert opened.identity == store.identity
        opened.require_there()
    with pytest.raises(StoreGone):
        open_store(place, expected="0:0")


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreGone, match="it is missing"):
        open_store(tmp_path / "home" / "store.db", expected="1:2")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_was_emptied_or_made_anew_is_not_filled(database_url: str) -> None:
    with open_store(database_url) as opened:
        identity = opened.identity
        with opened._on.writer.connect() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
            connection.commit()
        with pytest.raises(StoreGone, match="it is missing"):
            opened.require_there()
    with pytest.raises(StoreGone, match="it is missing"):
        open_store(database_url, expected=identity)
    with open_store(database_url) as opened:  # a first start is one, wherever nobody expects anything
        assert opened.schema_version
