"""What only a store in PostgreSQL has: its schema beside the queries', locks on rows, a server that goes away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import migrations
from db.notes.notes import add_notes, next_notes
from db.notes.queue.claims import give, hold
from db.notes.queue.saved_filters import save_filter
from db.notes.queue.search import Filters, search_notes
from db.people.settings import get_settings, put_setting
from db.review.drafts import save_draft
from db.review.offers import make_offer
from db.schema import tables as t
from db.schema.errors import StoreBusy, StoreError, StoreFull, StoreRefused
from db.store.store import Session, Store, open_store
from tests.kit.desk.empty_stores import empty_store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.postgres import Server, name_in
from tests.kit.desk.stores import add, decide, extraction, note, store

__all__ = ["store"]

TEXTS = (
    "ER-positive, HER2-negative invasive ductal carcinoma; p.V600E (c.1799T>A), Ki-67 35%.",
    "Café au lait, naïve Œdème, ÄRZTE, straße, ½ dose, 10 mg/m² on day 1-14; CA-125 of 35.5 U/mL.",
    "ΚΑΡΚΙΝΟΣ рак печени 肺癌 שלום عربى \U0001d518 e\u0301 n\u0303.",
    'http://example.org/a?b=c a@b.example 3.5e10 +7 -2 <tag> C:\\dir O\'Neil "quoted" under_score x--y',
)


@pytest.fixture
def there(database_url: str) -> Iterator[Store]:
    with open_store(database_url) as opened:
        yield opened


def test_a_test_gets_an_empty_store_after_the_last_one_and_another_where_that_one_changed_its_tables(
    postgres: Server,
) -> None:
    before = postgres.emptied()
    with open_store(before) as opened, opened.transaction() as session:
        decide(session, add(session, 2)[1], 0)
    again = postgres.emptied()
    assert again == before
    with open_store(again) as opened, opened.transaction() as session:
        assert session.execute(sa.select(sa.func.count()).select_from(t.audit)).scalar_one() == 0
        assert add(session, 1) == (1,)
        session.execute(sa.text("DROP TRIGGER audit_no_delete ON audit"))
    assert postgres.emptied() != before


def test_its_tables_are_those_that_the_queries_know(there: Store, tmp_path: Path) -> None:
    with there.reading() as session:
        seen = sa.inspect(session.connection())
        found = {name: {column["name"] for column in seen.get_columns(name)} for name in seen.get_table_names()}
    assert there.schema_version == migrations.head()
    known = {table.name: set(table.c.keys()) for table in t.metadata.sorted_tables}
    assert {name: found[name] for name in known} == known
    with open_store(tmp_path / "store.db") as file, file.reading() as session:
        seen = sa.inspect(session.connection())
        in_a_file = {name for name in seen.get_table_names() if not name.startswith("note_search")}
    assert set(found) - {"note_search"} == in_a_file


def test_sessions_are_durable_and_reading_cannot_write(there: Store) -> None:
    asked = "SELECT current_setting('synchronous_commit') || ' ' || current_setting('transaction_isolation')"
    with there.transaction() as session:
        assert session.execute(sa.text(asked)).scalar_one() == "on read committed"
        add(session, 1)
    with there.reading() as session:
        assert session.execute(sa.text(asked)).scalar_one() == "on repeatable read"
        with there.transaction() as other:
            add_notes(program_in(other), [note(7)])
        assert session.execute(sa.text("SELECT count(*) FROM note")).scalar_one() == 1
    with pytest.raises(StoreError, match="read-only"), there.reading() as session:
        session.execute(sa.text("DELETE FROM claim"))


def test_another_programs_database_is_refused(postgres: Server) -> None:
    url = postgres.at(postgres.empty_database())
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE theirs (x integer)")
    with pytest.raises(StoreError, match="another program"):
        open_store(url)
    with pytest.raises(StoreError, match="another program"):
        open_store(url, readonly=True)
    postgres.drop(url)


def test_several_that_open_an_empty_database_make_one_store(postgres: Server) -> None:
    url = postgres.at(postgres.empty_database())
    failures: list[BaseException] = []

    def open_it() -> None:
        try:
            open_store(url).close()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with open_store(url, readonly=True) as store, pytest.raises(StoreError, match="for reading only"):
        store.transaction().__enter__()
    postgres.drop(url)


def test_a_server_that_went_away_is_told_and_found_again(there: Store, postgres: Server) -> None:
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_in(there.place)}'"
    with there.transaction() as session:
        add(session, 1)
    postgres.do(ended)  # as when it is started anew, between two saves
    with there.transaction() as session:
        decide(session, 1, 0, token="first")

    def lose() -> None:
        with there.transaction() as session:
            postgres.do(ended)
            decide(session, 1, 1, token="second")

    with pytest.raises(StoreError, match=r"The connection .* broke"):
        lose()
    with there.transaction() as session:
        assert decide(session, 1, 1, token="second").revision == 2
    assert there.problems() == []


def test_writers_wait_for_each_other_and_say_when_it_takes_too_long(there: Store) -> None:
    with open_store(there.place, busy_timeout_ms=50) as other, there.transaction() as session:
        add(session, 1)
        with pytest.raises(StoreBusy), other.transaction():
            pass
        with other.reading() as reader, other.transaction(beside=True):
            assert reader.execute(sa.text("SELECT count(*) FROM note")).scalar_one() == 0


def test_giving_a_note_waits_for_no_writer_and_passes_over_what_is_locked(there: Store) -> None:
    with there.transaction() as session:
        add(session, 4)

    def find(session: Session, n: int) -> list[int]:
        return next_notes(session, reviewer="kim", limit=n)

    with there.transaction() as session:
        hold(person_in(session, "ann"), 1)  # not committed: nobody else can know of it but by the lock
        with open_store(there.place, busy_timeout_ms=50) as other:
            assert give(other, "kim", find, limit=2) == [2, 3]
    assert there.problems() == []


@pytest.mark.parametrize(
    ("state", "kind", "said"),
    [
        ("53100", StoreFull, "disk of the PostgreSQL server is full"),
        ("40001", StoreBusy, "try again"),
        ("40P01", StoreBusy, "try again"),
        ("53300", StoreBusy, "Try again"),
        ("42501", StoreError, "may not"),
        ("XX001", StoreError, "damage"),
        ("P0001", StoreError, "could not do this"),
    ],
)
def test_what_the_server_says_becomes_the_stores_own(
    there: Store, state: str, kind: type[StoreError], said: str
) -> None:
    raised = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'a secret'; END $$"
    with pytest.raises(kind, match=said) as caught, there.transaction() as session:
        session.execute(sa.text(raised))
    assert "secret" not in str(caught.value)
    assert there.is_full == (kind is StoreFull)


def test_a_refusal_names_the_rule_and_repeats_no_row(there: Store) -> None:
    with there.transaction() as session:
        add(session, 1, text="Confidential")
    with pytest.raises(StoreRefused, match="ck_note_origin") as caught, there.transaction() as session:
        session.execute(sa.text("UPDATE note SET origin = 'Confidential'"))
    assert "Confidential" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_nul_is_refused_in_a_sentence(store: Store) -> None:
    with store.transaction() as session:
        add(session, 1)
    typed = extraction(first="lung")
    ways: list[Callable[[Session], object]] = [
        lambda session: decide(session, 1, 0, comment="b\0c"),
        lambda session: decide(session, 1, 0, token="b\0c"),
        lambda session: save_draft(
            person_in(session, "ada"), note_id=1, extraction=typed, comment="b\0c", seen_revision=0
        ),
        lambda session: save_filter(person_in(session, "ada"), name="b\0c", filters=Filters()),
        lambda session: save_filter(person_in(session, "ada"), name="b", filters=Filters(text="b\0c")),
        lambda session: make_offer(person_in(session, "ada"), field="stage", old_value="IV", new_value="b\0c"),
        lambda session: put_setting(person_in(session, "ada"), "rules", {"a": ["b\0c"]}),
        lambda session: session.execute(sa.insert(t.heartbeat).values(what="x", payload={"\0": 1}, beat_at=t.now())),
    ]
    for way in ways:
        with pytest.raises(StoreRefused, match="NUL"), store.transaction() as session:
            way(session)
    with store.transaction() as session:
        put_setting(person_in(session, "ada"), "rules", {"a": "a backslash and \\u0000 are six letters"})
        assert get_settings(session)["rules"] == {"a": "a backslash and \\u0000 are six letters"}
        assert session.execute(sa.text("SELECT revision FROM note")).scalar_one() == 0


@pytest.fixture(scope="module")
def both(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """The same notes in each of the databases."""
    url = postgres.database()
    with empty_store(tmp_path_factory.mktemp("words") / "store.db") as file, open_store(url) as server:
        for one in (file, server):
            with one.transaction() as session:
                add_notes(
                    program_in(session), [note(n, text=text, external_id=f"Case-{n}/ä") for n, text in enumerate(TEXTS)]
                )
        yield file, server
    postgres.drop(url)


def found(store: Store, words: str) -> list[int]:
    with store.reading() as session:
        return [row.id for row in search_notes(session, text=words)]


WORDS = sorted({word for text in TEXTS for word in text.split()})
PARTS = st.sampled_from(WORDS).flatmap(lambda word: st.integers(1, len(word)).map(lambda n: word[:n]))


@given(st.lists(st.one_of(st.sampled_from(WORDS), PARTS, PARTS.map(str.upper)), min_size=1, max_size=3))
@settings(max_examples=150, suppress_health_check=list(HealthCheck))
def test_the_same_words_find_the_same_notes(both: tuple[Store, Store], words: list[str]) -> None:
    file, server = both
    assert found(file, " ".join(words)) == found(server, " ".join(words))
