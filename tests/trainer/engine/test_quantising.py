"""bitsandbytes is imported without torch's compiler, and torch's compiler is as it was afterwards."""

from __future__ import annotations

import subprocess
import sys


def test_the_compiler_is_left_out_and_stays_what_it_is() -> None:
    program = (
        "import sys, torch; before = torch.compile; import trainer.model.nf4 as nf4;"
        "print(torch.compile is before, 'torch._dynamo' in sys.modules, nf4.bitsandbytes.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "bitsandbytes"]
