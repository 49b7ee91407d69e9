"""What test_package.py and test_wheel.py share: running programs, and where things are."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND_SECONDS = 300.0  # a whole build on a slow machine
UNITY = "CMAKE_UNITY_BUILD=ON"  # several files at once: half the time


def run(
    *command: str | Path,
    cwd: Path | None = None,
    seconds: float = COMMAND_SECONDS,
    **environment: str,
) -> str:
    """Run a program and return what it printed; a failure shows that."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "CMAKE_"))}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=seconds,
    )
    words = " ".join(map(str, command))
    assert done.returncode == 0, f"{words} ends with {done.returncode}:\n{done.stdout[-8000:]}"
    return done.stdout
