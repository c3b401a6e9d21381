"""Damaged adapters: every way of loading refuses them, and so does pulling, each with a sentence."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from app.core.settings import load_settings
from app.sharing.publishing import pull
from app.sharing.remotes import FILES, open_place
from app.worker.engines import load_engine
from data.evaluation.calibration import CALIBRATION
from data.storage.files import sha256_of
from data.storage.locations import EMBEDDED
from data.vocabulary.house_words import HOUSE_WORDS
from db.training.adapters import AdapterRow, list_adapters
from tests.kit.homes import TASK, Home
from tests.kit.tiny import shared_tiny, tiny_base
from trainer.adapter.files import ModelError
from trainer.adapter.manifest import ADAPTER_CONFIG, MANIFEST, WEIGHTS, digests_of, read_manifest, replace_file
from trainer.model.loading import load_for_serving, load_model

TRACE = Path(tempfile.gettempdir()) / f"caseloop-unpickled-{os.getpid()}"


def change_manifest(adapter: Path, **values: object) -> None:
    path = adapter / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def truncated(adapter: Path) -> None:
    data = (adapter / WEIGHTS).read_bytes()
    (adapter / WEIGHTS).write_bytes(data[: len(data) // 2])


def truncated_before_the_manifest(adapter: Path) -> None:
    truncated(adapter)
    change_manifest(adapter, weights_sha256=sha256_of(adapter / WEIGHTS))


def with_tensors(adapter: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change tensors, with a manifest that fits: only a look at the tensors can tell."""
    tensors = load_file(adapter / WEIGHTS)
    change(tensors)
    save_file(tensors, adapter / WEIGHTS)
    change_manifest(adapter, weights_sha256=sha256_of(adapter / WEIGHTS))


def one_nan(adapter: Path) -> None:
    with_tensors(adapter, lambda tensors: tensors[max(tensors)].view(-1)[-1:].fill_(float("nan")))


def missing_key(adapter: Path) -> None:
    with_tensors(adapter, lambda tensors: tensors.pop(max(tensors)))


def flipped_byte(adapter: Path) -> None:
    data = bytearray((adapter / WEIGHTS).read_bytes())
    data[-100] ^= 0x10
    (adapter / WEIGHTS).write_bytes(bytes(data))


class Planted:
    """What a pickle may do to who reads it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return open, (str(TRACE), "w")  # type: ignore[return-value]


def pickle_in_place(adapter: Path) -> None:
    (adapter / WEIGHTS).write_bytes(pickle.dumps(Planted()))
    change_manifest(adapter, weights_sha256=sha256_of(adapter / WEIGHTS))


def pickle_instead(adapter: Path) -> None:
    (adapter / WEIGHTS).unlink()
    (adapter / "adapter_model.bin").write_bytes(pickle.dumps(Planted()))


def foreign_base(adapter: Path) -> None:
    """One without anything recorded of its base but a name, with tensors that are not this base's."""
    missing_key(adapter)
    change_manifest(adapter, base="another-model", base_revision=None)


def foreign_revision(adapter: Path) -> None:
    change_manifest(adapter, base_revision="sha256:0123456789abcdef")


def changed_scale(adapter: Path) -> None:
    path = adapter / ADAPTER_CONFIG
    path.write_text(path.read_text().replace('"lora_alpha": 32', '"lora_alpha": 320'))


def lost_configuration(adapter: Path) -> None:
    (adapter / ADAPTER_CONFIG).unlink()


def mangled_house_words(adapter: Path) -> None:
    (adapter / HOUSE_WORDS).write_text('{"format": 1, "words": {"stage": [["qx"]]}}')


def changed_house_words(adapter: Path) -> None:
    change_manifest(adapter, files={HOUSE_WORDS: "0" * 64})
    (adapter / HOUSE_WORDS).write_text('{"format": 1, "words": {"stage": ["qx"]}}')


DAMAGES = [
    (truncated, WEIGHTS),
    (truncated_before_the_manifest, WEIGHTS),
    (one_nan, WEIGHTS),
    (missing_key, WEIGHTS),
    (flipped_byte, WEIGHTS),
    (pickle_in_place, WEIGHTS),
    (pickle_instead, "adapter_model.bin only"),
    (foreign_base, "another-model"),
    (foreign_revision, "revision"),
    (changed_scale, ADAPTER_CONFIG),
    (lost_configuration, ADAPTER_CONFIG),
    (mangled_house_words, HOUSE_WORDS),
    (changed_house_words, HOUSE_WORDS),
]


def as_worker(home: Home, adapter: Path) -> None:
    """Load as the worker does."""
    row = AdapterRow("x", str(adapter), str(shared_tiny().base), None, 1, "")
    load_engine(load_settings(home.environ), row, TASK)


def as_pulled(home: Home, adapter: Path) -> None:
    with home.desk() as desk:
        pull(desk, open_place(adapter.as_uri()), name="pulled", base=None, advance=lambda *_: None)


WAYS: dict[str, Callable[[Home, Path], object]] = {
    "to train": lambda _, adapter: load_model(shared_tiny().base, adapter, device="cpu", for_training=True),
    "to serve": lambda _, adapter: load_for_serving(shared_tiny().base, adapter, device="cpu"),
    "in the worker": as_worker,
    "to pull": as_pulled,
}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(shared_tiny().adapter, tmp_path / "adapter"))


@pytest.mark.parametrize(("damage", "named"), DAMAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_damaged_adapter_is_refused_by_all_with_a_sentence(
    tiny_home: Home, adapter: Path, damage: Callable[[Path], None], named: str
) -> None:
    damage(adapter)
    for way, load in WAYS.items():
        with pytest.raises((ValueError, RuntimeError)) as caught:
            load(tiny_home, adapter)
        sentence = str(caught.value)
        assert type(caught.value).__module__.startswith(("app.", "trainer.")), way
        assert sentence.startswith("Expected"), way
        assert sentence.endswith("."), way
        assert named in sentence, way
        assert "\n" not in sentence
        assert any(word in sentence for word in ("again", "Use ", "Remove ", "Name ", "another")), sentence
    assert not TRACE.exists()
    assert not [*(tiny_home.path / "adapters").iterdir()]
    with tiny_home.desk() as desk, desk.store.reading() as session:
        assert list_adapters(session) == []


def test_a_sound_adapter_is_taken_by_all(tiny_home: Home, adapter: Path) -> None:
    for load in WAYS.values():
        load(tiny_home, adapter)


STRAYS = ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "adapter_model.bin", "modeling.py")


def test_what_trainers_leave_beside_the_weights_is_never_opened_and_does_not_travel(
    tiny_home: Home, adapter: Path
) -> None:
    for name in (*STRAYS, "original/consolidated.00.pth", "checkpoint-3/pytorch_model.bin"):
        (adapter / name).parent.mkdir(exist_ok=True)
        (adapter / name).write_bytes(pickle.dumps(Planted()))
    (adapter / ".gitattributes").write_text("*.bin filter=lfs")
    for load in WAYS.values():
        load(tiny_home, adapter)
    assert not TRACE.exists()
    assert {path.name for path in (tiny_home.path / "adapters" / "pulled").iterdir()} <= set(FILES)


@pytest.mark.parametrize(("recorded", "n_warnings"), [("as it was", 0), (None, 1)])
def test_a_name_alone_keeps_no_adapter_from_a_base_that_it_fits(
    tiny_home: Home, adapter: Path, caplog: pytest.LogCaptureFixture, recorded: str | None, n_warnings: int
) -> None:
    change_manifest(adapter, base=f"{adapter.parent.name}/renamed", **({} if recorded else {"base_revision": None}))
    for way, load in WAYS.items():
        caplog.clear()
        load(tiny_home, adapter)
        if way == "to train":
            assert sum("renamed, and is used on tiny" in line for line in caplog.messages) == n_warnings


def test_an_adapter_for_another_base_of_the_same_name(tmp_path: Path, adapter: Path) -> None:
    with pytest.raises(ModelError, match="revision"):
        load_for_serving(tiny_base(tmp_path, seed=9), adapter, device="cpu")


def test_a_changed_calibration_is_noticed_and_a_new_one_is_listed(adapter: Path) -> None:
    with replace_file(adapter, CALIBRATION):
        (adapter / CALIBRATION).write_bytes((EMBEDDED / "adapter" / CALIBRATION).read_bytes())
    manifest = read_manifest(adapter)
    assert manifest is not None
    assert manifest.files == digests_of(adapter)
    assert set(manifest.files) == {ADAPTER_CONFIG, CALIBRATION}
    load_for_serving(shared_tiny().base, adapter, device="cpu")
    text = (adapter / CALIBRATION).read_text()
    (adapter / CALIBRATION).write_text(text.replace("0.9", "0.8", 1))
    with pytest.raises(ModelError, match=CALIBRATION):
        load_for_serving(shared_tiny().base, adapter, device="cpu")


def test_a_killed_recalibration_leaves_an_adapter_that_loads(adapter: Path) -> None:
    class Killed(BaseException):
        pass

    with pytest.raises(Killed), replace_file(adapter, ADAPTER_CONFIG):
        raise Killed
    load_for_serving(shared_tiny().base, adapter, device="cpu")
