"""The Cluster of `anynats.server`: several nats-servers with routes between them.

Each node is a Server with a route port that it keeps, so it finds the others again after a restart.
One thread at a time.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from anynats._server import POLL_SECONDS, Server, ServerFailed
from anynats._server_binary import Progress
from anynats._server_probe import HOST, info_of, port_of

JOIN_SECONDS = 20.0  # until every node knows all others


class _Node(Server):
    """A Server with a place in a cluster."""

    _route_port = -1  # the first start takes a free one

    def __init__(self, cluster: "Cluster", name: str, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._cluster = cluster
        self._name = name

    def start(self) -> "Server":
        super().start()
        self._route_port = port_of(self._ports()["cluster"])
        return self

    def _arguments(self, scratch: Path) -> list[str]:
        others = [node for node in self._cluster._nodes if node is not self]
        routes = [f"nats://{HOST}:{node._route_port}" for node in others if node._route_port > 0]
        arguments = ["-n", self._name, "--cluster_name", self._cluster.name]
        arguments += ["--cluster", f"nats://{HOST}:{self._route_port}"]
        if routes:
            arguments += ["--routes", ",".join(routes)]
        return super()._arguments(scratch) + arguments


class Cluster:
    """Several nats-servers that are one: what is published at one reaches subscribers at all.

    Each of `nodes` is a Server: kill, pause, lame-duck and start them one by one. `config`, `args`,
    `jetstream` and `monitor` are as for Server, for each node; with JetStream, the nodes elect a
    leader some seconds after the start. Use it with `with`, or call `start()` and `stop()`.
    """

    def __init__(
        self,
        size: int = 3,
        *,
        name: str = "anynats",
        jetstream: bool = False,
        monitor: bool = False,
        config: str | None = None,
        args: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> None:
        if size < 1:
            raise ValueError("a cluster has at least one node")
        self.name = name
        options: dict[str, object] = {"jetstream": jetstream, "monitor": monitor}
        options |= {"config": config, "args": args, "progress": progress}
        self._nodes: list[_Node] = []
        self._nodes += [_Node(self, f"{name}-{n}", **options) for n in range(1, size + 1)]

    def __enter__(self) -> "Cluster":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<anynats.server.Cluster {self.name!r} of {len(self._nodes)}>"

    @property
    def nodes(self) -> Sequence[Server]:
        """Return the nodes, also those that do not run."""
        return self._nodes

    @property
    def urls(self) -> list[str]:
        """Return what to pass to `connect`; one of them is enough to find the others."""
        return [node.url for node in self._nodes]

    def node(self, url: str) -> Server:
        """Return the node with that URL, such as a client's `server`; KeyError for another's."""
        for node in self._nodes:
            if node._port is not None and node.url == url:
                return node
        raise KeyError(url)

    def start(self) -> "Cluster":
        """Start the nodes that do not run and wait until all know each other. Returns itself."""
        try:
            for node in self._nodes:
                if not node.running:
                    node.start()
            self.wait_until_joined()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End all nodes politely and remove their files."""
        with ExitStack() as stack:
            for node in self._nodes:
                stack.callback(node.stop)

    def wait_until_joined(self, timeout: float = JOIN_SECONDS) -> None:
        """Wait until each running node tells its clients of all running nodes, and of no other.

        At most `timeout` seconds, then ServerFailed.
        """
        deadline = time.monotonic() + timeout
        running = [node for node in self._nodes if node.running]
        addresses = {f"{HOST}:{node.port}" for node in running}
        for node in running:
            own = {f"{HOST}:{node.port}"}  # which a node that is alone does not tell
            while own | set(info_of(node.port, deadline).get("connect_urls", [])) != addresses:
                if time.monotonic() > deadline or not node.running:
                    raise ServerFailed(f"{node} did not join within {timeout} s{node._log_tail()}")
                time.sleep(POLL_SECONDS)
