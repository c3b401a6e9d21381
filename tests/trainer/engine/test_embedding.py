"""An embedding table in 8 bits: how far a number moves, that answers stay, and what is said of a damaged file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from data.storage.weight_files import EMBEDDING, EMBEDDING_KEY
from data.task import load_task
from tests.kit.tiny import shared_tiny
from trainer.adapter.base_identity import base_identity
from trainer.adapter.files import ModelError
from trainer.engine.local import Engine
from trainer.model.embedding import pack_rows
from trainer.model.loading import load_for_serving, load_model, quantise_and_save

NOTES = [
    "A 61-year-old man with stage III colon cancer and a KRAS mutation received FOLFOX.",
    "Breast cancer, stage II. HER2 positive. Trastuzumab was given; partial response.",
    "No tumour was found.",
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("packed") / "base"
    quantise_and_save(shared_tiny().dense, place, name="tiny", embedding_bits=8)
    return place


@given(st.integers(0, 2**32 - 1), st.sampled_from([torch.float32, torch.bfloat16]))
def test_no_number_moves_by_more_than_half_a_step(seed: int, dtype: torch.dtype):
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(7, 24, generator=generator) * torch.logspace(-6, 3, 7)[:, None]
    table[3] = 0
    table = table.to(dtype)
    numbers, scales = pack_rows(table)
    assert numbers.dtype == torch.int8
    assert (numbers * scales - table.float()).abs().max(1).values.le(scales[:, 0] * 0.5001).all()


def test_base_holds_the_table_once_and_answers_as_before(base: Path):
    assert sorted(path.name for path in base.glob("*.safetensors")) == [EMBEDDING, "model.safetensors"]
    names = set(load_file(base / "model.safetensors"))
    assert not {name for name in names if "embed_tokens" in name or "lm_head" in name}
    whole, packed = (load_model(where, None, device="cpu", dense=False).model for where in (shared_tiny().base, base))
    table = packed.get_input_embeddings().weight
    assert packed.get_output_embeddings().weight is table
    numbers, scales = pack_rows(whole.get_input_embeddings().weight)
    assert torch.equal(table, numbers * scales)
    answers = [
        [one.extraction for one in Engine(load_for_serving(where, None, device="cpu"), load_task()).suggest(NOTES)]
        for where in (shared_tiny().base, base)
    ]
    assert answers[0] == answers[1]


def test_table_belongs_to_the_identity_of_the_base(base: Path, tmp_path: Path):
    copy = Path(shutil.copytree(base, tmp_path / "base"))
    assert base_identity(copy) == base_identity(base)
    change(copy, lambda tensors: tensors["scales"].mul_(2))
    assert base_identity(copy).digest != base_identity(base).digest
    (copy / EMBEDDING).unlink()
    assert base_identity(copy).digest is None


def change(base: Path, how) -> None:
    tensors = load_file(base / EMBEDDING)
    how(tensors)
    save_file(tensors, base / EMBEDDING)


def widen(tensors: dict[str, torch.Tensor]) -> None:
    tensors["embedding"] = tensors["embedding"].repeat(1, 2)


def configure(base: Path, value: object) -> None:
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, EMBEDDING_KEY: value}))


DAMAGE = {
    "missing": (lambda base: (base / EMBEDDING).unlink(), "it is missing"),
    "cut short": (lambda base: (base / EMBEDDING).write_bytes((base / EMBEDDING).read_bytes()[:-9]), "cannot be read"),
    "without scales": (lambda base: change(base, lambda tensors: tensors.pop("scales")), "cannot be read"),
    "of another width": (lambda base: change(base, widen), "found .*x128 of int8"),
    "NaN": (lambda base: change(base, lambda tensors: tensors["scales"].fill_(torch.nan)), "found NaN"),
    "of a kind unknown here": (lambda base: configure(base, {"bits": 6, "file": "other"}), "Use a newer caseloop"),
    "named elsewhere": (lambda base: configure(base, {"bits": 8, "file": "../../secret"}), "Use a newer caseloop"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_table_is_a_sentence(base: Path, tmp_path: Path, kind: str):
    copy = Path(shutil.copytree(base, tmp_path / "base"))
    damage, said = DAMAGE[kind]
    damage(copy)
    with pytest.raises(ModelError, match=said) as error:
        load_model(copy, None, device="cpu")
    assert str(error.value).startswith("Expected")
    assert "\n" not in str(error.value)
