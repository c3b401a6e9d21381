"""An adapter and a base as others publish them: renamed, in any directory, in a cache that others filled."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from app.core.adapters import base_place, described_adapter
from app.core.errors import DeskError
from app.core.settings import load_settings
from app.sharing.publishing import pull
from app.sharing.remotes import open_place
from db.training.adapters import AdapterRow
from tests.app.training.test_adapter_damage import TRACE, Planted
from tests.kit.homes import Home
from tests.kit.tiny import shared_tiny
from trainer.adapter.base_identity import BaseIdentity, base_identity, compare_bases, hub_identity, is_same_name
from trainer.adapter.files import ModelError
from trainer.adapter.manifest import ADAPTER_CONFIG, MANIFEST, WEIGHTS, Manifest
from trainer.model.loading import load_for_serving

BASE, ADAPTER = "meta-llama/Llama-3.1-8B", "owner/llama-3.1-8b-adapter"
COMMITS = {BASE: "a" * 40, ADAPTER: "b" * 40}
DIGEST, OTHER_DIGEST = "sha256:0123456789abcdef", "sha256:fedcba9876543210"


def published_base(out: Path) -> Path:
    """A base as its owner publishes it: not quantised, no name in it, the same weights as pickles beside."""
    shutil.copytree(shared_tiny().dense, out)
    (out / "original").mkdir()
    for name in ("pytorch_model.bin", "original/consolidated.00.pth"):
        (out / name).write_bytes(pickle.dumps(Planted()))
    (out / ".gitattributes").write_text("*.pth filter=lfs")
    return out


def published_adapter(out: Path) -> Path:
    """An adapter as a trainer leaves it and its owner uploads it: no manifest, and the trainer's files beside."""
    shutil.copytree(shared_tiny().adapter, out, ignore=shutil.ignore_patterns(MANIFEST))
    values = json.loads((out / ADAPTER_CONFIG).read_text())
    values["base_model_name_or_path"] = "meta-llama/Meta-Llama-3.1-8B"
    (out / ADAPTER_CONFIG).write_text(json.dumps(values))
    for name in ("training_args.bin", "optimizer.pt"):
        (out / name).write_bytes(pickle.dumps(Planted()))
    return out


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache that another program filled with whole repositories."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for repository, fill in ((BASE, published_base), (ADAPTER, published_adapter)):
        folder = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(COMMITS[repository])
        (folder / "snapshots").mkdir()
        fill(folder / "snapshots" / COMMITS[repository])
    return tmp_path / "hub"


def test_a_cache_that_another_program_filled_serves_by_names(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    loaded = load_for_serving(BASE, ADAPTER, device="cpu", allow_hub=True)
    assert loaded.base_revision == COMMITS[BASE]
    assert loaded.base_digest == base_identity(shared_tiny().dense).digest
    assert loaded.lora
    assert not TRACE.exists()
    assert "is declared for the base" not in caplog.text, "Meta's prefix is no other name"


def test_a_directory_of_any_name_serves_and_is_learned_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    base, adapter = published_base(tmp_path / "weights"), published_adapter(tmp_path / "mine")
    loaded = load_for_serving(base, adapter, device="cpu")
    assert (loaded.name, loaded.base_name, loaded.prompt_version) == ("mine", "weights", 1)
    assert "is declared for the base meta-llama/Meta-Llama-3.1-8B, and is used on weights" in caplog.text
    assert not TRACE.exists()


def test_a_recorded_revision_of_a_hub_base_is_compared(cache: Path) -> None:
    """A commit that the base no longer has speaks against it only where the weights may have changed with it."""
    directory = next((cache / f"models--{ADAPTER.replace('/', '--')}" / "snapshots").iterdir())
    known = hub_identity(BASE)
    values = {"name": "mine", "prompt_version": 1, "weights_sha256": _digest(directory / WEIGHTS)}
    manifest = Manifest(base="renamed/since", base_revision=COMMITS[BASE], **values)
    taken = [manifest, manifest.model_copy(update={"base_revision": "c" * 40, "base_digest": known.digest})]
    for one in taken:
        (directory / MANIFEST).write_text(one.model_dump_json())
        load_for_serving(BASE, ADAPTER, device="cpu", allow_hub=True)
    (directory / MANIFEST).write_text(manifest.model_copy(update={"base_revision": "c" * 40}).model_dump_json())
    with pytest.raises(ModelError, match=f"Expected an adapter for revision {'a' * 40} .* is for {'c' * 40}"):
        load_for_serving(BASE, ADAPTER, device="cpu", allow_hub=True)


def _digest(path: Path) -> str:
    from data.storage.files import sha256_of

    return sha256_of(path)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ((None, None), ("a" * 40, DIGEST), "unknown"),
        (("a" * 40, None), (DIGEST, DIGEST), "unknown"),
        (("a" * 40, None), ("a" * 40, DIGEST), "same"),
        (("a" * 40, None), ("b" * 40, DIGEST), "other"),
        (("a" * 40, DIGEST), ("b" * 40, DIGEST), "same"),
        (("a" * 40, DIGEST), ("a" * 40, None), "same"),
        (("a" * 40, DIGEST), (DIGEST, DIGEST), "same"),
        (("a" * 40, DIGEST), (OTHER_DIGEST, OTHER_DIGEST), "other"),
        ((DIGEST, None), (DIGEST, DIGEST), "same"),
        ((DIGEST, None), (OTHER_DIGEST, OTHER_DIGEST), "other"),
    ],
)
def test_bases_are_compared_by_what_is_recorded(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None], said: str
) -> None:
    assert compare_bases(BaseIdentity("x", *one), BaseIdentity("y", *other)) == said


def test_names_of_one_model() -> None:
    assert is_same_name("meta-llama/Meta-Llama-3.1-8B", "/models/Llama-3.1-8B/")
    assert not is_same_name("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-70B")


def test_weights_are_known_again_whatever_lies_beside_them(tmp_path: Path) -> None:
    base = Path(shutil.copytree(shared_tiny().dense, tmp_path / "base"))
    shutil.copy(base / "model.safetensors", base / "consolidated.safetensors")
    assert base_identity(base).digest == base_identity(shared_tiny().dense).digest


def test_weights_in_no_readable_format_are_refused_unopened(tmp_path: Path) -> None:
    base, adapter = published_base(tmp_path / "base"), published_adapter(tmp_path / "adapter")
    (base / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"found pytorch_model\.bin only\. Weights are read from safetensors"):
        load_for_serving(base, None, device="cpu")
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")
    settings = load_settings({"CASELOOP_BASE": str(shared_tiny().dense), "CASELOOP_ADAPTER": str(adapter)})
    with pytest.raises(DeskError, match=r"found adapter_model\.bin only\. Weights are read from safetensors"):
        described_adapter(settings)
    with pytest.raises(ModelError, match=r"found adapter_model\.bin only\. Weights are read from safetensors"):
        load_for_serving(shared_tiny().dense, adapter, device="cpu")
    assert not TRACE.exists()


def test_a_base_that_is_not_at_hand_is_named_before_an_adapter_of_another_name_is_pulled(
    tiny_home: Home, tmp_path: Path
) -> None:
    """Nothing could tell whether it fits; where a person names the base, its tensors are compared once it is there."""
    adapter = Path(shutil.copytree(shared_tiny().adapter, tmp_path / "adapter"))
    values = json.loads((adapter / MANIFEST).read_text())
    (adapter / MANIFEST).write_text(json.dumps({**values, "base_revision": None}))
    tiny_home.variables["CASELOOP_BASE"] = "owner/unseen"
    with tiny_home.desk() as desk:
        given = {"name": "theirs", "advance": lambda *_: None}
        with pytest.raises(DeskError, match="Name that base with --base"):
            pull(desk, open_place(adapter.as_uri()), base=None, **given)
        assert pull(desk, open_place(adapter.as_uri()), base="owner/unseen", **given).base == "owner/unseen"


def test_adapters_of_a_base_that_was_renamed_find_it_by_the_settings(tmp_path: Path) -> None:
    base = published_base(tmp_path / "renamed")
    row = AdapterRow("run-0001", "./adapters/run-0001", str(tmp_path / "before"), None, 1, "c" * 64)
    settings = load_settings({"CASELOOP_BASE": str(base), "CASELOOP_ADAPTER": str(shared_tiny().adapter)})
    assert base_place(settings, row) == str(base)
    (tmp_path / "before").mkdir()
    assert base_place(settings, row) == str(tmp_path / "before")
