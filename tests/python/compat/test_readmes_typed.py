"""`mypy --strict` finds nothing to say about the programs of the READMEs.

But that their own functions are without annotations: their bodies are checked all the same.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import readme_nas_pub_sub
import readme_no_asyncio_nats
import readme_pynats
import readme_simple_nats

PROGRAMS = {
    **readme_pynats.PROGRAMS,
    **readme_nas_pub_sub.PROGRAMS,
    **readme_no_asyncio_nats.PROGRAMS,
    **readme_simple_nats.PROGRAMS,
}


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_readmes_are_typed(tmp_path: Path) -> None:
    (tmp_path / "msgpack.py").write_text(readme_simple_nats.MSGPACK)
    files = []
    for name, text in PROGRAMS.items():
        files.append(tmp_path / f"{name}.py")
        files[-1].write_text(text)
    untyped = ["--allow-untyped-defs", "--allow-untyped-calls", "--allow-incomplete-defs"]
    command = [sys.executable, "-m", "mypy", "--strict", *untyped, "--no-incremental"]
    done = subprocess.run(
        [*command, *map(str, files)], capture_output=True, text=True, timeout=200, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
