"""Guessed passwords: how many are tried, wherever they come from and however many come at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.access.passwords import N_AT_ONCE, N_WAITING, Door, TooBusyError, TooManyError
from app.access.throttle import N_TRIES, N_TRIES_OF_ADDRESS, N_TRIES_OF_NAME, WINDOW_S, Attempts
from app.core.proxies import OWN, Proxies, read_networks
from app.core.settings import Settings, SettingsError, load_settings, prepare_home
from app.web.application import create_app
from tests.kit.desk.desk_store import make_store
from tests.kit.people import PASSWORD, add_people, kept

HERE = "https://desk.example.org"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """Behind a proxy, with people who can sign in."""
    home = tmp_path_factory.mktemp("home")
    with make_store(home, []) as store:
        add_people(store, {"Ann Lee": "admin", "bob": "lead", "kim": "reviewer"})
        settings = Settings(home=home, base="embedded", adapter="embedded", public_url=HERE)
        prepare_home(settings)
        yield create_app(store, settings, host="10.0.0.5")


async def tried(desk: FastAPI, name: str, passwords: list[str], peer: str = "127.0.0.1") -> list[httpx.Response]:
    """The answers to passwords that are all tried at the same moment, each with another forged origin."""
    transport = httpx.ASGITransport(desk, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as client:
        said = [[("x-forwarded-for", f"10.9.{i}.1"), ("x-forwarded-for", "192.0.2.7")] for i in range(len(passwords))]
        posts = [
            client.post("/login", data={"name": name, "password": password}, headers=headers)
            for password, headers in zip(passwords, said, strict=True)
        ]
        return await asyncio.gather(*posts)


def test_of_sixty_guesses_at_once_five_are_tried_wherever_they_claim_to_come_from(desk: FastAPI) -> None:
    guesses = [*(f"wrong password number {i}" for i in range(59)), PASSWORD]

    async def beside_the_proxy_and_through_it() -> list[list[httpx.Response]]:
        return [await tried(desk, "kim", guesses, peer) for peer in ("10.0.0.9", "127.0.0.1")]

    for answers in asyncio.run(beside_the_proxy_and_through_it()):
        assert Counter(answer.status_code for answer in answers) == {401: N_TRIES, 429: 60 - N_TRIES}
        late = answers[-1]
        assert 0 < int(late.headers["retry-after"]) <= WINDOW_S
        assert "Try again in 5 minutes" in late.text


def test_right_passwords_do_not_count(monkeypatch: Any) -> None:
    monkeypatch.setattr("app.access.passwords.check_password", lambda known, password: password == PASSWORD)

    async def often() -> None:
        door = Door()
        for _ in range(N_TRIES_OF_NAME + N_TRIES_OF_ADDRESS):
            assert await door.opens("kim", "10.0.0.1", PASSWORD, kept("kim"))
        for _ in range(N_TRIES - 1):
            assert not await door.opens("kim", "10.0.0.1", "x", kept("kim"))
        assert await door.opens("kim", "10.0.0.1", PASSWORD, kept("kim"))
        assert not await door.opens("bob", "10.0.0.1", "x", kept("bob"))

    asyncio.run(often())


def test_who_would_wait_too_long_is_asked_to_come_back_and_it_does_not_count(monkeypatch: Any) -> None:
    opened = asyncio.Event()

    async def slow(*_: Any) -> bool:
        await opened.wait()
        return False

    monkeypatch.setattr(asyncio, "to_thread", slow)

    async def crowd() -> list[Any]:
        door = Door()
        some = [door.opens(f"name-{i}", f"10.0.0.{i}", "x", kept("kim")) for i in range(N_AT_ONCE + N_WAITING)]
        waiting = [asyncio.create_task(one) for one in some]
        await asyncio.sleep(0)
        for _ in range(2 * N_TRIES):
            with pytest.raises(TooBusyError):
                await door.opens("kim", "10.0.1.1", PASSWORD, kept("kim"))
        opened.set()
        done = await asyncio.gather(*waiting)
        assert not await door.opens("kim", "10.0.1.1", PASSWORD, kept("kim"))  # tried now
        return done

    assert asyncio.run(crowd()) == [False] * (N_AT_ONCE + N_WAITING)


def test_made_up_names_from_one_address_keep_nobody_out_and_cost_nothing(monkeypatch: Any) -> None:
    looked: list[str | None] = []

    def look(known: str | None, password: str) -> bool:
        looked.append(known)
        return known is not None and password == PASSWORD

    monkeypatch.setattr("app.access.passwords.check_password", look)
    monkeypatch.setattr(Door, "usual_s", 0.0)

    async def through_one_tunnel() -> list[bool]:
        door = Door()
        for number in range(3 * N_TRIES_OF_ADDRESS):
            assert not await door.opens(f"nobody-{number}", "127.0.0.1", "x", None)
        assert looked == [None] * N_TRIES_OF_ADDRESS
        with pytest.raises(TooManyError):  # a second try of the same name looks the same, whoever has it
            await door.opens("nobody-80", "127.0.0.1", "x", None)
        return [await door.opens(name, "127.0.0.1", PASSWORD, kept(name)) for name in ("Ann Lee", "bob", "kim")]

    assert asyncio.run(through_one_tunnel()) == [True] * 3


def test_guesses_from_everywhere_keep_a_name_out_only_where_it_is_a_stranger() -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    attempts.forget_failures(attempts.begin("kim", "10.0.0.1"))
    n_tried = 0
    for number in range(200):
        if not attempts.wait_s("kim", f"10.1.0.{number}"):
            attempts.begin("kim", f"10.1.0.{number}")
            n_tried += 1
    assert n_tried == N_TRIES_OF_NAME
    assert attempts.wait_s("kim", "10.2.0.1") == WINDOW_S
    for _ in range(N_TRIES):  # at home one may still mistype
        assert attempts.wait_s("kim", "10.0.0.1") == 0
        attempts.begin("kim", "10.0.0.1")
    assert attempts.wait_s("kim", "10.0.0.1") == WINDOW_S
    now[0] = WINDOW_S
    assert attempts.wait_s("kim", "10.0.0.1") == attempts.wait_s("kim", "10.2.0.1") == 0


# ---------------------------------------------------------------- where a request comes from


@pytest.mark.parametrize(
    ("named", "peer", "lines", "origin"),
    [
        ("", "10.0.0.9", ["1.2.3.4"], "10.0.0.9"),
        ("10.0.0.2", "10.0.0.9", ["1.2.3.4"], "10.0.0.9"),
        ("10.0.0.2", "10.0.0.2", [], "10.0.0.2"),
        ("10.0.0.2", "10.0.0.2", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.2", "10.0.0.2", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),  # a proxy that adds a line
        ("10.0.0.2", "10.0.0.2", ["6.6.6.6, 7.7.7.7", "8.8.8.8,1.2.3.4 "], "1.2.3.4"),
        ("10.0.0.2, 10.1.0.0/16", "10.0.0.2", ["6.6.6.6, 1.2.3.4, 10.1.0.7"], "1.2.3.4"),  # two proxies
        ("10.0.0.2", "10.0.0.2", ["1.2.3.4:5678"], "1.2.3.4"),
        ("10.0.0.2", "10.0.0.2", ["1.2.3.4, somebody"], "10.0.0.2"),
        ("10.0.0.2", "10.0.0.2", ["1.2.3.4,"], "10.0.0.2"),
        (OWN, "127.0.0.1", ["[2001:db8:1:2:3:4:5:6]:443"], "2001:db8:1:2::/64"),
        (OWN, "::ffff:127.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        (OWN, "::1", ["6.6.6.6, 2001:db8:1:2::9"], "2001:db8:1:2::/64"),
        (OWN, "", ["1.2.3.4"], ""),
    ],
)
def test_only_a_named_proxy_is_believed_and_its_last_word_counts(
    named: str, peer: str, lines: list[str], origin: str
) -> None:
    assert Proxies(read_networks(named)).origin(peer, lines) == origin


def test_a_proxy_here_is_believed_where_there_is_a_public_url_and_others_by_name() -> None:
    assert load_settings({}).believed == ()
    public = {"CASELOOP_PUBLIC_URL": "https://desk.example.org"}
    assert load_settings(public).believed == read_networks(OWN)
    assert load_settings({**public, "CASELOOP_PROXY": "10.0.0.2"}).believed == read_networks("10.0.0.2")
    with pytest.raises(SettingsError, match="address of the proxy"):
        load_settings({"CASELOOP_PROXY": "proxy.example.org"})
