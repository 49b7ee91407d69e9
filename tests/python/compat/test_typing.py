"""`mypy --strict` finds nothing to say about the modules of anynats.compat, nor about the programs
of the READMEs, but that their own functions are without annotations: the bodies are checked.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import readme_nas_pub_sub
import readme_no_asyncio_nats
import readme_pynats
import readme_simple_nats

ROOT = Path(__file__).parents[3]
PROGRAMS = {
    **readme_pynats.PROGRAMS,
    **readme_nas_pub_sub.PROGRAMS,
    **readme_no_asyncio_nats.PROGRAMS,
    **readme_simple_nats.PROGRAMS,
}
UNTYPED = ("--allow-untyped-defs", "--allow-untyped-calls", "--allow-incomplete-defs")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mypy") is None, reason="mypy is not installed"
)


def mypy(place: Path, *arguments: str | Path) -> str:
    """Return what mypy complains of."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", *arguments]
    # A sanitizer that is preloaded for anynats has nothing to find in mypy.
    environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, cwd=place, env=environment
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_readmes_are_typed(tmp_path: Path) -> None:
    (tmp_path / "msgpack.py").write_text(readme_simple_nats.MSGPACK)
    files = []
    for name, text in PROGRAMS.items():
        files.append(tmp_path / f"{name}.py")
        files[-1].write_text(text)
    assert mypy(tmp_path, *UNTYPED, *files) == ""


def test_modules_are_typed() -> None:
    assert mypy(ROOT, "python/anynats/compat") == ""


def test_what_is_wrong_would_be_found(tmp_path: Path) -> None:
    wrong = PROGRAMS["seed0_quick_start"].replace("b'Hello, World!'", "'Hello, World!'")
    (tmp_path / "wrong.py").write_text(wrong)
    assert "[arg-type]" in mypy(tmp_path, *UNTYPED, "wrong.py")
