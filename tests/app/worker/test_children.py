"""Child processes: they end with their parent, as a group, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil

from app.processes.child import own_modules, start_child, stop_child
from app.processes.supervisor import Child
from tests.kit.homes import ROOT, is_gone, wait_for

# A module to run: it starts a grandchild, says both ids, and sleeps; SIGTERM is ignored where it is told to.
SLEEPER = """
import os, signal, subprocess, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), grandchild.pid, os.getpgid(0), os.nice(0), "NO_WEIGHTS" in str(os.environ), flush=True)
time.sleep(600)
"""


def whole_line(log):
    """The first line, once it is whole: without a buffer it is written word by word."""
    line, end, _ = log.read_text(encoding="utf-8").partition("\n")
    return line if end else None


def sleeper(tmp_path, *words, **settings):
    (tmp_path / "sleeper.py").write_text(SLEEPER, encoding="utf-8")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    log = tmp_path / "sleeper.log"
    child = start_child("sleeper", words, log=log, environ=environ, **settings)
    line = wait_for(lambda: whole_line(log), "the sleeper")
    return child, line.split()


def test_a_child_is_a_group_of_its_own_and_stops_as_one(tmp_path):
    child, (pid, grandchild, group, *_) = sleeper(tmp_path)
    assert int(pid) == int(group) == child.pid
    assert stop_child(child) == -signal.SIGTERM
    wait_for(lambda: is_gone(int(grandchild)), "the end of the grandchild")


def test_a_child_that_ignores_the_request_is_made_to_end(tmp_path):
    child, (_, grandchild, *_) = sleeper(tmp_path, "stubborn")
    assert stop_child(child, grace_s=0.2) == -signal.SIGKILL
    wait_for(lambda: is_gone(int(grandchild)), "the end of the grandchild")


def test_a_child_is_niced_and_may_not_read_pickles(tmp_path):
    child, (_, _, _, niceness, allowed) = sleeper(tmp_path, niceness=3)
    stop_child(child)
    assert int(niceness) == os.nice(0) + 3
    assert allowed == "False"


def test_a_child_logs_for_its_owner_only(tmp_path):
    child, _ = sleeper(tmp_path)
    stop_child(child)
    assert (tmp_path / "sleeper.log").stat().st_mode & 0o077 == 0


def test_stopping_twice_is_fine(tmp_path):
    child, _ = sleeper(tmp_path)
    assert stop_child(child) == stop_child(child) == -signal.SIGTERM


def test_a_child_imports_nothing_from_the_folder_that_it_is_started_in(tmp_path, monkeypatch):
    for name in ("app.py", "signal.py"):  # one of the desk's, one of Python's
        (tmp_path / name).write_text("raise SystemExit(9)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    environ = {**os.environ, "PYTHONPATH": f"{os.pathsep}/nowhere{os.pathsep}"}  # empty parts mean: where we are
    child = start_child("app.processes.child", [], log=tmp_path / "log", environ=environ)
    assert child.wait() == 0, (tmp_path / "log").read_text(encoding="utf-8")
    search = own_modules(environ)["PYTHONPATH"].split(os.pathsep)
    assert search == [str(ROOT), "/nowhere"]


def test_a_child_dies_with_a_parent_that_is_killed(tmp_path):
    (tmp_path / "sleeper.py").write_text(SLEEPER, encoding="utf-8")
    program = (
        "import sys, time; from pathlib import Path; from app.processes.child import start_child\n"
        "child = start_child('sleeper', [], log=Path(sys.argv[1])); print(child.pid, flush=True); time.sleep(600)"
    )
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    command = [sys.executable, "-c", program, str(tmp_path / "log")]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    wait_for(lambda: is_gone(pid), "the end of the orphan")


def test_a_process_that_dies_at_every_start_does_not_spin(tmp_path):
    child = Child("broken", "json.tool", ["/nowhere"], tmp_path / "broken.log")
    pauses = []
    for _ in range(4):
        child.not_before = 0.0
        child.keep_alive()
        popen = child.popen
        popen.wait()
        before = popen.pid
        child.not_before = float("inf")
        child._note_death(popen)
        pauses.append(child.n_deaths)
        assert child.popen is None
        assert before
    assert pauses == [1, 2, 3, 4]
    import time

    remaining = child.not_before - time.monotonic()
    assert 1.0 < remaining <= 2.0
