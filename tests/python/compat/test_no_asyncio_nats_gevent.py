"""anynats.compat.no_asyncio_nats.gevent_connect: what waits lets other greenlets run. S0.13"""

import importlib.util
import subprocess
import sys

import pytest
from readme_no_asyncio_nats import PROGRAMS
from readme_support import run_program

from anynats.server import Server

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gevent") is None, reason="gevent is not installed"
)

TICKER = """
import time
from datetime import timedelta

import gevent
import anynats.compat.no_asyncio_nats as no_asyncio_nats

nc = no_asyncio_nats.gevent_connect("nats://localhost:4222", {"request_timeout": timedelta(1)})
sub = nc.subscribe("later")
silent = nc.subscribe("silent")
ticks = 0


def tick():
    global ticks
    while True:
        gevent.sleep(0.01)
        ticks += 1


def publish():
    gevent.sleep(1)
    nc.publish("later", b"x")


gevent.spawn(tick)
gevent.spawn(publish)
message = sub.recv_msg()
print(message["payload"], ticks >= 50)

ticks = 0
print(silent.recv_msg(timedelta(seconds=0.5)), ticks >= 20)

receiver = gevent.spawn(silent.recv_msg)
gevent.sleep(0)
silent.unsubscribe()
print(receiver.get(timeout=5))

service = nc.subscribe("service")


def serve():
    message = service.recv_msg()
    nc.publish(message["reply"], message["payload"])


gevent.spawn(serve)
print(nc.request("service", b"asked")["payload"])
nc.flush()
nc.close()
"""
PATCHED = "from gevent import monkey; monkey.patch_all()\n"


@pytest.mark.parametrize("before", ["", PATCHED], ids=["plain", "patched"])
def test_others_run_while_one_waits(before: str, shared_server: Server) -> None:
    ran = run_program(before + TICKER, shared_server, timeout=20)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == ["b'x' True", "None True", "None", "b'asked'"]


def test_the_quick_start(shared_server: Server) -> None:
    ran = run_program(PROGRAMS["seed0_gevent"], shared_server)
    assert (ran.returncode, ran.stdout) == (0, "Received: b'Hello, World!'\n"), ran.stderr


def test_errors_are_those_of_connect() -> None:
    import anynats.compat.no_asyncio_nats as no_asyncio_nats

    with pytest.raises(ConnectionError) as caught:
        no_asyncio_nats.gevent_connect("nats://127.0.0.1:1")
    assert isinstance(caught.value, RuntimeError)
    with pytest.raises(ValueError, match="bogus"):
        no_asyncio_nats.gevent_connect("nats://127.0.0.1:1", {"bogus": 1})


def test_without_gevent() -> None:
    text = (
        "import sys; sys.modules['gevent'] = None\n"
        "import anynats.compat.no_asyncio_nats as n\n"
        "n.gevent_connect('nats://127.0.0.1:1')\n"
    )
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=30)
    assert "ImportError: anynats.gevent needs gevent: pip install" in ran.stderr
