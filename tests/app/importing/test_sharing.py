"""Publishing and pulling: what travels, in which order, what is refused, and what others see meanwhile."""

from __future__ import annotations

import json
import resource
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from huggingface_hub import HfApi

from app.core.adapters import ensure_adapter
from app.core.errors import DeskError, InputError, sentence_of
from app.sharing.publishing import Published, publish, pull
from app.sharing.remotes import CARD, FILES, MARK, Directory, HubRepository, Place, open_place
from data.storage.files import save_json, sha256_of
from data.vocabulary.house_words import HOUSE_WORDS, HouseWords
from db.training.adapters import AdapterRow, active_adapter, list_adapters, register_adapter
from tests.kit.desk.permits import program_in
from tests.kit.desk.servers import free_port
from tests.kit.homes import Home, one_sentence
from tests.kit.servers.hub_server import TOKEN, hub_server
from tests.kit.servers.s3_server import BUCKET, s3_server, variables
from tests.kit.tiny import shared_tiny, tiny_adapter
from tests.promises.test_offline import seen, started, watched
from trainer.adapter.manifest import ADAPTER_CONFIG, LISTED, MANIFEST, WEIGHTS, read_manifest, replace_file
from trainer.model.loading import load_for_serving

__all__ = ["watched"]

TRAVELS = {ADAPTER_CONFIG, WEIGHTS, MANIFEST, CARD}
NAME = "tiny-adapter"


def silent(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with s3_server() as environ:
        yield environ


@pytest.fixture(params=["memory", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty directory of each kind."""
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()
        return "memory://adapters/one"
    if request.param == "file":
        return (tmp_path / "share" / "one").as_uri()
    for name, value in request.getfixturevalue("s3").items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{tmp_path.name}/one"


def put(home: Home, url: str | Place, name: str = NAME, *, replace: bool = False) -> Published:
    with home.desk() as desk:
        ensure_adapter(desk.settings, desk.store)
        place = open_place(url) if isinstance(url, str) else url
        return publish(desk, name, place, replace=replace, advance=silent)


def bring(home: Home, url: str, name: str | None = None) -> AdapterRow:
    with home.desk() as desk:
        return pull(desk, open_place(url), name=name, base=None, advance=silent)


def content(url: str) -> dict[str, bytes]:
    place = open_place(url)
    return {name: place.read(name) for name in place.sizes()}


@pytest.fixture
def second(tiny_home: Home, tmp_path: Path) -> str:
    """The name of another adapter of the same desk."""
    directory = tiny_adapter(shared_tiny().base, tiny_home.path / "adapters" / "second", name="second", seed=5)
    manifest = read_manifest(directory)
    assert manifest is not None
    with tiny_home.desk() as desk, desk.store.transaction() as session:
        row = AdapterRow("second", "./adapters/second", str(shared_tiny().base), None, 1, manifest.weights_sha256)
        register_adapter(program_in(session), row)
    return "second"


@pytest.fixture
def other_home(tiny_home: Home, tmp_path: Path) -> Home:
    """Another desk with the same base."""
    return Home(tmp_path / "other", tiny_home.variables)


def test_what_was_published_is_pulled_elsewhere(tiny_home: Home, other_home: Home, url: str) -> None:
    done = put(tiny_home, url)
    assert set(content(url)) == set(done.files) == TRAVELS
    assert done.n_bytes == sum(map(len, content(url).values()))
    with other_home.desk() as desk:
        ensure_adapter(desk.settings, desk.store)
    row = bring(other_home, url, "theirs")
    directory = other_home.path / "adapters" / "theirs"
    assert {path.name for path in directory.iterdir()} == TRAVELS
    assert (directory / WEIGHTS).read_bytes() == (shared_tiny().adapter / WEIGHTS).read_bytes()
    assert load_for_serving(shared_tiny().base, directory, device="cpu").name == "theirs"
    with other_home.desk() as desk, desk.store.reading() as session:
        active = active_adapter(session)
        assert active is not None
        assert active.name == NAME
        assert row.name in {known.name for known in list_adapters(session)}
    assert row.path == "./adapters/theirs"
    assert bring(other_home, url, "theirs") == row


def test_publishing_again_sends_nothing_and_another_needs_a_word(tiny_home: Home, second: str, url: str) -> None:
    put(tiny_home, url)
    before = content(url)
    assert put(tiny_home, url).n_bytes == 0
    with pytest.raises(DeskError, match=r"found the adapter tiny-adapter.*--replace"):
        put(tiny_home, url, second)
    assert content(url) == before
    assert put(tiny_home, url, second, replace=True).n_bytes > 0
    assert json.loads(content(url)[MANIFEST])["name"] == "second"
    assert set(content(url)) == TRAVELS


class Cut(BaseException):
    """The process ends here."""


class Limited:
    """A file system that ends before its n-th change; where that is an upload, in the middle of it."""

    def __init__(self, files: Any, n_left: int) -> None:
        self._inner, self._n_left = files, n_left

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in ("pipe_file", "rm_file", "open"):
            return method

        def counted(*given: Any, **options: Any) -> Any:
            self._n_left -= 1
            if self._n_left < 0:
                if name == "open":
                    self._inner.pipe_file(given[0], b"half")
                raise Cut
            return method(*given, **options)

        return counted


@pytest.mark.parametrize("replaced", [False, True])
def test_an_upload_that_was_cut_off_shows_nobody_half_and_is_finished_by_the_next(
    tiny_home: Home, other_home: Home, second: str, tmp_path: Path, replaced: bool
) -> None:
    """Cut before every single change, over nothing and over another adapter."""
    fsspec.filesystem("memory").store.clear()
    n_cuts = 0
    while True:
        url = f"memory://cut/{replaced}-{n_cuts}"
        if replaced:
            put(tiny_home, url, second)
        place = Directory(url)
        place._files = Limited(place._files, n_cuts)
        with tiny_home.desk() as desk:
            ensure_adapter(desk.settings, desk.store)
            try:
                publish(desk, NAME, place, replace=replaced, advance=silent)
                break
            except Cut:
                n_cuts += 1
        whole = content(url)
        if MANIFEST in whole:
            digest = json.loads(whole[MANIFEST])["weights_sha256"]
            assert bring(other_home, url, f"cut-{n_cuts}").weights_sha256 == digest
        else:
            with pytest.raises(DeskError, match=r"not complete|found none"):
                bring(other_home, url)
        put(tiny_home, url, replace=MARK not in whole and replaced)
        assert set(content(url)) == TRAVELS
        assert content(url)[WEIGHTS] == (shared_tiny().adapter / WEIGHTS).read_bytes()
    assert n_cuts >= len(FILES)


def test_only_the_files_of_an_adapter_travel(tiny_home: Home, other_home: Home, second: str, tmp_path: Path) -> None:
    assert set(FILES) == {WEIGHTS, MANIFEST, CARD, *LISTED}
    directory, words = tiny_home.path / "adapters" / second, HouseWords({"stage": ("qx", "Étape")})
    with replace_file(directory, HOUSE_WORDS):
        save_json(directory / HOUSE_WORDS, words.to_json())
    (directory / "notes.jsonl").write_text("a patient's note")
    (directory / ".env").write_text("secret")
    put(tiny_home, (tmp_path / "share").as_uri(), second)
    assert {path.name for path in (tmp_path / "share").iterdir()} == TRAVELS | {HOUSE_WORDS}
    bring(other_home, (tmp_path / "share").as_uri())
    pulled = load_for_serving(shared_tiny().base, other_home.path / "adapters" / second, device="cpu")
    assert pulled.house_words == words


def test_what_is_not_ours_is_left_alone(tiny_home: Home, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    (share / "LICENSE").write_text("theirs")
    (share / WEIGHTS).write_bytes(b"somebody's")
    with pytest.raises(DeskError, match="weights without a manifest"):
        put(tiny_home, share.as_uri())
    assert (share / WEIGHTS).read_bytes() == b"somebody's"
    put(tiny_home, share.as_uri(), replace=True)
    assert (share / "LICENSE").read_text() == "theirs"


def test_a_card_that_its_publisher_added_to_is_kept(tiny_home: Home, tmp_path: Path) -> None:
    share = tmp_path / "share"
    put(tiny_home, share.as_uri())
    (share / CARD).write_text("---\nlicense: cc-by-4.0\n---\n")
    assert put(tiny_home, share.as_uri()).n_bytes == 0
    (share / ADAPTER_CONFIG).write_text("{")
    assert put(tiny_home, share.as_uri()).n_bytes > 0
    assert "cc-by-4.0" in (share / CARD).read_text()


@pytest.mark.parametrize("name", ["../elsewhere", "", ".hidden", "a/b", "embedded", "x" * 65])
def test_a_name_that_leads_elsewhere_is_refused(tiny_home: Home, tmp_path: Path, name: str) -> None:
    share = tmp_path / "share"
    put(tiny_home, share.as_uri())
    values = json.loads((share / MANIFEST).read_text())
    (share / MANIFEST).write_text(json.dumps({**values, "name": name}))
    with pytest.raises(InputError, match="Choose one with --name"):
        bring(tiny_home, share.as_uri())


def test_a_name_of_other_weights_is_refused(tiny_home: Home, other_home: Home, second: str, tmp_path: Path) -> None:
    share = (tmp_path / "share").as_uri()
    put(tiny_home, share)
    with pytest.raises(DeskError, match="Another adapter is called"):
        bring(tiny_home, share, second)
    shutil.copytree(tiny_home.path / "adapters" / second, other_home.path / "adapters" / NAME)
    with pytest.raises(DeskError, match="Another adapter is called"):
        bring(other_home, share)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("adapter", "owner/name"),
        ("/some/folder", "owner/name"),
        ("s3://key:secret@bucket/x", "without user name"),
        ("s3://", "a directory"),
        ("invented://x/y", "invented:// cannot"),
    ],
)
def test_an_address_that_is_none_is_refused_unasked(where: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        open_place(where)
    assert "secret" not in str(caught.value)


def test_a_bucket_or_an_adapter_that_is_not_there(tiny_home: Home, url: str) -> None:
    with pytest.raises(DeskError, match=r"no adapter called 'nobody'\. Choose one of: tiny-adapter"):
        put(tiny_home, url, "nobody")
    with pytest.raises(DeskError, match=r"found none\. Check the address, or publish it there"):
        bring(tiny_home, url)
    if url.startswith("s3://"):
        with pytest.raises(DeskError, match="There is no bucket for s3://no-such-bucket/x"):
            put(tiny_home, "s3://no-such-bucket/x")


def test_a_full_disk_is_said_to_be_full_and_leaves_nothing(
    tiny_home: Home, other_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = (tmp_path / "share").as_uri()
    put(tiny_home, share)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with other_home.desk() as desk:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with pytest.raises(OSError, match="too large") as caught:
                pull(desk, open_place(share), name=None, base=None, advance=silent)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
    assert "The disk is full" in sentence_of(caught.value)
    assert [*(other_home.path / "adapters").iterdir()] == []


def test_the_command_publishes_on_the_hub(tiny_home: Home, other_home: Home, tmp_path: Path) -> None:
    tiny_home.begin()
    with hub_server() as hub:
        tiny_home.variables |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_TOKEN": TOKEN}
        assert set(tiny_home.json("adapters", "publish", NAME, "registry/one")["files"]) == TRAVELS
        assert hub.private == {"registry/one": True}
        assert set(hub.repositories["registry/one"]) == TRAVELS | {".gitattributes"}
        assert [set(commit) for commit in hub.commits] == [TRAVELS]
        with other_home.desk() as desk:
            row = pull(desk, on_hub(hub.url), name="theirs", base=None, advance=silent)
    assert row.weights_sha256 == sha256_of(shared_tiny().adapter / WEIGHTS)
    assert {path.name for path in (other_home.path / "adapters" / "theirs").iterdir()} == TRAVELS


def on_hub(url: str, token: str = TOKEN) -> HubRepository:
    place = HubRepository("registry/one", private=True)
    place._api = HfApi(endpoint=url, token=token)
    return place


def test_the_hub_is_asked_for_no_more_than_it_must(tiny_home: Home, second: str) -> None:
    with hub_server() as hub:
        put(tiny_home, on_hub(hub.url))
        assert put(tiny_home, on_hub(hub.url)).n_bytes == 0
        assert len(hub.commits) == 1
        with pytest.raises(DeskError, match="--replace"):
            put(tiny_home, on_hub(hub.url), second)
        hub.repositories["registry/one"] |= {"calibration.json": b"{}", "LICENSE": b"theirs"}
        put(tiny_home, on_hub(hub.url), second, replace=True)
        assert set(hub.commits[-1]) == TRAVELS | {"calibration.json"}
        assert "LICENSE" in hub.repositories["registry/one"]
        with pytest.raises(DeskError, match="No token gives access") as caught:
            put(tiny_home, on_hub(hub.url, "hf_wrong"))
        assert "hf_wrong" not in str(caught.value)
    with pytest.raises(DeskError, match="does not answer"):
        put(tiny_home, on_hub(f"http://127.0.0.1:{free_port()}"))


def test_a_name_without_an_owner_asks_nobody(watched: Home) -> None:
    assert "owner/name" in one_sentence(watched.run("adapters", "pull", "oncology").stderr)
    assert "adapters pull" in started(watched)
    assert seen(watched) == ""


@pytest.mark.parametrize(("changed", "said"), [("AWS_ENDPOINT_URL", "does not answer"), ("keys", "No keys for")])
def test_without_an_answer_or_keys_there_is_a_sentence(
    tiny_home: Home, monkeypatch: pytest.MonkeyPatch, changed: str, said: str
) -> None:
    for name, value in variables(free_port()).items():
        monkeypatch.setenv(name, value)
    if changed == "keys":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(DeskError, match=said) as caught:
        put(tiny_home, f"s3://{BUCKET}/x")
    assert "tests-secret" not in str(caught.value)
