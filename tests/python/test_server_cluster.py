"""anynats.server.Cluster: its nodes know each other, tell their clients, and come back."""

import socket
import time

import pytest

import anynats
from anynats.server import Cluster, ServerFailed


def test_nodes_tell_of_each_other(nats_cluster: Cluster) -> None:
    addresses = {url.removeprefix("nats://") for url in nats_cluster.urls}
    assert len(addresses) == 3
    for url in nats_cluster.urls:
        with anynats.connect(url) as nc:
            assert set(nc.server_info["connect_urls"]) == addresses
            assert nats_cluster.node(nc.server).url == url
    with pytest.raises(KeyError):
        nats_cluster.node("nats://127.0.0.1:1")


def test_messages_go_from_node_to_node(nats_cluster: Cluster) -> None:
    first, second = (anynats.connect(url) for url in nats_cluster.urls[:2])
    with first, second, first.subscribe("across") as sub:
        first.flush()
        deadline = time.monotonic() + 10
        while True:  # the other node learns of the subscription a moment later
            second.publish("across", b"x")
            try:
                assert sub.next(timeout=0.05).payload == b"x"
                break
            except anynats.TimeoutError:
                assert time.monotonic() < deadline


def test_nodes_leave_and_come_back(nats_cluster: Cluster) -> None:
    urls = nats_cluster.urls
    for node in nats_cluster.nodes:
        node.kill()
        nats_cluster.wait_until_joined()
        nats_cluster.start()
    assert nats_cluster.urls == urls
    for node in nats_cluster.nodes:
        node.restart()
    nats_cluster.wait_until_joined()


def test_a_cluster_of_one_with_a_configuration() -> None:
    with Cluster(1, name="alone", config="max_payload: 1234") as cluster:
        with anynats.connect(cluster.urls) as nc:
            assert (nc.max_payload, nc.server_info["cluster"]) == (1234, "alone")
        (node,) = cluster.nodes
        assert (node.running, len(cluster.urls)) == (True, 1)
    assert not node.running
    with pytest.raises(ValueError, match="at least one"):
        Cluster(0)


def test_a_node_that_fails_ends_the_others() -> None:
    cluster = Cluster(2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        cluster.nodes[1]._port = taken.getsockname()[1]
        with pytest.raises(ServerFailed, match="address already in use"):
            cluster.start()
    assert not any(node.running for node in cluster.nodes)
