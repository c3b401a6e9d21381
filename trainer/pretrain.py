"""Builds the embedded model: tokenizer, base and adapter, from the synthetic corpus alone.

`python -m trainer pretrain --out data/embedded` makes everything again from a seed, on one GPU in minutes:

1. a byte-level BPE with Llama 3's special tokens, trained on generated notes;
2. a small Llama, trained from scratch on generated notes with their answers (bf16 autocast, fp32 weights, AdamW);
3. the same weights in NF4 with double quantisation, as the large model's are;
4. a LoRA adapter trained on the quantised base by the project's own trainer;
5. a model card with data, steps, losses and scores.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from data.prompt import BEGIN_OF_TEXT, END_OF_TURN
from trainer.corpus import IGNORED, Corpus, as_pretrained, build_corpus, build_tokenizer


@dataclass(frozen=True)
class PretrainConfig:
    """How the embedded model is made; every number ends in its model card."""

    seed: int = 1
    n_notes: int = 340_000
    n_tokenizer_notes: int = 30_000
    vocab_size: int = 4096
    layers: int = 10
    width: int = 384
    heads: int = 6
    kv_heads: int = 2
    mlp: int = 1024
    max_positions: int = 8192
    epochs: float = 1.3
    batch_tokens: int = 65_536
    learning_rate: float = 2e-3
    warmup: float = 0.02
    weight_decay: float = 0.1
    prompt_weight: float = 0.1
    n_validation: int = 2_000
    n_adapter_notes: int = 4_000
    adapter_epochs: int = 2


def build_base(config: PretrainConfig, tokenizer: Tokenizer) -> Any:
    """A randomly initialised LlamaForCausalLM of the configured size, embeddings tied, in fp32."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(config.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=config.width,
            intermediate_size=config.mlp,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            max_position_embeddings=config.max_positions,
            tie_word_embeddings=True,
            attention_dropout=0.0,
            bos_token_id=tokenizer.token_to_id(BEGIN_OF_TEXT),
            eos_token_id=tokenizer.token_to_id(END_OF_TURN),
        )
    )


def learning_rate_at(step: int, n_steps: int, config: PretrainConfig) -> float:
    """Linear warm-up, then a cosine to zero."""
    n_warmup = max(1, int(config.warmup * n_steps))
    if step < n_warmup:
        return config.learning_rate * (step + 1) / n_warmup
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - n_warmup) / max(1, n_steps - n_warmup)))


def weighted_loss(model: Any, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy over the labelled tokens, each with its weight; batch tensors are (notes, tokens)."""
    inputs, labels, weights = batch
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state[:, :-1]
    labels, weights = labels[:, 1:], weights[:, 1:]
    # The head runs on the tokens that count, not on all: the logits are the largest tensor of the step.
    keep = (labels != IGNORED) & (weights > 0)
    logits = model.lm_head(hidden[keep])
    losses = torch.nn.functional.cross_entropy(logits.float(), labels[keep], reduction="none")
    return (losses * weights[keep]).sum() / weights[keep].sum()


def _epochs(corpus: Corpus, config: PretrainConfig) -> Iterator[Any]:
    generator = np.random.default_rng(config.seed)
    while True:
        yield from corpus.batches(config.batch_tokens, generator)


def _optimizer(model: Any, config: PretrainConfig) -> torch.optim.Optimizer:
    decayed = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.95), fused=torch.cuda.is_available())


def train_base(model: Any, corpus: Corpus, validation: Corpus, config: PretrainConfig, device: str) -> dict[str, Any]:
    """Train `model` in place; the figures for the card: steps, tokens, losses, seconds."""
    n_batches = sum(1 for _ in corpus.batches(config.batch_tokens, np.random.default_rng(0)))
    n_steps = max(1, int(n_batches * config.epochs))
    optimizer = _optimizer(model, config)
    curve: list[dict[str, float]] = []
    n_tokens, began = 0, time.monotonic()
    running = torch.zeros((), device=device)
    for step, indices in zip(range(n_steps), _epochs(corpus, config), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(step, n_steps, config)
        batch = tuple(part.to(device, non_blocking=True) for part in corpus.collate(indices, config.prompt_weight))
        with torch.autocast(device, dtype=torch.bfloat16):
            loss = weighted_loss(model, batch)  # type: ignore[arg-type]
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        n_tokens += batch[0].numel()
        running += loss.detach()
        if (step + 1) % 100 == 0 or step + 1 == n_steps:
            mean = float(running) / (100 if (step + 1) % 100 == 0 else (step % 100) + 1)
            if not math.isfinite(mean):
                raise RuntimeError(f"Expected a finite loss; found {mean} at step {step + 1}. Lower the learning rate.")
            running.zero_()
            curve.append({"step": step + 1, "loss": mean})
            rate = n_tokens / (time.monotonic() - began)
            print(f"step {step + 1}/{n_steps} loss {mean:.4f} {rate / 1e3:.0f}k tokens/s", file=sys.stderr, flush=True)
    return {
        "n_steps": n_steps,
        "n_tokens": n_tokens,
        "seconds": round(time.monotonic() - began, 1),
        "curve": curve,
        "validation_loss": validation_loss(model, validation, config, device),
    }


@torch.no_grad()
def validation_loss(model: Any, validation: Corpus, config: PretrainConfig, device: str) -> float:
    """Mean cross-entropy of the answers only, over notes that were not trained on."""
    total, count = 0.0, 0
    model.eval()
    for indices in validation.batches(config.batch_tokens, np.random.default_rng(0)):
        inputs, labels, weights = (part.to(device) for part in validation.collate(indices, 0.0))
        n_answer = int((weights > 0).sum())
        with torch.autocast(device, dtype=torch.bfloat16):
            total += float(weighted_loss(model, (inputs, labels, weights))) * n_answer
        count += n_answer
    model.train()
    return total / max(1, count)


def pretrain(config: PretrainConfig, out: Path, work: Path) -> dict[str, Any]:
    """Tokenizer and base: train, quantise, save under `out/base`; the figures for the card."""
    from trainer.model import quantise_and_save

    device = "cuda" if torch.cuda.is_available() else "cpu"
    n_processes = os.cpu_count() or 1
    began = time.monotonic()
    tokenizer = build_tokenizer(config.seed + 100, config.n_tokenizer_notes, config.vocab_size)
    tokenizer_file = work / "tokenizer.json"
    tokenizer.save(str(tokenizer_file))
    corpus = build_corpus(tokenizer_file, config.seed, config.n_notes, n_processes)
    validation = build_corpus(tokenizer_file, config.seed + 200, config.n_validation, n_processes)
    corpus_seconds = round(time.monotonic() - began, 1)
    print(f"{corpus.n_notes} notes, {len(corpus.tokens)} tokens in {corpus_seconds} s", file=sys.stderr, flush=True)
    model = build_base(config, tokenizer).to(device)
    figures = train_base(model, corpus, validation, config, device)
    model.eval()
    dense = work / "dense"
    model.to(torch.bfloat16).cpu().save_pretrained(dense)
    as_pretrained(tokenizer).save_pretrained(dense)
    quantise_and_save(dense, out / "base")
    return {
        **figures,
        "n_parameters": sum(p.numel() for p in model.parameters()),
        "n_notes": corpus.n_notes,
        "mean_tokens_per_note": round(len(corpus.tokens) / corpus.n_notes, 1),
        "corpus_seconds": corpus_seconds,
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "CPU",
        "torch": torch.__version__,
    }


def train_adapter(config: PretrainConfig, out: Path, work: Path) -> dict[str, Any]:
    """The embedded adapter: the project's own trainer on the quantised base and generated rows it has not seen."""
    from data.notes import content_hash, split_of
    from data.snapshot import Row, write_snapshot
    from data.synthetic import generate_one
    from data.task import DEFAULT_TASK, Extraction, load_task
    from trainer.config import TrainConfig
    from trainer.train import train

    task = load_task(DEFAULT_TASK)
    rows = []
    for index in range(config.n_adapter_notes):
        example = generate_one(config.seed + 300, index)
        hashed = content_hash(example.text)
        if split_of(hashed) == "train":
            rows.append(Row(example.text, Extraction(task, example.output), "original", hashed))
    snapshot = write_snapshot(task, rows, work / "snapshot.jsonl")
    result = train(
        work / "run",
        base=out / "base",
        parent_adapter=None,
        snapshot=snapshot.path,
        holdout=None,
        config=TrainConfig(epochs=config.adapter_epochs, seed=config.seed),
        name="embedded",
        task=task,
    )
    shutil.rmtree(out / "adapter", ignore_errors=True)
    shutil.copytree(result.adapter, out / "adapter")
    return {"n_rows": snapshot.n_rows, "n_steps": result.n_steps, "loss": result.loss, "seconds": result.seconds}


CARD = Path(__file__).with_name("model_card.template.md")


def write_card(out: Path, config: PretrainConfig, base: dict[str, Any], adapter: dict[str, Any], scores: str) -> None:
    """The model card, every number from the run that made the model."""
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file() and path.suffix != ".md")
    shown = base["curve"][:: max(1, len(base["curve"]) // 12)]
    curve = "| step | loss |\n|---|---|\n" + "\n".join(f"| {int(p['step']):,} | {p['loss']:.4f} |" for p in shown)
    figures = {field.name: getattr(config, field.name) for field in fields(config)} | base
    figures |= {f"adapter_{key}": value for key, value in adapter.items()}
    figures |= {
        "adapter_rows": adapter["n_rows"],
        "adapter_steps": adapter["n_steps"],
        "adapter_loss": "not logged" if adapter["loss"] is None else f"{adapter['loss']:.4f}",
        "final_loss": base["curve"][-1]["loss"],
        "curve": curve,
        "megabytes": size / 1e6,
        "scores": scores,
    }
    (out / "MODEL_CARD.md").write_text(CARD.read_text(encoding="utf-8").format(**figures), encoding="utf-8")


def _score_samples(out: Path, n: int, seed: int) -> str:
    """Score of the finished model on generated notes that neither base nor adapter saw, as a table."""
    from data.notes import content_hash
    from data.snapshot import Row
    from data.synthetic import generate_one
    from data.task import DEFAULT_TASK, Extraction, load_task
    from trainer.engine import Engine
    from trainer.evaluate import evaluate
    from trainer.model import load_model

    task = load_task(DEFAULT_TASK)
    examples = [generate_one(seed, index) for index in range(n)]
    rows = [Row(e.text, Extraction(task, e.output), "original", content_hash(e.text)) for e in examples]
    result = evaluate(Engine(load_model(out / "base", out / "adapter"), task), rows, task)
    lines = [f"On {n:,} generated notes that neither base nor adapter saw: valid JSON {result.json_valid:.1%}.", ""]
    lines += ["| field | exact | normalised | F1 |", "|---|---|---|---|"]
    for key, part in [*result.fields.items(), ("macro mean", result.macro)]:
        lines.append(f"| {key} | {part.exact:.3f} | {part.normalised:.3f} | {part.f1:.3f} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """`python -m trainer pretrain`: build everything, or stop with one sentence."""
    parser = argparse.ArgumentParser(prog="python -m trainer pretrain", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="directory that base, adapter and card are written to")
    for setting in fields(PretrainConfig):
        kind = type(setting.default)
        parser.add_argument(f"--{setting.name.replace('_', '-')}", type=kind, default=setting.default)
    options = vars(parser.parse_args(arguments))
    out = options.pop("out")
    config = replace(PretrainConfig(), **options)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="caseloop-pretrain-") as folder:
        work = Path(folder)
        base = pretrain(config, out, work)
        adapter = train_adapter(config, out, work)
    scores = _score_samples(out, config.n_validation, config.seed + 400)
    write_card(out, config, base, adapter, scores)
    print(json.dumps({"config": asdict(config), "base": {**base, "curve": base["curve"][-3:]}, "adapter": adapter}))
    return 0
