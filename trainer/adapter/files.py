"""What an adapter directory must be before a model is built from it: plain tensors that fit, and nothing else.

An adapter may come from elsewhere. Weights are read as safetensors only, and whatever else lies beside them is never
opened; the configuration may say no more than rank, scale, dropout and targets; and everything is checked against the
base before it is used.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data.evaluation.calibration import Calibration, CalibrationError, read_calibration
from data.storage.files import sha256_of
from data.storage.weight_files import no_safetensors
from data.vocabulary.house_words import HouseWords, HouseWordsError, read_house_words
from trainer.adapter.base_identity import BaseIdentity, compare_bases, is_same_name
from trainer.adapter.manifest import ADAPTER_CONFIG, LISTED, WEIGHTS, Manifest, RunError, read_manifest
from trainer.config import LoraSettings

MAX_CONFIG_BYTES = 1 << 20
# Keys whose value is free; `_NEUTRAL` holds for every other one.
_OUR_KEYS = {"peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "target_modules", "base_model_name_or_path"}
_FREE_KEYS = {"revision", "inference_mode", "peft_version"}
_REQUIRED = {"peft_type": "LORA", "bias": "none", "task_type": "CAUSAL_LM"}
_NEUTRAL: tuple[object, ...] = (None, False, {}, [], "", "none")
# What PEFT writes by default and what changes nothing for plain LoRA.
_DEFAULTS: dict[str, object] = {"init_lora_weights": True, "megatron_core": "megatron.core", "qalora_group_size": 16}


_log = logging.getLogger(__name__)


class ModelError(ValueError):
    """A base or an adapter that cannot be used; the message says what was expected, what was found, what to do."""


class Misfit(ModelError):  # noqa: N818 - named for what happened
    """An adapter whose tensors are not those of the base."""


def check_files(directory: Path) -> None:
    """Refuse a directory that is missing or lacks what is read of an adapter; what else it holds does not matter.

    Raises:
        ModelError: it is one of these.
    """
    if not directory.is_dir():
        raise ModelError(f"Expected an adapter directory at {directory}; there is none. Train one or name another.")
    if not (directory / ADAPTER_CONFIG).is_file():
        raise ModelError(f"Expected {ADAPTER_CONFIG} in the adapter {directory}; it is missing. Copy it again.")
    if not (directory / WEIGHTS).is_file():
        names = [path.name for path in directory.iterdir()]
        raise ModelError(no_safetensors(f"the adapter {directory}", WEIGHTS, names))


def read_lora(directory: Path) -> tuple[LoraSettings, str | None]:
    """The settings in an adapter's configuration, and the base that it names.

    Raises:
        ModelError: it is not plain LoRA on linear layers of a causal language model.
    """
    path = directory / ADAPTER_CONFIG
    values = _read_json(path)
    for key, value in _REQUIRED.items():
        if values.get(key, value) not in (value, None):
            raise ModelError(f"Expected {key} {value} in {path}; found {str(values[key])[:40]!r}. Use another adapter.")
    for key, value in values.items():
        allowed = key in _OUR_KEYS | _FREE_KEYS | set(_REQUIRED) or value in _NEUTRAL or _DEFAULTS.get(key) == value
        if not allowed:
            raise ModelError(f"Expected plain LoRA in {path}; found the setting {key[:40]!r}. Use another adapter.")
    try:
        lora = LoraSettings.model_validate(
            {
                "r": values.get("r"),
                "alpha": values.get("lora_alpha"),
                "dropout": values.get("lora_dropout") or 0.0,
                "targets": tuple(sorted(values.get("target_modules") or ())),
            }
        )
    except (ValidationError, TypeError) as error:
        raise ModelError(f"Expected rank, alpha and targets in {path}; they do not fit. Copy it again.") from error
    base = values.get("base_model_name_or_path")
    return lora, base if isinstance(base, str) else None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ModelError(f"Expected a small JSON file at {path}; it has more than {MAX_CONFIG_BYTES} bytes.")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"Expected JSON in {path}; it cannot be read. Copy the adapter again.") from error
    if not isinstance(values, dict):
        raise ModelError(f"Expected a JSON object in {path}; found {type(values).__name__}. Copy the adapter again.")
    return values


def checked_manifest(directory: Path, base: BaseIdentity) -> Manifest:
    """The adapter's manifest, after comparing it with what is known of the base and with the weights file.

    A published adapter without one counts as prompt version 1 and names the base that its configuration names.

    Raises:
        ModelError: it is recorded as of another base, or its weights are not those it was published with.
    """
    try:
        manifest = read_manifest(directory)
    except RunError as error:
        raise ModelError(str(error)) from error
    lora, named = read_lora(directory)
    digest = sha256_of(directory / WEIGHTS)
    if manifest is None:
        manifest = Manifest(
            name=directory.name, base=named or base.name, prompt_version=1, weights_sha256=digest, lora=lora
        )
    recorded = recorded_base(manifest)
    if compare_bases(recorded, base) == "other":
        raise ModelError(
            f"Expected an adapter for revision {base.revision} of the base {base.name}; {directory} is for "
            f"{recorded.revision} of {recorded.name}. Use the base it was trained on, or train it again."
        )
    _check_digest(directory / WEIGHTS, manifest.weights_sha256, digest)
    for name, listed in manifest.files.items():
        if name not in LISTED or not (directory / name).is_file():
            raise ModelError(f"Expected the file {name[:80]!r} in the adapter {directory}; found none. Copy it again.")
        _check_digest(directory / name, listed, sha256_of(directory / name))
    return manifest


def recorded_base(manifest: Manifest) -> BaseIdentity:
    """The base that an adapter was trained on, as far as its manifest says."""
    return BaseIdentity(manifest.base, manifest.base_revision, manifest.base_digest)


def tell_other_name(directory: Path, manifest: Manifest, base: BaseIdentity) -> None:
    """Warn, once, where only the base's name speaks against an adapter that fits it otherwise."""
    if compare_bases(recorded_base(manifest), base) == "unknown" and not is_same_name(manifest.base, base.name):
        _tell(
            f"The adapter {directory} is declared for the base {manifest.base}, and is used on {base.name}. "
            "Everything else matches; if these are different models, name the right base."
        )


@cache
def _tell(sentence: str) -> None:
    _log.warning(sentence)


def _check_digest(path: Path, expected: str, found: str) -> None:
    if expected != found:
        raise ModelError(
            f"Expected the digest {expected[:12]}… of {path}; found {found[:12]}…. "
            "The file was changed or damaged: copy the adapter again."
        )


def checked_calibration(directory: Path) -> Calibration | None:
    """How the adapter's probabilities become confidences, None where it does not say.

    Raises:
        ModelError: it says so in a file that cannot be used.
    """
    try:
        return read_calibration(directory)
    except CalibrationError as error:
        raise ModelError(f"Expected a calibration that can be used in {directory}. {error}") from error


def checked_house_words(directory: Path) -> HouseWords:
    """The words that the adapter has learned from its reviewers; none where it has no file of them.

    Raises:
        ModelError: they are in a file that cannot be used.
    """
    try:
        return read_house_words(directory)
    except HouseWordsError as error:
        raise ModelError(str(error)) from error


def check_tensors(directory: Path, expected: Mapping[str, tuple[int, ...]] | None) -> None:
    """Compare the weights file with the tensors that the base needs, and look for values that are no numbers.

    Args:
        directory: of the adapter.
        expected: tensor name to shape, from the base and the adapter's settings; None where the base is not at hand.

    Raises:
        Misfit: a tensor is missing, unknown or of another shape.
        ModelError: one holds NaN or infinity, or the file cannot be read.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    path = directory / WEIGHTS
    try:
        with safe_open(path, framework="pt") as file:
            names = set(file.keys())
            if expected is not None:
                _check_names(path, names, set(expected))
            for name in sorted(names):
                tensor = file.get_tensor(name)
                shape = tuple(tensor.shape) if expected is None else expected[name]
                if tuple(tensor.shape) != shape:
                    wanted, found = ("x".join(map(str, sizes)) for sizes in (shape, tensor.shape))
                    raise Misfit(f"Expected {name} as {wanted} in {path}; found {found}. Use another adapter.")
                if not torch.isfinite(tensor).all():
                    raise ModelError(f"Expected numbers in {path}; {name} holds NaN or infinity. Use another adapter.")
    except (SafetensorError, OSError) as error:
        raise ModelError(f"Expected safetensors in {path}; it cannot be read. Copy the adapter again.") from error


def _check_names(path: Path, names: set[str], expected: set[str]) -> None:
    for kind, odd in (("is missing", expected - names), ("is not of this model", names - expected)):
        if odd:
            raise Misfit(f"Expected the tensors of this base in {path}; {min(odd)} {kind}. Use another adapter.")
