"""The clock of the Python benchmark programs: the twin of raw/measure.hpp.

Wall time, CPU time and voluntary context switches over a window, printed as one line of JSON.
run.py puts this directory on PYTHONPATH, so every Python client counts with the same code.
"""

import json
import resource
import sys
import time
from dataclasses import dataclass

WARM_UP = 200  # requests before the window opens
DEADLINE_S = 120.0  # upper bound for one program's waits


@dataclass(frozen=True)
class Arguments:
    """What run.py asks for: the same four words for every client."""

    task: str  # publish, receive or request
    url: str
    n: int
    size: int


def arguments() -> Arguments:
    """Read `task port n size` from the command line."""
    if len(sys.argv) != 5:
        sys.exit(f"usage: {sys.argv[0]} publish|receive|request port n size")
    task, port, n, size = sys.argv[1:]
    return Arguments(task, f"nats://127.0.0.1:{int(port)}", int(n), int(size))


class Window:
    """Opens when it is made, closes at finish()."""

    def __init__(self) -> None:
        self._process = resource.getrusage(resource.RUSAGE_SELF)
        self._thread = resource.getrusage(resource.RUSAGE_THREAD)
        self._start = time.perf_counter()

    def finish(self, n: int, latencies_ns: list[int] | None = None) -> None:
        """Print the result. CPU is that of all threads, also the native ones."""
        seconds = time.perf_counter() - self._start
        process = resource.getrusage(resource.RUSAGE_SELF)
        thread = resource.getrusage(resource.RUSAGE_THREAD)
        cpu_s = process.ru_utime + process.ru_stime
        cpu_s -= self._process.ru_utime + self._process.ru_stime
        result: dict[str, float] = {
            "n": n,
            "seconds": round(seconds, 6),
            "cpu_ns": round(cpu_s * 1e9),
            "nvcsw": process.ru_nvcsw - self._process.ru_nvcsw,
            "nvcsw_thread": thread.ru_nvcsw - self._thread.ru_nvcsw,
        }
        if latencies_ns:
            latencies_ns.sort()
            last = len(latencies_ns) - 1
            result["p50_us"] = latencies_ns[last * 50 // 100] / 1e3
            result["p99_us"] = latencies_ns[last * 99 // 100] / 1e3
        print(json.dumps(result), flush=True)
