"""Runs the programs of READMEs as printed, against the test's server."""

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
