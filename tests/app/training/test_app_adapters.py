"""Which adapter the desk starts with, and where the files of one are found again."""

from __future__ import annotations

import json
import shutil

import pytest

from app.core.adapters import activate_present, base_place, ensure_adapter, named_adapter, place_in_store, weights_place
from app.core.errors import DeskError
from app.core.settings import EMBEDDED_NAME, load_settings
from data.storage.locations import EMBEDDED
from db.training.adapters import AdapterRow, activate, activations, list_adapters, register_adapter
from tests.kit.desk.empty_stores import empty_store
from tests.kit.desk.permits import person_in, program_in

DIGITS = "0123456789abcdef"


@pytest.fixture
def store(tmp_path):
    with empty_store(tmp_path / "home" / "caseloop.db") as store:
        yield store


def put_adapter(place, digest="a", name="mine"):
    place.mkdir(parents=True, exist_ok=True)
    (place / "adapter_model.safetensors").write_bytes(digest.encode())
    manifest = {"name": name, "weights_sha256": digest * 64, "prompt_version": 1, "base_revision": "r1"}
    (place / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return place


def settings(tmp_path, base="base", adapter="adapter"):
    return load_settings(
        {
            "CASELOOP_HOME": str(tmp_path / "home"),
            "CASELOOP_BASE": str(tmp_path / base),
            "CASELOOP_ADAPTER": str(tmp_path / adapter),
        }
    )


def names(store):
    with store.reading() as session:
        return [row.name for row in list_adapters(session)], [change.adapter for change in activations(session)]


def test_the_named_adapter_is_active_from_its_first_use(store, tmp_path):
    chosen = settings(tmp_path)
    with pytest.raises(DeskError, match="there is none"):
        ensure_adapter(chosen, store)
    put_adapter(tmp_path / "adapter")
    row = ensure_adapter(chosen, store)
    assert (row.name, row.base_revision, row.weights_sha256) == ("mine", "r1", "a" * 64)
    assert ensure_adapter(chosen, store).name == "mine"
    assert names(store) == (["mine"], ["mine"])


def test_what_a_person_activated_stays_active(store, tmp_path):
    put_adapter(tmp_path / "adapter")
    ensure_adapter(settings(tmp_path), store)
    with store.transaction() as session:
        register_adapter(program_in(session), AdapterRow("other", "/x", "/another/base", None, 1, "b" * 64))
        activate(person_in(session, "ada"), "other", reason="test")
    assert ensure_adapter(settings(tmp_path), store).name == "other"


def test_an_adapter_that_is_named_later_takes_over_once(store, tmp_path):
    put_adapter(tmp_path / "adapter")
    put_adapter(tmp_path / "second", digest="b", name="second")
    ensure_adapter(settings(tmp_path), store)
    later = settings(tmp_path, adapter="second")
    assert ensure_adapter(later, store).name == "second"
    with store.transaction() as session:
        activate(person_in(session, "ada"), "mine", reason="test")
    assert ensure_adapter(later, store).name == "mine"


def test_replaced_files_are_another_adapter(store, tmp_path):
    put_adapter(tmp_path / "adapter")
    ensure_adapter(settings(tmp_path), store)
    put_adapter(tmp_path / "adapter", digest="c")
    assert ensure_adapter(settings(tmp_path), store).name == "mine-cccccccc"
    assert names(store)[0] == ["mine", "mine-cccccccc"]
    assert ensure_adapter(settings(tmp_path), store).name == "mine-cccccccc"


def test_what_a_person_activated_stays_active_when_other_files_change(store, tmp_path):
    put_adapter(tmp_path / "adapter")
    chosen = settings(tmp_path)
    ensure_adapter(chosen, store)
    with store.transaction() as session:
        register_adapter(program_in(session), AdapterRow("other", "/x", "/another/base", None, 1, "b" * 64))
        activate(person_in(session, "ada"), "other", reason="test")
    put_adapter(tmp_path / "adapter", digest="c")
    assert ensure_adapter(chosen, store).name == "other"
    assert "mine-cccccccc" in names(store)[0]


def test_without_a_named_adapter_the_active_one_stays(store, tmp_path):
    put_adapter(tmp_path / "adapter")
    ensure_adapter(settings(tmp_path), store)
    assert ensure_adapter(load_settings({"CASELOOP_HOME": str(tmp_path / "home")}), store).name == "mine"
    assert names(store) == (["mine", EMBEDDED_NAME], ["mine"])


def test_an_adapter_without_a_manifest_goes_by_its_folder(store, tmp_path):
    place = put_adapter(tmp_path / "adapter")
    (place / "manifest.json").unlink()
    row = ensure_adapter(settings(tmp_path), store)
    assert (row.name, row.prompt_version) == ("adapter", 1)
    assert set(row.weights_sha256) <= set(DIGITS)
    assert len(row.weights_sha256) == 64


def test_a_damaged_manifest_is_named(store, tmp_path):
    (put_adapter(tmp_path / "adapter") / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(DeskError, match="manifest"):
        ensure_adapter(settings(tmp_path), store)


def test_the_active_adapter_serves_on_when_the_named_one_is_gone(store, tmp_path):
    put_adapter(tmp_path / "adapter")
    ensure_adapter(settings(tmp_path), store)
    shutil.rmtree(tmp_path / "adapter")
    assert ensure_adapter(settings(tmp_path), store).name == "mine"


def test_places_survive_a_move_of_home_and_program(tmp_path):
    chosen = settings(tmp_path)
    home = chosen.home
    kept = {
        str(home / "adapters" / "run-0001"): "./adapters/run-0001",
        str(EMBEDDED / "adapter"): EMBEDDED_NAME,
        "owner/name": "owner/name",
        "/elsewhere": "/elsewhere",
    }
    (home / "adapters" / "run-0001").mkdir(parents=True)
    for place, stored in kept.items():
        assert place_in_store(chosen, place) == stored
        assert weights_place(chosen, AdapterRow("x", stored, "b", None, 1, "")) == place
    assert place_in_store(chosen, str(EMBEDDED / "base")) == EMBEDDED_NAME
    assert base_place(chosen, AdapterRow("x", "p", EMBEDDED_NAME, None, 1, "")) == str(EMBEDDED / "base")


def test_a_base_that_was_moved_is_found_by_the_settings(store, tmp_path):
    put_adapter(tmp_path / "adapter")
    ensure_adapter(settings(tmp_path), store)
    moved = settings(tmp_path, base="moved")
    row = ensure_adapter(moved, store)
    assert row.name == "mine"
    assert base_place(moved, row) == str(tmp_path / "moved")


def test_an_adapter_whose_files_are_gone_is_not_activated(store, tmp_path):
    chosen = settings(tmp_path)
    put_adapter(tmp_path / "adapter")
    ensure_adapter(chosen, store)
    with store.transaction() as session:
        register_adapter(program_in(session), AdapterRow("run-0001", "./adapters/run-0001", "/b", None, 1, "b" * 64))
    with store.transaction() as session, pytest.raises(DeskError, match="are missing from"):
        activate_present(person_in(session, "ada"), chosen, "run-0001", reason="test")
    put_adapter(tmp_path / "home" / "adapters" / "run-0001", digest="b")
    with store.transaction() as session:
        assert activate_present(person_in(session, "ada"), chosen, "run-0001", reason="test").name == "run-0001"


def test_an_unknown_name_is_answered_with_the_known_ones(store, tmp_path):
    put_adapter(tmp_path / "adapter")
    ensure_adapter(settings(tmp_path), store)
    with (
        store.reading() as session,
        pytest.raises(DeskError, match=r"no adapter called 'nobody'\. Choose one of: mine\."),
    ):
        named_adapter(session, "nobody")
