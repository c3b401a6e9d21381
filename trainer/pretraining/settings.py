"""What the embedded model is made with; every number is a command-line option and ends in its model card."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


class PretrainError(RuntimeError):
    """A step that cannot be done; the message says what to do."""

    exit_code = 2


class OutOfTime(PretrainError):  # noqa: N818 - nothing is wrong
    """The minutes that were given are over; the same command goes on."""

    exit_code = 143


@dataclass(frozen=True)
class Settings:
    """Settings of all steps. A step is done again when one that it names, or a file that it reads, is another.

    Attributes:
        seed: of everything random.
        name: of the base.
        adapter_name: of the adapter.
        n_notes: generated notes of the first phase.
        reports: share of the generated notes that are long and like real ones; the others are short abstracts.
        padded: share of all labelled notes that stand among text of unlabelled ones, where there are such texts.
        n_mixed: generated notes among the real ones.
        n_adapter_notes: generated notes that the adapter learns beside the real ones.
        passes: how often the real notes are shown in the second phase.
        runs: of the second phase, in different orders, whose weights are averaged.
        text_passes: how often the unlabelled texts are read in the first phase, without an answer.
        unlabelled_passes: how often they are shown in the third, with the model's own sure answers; 0 leaves it out.
        adapter_passes: passes over the adapter's rows.
        learning_rate, real_rate, unlabelled_rate, adapter_rate: peak rates of the three phases and of the adapter.
        batch_notes: notes in a step of the first phase, at most.
        real_batch_notes: the same of the later ones.
        batch_tokens: tokens in a step, padding included, at most; a note that is longer is a step of its own.
        max_tokens: longest prompt and answer together; a longer note is left out, never cut.
        rank: of the adapter.
        note_weight: weight of the note's own tokens in the loss, beside 1 for the answer's.
        text_weight: the same for unlabelled texts.
        train_embedding: whether the embedding table, which is the output's as well, is tuned.
        sure: the model's own probability from which its answer to an unlabelled text is learned.
        warmup, weight_decay: of the optimiser.
        folds: parts of the real notes, each answered by a model that has not seen it.
        fold_adapters: whether these models get an adapter of their own, as the one that is shipped does.
        compiled: whether the layers are compiled, on a GPU with a C compiler.
        checkpoint_seconds: time between checkpoints within a step.
    """

    seed: int = 1
    name: str = "caseloop-smollm2-135m"
    adapter_name: str = "embedded"
    n_notes: int = 50_000
    reports: float = 0.5
    padded: float = 0.2
    n_mixed: int = 3_000
    n_adapter_notes: int = 1_500
    passes: int = 5
    runs: int = 1
    text_passes: int = 2
    unlabelled_passes: int = 0
    adapter_passes: int = 1
    learning_rate: float = 4e-4
    real_rate: float = 1.5e-4
    unlabelled_rate: float = 5e-5
    adapter_rate: float = 1e-4
    batch_notes: int = 64
    real_batch_notes: int = 32
    batch_tokens: int = 49_152
    max_tokens: int = 8_192
    rank: int = 8
    note_weight: float = 0.0
    text_weight: float = 0.1
    train_embedding: bool = False
    sure: float = 0.9
    warmup: float = 0.05
    weight_decay: float = 0.1
    folds: int = 5
    fold_adapters: bool = True
    compiled: bool = True
    checkpoint_seconds: float = 60.0


@dataclass(frozen=True)
class Job:
    """One call of the command.

    Attributes:
        work: directory of the steps.
        out: directory of the finished model.
        settings: of all steps.
        gguf: the weights to start from; None for those of the installed package.
        dense: a dense Llama that speaks the prompt already, in their place.
        real: labelled real notes, one JSON object a line; None for generated notes alone.
        unlabelled: texts without labels, around other notes and on their own; None for none.
        labelled: other labelled notes, shown once in the first phase; None for none.
        device: `cpu` or `cuda`.
        n_processes: processes that generate and tokenise.
        deadline: of `time.monotonic`, after which a step stops at a checkpoint; None for none.
    """

    work: Path
    out: Path
    settings: Settings
    gguf: Path | None = None
    dense: Path | None = None
    real: Path | None = None
    unlabelled: Path | None = None
    labelled: Path | None = None
    device: str = "cpu"
    n_processes: int = 1
    deadline: float | None = None


def add_settings(parser: argparse.ArgumentParser) -> None:
    """One option for each setting."""
    for setting in fields(Settings):
        flag, default = f"--{setting.name.replace('_', '-')}", setting.default
        if isinstance(default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default)
        else:
            parser.add_argument(flag, type=type(default), default=default, help=f"default {default}")


def settings_of(options: dict[str, Any]) -> Settings:
    """The settings among parsed options."""
    return Settings(**{setting.name: options[setting.name] for setting in fields(Settings)})
