"""A wheel holds all of the product and nothing else: also styles, scripts, tables, migrations and the model."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.bench.lines import ROOT, product_files

LARGE = 1 << 20
"""Bytes from which on a file stands in by its name: packing the model would take longer than all the rest."""


def test_a_wheel_holds_every_file_of_the_product(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    for name in [*product_files(), "pyproject.toml", "README.md", "LICENSE"]:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).stat().st_size < LARGE:
            shutil.copyfile(ROOT / name, source / name)
        else:
            (source / name).touch()
    words = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", "--no-index"]
    words += ["--no-build-isolation", "--wheel-dir", str(out), str(source)]
    built = subprocess.run(words, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert not built.returncode, built.stderr[-2000:]
    (wheel,) = out.iterdir()
    with ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
        commands = archive.read(next(name for name in archive.namelist() if name.endswith("entry_points.txt")))
    assert inside == {str(name) for name in product_files()}
    assert b"caseloop = app.cli.main:main" in commands
