"""A desk whose caseloop comes with another model than the one it began with: what was kept, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from app.core.adapters import activate_present, ensure_adapter, is_of_another_version
from app.core.desk import Desk
from app.core.errors import DeskError
from app.core.settings import EMBEDDED_NAME, load_settings
from app.operations.doctor import examine
from app.sharing.publishing import publish
from app.sharing.remotes import Directory
from app.training.decisions import roll_back
from app.worker.calibration import apply_kept_curves, curves_of, keep_curves, key_of
from app.worker.engines import chosen_engine, load_engine
from app.worker.prefill import Prefill
from data.cutoffs import Cutoffs
from data.evaluation.calibration import CALIBRATION, KINDS, Calibration, Curve
from data.storage.files import sha256_of
from db.notes.suggestions import suggestion_of, suggestions_of
from db.store.store import open_store
from db.training.adapters import AdapterRow, activate, activations, active_adapter, get_adapter, register_adapter
from tests.kit.desk.desk_store import put_notes
from tests.kit.desk.permits import person_in, program_in
from tests.kit.homes import TASK
from tests.kit.tiny import shared_tiny, tiny_adapter, tiny_base, tiny_rows

WEIGHTS = "adapter_model.safetensors"
REFUSED = "{} was trained on the model of another version of caseloop"
OLD, NEW = (dict.fromkeys(TASK.keys, share) for share in (0.31, 0.77))  # from which confidence a field takes a value


def fitted(n_notes: int, put_in: dict[str, float]) -> Calibration:
    curve = Curve(((-2.0, 0.2), (2.0, 0.9)))
    return Calibration(n_notes, EMBEDDED_NAME, dict.fromkeys(KINDS, curve), {}, {}, Cutoffs(n_notes, put_in))


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of the model that comes with caseloop, each a base and an adapter with its curves."""
    place = tmp_path_factory.mktemp("releases")
    for number, (base, put_in) in enumerate(((shared_tiny().base, OLD), (tiny_base(place, seed=5), NEW)), 1):
        release = place / f"release-{number}"
        shutil.copytree(base, release / "base")
        (release / "samples").mkdir()
        tiny_adapter(release / "base", release / "adapter", name=EMBEDDED_NAME, seed=number)
        curves = json.dumps(fitted(100, put_in).to_json())
        (release / "adapter" / CALIBRATION).write_text(curves, encoding="utf-8")
    tiny_adapter(place / "release-1" / "base", place / "run-0001", name="run-0001", seed=9)
    return place


class Installed:
    """A caseloop whose model is replaced as an update replaces it: other files in the same place."""

    def __init__(self, place: Path, releases: Path) -> None:
        self.place, self._releases = place, releases
        self.update(1)

    def update(self, number: int) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self._releases / f"release-{number}", self.place)


@pytest.fixture
def installed(tmp_path: Path, releases: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    for module in ("app.core.adapters", "app.core.settings"):
        monkeypatch.setattr(f"{module}.EMBEDDED", tmp_path / "embedded")
    monkeypatch.setenv("CASELOOP_HOME", str(tmp_path / "home"))
    return Installed(tmp_path / "embedded", releases)


@pytest.fixture
def desk(tmp_path: Path, installed: Installed, releases: Path):  # type: ignore[no-untyped-def]
    """A desk with one note that the first version filled in, and an adapter that was trained on its base."""
    settings = load_settings({"CASELOOP_HOME": str(tmp_path / "home")})
    assert settings.is_embedded
    with open_store(settings.store) as store:
        desk = Desk(settings, TASK, store)
        put_notes(store, [(tiny_rows(1)[0].text, None)])
        assert ensure_adapter(settings, store).name == EMBEDDED_NAME
        Prefill(desk).run()
        own = settings.adapters / "run-0001"
        shutil.copytree(releases / "run-0001", own)
        revision = json.loads((own / "manifest.json").read_text(encoding="utf-8"))["base_revision"]
        row = AdapterRow("run-0001", "./adapters/run-0001", EMBEDDED_NAME, revision, 1, sha256_of(own / WEIGHTS))
        with store.transaction() as session:
            register_adapter(program_in(session), row)
        yield desk


def row_of(desk: Desk, name: str) -> AdapterRow:
    with desk.store.reading() as session:
        return get_adapter(session, name)


def refused(desk: Desk, name: str, tmp_path: Path) -> None:
    """Neither loaded, nor activated, nor published, by its name."""
    said = REFUSED.format(name)
    with pytest.raises(DeskError, match=said):
        load_engine(desk.settings, row_of(desk, name), TASK)
    with pytest.raises(DeskError, match=said), desk.store.transaction() as session:
        activate_present(person_in(session, "ada"), desk.settings, name, reason="test")
    with pytest.raises(DeskError, match=said):
        publish(desk, name, Directory((tmp_path / "out").as_uri()), replace=False, advance=lambda *of: None)
    assert is_of_another_version(desk.settings, row_of(desk, name))


def test_the_adapter_that_came_with_it_is_replaced_under_another_name(
    desk: Desk, installed: Installed, tmp_path: Path
) -> None:
    old = row_of(desk, EMBEDDED_NAME)
    with desk.store.reading() as session:
        before = suggestion_of(session, 1)
        assert before is not None
        seen = apply_kept_curves(desk.settings, session, before)
    assert seen.cutoffs is not None
    assert seen.cutoffs.put_in == OLD
    kept = fitted(140, dict.fromkeys(TASK.keys, 0.42))  # as the desk fits them
    keep_curves(desk.settings, key_of(desk.settings, old), kept)
    installed.update(2)
    new = ensure_adapter(desk.settings, desk.store)
    assert (new.name, new.path) == (f"embedded-{new.weights_sha256[:8]}", EMBEDDED_NAME)
    assert new.weights_sha256 == sha256_of(installed.place / "adapter" / WEIGHTS)
    with desk.store.reading() as session:
        assert [one.adapter for one in activations(session)] == [new.name, EMBEDDED_NAME]
        assert suggestion_of(session, 1) == before
        seen = apply_kept_curves(desk.settings, session, before)
    # What the desk fitted for the old one still holds for what that one suggested, and for nothing else.
    assert seen.cutoffs is not None
    assert set(seen.cutoffs.put_in.values()) == {0.42}
    curves = curves_of(desk.settings, new)
    assert curves is not None
    assert curves.cutoffs is not None
    assert curves.cutoffs.put_in == NEW
    (desk.settings.home / "calibrations" / f"{old.weights_sha256}.json").unlink()
    assert curves_of(desk.settings, old) is None, "the curves in its place are another's"
    refused(desk, EMBEDDED_NAME, tmp_path)
    with pytest.raises(DeskError, match=REFUSED.format(EMBEDDED_NAME)), desk.store.transaction() as session:
        roll_back(person_in(session, "ada"), desk.settings)
    Prefill(desk).run()
    with desk.store.reading() as session:
        assert [one.adapter for one in suggestions_of(session, 1)] == [new.name, EMBEDDED_NAME]
    assert chosen_engine(TASK).calibration == curves
    assert ensure_adapter(desk.settings, desk.store) == new


def test_an_adapter_trained_on_the_old_base_is_never_put_on_the_new_one(
    desk: Desk, installed: Installed, tmp_path: Path
) -> None:
    with desk.store.transaction() as session:
        activate(person_in(session, "ada"), "run-0001", reason="passed the gate")
    assert ensure_adapter(desk.settings, desk.store).name == "run-0001"
    installed.update(2)
    new = ensure_adapter(desk.settings, desk.store)
    assert new.name.startswith("embedded-"), "a desk goes on with suggestions"
    with desk.store.reading() as session:
        assert activations(session)[0].reason == (
            "run-0001 was trained on a model that came with another version of caseloop"
        )
    refused(desk, "run-0001", tmp_path)
    found = {(one.name, one.state) for one in examine(desk.settings, TASK)}
    assert ("adapters", "ok") in found
    # With the old model back, it is used as before.
    installed.update(1)
    assert ensure_adapter(desk.settings, desk.store).name == EMBEDDED_NAME
    with desk.store.transaction() as session:
        activate_present(person_in(session, "ada"), desk.settings, "run-0001", reason="test")
    assert load_engine(desk.settings, row_of(desk, "run-0001"), TASK).adapter == "run-0001"
    with desk.store.reading() as session:
        active = active_adapter(session)
    assert active is not None
    assert ensure_adapter(desk.settings, desk.store) == active


def test_a_server_and_a_named_base_are_left_alone(desk: Desk, installed: Installed, tmp_path: Path) -> None:
    with desk.store.transaction() as session:
        activate(person_in(session, "ada"), "run-0001", reason="passed the gate")
    installed.update(2)
    served = {"CASELOOP_ENGINE": "openai", "CASELOOP_BASE_URL": "http://127.0.0.1:9/v1"}
    settings = load_settings({"CASELOOP_HOME": str(tmp_path / "home"), **served})
    assert ensure_adapter(settings, desk.store).name == "run-0001"
    named = replace(desk.settings, base=str(tmp_path / "base"), adapter=str(desk.settings.adapters / "run-0001"))
    assert ensure_adapter(named, desk.store).name == "run-0001"
