"""Lines are counted once, and tables apart; a bench measures the model that people get."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests import SHIPPED
from tests.bench.lines import ROOT, count_lines, table_lines

PHRASES = "\n".join(f'    "said in way {number}",' for number in range(10))


@pytest.mark.parametrize(
    ("text", "n_lines"),
    [
        (f"SAID = (\n{PHRASES}\n)\n", 12),
        (f"SITES = {{one.label: one for one in (\n    Site('liver', (\n{PHRASES}\n    )),\n)}}\n", 14),
        ("SAID = (\n    'once',\n)\n", 0),
        (f"def said():\n    return (\n{PHRASES}\n    )\n", 0),
        (f"SAID = tuple(one for one in (\n{PHRASES}\n) if one)\n", 0),
    ],
)
def test_a_table_is_a_long_constant_and_nothing_else(text: str, n_lines: int) -> None:
    assert table_lines(text) == n_lines


def test_every_line_of_the_product_is_counted_once() -> None:
    counted = count_lines()
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for package in ("app", "data", "db", "trainer"):
        files = {ROOT / name for name in names.stdout.splitlines() if name.startswith(f"{package}/")}
        python = sum(len(path.read_text().splitlines()) for path in files if path.suffix == ".py" and path.is_file())
        tables = counted[package]["tables"] if package == "data" else 0
        in_toml = sum(len(path.read_text().splitlines()) for path in files if path.suffix == ".toml" and tables)
        assert counted[package]["Python"] + tables - in_toml == python
    assert count_lines("HEAD").keys() == counted.keys()


HERE_AND_IN_A_CHILD = """
import subprocess, sys
from tests.bench.__main__ import main
main(["lines"])
where = "import tests; from data.storage.locations import EMBEDDED; print(EMBEDDED)"
exec(where)
sys.stdout.flush()
subprocess.run([sys.executable, "-c", where], check=True)
"""


def test_a_bench_measures_the_model_that_comes_with_caseloop() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HERE_AND_IN_A_CHILD], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-2:] == [str(SHIPPED)] * 2
