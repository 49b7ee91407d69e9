"""Makes programs of fragments of READMEs, and runs them against the test's server."""

from __future__ import annotations

import subprocess
import sys

from anynats.server import Server

STARTS_WITHIN = 20.0  # seconds; the interpreter may be slow to start under a sanitizer


def run_program(text: str, server: Server, timeout: float = 5) -> subprocess.CompletedProcess[str]:
    """Run a program whose server is said to be on port 4222; it must end within `timeout`."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", text.replace("4222", str(server.port))],
        capture_output=True,
        text=True,
        timeout=timeout + STARTS_WITHIN,
        check=False,
    )


def indented(text: str, depth: int = 1) -> str:
    """Return a fragment as it stands `depth` blocks deep."""
    lines = text.splitlines()
    return "".join(f"{'    ' * depth}{line}\n" if line else "\n" for line in lines)
