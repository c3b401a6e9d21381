"""Loading: the only place where a pretrained model, a quantisation or a LoRA configuration is made.

A base is stored or quantised to NF4 with double quantisation. A large one is served as it is, with the adapter's
layers beside it; a small one as a dense fp32 copy with the adapter merged in, which is the same arithmetic without
the cost of unpacking every weight for every token, and gives the same answers on a CPU and on a GPU.
"""

from __future__ import annotations

import gc
import logging
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from data.evaluation.calibration import Calibration
from data.prompt import PROMPT_VERSION
from data.storage.weight_files import READ, embedding_file, no_safetensors, pickled_weights
from data.vocabulary.house_words import NONE, HouseWords
from trainer.adapter.base_identity import NAME_KEY, BaseIdentity, base_identity, cached_directory, hub_identity
from trainer.adapter.files import ModelError, checked_calibration, checked_house_words
from trainer.adapter.manifest import ADAPTER_CONFIG, LISTED, MANIFEST, WEIGHTS, Manifest
from trainer.config import SMALL_MODEL, LoraSettings
from trainer.model.adapter_checks import checked_adapter
from trainer.model.embedding import fill_embedding, write_embedding
from trainer.model.llama_weights import AdapterWeights, lora_of
from trainer.model.lora import keep_in_fp32, lora_config, make_ready_lora, ready_to_train
from trainer.model.nf4 import count_parameters, dense_copy, prepare_quantised, unpack_base

__all__ = ["Loaded", "choose_device", "load_adapter", "load_for_serving", "load_model", "quantise_and_save"]

_LARGEST_FILE = "48MB"


@dataclass
class Loaded:
    """A model that is ready to serve or to train.

    Attributes:
        model: the causal language model; a PEFT model where the adapter is not merged.
        tokenizer: its tokenizer.
        manifest: of the adapter, None without one.
        name: of the adapter, or of the base where there is none.
        base_name: of the base.
        base_revision: commit or digest of the base, None where it is not known.
        base_digest: of the base's weights, None where it is not known.
        prompt_version: of the prompt that the adapter was trained with.
        device: where the model is.
        n_parameters: of the base.
        calibration: of the adapter, None where it has none.
        house_words: of the adapter.
        lora: the adapter's weights where they are not part of the model.
        place: where the base was loaded from, for a caller that keeps it.
    """

    model: Any
    tokenizer: Any
    manifest: Manifest | None
    name: str
    base_name: str
    base_revision: str | None
    prompt_version: int
    device: torch.device
    n_parameters: int
    calibration: Calibration | None = None
    lora: AdapterWeights | None = None
    place: str = ""
    base_digest: str | None = None
    house_words: HouseWords = NONE

    @property
    def identity(self) -> BaseIdentity:
        """What is known of the base."""
        return BaseIdentity(self.base_name, self.base_revision, self.base_digest)


def choose_device(device: str | None = None) -> torch.device:
    """The device asked for, or the GPU where there is one.

    Raises:
        ModelError: a GPU was asked for and there is none.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError(f"Expected a GPU for the device {device}; found none. Leave the device out to use the CPU.")
    return torch.device(device)


def compute_dtype(device: torch.device) -> torch.dtype:
    """What the arithmetic is done in: bf16 on a GPU (fp16 on one without), fp32 on a CPU."""
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def load_model(  # noqa: PLR0913 - all by keyword
    base: str | Path,
    adapter: str | Path | None,
    *,
    device: str | None = None,
    for_training: bool = False,
    allow_hub: bool = False,
    lora: LoraSettings | None = None,
    dense: bool | None = None,
    dtype: torch.dtype | None = None,
    upcast: bool = False,
    unpack: Callable[[int], torch.dtype] | None = None,
) -> Loaded:
    """Load a base with an adapter, checked against each other.

    Args:
        base: a directory, or with `allow_hub` the name of a model on the hub.
        adapter: a directory, or with `allow_hub` the name of an adapter on the hub; None for the bare base, or
            for a fresh adapter when training.
        device: `cpu`, `cuda` or `cuda:N`; None takes the GPU where there is one.
        for_training: keep the base quantised, but for `unpack`, and the adapter trainable.
        allow_hub: contact the hub for what is not a directory. Nothing else contacts a network.
        lora: shape of a fresh adapter.
        dense: serve a dense copy; None does so for a small base.
        dtype: of the arithmetic; None for what suits the device.
        upcast: keep what is not quantised in fp32.
        unpack: train on a small base that is dense; the dtype of its projections, by its number of parameters.

    Raises:
        ModelError: the base or the adapter is missing, damaged, or not made for the other.
    """
    loaded = _loaded_base(base, choose_device(device), allow_hub=allow_hub, dtype=dtype)
    if for_training and unpack is not None and loaded.n_parameters < SMALL_MODEL:
        loaded.model = unpack_base(loaded.model, unpack(loaded.n_parameters))
    if for_training and adapter is None:
        loaded.model = make_ready_lora(loaded.model, lora or LoraSettings(), upcast=upcast)
        return loaded
    if adapter is not None:
        loaded.model = keep_in_fp32(loaded.model) if upcast else loaded.model
        _attach(loaded, _adapter_directory(adapter, allow_hub=allow_hub), for_training=for_training)
    if for_training:
        ready_to_train(loaded.model, casts=upcast)
        return loaded
    if dense if dense is not None else loaded.n_parameters < SMALL_MODEL:
        loaded.model = dense_copy(loaded.model)
    loaded.model.eval().requires_grad_(False)
    return loaded


def load_for_serving(
    base: str | Path, adapter: str | Path | None, *, device: str | None = None, allow_hub: bool = False
) -> Loaded:
    """Load a base and an adapter that stays apart from it, so that others can be served beside it.

    Args: see `load_model`.

    Raises:
        ModelError: the base or the adapter is missing, damaged, or not made for the other.
    """
    loaded = _loaded_base(base, choose_device(device), allow_hub=allow_hub)
    loaded.model.eval().requires_grad_(False)
    loaded.lora = {}
    return loaded if adapter is None else load_adapter(loaded, adapter, allow_hub=allow_hub)


def load_adapter(beside: Loaded, adapter: str | Path, *, allow_hub: bool = False) -> Loaded:
    """The same base with another adapter; the base is not loaded again.

    Raises:
        ModelError: the adapter is missing, damaged, or not made for this base.
    """
    from safetensors.torch import load_file

    directory = _adapter_directory(adapter, allow_hub=allow_hub)
    manifest, lora = checked_adapter(directory, beside.identity, beside.model)
    return replace(
        beside,
        manifest=manifest,
        name=manifest.name,
        prompt_version=manifest.prompt_version,
        calibration=checked_calibration(directory),
        house_words=checked_house_words(directory),
        lora=lora_of(load_file(directory / WEIGHTS), lora.alpha / lora.r),
    )


def _loaded_base(
    base: str | Path, device: torch.device, *, allow_hub: bool, dtype: torch.dtype | None = None
) -> Loaded:
    quiet_libraries()
    base_dir = _locate(base, "base model", "config.json", allow_hub=allow_hub)
    model, tokenizer = _load_base(str(base_dir or base), device, local=base_dir is not None, dtype=dtype)
    # After loading, which brings a base of the hub into the cache: there its commit and its files are known.
    name, revision, digest = base_identity(base_dir) if base_dir else hub_identity(str(base))
    known = (model, tokenizer, None, name, name, revision, PROMPT_VERSION, device, count_parameters(model))
    return Loaded(*known, base_digest=digest)


def quiet_libraries() -> None:
    """Keep progress bars and notices of the libraries off the screen; errors still come through."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module=r"(bitsandbytes|peft|transformers)\..*")


def _locate(where: str | Path, what: str, needed: str, *, allow_hub: bool) -> Path | None:
    """The directory, or None for a name that may be looked up on the hub."""
    path = Path(where)
    if path.is_dir():
        if not (path / needed).is_file():
            raise ModelError(f"Expected {needed} in the {what} {path}; it is missing. Name another directory.")
        return path
    if allow_hub and re.fullmatch(r"[\w.-]+/[\w.-]+", str(where)):
        return None
    raise ModelError(f"Expected a {what} in the directory {where}; there is none. Check the path.")


def _adapter_directory(adapter: str | Path, *, allow_hub: bool) -> Path:
    directory = _locate(adapter, "adapter", ADAPTER_CONFIG, allow_hub=allow_hub)
    if directory is not None:
        return directory
    from huggingface_hub import snapshot_download

    try:  # only these: a pickle is not even downloaded
        return Path(snapshot_download(str(adapter), allow_patterns=[WEIGHTS, MANIFEST, *LISTED]))
    except (OSError, ValueError) as error:
        raise ModelError(f"Expected the adapter {adapter} on the hub; {_first_line(error)}") from error


def _quantisation(dtype: torch.dtype) -> Any:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )


def _load_base(where: str, device: torch.device, *, local: bool, dtype: torch.dtype | None) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    common = {"local_files_only": local, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(where, **common)
        dtype = dtype or compute_dtype(device)
        if device.type == "cpu" and 12 * config.num_hidden_layers * config.hidden_size**2 >= SMALL_MODEL:
            dtype = torch.bfloat16  # what is not quantised of a large model would not fit the memory in fp32
        stored = getattr(config, "quantization_config", None)
        _check_quantisation(where, stored)
        table = embedding_file(config.to_dict())
        model = AutoModelForCausalLM.from_pretrained(
            where,
            config=config,
            dtype=dtype,
            quantization_config=None if stored else _quantisation(dtype),
            device_map={"": str(device) if device.type == "cpu" or device.index is not None else 0},
            use_safetensors=True,
            **common,
        )
        tokenizer = AutoTokenizer.from_pretrained(where, **common)
    except (OSError, ValueError, KeyError, AttributeError, ImportError, RuntimeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(_why_no_base(where, Path(where) if local else cached_directory(where), error)) from error
    if table is not None:
        fill_embedding(model, _find_beside_config(where, table, local=local))
    prepare_quantised(model, dtype)
    return model, tokenizer


def _find_beside_config(where: str, name: str, *, local: bool) -> Path:
    """A file of a base: of its directory, or of the hub's cache, into which it is brought."""
    if local:
        return Path(where) / name
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(where, name))
    except (OSError, ValueError) as error:
        raise ModelError(f"Expected {name} in {where} on the hub; {_first_line(error)}") from error


def _why_no_base(where: str, directory: Path | None, error: BaseException) -> str:
    names = [path.name for path in directory.iterdir()] if directory is not None else []
    if pickled_weights(names) and not any(name.endswith(READ) for name in names):
        return no_safetensors(f"the base model {where}", "model.safetensors", names)
    return f"Expected a language model in {where}; {_first_line(error)}"


def _check_quantisation(where: str, stored: Any) -> None:
    if not stored:
        return
    values = stored if isinstance(stored, dict) else stored.to_dict()
    if not values.get("load_in_4bit") or values.get("bnb_4bit_quant_type") != "nf4":
        found = values.get("quant_method", "another quantisation")
        raise ModelError(f"Expected a base in NF4 or not quantised in {where}; found {found}. Use another base.")


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0][:300] if text else type(error).__name__).rstrip(".") + "."


def _attach(loaded: Loaded, directory: Path, *, for_training: bool) -> None:
    """Put the adapter of `directory` on the base, after every check."""
    from peft import PeftModel

    manifest, lora = checked_adapter(directory, loaded.identity, loaded.model)
    loaded.model = PeftModel.from_pretrained(
        loaded.model,
        str(directory),
        config=lora_config(lora, trainable=for_training),
        is_trainable=for_training,  # PEFT's default would train nothing and report success
        use_safetensors=True,
    )
    loaded.manifest, loaded.name, loaded.prompt_version = manifest, manifest.name, manifest.prompt_version
    loaded.calibration, loaded.house_words = checked_calibration(directory), checked_house_words(directory)


def quantise_and_save(
    dense: Path, out: Path, *, name: str = "caseloop-embedded", embedding_bits: Literal[8] | None = None
) -> None:
    """Quantise a dense checkpoint to NF4 with double quantisation and save it with its tokenizer.

    Weights that stay as they are (norms, and the embedding table without `embedding_bits`) keep the dtype of the
    checkpoint. No file is larger than 50 MB, which is what a code host takes without a word.

    Args:
        dense: directory of the dense model and its tokenizer, as `save_pretrained` leaves them.
        out: directory to write; what was there is replaced.
        name: the base's name, which adapters for it will carry.
        embedding_bits: 8 to store the embedding table in 8 bits; see `trainer.model.embedding`.
    """
    quiet_libraries()
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    stored = getattr(AutoConfig.from_pretrained(dense), "dtype", None) or torch.float32
    # fp32 here makes dequantised values fp32, so that a CPU and a GPU start from the same numbers.
    model = AutoModelForCausalLM.from_pretrained(
        dense, dtype=torch.float32, quantization_config=_quantisation(torch.float32), device_map={"": "cpu"}
    )
    prepare_quantised(model, torch.float32)
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(stored)
    setattr(model.config, NAME_KEY, name)
    model.config._name_or_path = ""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        fresh = Path(folder) / "base"
        fresh.mkdir()
        if embedding_bits == 8:
            write_embedding(model, fresh)
        model.save_pretrained(fresh, max_shard_size=_LARGEST_FILE)
        AutoTokenizer.from_pretrained(dense).save_pretrained(fresh)
        del model
        gc.collect()
        shutil.rmtree(out, ignore_errors=True)
        fresh.rename(out)
