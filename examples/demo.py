"""`make demo`: C++ and Python programs talk over a real nats-server that is started for them.

Each way of waiting tells the same story; the table at the end has the counts and rates. Ends by
itself, with exit code 0 when every story came to its end.
"""

import asyncio
import importlib.util
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from stories import awaiting, bare, plain

import anynats
from anynats.server import Server

ROOT = Path(__file__).resolve().parent.parent
CPP = ROOT / "build" / "release" / "examples" / "anynats_demo"
LONGEST = 120.0  # seconds for one story, against hanging

Rates = dict[str, float]


class Teller:
    """Prints the steps of one way's story and keeps its rates."""

    def __init__(self, way: str) -> None:
        self.rates: Rates = {}
        self.steps = 0
        print(f"\n{way}")

    def tell(self, what: str, detail: object, seconds: float | None = None) -> None:
        self.steps += 1
        if seconds is not None:
            count = int(str(detail))
            self.rates[what] = count / seconds
            detail = f"{count:,} in {seconds:.2f} s"
        print(f"  {what:24} {detail}", flush=True)


def run_cpp(server: Server, teller: Teller) -> None:
    """Run the C++ program; it tells its steps on standard output."""
    with subprocess.Popen([str(CPP), server.url], stdout=subprocess.PIPE, text=True) as program:
        watchdog = threading.Timer(LONGEST, program.kill)
        watchdog.start()
        assert program.stdout is not None
        for line in program.stdout:
            what, *details = line.rstrip("\n").split("|")
            if what == "restart":
                server.restart()
            elif len(details) == 2:
                teller.tell(what, details[0], float(details[1]))
            else:
                teller.tell(what, details[0])
        watchdog.cancel()
    if program.returncode:
        raise SystemExit(f"the C++ program ended with {program.returncode}")


def on_asyncio(runner: Callable[..., None], server: Server, teller: Teller) -> None:
    import anynats.asyncio

    async def restart() -> None:
        await asyncio.to_thread(server.restart)

    story = awaiting.story(anynats.asyncio, server.url, teller.tell, restart)
    runner(asyncio.wait_for(story, LONGEST))


def on_uvloop(server: Server, teller: Teller) -> None:
    import uvloop

    on_asyncio(uvloop.run, server, teller)


def on_trio(server: Server, teller: Teller) -> None:
    import trio

    import anynats.trio

    async def restart() -> None:
        await trio.to_thread.run_sync(server.restart)

    async def main() -> None:
        with trio.fail_after(LONGEST):
            await awaiting.story(anynats.trio, server.url, teller.tell, restart)

    trio.run(main)


def on_gevent(server: Server, teller: Teller) -> None:
    import gevent

    import anynats.gevent

    with gevent.Timeout(LONGEST):
        plain.story(anynats.gevent, server.url, teller.tell, server.restart)


def ways() -> dict[str, Callable[[Server, Teller], None]]:
    """Every way of waiting that is here, by name."""
    known: dict[str, Callable[[Server, Teller], None]] = {
        "C++": run_cpp,
        "Python, blocking": lambda s, t: plain.story(anynats, s.url, t.tell, s.restart),
        "Python, asyncio": lambda s, t: on_asyncio(asyncio.run, s, t),
        "Python, uvloop": on_uvloop,
        "Python, trio": on_trio,
        "Python, gevent": on_gevent,
        "Python, sans-IO": lambda s, t: bare.story(s.url, t.tell, s.restart),
    }
    for package in ("uvloop", "trio", "gevent"):
        if not importlib.util.find_spec(package):
            print(f"{package} is not installed: its story is left out")
            del known[f"Python, {package}"]
    return known


def main() -> None:
    """Start a server, let every way tell its story, show the table."""
    print("starting a nats-server ...", flush=True)
    started = time.monotonic()
    rates: dict[str, Rates] = {}
    with Server() as server:
        print(f"nats-server at {server.url}")
        for way, story in ways().items():
            teller = Teller(way)
            story(server, teller)
            rates[way] = teller.rates
    print(f"\n{'':18}{'messages/s':>14}{'requests/s':>14}")
    for way, measured in rates.items():
        print(
            f"{way:18}{measured['published and received']:14,.0f}"
            f"{measured['requests answered']:14,.0f}"
        )
    print(f"\nevery story came to its end, in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
