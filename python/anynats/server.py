"""A local nats-server for demonstrations and tests: started on a free port, ended with its owner.

    from anynats.server import Cluster, Server

    with Server(jetstream=True) as server:
        nc = anynats.connect(server.url)

    with Cluster(3) as cluster:  # three that are one
        nc = anynats.connect(cluster.urls)

On the command line, `python -m anynats.server` runs one until Ctrl-C. With pytest, use the fixtures
of `anynats.pytest_plugin`. The server listens on 127.0.0.1 only, and it ends when this process
does, however this process ends. Not for production: run nats-server itself there.

One thread at a time may use a Server or a Cluster. Their methods block for milliseconds (a cluster
needs about a second to start); they wait for processes, never for NATS traffic. Linux and macOS.
"""

import signal
import sys

from anynats._cluster import Cluster
from anynats._server import Server, ServerFailed
from anynats._server_binary import ServerNotFound, find_server

__all__ = ["Cluster", "Server", "ServerFailed", "ServerNotFound", "find_server"]


def _cli_main() -> None:
    """Run one server until Ctrl-C, and print its URL on standard output."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m anynats.server", description=_cli_main.__doc__)
    parser.add_argument("--port", type=int, help="client port (default: a free one)")
    parser.add_argument("--jetstream", action="store_true", help="with JetStream, in a scratch dir")
    parser.add_argument("--store-dir", help="keep JetStream's files here")
    options = parser.parse_args()

    def on_signal(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, on_signal)
    try:
        with Server(
            options.port,
            jetstream=options.jetstream,
            store_dir=options.store_dir,
            progress=lambda line: print(line, file=sys.stderr, flush=True),
        ) as server:
            print(server.url, flush=True)
            while server.running:
                server._read_guard(3600.0, until=None)
            sys.exit(f"nats-server ended{server._log_tail()}")
    except (ServerNotFound, ServerFailed) as error:
        sys.exit(f"anynats.server: {error}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    _cli_main()
