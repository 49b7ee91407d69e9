"""What is run: the tasks, the programs, and how many messages each handles in one run.

The counts are fixed, sized for one to two seconds a run on a 2-core machine, so that two runs of
the benchmark do the same work. Nothing here starts anything.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "bench"
BUILD = ROOT / "build" / "bench"
CACHE = ROOT / ".cache" / "bench"

QUICK_DIVISOR = 40  # --quick divides the counts by this


@dataclass(frozen=True)
class Task:
    kind: str  # request, publish or receive
    size: int  # payload bytes

    @property
    def title(self) -> str:
        return f"{self.kind} {self.size} B"


@dataclass(frozen=True)
class Program:
    key: str  # in results.jsonl and in --only
    title: str  # in the report
    requests: int
    publishes: int  # of 16 bytes
    receives: int  # of 16 bytes

    def does(self, task: Task) -> bool:
        return task.kind == "request" or self.publishes > 0

    def count(self, task: Task, quick: bool) -> int:
        """Return n for one run."""
        if task.kind == "request":
            n = self.requests
        else:
            n = self.publishes if task.kind == "publish" else self.receives
            # Only who is near the cost of the copy itself is slowed much by a longer payload.
            if task.size > 64 and n >= 10_000_000:
                n //= 2
        return max(200, n // QUICK_DIVISOR) if quick else n


TASKS = [
    Task("request", 1),
    Task("publish", 16),
    Task("publish", 128),
    Task("receive", 16),
    Task("receive", 128),
]

RAW = Program("raw", "raw socket", 8_000, 40_000_000, 30_000_000)
CPP = Program("cpp", "anynats C++", 8_000, 30_000_000, 20_000_000)
BLOCKING = Program("blocking", "anynats Python, blocking", 8_000, 8_000_000, 6_000_000)
ASYNCIO = Program("asyncio", "anynats Python, asyncio", 8_000, 5_000_000, 4_000_000)
UVLOOP = Program("uvloop", "anynats Python, uvloop", 8_000, 5_000_000, 4_000_000)
TRIO = Program("trio", "anynats Python, trio", 8_000, 2_000_000, 2_000_000)
GEVENT = Program("gevent", "anynats Python, gevent", 8_000, 4_000_000, 4_000_000)
GO = Program("go", "nats.go", 8_000, 12_000_000, 4_000_000)
NATS_PY = Program("nats-py", "nats-py, asyncio", 5_000, 300_000, 200_000)

# What a loop costs without any client on it: raw/on_a_loop.py, requests alone.
RAW_ON = {
    program: Program(f"raw-{program.key}", f"raw socket on {program.key}", 8_000, 0, 0)
    for program in (ASYNCIO, UVLOOP, TRIO, GEVENT)
}

OWN_PYTHON = [BLOCKING, ASYNCIO, UVLOOP, TRIO, GEVENT]
PROGRAMS = [RAW, *RAW_ON.values(), CPP, *OWN_PYTHON, GO, NATS_PY]


def raw_program(task: Task) -> str:
    """Return the name of the raw program that does this task."""
    return {"request": "pingpong", "publish": "writer", "receive": "reader"}[task.kind]
