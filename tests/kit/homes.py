"""A desk's home as a person at a terminal sees it: commands as processes, and what they left."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from app.core.adapters import ensure_adapter
from app.core.desk import Desk
from app.core.settings import load_settings, prepare_home
from data.task import load_task
from db.schema.files import sqlite
from db.store.store import open_store
from tests.kit.commands import PATIENCE_S, Forked, can_be_forked
from tests.kit.desk.empty_stores import empty_store

TASK = load_task()
ROOT = Path(__file__).parents[2]
TINY_PLACE = "CASELOOP_TESTS_TINY"  # where a test process keeps its tiny model; pytest clears it away


@dataclass
class Home:
    path: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        search = os.pathsep.join(filter(None, [self.variables.get("PYTHONPATH"), str(ROOT)]))
        return {**os.environ, "CASELOOP_HOME": str(self.path), **self.variables, "PYTHONPATH": search}

    def start(self, *arguments: str, **settings: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-P", "-m", "app.cli.main", *arguments]  # like the script, which adds no folder
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=self.environ, text=True, encoding="utf-8", **{**pipes, **settings})

    def fork(self, *arguments: str, given: str | None = None) -> Forked:
        """The same in a fork of a process that has imported everything; nothing can be read from it while it runs."""
        assert can_be_forked(self.variables)
        return Forked("app.cli.main", arguments, self.environ, given)

    def run(self, *arguments: str, given: str | None = None, **settings: Any) -> subprocess.CompletedProcess[str]:
        is_forked = not settings and can_be_forked(self.variables)
        process = self.fork(*arguments, given=given) if is_forked else self.start(*arguments, **settings)
        try:
            if isinstance(process, Forked):
                out, errors = process.communicate(PATIENCE_S)
            else:
                out, errors = process.communicate(given, timeout=PATIENCE_S)
        except BaseException:
            process.kill()
            raise
        assert process.returncode is not None
        return subprocess.CompletedProcess(arguments, process.returncode, out, errors)

    def ok(self, *arguments: str, given: str | None = None) -> str:
        done = self.run(*arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.ok(*arguments, "--json"))

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """The desk of this home, opened in the test's own process."""
        settings = load_settings(self.environ)
        mask = os.umask(0o077)
        prepare_home(settings)
        os.umask(mask)
        is_new = isinstance(settings.place, Path) and not settings.place.exists()
        with empty_store(settings.place) if is_new else open_store(settings.place) as store:
            yield Desk(settings, TASK, store)

    def begin(self) -> Home:
        """Make the desk, with nothing in it but the adapter that it starts with."""
        with self.desk() as desk:
            ensure_adapter(desk.settings, desk.store)
        return self

    def dump(self) -> dict[str, list[Any]]:
        """Every row that a person would miss: all tables but the heartbeats."""
        with closing(sqlite.connect(f"{(self.path / 'caseloop.db').as_uri()}?mode=ro", uri=True)) as connection:
            names = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'note_search%'"
            ).fetchall()
            return {
                name: connection.execute(f"SELECT * FROM {name} ORDER BY rowid").fetchall()
                for (name,) in names
                if name != "heartbeat"
            }


# Many command lines in one process: starting Python for each would be most of the time.
MANY = """
import contextlib, io, json, sys
from app.cli.main import main
for line in json.load(sys.stdin):
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main(line)
    print(json.dumps([code, out.getvalue(), errors.getvalue()]))
"""


def run_many(home: Home, lines: list[tuple[str, ...]], **settings: Any) -> dict[tuple[str, ...], tuple[int, str, str]]:
    """To each command line its exit code, output and errors."""
    done = subprocess.run(
        [sys.executable, "-c", MANY],
        env=home.environ,
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=True,
        **settings,
    )
    return dict(zip(lines, (tuple(json.loads(line)) for line in done.stdout.splitlines()), strict=True))


def one_sentence(errors: str) -> str:
    """The only line of standard error; a traceback or a second line fails."""
    lines = errors.strip().splitlines()
    assert len(lines) == 1, errors
    assert "Traceback" not in errors
    assert len(lines[0].split()) > 3, lines[0]
    assert not re.search(r"\w(Error|Exception)\b", lines[0]), lines[0]
    return lines[0]


def write_notes(path: Path, texts: list[str]) -> Path:
    lines = [json.dumps({"id": f"n-{number}", "text": text}) for number, text in enumerate(texts)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def wait_for(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {patience_s:.0f} s in vain for {what}")


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def child_of(parent: int, *words: str) -> psutil.Process | None:
    """The child process whose command line holds all the words."""
    try:
        children = psutil.Process(parent).children(recursive=True)
    except psutil.NoSuchProcess:
        return None
    for child in children:
        try:
            line = " ".join(child.cmdline())
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        if all(word in line for word in words):
            return child
    return None
