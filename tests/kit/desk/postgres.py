"""A PostgreSQL server of the tests' own: a cluster per test process, and in it a database per test.

It answers on a socket in its own folder and on no port. Unless a test is about what a killed server keeps, nothing is
flushed to the disk. `CASELOOP_TESTS_POSTGRES` names a running server instead, by the URL of a user who may create
databases; without either, tests that need one are skipped.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    import psycopg

SERVER = "CASELOOP_TESTS_POSTGRES"
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
MISSING = f"no PostgreSQL here: install it (apt install postgresql), or name a server in {SERVER}"
_SCHEMA = """
SELECT md5(string_agg(name, ' ' ORDER BY name)) FROM (
    SELECT concat(relname, relkind, relnatts) AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat(tgname, tgenabled, tgrelid) FROM pg_trigger
    UNION ALL SELECT concat(conname, conrelid) FROM pg_constraint
    UNION ALL SELECT concat(proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
) AS named"""
_DISCONNECT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_DELETIONS = """
SELECT format('DELETE FROM %I', tablename) FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL SELECT format('SELECT setval(%L, 1, false)', sequencename) FROM pg_sequences WHERE schemaname = 'public'"""
_numbers = count()


@cache
def programs() -> Path | None:
    """The folder with initdb and pg_ctl; None where there is none."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = (folder for place in PLACES for folder in sorted(Path("/").glob(place[1:]), reverse=True))
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Server:
    """A server that runs.

    Attributes:
        url: of a database in which others are made.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._template = self._emptied = ""
        self._schema: tuple[Any, ...] | None = None
        self._made_here: list[str] = []
        self._kept: psycopg.Connection[Any] | None = None

    def database(self) -> str:
        """The URL of a new, empty store."""
        from db.store.store import open_store

        if not self._template:
            self._template = self.empty_database()
            open_store(self.at(self._template)).close()
        return self.at(self._made(f"TEMPLATE {self._template}"))

    def emptied(self) -> str:
        """The URL of an empty store: the one that was given last, emptied, which takes a tenth of the time. One whose
        schema was changed is left alone; who was connected no longer is."""
        if not self._emptied or not self._empty(self._emptied):
            self._emptied = self.database()
            with self._connected(self._emptied) as connection:
                self._schema = connection.execute(_SCHEMA).fetchone()
        return self._emptied

    def empty_database(self) -> str:
        """The name of a new database with nothing in it."""
        return self._made("TEMPLATE template0 ENCODING 'UTF8'")

    def at(self, database: str) -> str:
        """The URL of a database."""
        beginning, _, query = self.url.partition("?")
        return beginning.rpartition("/")[0] + f"/{database}" + (f"?{query}" if query else "")

    def do(self, statement: str) -> None:
        """Execute a statement outside of any transaction."""
        if self._kept is None or self._kept.closed:
            self._kept = self._connected(self.url)
        self._kept.execute(statement.encode())

    def _empty(self, url: str) -> bool:
        """Delete all rows of a store; False if its schema is no longer that of an empty one."""
        with self._connected(url) as connection:
            if connection.execute(_SCHEMA).fetchone() != self._schema:
                return False
            connection.execute(_DISCONNECT)
            connection.execute("SET session_replication_role = replica")  # no trigger keeps rows, no key another's
            for (statement,) in connection.execute(_DELETIONS).fetchall():
                connection.execute(statement)
        return True

    @staticmethod
    def _connected(url: str) -> psycopg.Connection[Any]:
        import psycopg

        return psycopg.connect(url, autocommit=True)

    def drop(self, url: str) -> None:
        """Delete a database, whoever is connected to it."""
        self.do(f"DROP DATABASE IF EXISTS {name_in(url)} WITH (FORCE)")

    def drop_all(self) -> None:
        """Delete every database that was made here."""
        for name in self._made_here:
            self.do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _made(self, how: str) -> str:
        name = f"caseloop_{os.getpid()}_{next(_numbers)}"
        self._made_here.append(name)
        self.do(f"CREATE DATABASE {name} {how}")
        return name


def name_in(url: str) -> str:
    """The name of the database that a URL means."""
    return url.partition("?")[0].rpartition("/")[2]


class OwnServer(Server):
    """A cluster of its own in a folder."""

    def __init__(self, folder: Path, *, is_durable: bool) -> None:
        super().__init__(f"postgresql://caseloop@/postgres?host={folder}")
        self._folder, self._user = folder, _user(folder)
        self._do(
            "initdb", "-A", "trust", "-U", "caseloop", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"
        )
        settings = {"listen_addresses": "", "unix_socket_directories": str(folder), "shared_buffers": "32MB"}
        if not is_durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers, after it has put right what a killed one left."""
        self._do("pg_ctl", "start", "--wait", "--log", str(self._folder / "log"))

    def stop(self) -> None:
        """Stop it without a word to those who are connected."""
        self._do("pg_ctl", "stop", "--wait", "--mode", "immediate")

    def kill(self) -> None:
        """SIGKILL for every process of it, as when memory runs out."""
        first = psutil.Process(int((self._folder / "data" / "postmaster.pid").read_text().split()[0]))
        first.suspend()  # or it would start others meanwhile
        processes = [*first.children(recursive=True), first]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=30)

    def _do(self, program: str, *arguments: str) -> None:
        found = programs()
        assert found is not None, MISSING
        command = [str(found / program), "-D", str(self._folder / "data"), *arguments]
        # Its output may not be a pipe: the server keeps it open.
        with (self._folder / "said").open("ab") as out:
            done = subprocess.run(
                command, stdout=out, stderr=out, check=False, user=self._user, cwd=self._folder, timeout=120
            )
        assert done.returncode == 0, (self._folder / "said").read_text()[-2000:]


@contextmanager
def serving(folder: Path, *, is_durable: bool = False) -> Iterator[OwnServer]:
    """A cluster of its own in a new folder, stopped at the end.

    Args:
        folder: where it is put; its path must be short enough for a socket.
        is_durable: flush to the disk what is saved.
    """
    server = OwnServer(folder, is_durable=is_durable)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def own_folder() -> Iterator[Path]:
    """Not in pytest's own: their paths are too long for a socket, and no other user may enter them."""
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _user(folder: Path) -> int | None:
    """Whose server it is: PostgreSQL refuses to be root's."""
    if os.getuid():
        return None
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return user.pw_uid


@contextmanager
def any_server() -> Iterator[Server | None]:
    """The server that was named, or one of our own; None where neither can be had."""
    named = os.environ.get(SERVER)
    if named:
        server = Server(named)
        yield server
        server.drop_all()
    elif programs() is None:
        yield None
    else:
        with own_folder() as folder, serving(folder) as server:
            yield server


@contextmanager
def a_place(*, in_postgres: bool) -> Iterator[Path | str]:
    """Where a proof's store may be: in a file, or in PostgreSQL; it is deleted in the end."""
    if not in_postgres:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / "store.db"
        return
    with any_server() as server:
        if server is None:
            raise SystemExit(MISSING)
        url = server.at(server.empty_database())
        yield url
        server.drop(url)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server of this test process."""
    with any_server() as server:
        if server is None:
            pytest.skip(MISSING)
        yield server


@pytest.fixture
def database_url(postgres: Server) -> Iterator[str]:
    """The URL of an empty store of the test's own."""
    url = postgres.database()
    yield url
    postgres.drop(url)
