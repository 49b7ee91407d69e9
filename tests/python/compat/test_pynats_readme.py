"""The README of pynats, as printed, against a real server."""

from readme_pynats import PROGRAMS
from readme_support import run_program

import anynats
from anynats.server import Server


def test_the_usage_runs_with_only_the_imports_ours(
    shared_server: Server, other: anynats.Client
) -> None:
    with other.subscribe("foo") as outside:
        other.flush()
        ran = run_program(PROGRAMS["pynats_usage"], shared_server)
        assert ran.stdout == "<Server nats://localhost:4222> True\n['MSG']\n", ran.stderr
        # The last snippet hands on what the transport raised.
        assert ran.stderr.endswith("ConnectionResetError: the server closed the connection\n")
        for _ in range(2):
            message = outside.next(timeout=5)
            assert (message.payload, message.reply) == (b"", None)
