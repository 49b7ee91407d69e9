"""`mypy --strict` finds nothing to say about the programs of the READMEs."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import readme_pynats

PROGRAMS = {**readme_pynats.PROGRAMS}


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_readmes_are_typed(tmp_path: Path) -> None:
    files = []
    for name, text in PROGRAMS.items():
        files.append(tmp_path / f"{name}.py")
        files[-1].write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
