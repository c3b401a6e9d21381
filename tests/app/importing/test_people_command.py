"""`caseloop reviewers` and `caseloop audit`, as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.access.passwords import check_password
from db.people.reviewers import password_of
from db.store.store import open_store
from tests.kit.people import PASSWORD


def caseloop(home: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "CASELOOP_HOME": str(home)}
    command = [sys.executable, "-m", "app.cli.main", *arguments]
    return subprocess.run(command, env=environ, input=typed, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an admin and a reviewer."""
    made = tmp_path_factory.mktemp("home")
    for name, role in (("Ann Lee", "admin"), ("kim", "reviewer")):
        done = caseloop(made, "reviewers", "add", name, "--role", role, "--password-stdin", typed=f"{PASSWORD}\n")
        assert (done.returncode, done.stdout) == (0, f"{name} can sign in, as {role}.\n"), done.stderr
    return made


def listed(home: Path) -> dict[str, Any]:
    rows = json.loads(caseloop(home, "reviewers", "list", "--json").stdout)
    return {row["name"]: (row["role"], row["signs_in"]) for row in rows}


def test_people_are_added_with_a_hash_of_their_password(home: Path) -> None:
    assert listed(home)["kim"] == ("reviewer", True)
    with open_store(home / "caseloop.db") as store, store.reading() as session:
        kept = password_of(session, "kim")
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (check_password(kept, PASSWORD), check_password(kept, PASSWORD + "!")) == (True, False)


def test_a_person_is_given_a_role_kept_out_and_let_in(home: Path) -> None:
    assert caseloop(home, "reviewers", "role", "kim", "lead").returncode == 0
    assert listed(home)["kim"] == ("lead", True)
    assert caseloop(home, "reviewers", "disable", "kim").returncode == 0
    assert listed(home)["kim"] == ("lead", False)
    assert caseloop(home, "reviewers", "enable", "kim").returncode == 0
    assert caseloop(home, "reviewers", "passwd", "kim", typed="another one of mine\n").returncode == 0
    with open_store(home / "caseloop.db") as store, store.reading() as session:
        assert check_password(password_of(session, "kim"), "another one of mine")


@pytest.mark.parametrize(
    ("arguments", "typed", "sentence"),
    [
        (("add", "kim"), PASSWORD, "kim is a reviewer already"),
        (("add", "new"), "short", "at least 12 characters; this one has 5"),
        (("add", "new", "--role", "boss"), PASSWORD, "Expected reviewer, lead, admin as the role; found boss"),
        (("add", "local"), PASSWORD, "local is reserved for caseloop"),
        (("role", "nobody", "lead"), "", "no reviewer called nobody"),
        (("disable", "Ann Lee"), "", "is the only admin who can sign in"),
        (("role", "Ann Lee", "reviewer"), "", "is the only admin who can sign in"),
    ],
)
def test_what_cannot_be_done_gets_a_sentence(home: Path, arguments: tuple[str, ...], typed: str, sentence: str) -> None:
    done = caseloop(home, "reviewers", *arguments, typed=f"{typed}\n")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert PASSWORD not in done.stderr


def test_the_trail_shows_it_holds_and_shows_that_it_does_not(tmp_path: Path) -> None:
    done = caseloop(tmp_path, "reviewers", "add", "Ann Lee", "--role", "admin", "--password-stdin", typed=PASSWORD)
    assert done.returncode == 0
    shown = json.loads(caseloop(tmp_path, "audit", "show", "--json").stdout)
    newest = shown[0]
    assert (newest["who"], newest["action"], newest["subject"]) == ("command line", "added a reviewer", "Ann Lee")
    sound = json.loads(caseloop(tmp_path, "audit", "verify", "--json").stdout)
    assert (sound["is_sound"], sound["head"]) == (True, shown[0]["hash"])
    assert caseloop(tmp_path, "audit", "verify", "--head", sound["head"]).returncode == 0
    other = caseloop(tmp_path, "audit", "verify", "--head", "0" * 64)
    assert (other.returncode, "not among theirs" in other.stderr) == (1, True)
    with open_store(tmp_path / "caseloop.db") as store, store.transaction() as session:
        session.execute(sa.text("DROP TRIGGER audit_no_update"))
        session.execute(sa.text("UPDATE audit SET who = 'somebody else' WHERE id = 1"))
    broken = caseloop(tmp_path, "audit", "verify")
    assert (broken.returncode, "Entry 1 was changed or removed" in broken.stderr) == (1, True)


def test_the_command_line_decides_about_adapters_where_people_sign_in(home: Path) -> None:
    done = caseloop(home, "adapters", "activate", "embedded", "--reason", "looked at")
    assert done.returncode == 0, done.stderr
    assert "command line" in caseloop(home, "audit", "show").stdout
