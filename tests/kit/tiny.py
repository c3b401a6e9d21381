"""A tiny random model for unit tests: a byte-level BPE, a two-layer Llama in NF4, rows to train on."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from data.gate.near_duplicates import without_near
from data.notes import content_hash, split_of
from data.prompt import load_prompt
from data.snapshot import Row
from data.task import DEFAULT_TASK, Extraction, Task, load_task
from tests.kit.bpe import train_bpe
from tests.kit.homes import TINY_PLACE
from trainer.pretraining.start import as_pretrained

CANCERS = ("lung adenocarcinoma", "ductal carcinoma (breast)", "melanoma", "café-au-lait glioma", None)
STAGES = ("IV", "IIIB", "II", None)
MARKERS = ("PD-L1 5%", "ER+", "HER2 negative; Ki-67 30%", None)
TREATMENTS = ("osimertinib", "carboplatin + pemetrexed", "surgery; radiation", None)
RESPONSES = ("partial response", None, "stable disease")
SITES = (None, "bone, liver", "brain")


def tiny_rows(n: int, task: Task | None = None, start: int = 0) -> list[Row]:
    """`n` rows with values that a small model can learn to copy."""
    task = task or load_task(DEFAULT_TASK)
    rows = []
    for i in range(start, start + n):
        choice = [CANCERS[i % 5], STAGES[i % 4], None, MARKERS[(i // 2) % 4], TREATMENTS[(i // 3) % 4]]
        choice += [RESPONSES[i % 3], SITES[(i // 2) % 3]]
        values = dict(zip(task.keys, choice, strict=False))
        shown = ", ".join(value for value in values.values() if value)
        text = f"Case {i}: {40 + i % 50}-year-old patient with {shown or 'no findings'}."
        rows.append(Row(text, Extraction(task, values), "original", content_hash(text)))
    return rows


def tiny_sides(n: int) -> tuple[list[Row], list[Row]]:
    """Of `n` rows those to train on and those held out, as the desk divides them: no near duplicate on both sides."""
    sides = {side: [row for row in tiny_rows(n) if split_of(row.content_hash) == side] for side in ("train", "holdout")}
    return without_near(sides["train"], [row.text for row in sides["holdout"]])[0], sides["holdout"]


def tiny_tokenizer(vocab_size: int = 600, task: Task | None = None):  # type: ignore[no-untyped-def]
    """A byte-level BPE with Llama 3's pre-tokeniser and special tokens, trained on a few rows."""
    task = task or load_task(DEFAULT_TASK)
    prompt = load_prompt(task)
    texts = [prompt.render(row.text) + prompt.answer(row.extraction) + prompt.end for row in tiny_rows(60, task)]
    return as_pretrained(train_bpe(texts, vocab_size))


def tiny_dense(out: Path, *, layers: int = 2, width: int = 64, seed: int = 0, task: Task | None = None) -> Path:
    """A random dense Llama with its tokenizer, saved in `out`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = tiny_tokenizer(task=task)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=0.05,
    )
    LlamaForCausalLM(config).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def tiny_base(folder: Path, *, layers: int = 2, width: int = 64, seed: int = 0, task: Task | None = None) -> Path:
    """A random base in NF4, saved in `folder/base`."""
    from trainer.model.loading import quantise_and_save

    dense = tiny_dense(folder / "dense", layers=layers, width=width, seed=seed, task=task)
    quantise_and_save(dense, folder / "base", name="tiny")
    return folder / "base"


def tiny_adapter(base: Path, out: Path, *, name: str = "tiny-adapter", seed: int = 1) -> Path:
    """A random adapter for `base`, published in `out`."""
    import torch

    from trainer.adapter.manifest import Manifest, publish_adapter
    from trainer.model.loading import load_model
    from trainer.model.lora import save_lora

    torch.manual_seed(seed)
    loaded = load_model(base, None, device="cpu", for_training=True)
    for key, parameter in loaded.model.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(parameter, std=0.05)
    source = out.with_name(out.name + ".source")
    save_lora(loaded.model, source, loaded.base_name)
    manifest = Manifest(
        name=name,
        base=loaded.base_name,
        base_revision=loaded.base_revision,
        prompt_version=loaded.prompt_version,
        weights_sha256="",
    )
    publish_adapter(source, out, manifest)
    return out


def train_dense(dense: Path, *, steps: int = 160, seed: int = 0) -> Path:
    """Teach a tiny dense model to write records; under ten seconds."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from trainer.run.learning.examples import Collator, answer_loss, encode

    model, tokenizer = AutoModelForCausalLM.from_pretrained(dense), AutoTokenizer.from_pretrained(dense)
    prompt = load_prompt(load_task(DEFAULT_TASK))
    examples = [encode(tokenizer, prompt, row) for row in tiny_rows(96)]
    items = [{"input_ids": example.tokens, "n_prompt": example.n_prompt} for example in examples]
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = Collator(0)([items[i] for i in torch.randint(0, len(items), (16,), generator=generator).tolist()])
        output = model(input_ids=batch["input_ids"], logits_to_keep=batch["logits_to_keep"])
        answer_loss(output, batch["labels"]).backward()
        optimiser.step()
        optimiser.zero_grad()
    model.save_pretrained(dense)
    return dense


def write_labelled(path: Path, rows: list[Row]) -> Path:
    """Rows as labelled JSON lines."""
    lines = [{"input": row.text, "output": row.extraction.as_dict()} for row in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Tiny:
    """A tiny trained base in NF4, the dense one it was made from, and a random adapter for it."""

    dense: Path
    base: Path
    adapter: Path


@cache
def shared_tiny() -> Tiny:
    """The tiny model that tests read and never change; made once, whichever process of a test run asks first."""
    import torch

    from trainer.model.loading import quantise_and_save, quiet_libraries

    torch.set_num_threads(1)
    quiet_libraries()
    folder = Path(os.environ[TINY_PLACE])
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            dense = train_dense(tiny_dense(folder / "dense"))
            quantise_and_save(dense, folder / "base", name="tiny")
            tiny_adapter(folder / "base", folder / "adapter")
            (folder / "made").touch()
    return Tiny(folder / "dense", folder / "base", folder / "adapter")
