"""`caseloop doctor` finds what is wrong, says what to do about it, and changes nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from app.core.adapters import WEIGHTS
from app.core.settings import load_settings
from app.operations.doctor import Finding, examine
from data.storage.locations import EMBEDDED
from db.schema.files import sqlite
from tests.kit.desk.desk_store import COLON, put_notes
from tests.kit.homes import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A desk with the embedded adapter active."""
    return Home(tmp_path / "home").begin()


def found(home: Home) -> dict[str, Finding]:
    return {one.name: one for one in examine(load_settings(home.environ))}


def damage(home: Home, *statements: str) -> None:
    raw = sqlite.connect(home.path / "caseloop.db")
    for statement in statements:
        raw.execute(statement)
    raw.commit()
    raw.close()


def test_a_desk_that_is_well_says_so_line_by_line(home: Home) -> None:
    told = home.ok("doctor")
    lines = [line.split(maxsplit=2) for line in told.splitlines()]
    assert {line[1] for line in lines if line[0] == "ok"} >= {
        "home",
        "permissions",
        "sqlite",
        "integrity",
        "audit",
        "adapter",
    }
    assert "bad" not in {line[0] for line in lines}
    as_json = home.json("doctor")
    assert as_json["is_well"]
    assert [one["name"] for one in as_json["findings"]] == [line[1] for line in lines]


def test_nothing_is_made_or_changed(tmp_path: Path, home: Home) -> None:
    nowhere = Home(tmp_path / "nowhere")
    refused = nowhere.run("doctor")
    assert refused.returncode == 1
    assert "Set CASELOOP_HOME" in refused.stdout
    assert not nowhere.path.exists()
    (home.path / "caseloop.db").chmod(0o644)
    before = home.dump()
    home.run("doctor")
    assert (home.dump(), (home.path / "caseloop.db").stat().st_mode & 0o777) == (before, 0o644)


CASES: dict[str, tuple[str, str, str]] = {
    "an open home": ("permissions", "bad", "chmod -R go="),
    "an open store": ("permissions", "warn", "chmod -R go="),
    "a lost row": ("integrity", "bad", "latest backup"),
    "a changed entry of the audit": ("audit", "bad", "entry 1 was changed, removed or inserted"),
    "a newer schema": ("store", "bad", "written by a newer version"),
    "another file": ("store", "bad", "latest backup"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found(home: Home, case: str) -> None:
    store = home.path / "caseloop.db"
    if case == "an open home":
        home.path.chmod(0o755)
    elif case == "an open store":
        store.chmod(0o644)
    elif case == "a lost row":
        with home.desk() as desk:
            put_notes(desk.store, [(COLON, None)])
        drop_guards(home)
        damage(home, "DELETE FROM note")
    elif case == "a changed entry of the audit":
        drop_guards(home)
        damage(home, "UPDATE audit SET who = 'nobody' WHERE id = 1")
    elif case == "a newer schema":
        damage(home, "UPDATE alembic_version SET version_num = '9999'")
    else:
        store.write_bytes(b"this is no database, only text\n" * 100)
    name, state, said = CASES[case]
    finding = found(home)[name]
    assert finding.state == state
    assert said in finding.said
    ended = home.run("doctor")
    assert ended.returncode == (1 if state == "bad" else 0), ended.stdout + ended.stderr


def drop_guards(home: Home) -> None:
    raw = sqlite.connect(home.path / "caseloop.db")
    for (name,) in raw.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('audit', 'note')"
    ).fetchall():
        raw.execute(f"DROP TRIGGER {name}")
    raw.commit()
    raw.close()


def test_weights_that_are_gone_or_others_are_found(tmp_path: Path) -> None:
    own = tmp_path / "home" / "own"
    shutil.copytree(EMBEDDED / "adapter", own)
    home = Home(tmp_path / "home", {"CASELOOP_ADAPTER": str(own), "CASELOOP_BASE": str(EMBEDDED / "base")})
    home.begin()
    assert found(home)["adapter"].state == "ok"
    (own / WEIGHTS).write_bytes(b"others")
    assert "other weights" in found(home)["adapter"].said
    (own / WEIGHTS).unlink()
    finding = found(home)["adapter"]
    assert (finding.state, "from a backup" in finding.said) == ("bad", True)


def test_a_short_disk_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, state in ((50e6, "bad"), (1e9, "warn"), (9e9, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        assert found(home)["disk"].state == state
