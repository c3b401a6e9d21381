"""`caseloop serve`: it starts everything, keeps it alive, performs runs and stops without leftovers."""

from __future__ import annotations

import shutil
import signal
import socket
import threading
from dataclasses import replace

import psutil
import pytest

from app.cli.serve import _note_hang
from app.core.errors import DeskError, InputError
from app.core.vanished import EXPECTED, LOCK, note_served
from app.importing.load import import_files
from app.processes.pulse import Silence
from app.processes.supervisor import MAX_STARTS, Child, Supervisor, check_host, check_port, is_healthy
from app.training.requests import TrainOptions, request_run
from db.notes.queue.search import counts
from db.schema.errors import StoreGone
from db.store.heartbeats import heartbeat
from db.training.runs import get_run
from tests.kit.desk.servers import free_port
from tests.kit.homes import child_of, is_gone, one_sentence, wait_for, write_notes
from tests.kit.tiny import tiny_rows, write_labelled


class Served:
    """A desk that is being served, and what it said so far."""

    def __init__(self, home, **settings):
        self.home, self.port = home, free_port()
        self.process = home.start("serve", "--port", str(self.port), **settings)
        self.said: list[str] = []
        self.thread = threading.Thread(target=lambda: self.said.extend(self.process.stdout), daemon=True)
        self.thread.start()
        wait_for(lambda: self.said or self.process.poll() is not None, "the address")
        assert self.process.poll() is None, self.process.stderr.read()

    def child(self, word):
        return wait_for(lambda: child_of(self.process.pid, word), word)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(90)
        self.process.stderr.close()


@pytest.fixture(scope="module")
def running():
    """The desks that tests have served, ended when all are done."""
    desks: list[Served] = []
    yield desks
    for desk in desks:
        desk.stop()


def folder_of_somebodys_own(place):
    """A directory with modules named like the desk's and like Python's, each of which ends whoever imports it."""
    for name in ("app.py", "data/__init__.py", "db/__init__.py", "trainer/__init__.py", "json.py", "typing.py"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("raise SystemExit('somebody else's module was imported')\n", encoding="utf-8")
    return place


@pytest.fixture
def served(running, tiny_home, tmp_path):
    """A desk with its own notes, served from a folder full of other modules: the one of the test before, unless that
    ended it."""
    if running and running[-1].process.poll() is None:
        return running[-1]
    with tiny_home.desk() as desk:
        import_files(desk.store, desk.task, [write_labelled(tmp_path / "o.jsonl", tiny_rows(60))], original=True)
        import_files(desk.store, desk.task, [write_notes(tmp_path / "n.jsonl", ["A first report.", "A second."])])
    running.append(Served(tiny_home, cwd=folder_of_somebodys_own(tmp_path / "theirs")))
    return running[-1]


def worker_pid(home):
    with home.desk() as desk, desk.store.reading() as session:
        beat = heartbeat(session, "worker")
    return beat.payload["pid"] if beat and beat.payload["state"] == "idle" else None


def test_a_dead_process_is_started_again(served):
    assert served.said[0].strip() == f"The desk is at http://127.0.0.1:{served.port} (Ctrl-C stops it)"
    web, worker = served.child("app.web.application"), served.child("prefill --watch")
    wait_for(lambda: worker_pid(served.home) == worker.pid, "the worker")
    web.kill()
    worker.kill()
    wait_for(lambda: is_gone(web.pid) and is_gone(worker.pid), "their end")
    wait_for(lambda: is_healthy("127.0.0.1", served.port), "the web process")
    assert served.child("app.web.application").pid != web.pid
    wait_for(lambda: worker_pid(served.home) not in (None, worker.pid), "another worker")
    with served.home.desk() as desk, desk.store.reading() as session:
        assert counts(session).n_prefilled == 2


def test_a_run_that_is_asked_for_is_performed(served):
    with served.home.desk() as desk:
        run_id = request_run(desk.store, TrainOptions(max_steps=2), "ada")

    def run():
        with served.home.desk() as desk, desk.store.reading() as session:
            return get_run(session, run_id)

    wait_for(lambda: run().status not in ("requested", "running"), "the end of the run")
    assert (run().status, run().adapter) == ("finished", "run-0001"), run().message
    assert run().gate["sentence"]


def test_serving_ends_without_leftovers(served):
    other = served.home.run("serve", "--port", str(free_port()))
    assert other.returncode == 2
    assert "already served" in one_sentence(other.stderr)
    same = served.home.run("serve", "--port", str(served.port))
    assert same.returncode == 2
    assert f"--port {served.port + 1}" in one_sentence(same.stderr)
    pids = [child.pid for child in psutil.Process(served.process.pid).children(recursive=True)]
    assert len(pids) >= 2
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(90) == 0
    assert [pid for pid in pids if not is_gone(pid)] == []
    assert not is_healthy("127.0.0.1", served.port)


def test_children_do_not_outlive_one_that_is_killed(tiny_home, running):
    served = Served(tiny_home)
    running.append(served)
    pids = [child.pid for child in psutil.Process(served.process.pid).children(recursive=True)]
    assert len(pids) >= 2
    served.process.kill()
    served.process.wait(10)
    wait_for(lambda: all(is_gone(pid) for pid in pids), "the end of the children")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "::", "example.org", ""])
def test_only_this_machine_may_reach_a_desk_without_sign_in(host):
    with pytest.raises(InputError, match=r"can sign in|is empty"):
        check_host(host, has_sign_in=False)


def test_the_own_addresses_may_be_served():
    for host in ("127.0.0.1", "localhost", "::1"):
        check_host(host, has_sign_in=False)
    check_host("192.168.0.1", has_sign_in=True)


def test_a_port_in_use_is_refused_and_a_free_one_is_not():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_a_proxy_leads_others_to_a_desk_that_only_this_machine_reaches():
    with pytest.raises(InputError, match=r"reached at https://desk\.example\.org"):
        check_host("127.0.0.1", has_sign_in=False, public_url="https://desk.example.org")
    check_host("127.0.0.1", has_sign_in=True, public_url="https://desk.example.org")


class Counted:
    """Stands where a child process would, and counts."""

    def __init__(self):
        self.n_starts = self.n_stops = 0
        self.popen = None

    def keep_alive(self):
        self.n_starts += 1

    def stop(self, grace_s=0.0):
        self.n_stops += 1


@pytest.mark.parametrize(("has_gpu", "pauses"), [(True, True), (False, False)])
def test_on_one_gpu_the_worker_pauses_while_a_run_trains(tiny_home, has_gpu, pauses):
    with tiny_home.desk() as desk:
        supervisor = Supervisor(desk.settings, host="127.0.0.1", port=1, next_run=lambda: None, has_gpu=has_gpu)
    supervisor.web, supervisor.worker = Counted(), Counted()
    supervisor.tick()
    assert (supervisor.worker.n_starts, supervisor.worker.n_stops) == (1, 0)
    supervisor.training = Counted()
    supervisor._tend_training = lambda: None
    supervisor.tick()
    assert supervisor.worker.n_stops == (1 if pauses else 0)
    assert supervisor.worker.n_starts == (1 if pauses else 2)


def test_a_store_that_vanishes_stops_the_desk(tiny_home):
    with tiny_home.desk() as desk:
        supervisor = Supervisor(desk.settings, host="127.0.0.1", port=1, next_run=lambda: None, store=desk.store)
        supervisor.web, supervisor.worker = Counted(), Counted()
        supervisor.tick()
        desk.store.path.rename(tiny_home.path / "elsewhere.db")
        supervisor._looked_for_store = 0.0
        with pytest.raises(StoreGone, match="it is missing"):
            supervisor.run(lambda: None)
        assert supervisor.web.n_stops == supervisor.worker.n_stops == 1
    assert not desk.store.path.exists()


def test_a_child_finds_the_store_that_the_desk_is_served_with_or_none(tiny_home, tmp_path):
    with tiny_home.desk() as desk:
        supervisor = Supervisor(desk.settings, host="127.0.0.1", port=1, next_run=lambda: None, store=desk.store)
        assert supervisor.web.environ == supervisor.worker.environ == {EXPECTED: desk.store.identity}
        tiny_home.variables |= supervisor.web.environ
        note_served(desk.settings)
        tiny_home.ok("status")
        desk.store.path.rename(tmp_path / "elsewhere.db")
        assert "is missing" in one_sentence(tiny_home.run("status").stderr)
        shutil.copy(tmp_path / "elsewhere.db", desk.store.path)  # a copy is not that store, while that one is open
        assert "another store has replaced it" in one_sentence(tiny_home.run("status").stderr)


def test_a_home_that_was_served_is_not_begun_anew_by_itself(tiny_home, tmp_path):
    tiny_home.begin()
    with tiny_home.desk() as desk:
        note_served(desk.settings)
    store = tiny_home.path / "caseloop.db"
    store.rename(tmp_path / "elsewhere.db")
    for command in ("serve", "status"):
        refused = tiny_home.run(command)
        assert refused.returncode == 2
        assert "from a backup" in one_sentence(refused.stderr)
    assert not store.exists()
    shutil.copy(tmp_path / "elsewhere.db", store)  # put back, while nobody served it
    tiny_home.ok("status")
    store.unlink()
    (tiny_home.path / LOCK).unlink()
    assert "no desk" in one_sentence(tiny_home.run("status").stderr)
    tiny_home.ok("import", str(write_notes(tmp_path / "notes.jsonl", ["A report."])))


def test_a_process_that_hangs_is_started_again(tiny_home, tmp_path):
    said: list[str] = []
    with tiny_home.desk() as desk:
        supervisor = Supervisor(
            replace(desk.settings, hang_s=1.0),
            host="127.0.0.1",
            port=free_port(),
            next_run=lambda: None,
            report=lambda what: (said.append(what), _note_hang(desk, what)),
        )
        web = (str(supervisor.port), "--bind", "127.0.0.1", "--directory", str(tmp_path))
        supervisor.web = Child("web", "http.server", web, tmp_path / "web.out")
        supervisor.worker = Child("worker", "http.server", ("0", "--bind", "127.0.0.1"), tmp_path / "worker.out")

        def pids():
            supervisor.tick()
            return {child.popen.pid for child in (supervisor.web, supervisor.worker) if child.popen}

        try:
            wait_for(lambda: pids() and supervisor._pulse.has_answered, "its answer")
            first = pids()
            for child in (supervisor.web, supervisor.worker):
                child.popen.send_signal(signal.SIGSTOP)
            wait_for(lambda: len(pids() - first) == 2, "two others")
            assert all(is_gone(pid) for pid in first)
            wait_for(lambda: pids() and supervisor._pulse.has_answered, "the answer of the new one")
        finally:
            supervisor.stop_children()
    assert sorted(what.split()[0] for what in said) == ["web", "worker"]
    assert "web has not answered for 1 s" in said
    assert f"restarted {said[-1]}, at 20" in tiny_home.ok("status")
    assert tiny_home.json("status")["last_hang"]["restarted"] == said[-1]


def test_nobody_is_blamed_for_silence_while_the_supervisor_itself_was_away():
    now = [0.0]
    silence = Silence(lambda: now[0])
    for at, heard, lasts in [(0.5, False, 0.5), (1.0, False, 1.0), (900.0, False, 2.0), (901.0, True, 0.0)]:
        now[0] = at
        assert silence.look(is_heard=heard) == lasts


def test_a_desk_that_cannot_start_ends_with_a_sentence(tiny_home):
    with tiny_home.desk() as desk:
        supervisor = Supervisor(desk.settings, host="127.0.0.1", port=1, next_run=lambda: None)
    supervisor.web.module, supervisor.web.arguments = "json.tool", ["/nowhere"]
    supervisor.worker = Counted()
    with pytest.raises(DeskError, match=r"web\.out says why"):
        supervisor.run(lambda: None)


def test_a_run_that_ends_before_it_can_say_why_is_not_started_for_ever(tiny_home):
    with tiny_home.desk() as desk:
        supervisor = Supervisor(desk.settings, host="127.0.0.1", port=1, next_run=lambda: 7)
    n_starts = 0
    for _ in range(2 * MAX_STARTS):
        supervisor._looked = 0.0
        supervisor._tend_training()  # run 7 does not exist: the process ends at once
        if supervisor.training is not None:
            n_starts += 1
            supervisor.training.popen.wait()
    assert n_starts == MAX_STARTS
