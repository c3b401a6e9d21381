"""Whether a base suits the engine, before anything is loaded or learned: its tokenizer and its attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.task import Task
from trainer.engine.api import EngineError
from trainer.engine.decoding.record import build_tables

_WHOLE, _SLIDING = "full_attention", "sliding_attention"


def unsuited_attention(config: Any) -> str | None:
    """Why the engine would not compute what the model does; None where it does.

    Every layer is computed as one that sees the whole note. A window as long as the model's positions is none.

    Args:
        config: of the model.
    """
    text = config.get_text_config()
    n_positions = int(getattr(text, "max_position_embeddings", 0) or 0)
    window = getattr(text, "sliding_window", None)
    kinds = set(getattr(text, "layer_types", None) or ([_SLIDING] if window else [_WHOLE]))
    if getattr(text, "use_sliding_window", True) is False:
        kinds -= {_SLIDING}
    other = sorted(kinds - {_WHOLE, _SLIDING})
    if other:
        return (
            f"Expected a base whose layers see the whole note; found layers of the kind {other[0]}. Use another base."
        )
    if _SLIDING in kinds and (not window or window < n_positions):
        return (
            f"Expected a base whose layers see the whole note; found a sliding window of {window or 0:,} of its "
            f"{n_positions:,} tokens, beyond which the answers would not be the model's. Use another base."
        )
    return None


def unsuited_base(base: str | Path, task: Task, *, allow_hub: bool) -> list[str]:
    """Every reason why no adapter of a base could be served; none where its files cannot be read, which loading says.

    Args:
        base: a directory, or with `allow_hub` a name on the hub.
        task: whose records are written.
        allow_hub: contact the hub for what is not a directory.
    """
    from transformers import AutoConfig, AutoTokenizer

    common = {"local_files_only": Path(base).is_dir() or not allow_hub, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(base, **common)
        tokenizer = AutoTokenizer.from_pretrained(base, **common)
    except (OSError, ValueError, KeyError, AttributeError, ImportError, RuntimeError):
        return []
    attention = unsuited_attention(config)
    found = [] if attention is None else [attention]
    try:
        build_tables(tokenizer, task, max(len(tokenizer), int(getattr(config.get_text_config(), "vocab_size", 0) or 0)))
    except EngineError as error:
        found.append(str(error))
    return found
