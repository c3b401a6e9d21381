"""Several processes on one run: which one this is, and what they must agree on.

`accelerate launch -m trainer train RUN_DIR` starts one process for each GPU. They share the rows of every step; the
first of them holds the lock, writes the files and measures.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Ranks:
    """This process among those of the run.

    Attributes:
        rank: from 0; the first one writes.
        size: processes.
        local_rank: among those of this machine, and so the number of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def device(self, asked: str | None) -> str | None:
        """Where this process computes: the GPU of its number, unless the CPU was asked for."""
        if self.size == 1 or asked == "cpu" or not torch.cuda.is_available():
            return asked
        return f"cuda:{self.local_rank}"

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    def leave(self) -> None:
        """Part from the others: what is left to do, one does alone."""
        if self.size > 1:
            self.wait()
            torch.distributed.destroy_process_group()

    def any(self, is_so: bool) -> bool:
        """Whether it is so in one of the processes; the same answer in all."""
        if self.size == 1:
            return is_so
        from accelerate import PartialState

        told = torch.tensor([float(is_so)], device=PartialState().device)
        torch.distributed.all_reduce(told, op=torch.distributed.ReduceOp.MAX)
        return bool(told.item())

    def from_main(self, value: Any) -> Any:
        """What the first process gives, in all."""
        if self.size == 1:
            return value
        from accelerate.utils import broadcast_object_list

        shared = [value]
        broadcast_object_list(shared)
        return shared[0]


def is_first() -> bool:
    """Whether this is the process that speaks, by what its launcher told it."""
    return int(os.environ.get("RANK", "0")) == 0


def join(device: str | None) -> Ranks:
    """Take this process's place among those of its launcher; alone without one.

    Args:
        device: asked for; `cpu` makes the processes meet through gloo.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Ranks()
    from accelerate import PartialState

    state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available())
    return Ranks(state.process_index, state.num_processes, state.local_process_index)
