"""Turns the runs into bench/report.md: medians with spread, ratios within a round, targets.

Pure arithmetic on what run.py collected. A ratio is taken between two runs of the same round, which
shared the machine's mood, and then the median of the ratios; never a ratio of medians.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median

from processes import Line
from programs import (
    ASYNCIO,
    BLOCKING,
    CPP,
    GEVENT,
    GO,
    PROGRAMS,
    RAW,
    RAW_ON,
    TASKS,
    Program,
    Task,
)

SWITCH_TOLERANCE = 0.02  # a reply that is there before the wait begins saves a switch, and such


@dataclass
class Results:
    """Every finished run, and what went wrong in the others."""

    runs: dict[tuple[int, Task, str], Line] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def values(self, task: Task, program: Program, metric: "Metric") -> list[float]:
        """Return the metric of each round that has it."""
        found = []
        for (number, a_task, key), line in sorted(self.runs.items(), key=lambda item: item[0][0]):
            if a_task == task and key == program.key:
                base = metric.base(program) if metric.base else None
                beside = self.runs.get((number, task, base.key)) if base else None
                if metric.base is None:
                    found.append(metric.of(line))
                elif beside:
                    found.append(metric.of(line) / metric.of(beside))
        return found


@dataclass(frozen=True)
class Metric:
    """A number of one run; with `base`, as the ratio to the run of the program that it names for
    a program, in the same round."""

    title: str
    of: Callable[[Line], float]
    base: Callable[[Program], Program | None] | None = None


def cpu_ns(line: Line) -> float:
    return line["cpu_ns"] / line["n"]


def other_switches(line: Line) -> float:
    return (line["nvcsw"] - line["nvcsw_thread"]) / line["n"]


CPU_NS = Metric("CPU ns", cpu_ns)
RATE = Metric("M msgs/s", lambda line: line["n"] / line["seconds"] / 1e6)
CPU_US = Metric("CPU us", lambda line: cpu_ns(line) / 1e3)
P50 = Metric("p50 us", lambda line: line["p50_us"])
P99 = Metric("p99 us", lambda line: line["p99_us"])
SWITCHES = Metric("switches, process", lambda line: line["nvcsw"] / line["n"])
OWN_SWITCHES = Metric("switches, calling thread", lambda line: line["nvcsw_thread"] / line["n"])
OTHER_SWITCHES = Metric("switches, other threads", other_switches)
CPU_TO_RAW = Metric("CPU / raw", cpu_ns, lambda _: RAW)
CPU_TO_LOOP = Metric("CPU / raw on this loop", cpu_ns, RAW_ON.get)
CPU_TO_GO = Metric("CPU / nats.go", cpu_ns, lambda _: GO)
P50_TO_RAW = Metric("p50 / raw", lambda line: line["p50_us"], lambda _: RAW)
P50_TO_LOOP = Metric("p50 / raw on this loop", lambda line: line["p50_us"], RAW_ON.get)

COLUMNS = {
    "request": [
        *(P50, P99, CPU_US, OWN_SWITCHES, OTHER_SWITCHES),
        *(CPU_TO_RAW, P50_TO_RAW, CPU_TO_LOOP, P50_TO_LOOP),
    ],
    "publish": [CPU_NS, RATE, CPU_TO_RAW, CPU_TO_GO],
    "receive": [CPU_NS, RATE, CPU_TO_RAW, CPU_TO_GO],
}


@dataclass(frozen=True)
class Target:
    """An upper bound on the median that the project has set itself."""

    task: Task
    program: Program
    metric: Metric
    bound: float
    unit: str

    def verdict(self, results: Results) -> str:
        """Return the bound, what was measured, and by how much it is met or missed."""
        values = results.values(self.task, self.program, self.metric)
        aim = f"{self.metric.title} at most {self.bound:g}{self.unit}"
        if not values:
            return f"{aim}: not measured"
        measured = median(values)
        room = abs(measured / self.bound - 1) * 100
        if measured <= self.bound:
            return f"{aim}: **met** at {number(measured)}, {room:.0f} % below"
        return f"{aim}: **not met** at {number(measured)}, {room:.0f} % above"


REQUEST, PUBLISH_16, PUBLISH_128, RECEIVE_16, RECEIVE_128 = TASKS
TARGETS = [
    Target(PUBLISH_16, CPP, CPU_TO_RAW, 3, "x"),
    Target(PUBLISH_16, BLOCKING, CPU_NS, 150, " ns"),
    Target(PUBLISH_16, ASYNCIO, CPU_NS, 260, " ns"),
    Target(RECEIVE_128, CPP, CPU_NS, 100, " ns"),
    Target(RECEIVE_128, BLOCKING, CPU_NS, 250, " ns"),
    Target(RECEIVE_128, ASYNCIO, CPU_NS, 450, " ns"),
    Target(REQUEST, CPP, CPU_TO_RAW, 1.4, "x"),
    Target(REQUEST, BLOCKING, CPU_TO_RAW, 1.7, "x"),
    Target(REQUEST, ASYNCIO, CPU_TO_LOOP, 2.4, "x"),
    Target(REQUEST, ASYNCIO, P50_TO_LOOP, 1.25, "x"),
    Target(REQUEST, GEVENT, CPU_TO_LOOP, 1.6, "x"),
    Target(REQUEST, CPP, OWN_SWITCHES, 1 + SWITCH_TOLERANCE, ""),
    Target(REQUEST, CPP, OTHER_SWITCHES, SWITCH_TOLERANCE, ""),
    Target(REQUEST, BLOCKING, OWN_SWITCHES, 1 + SWITCH_TOLERANCE, ""),
    Target(REQUEST, BLOCKING, OTHER_SWITCHES, SWITCH_TOLERANCE, ""),
]


def number(value: float) -> str:
    """Three significant figures are more than these measurements carry."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.3g}"


def cell(values: list[float]) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return number(values[0])
    return f"{number(median(values))} ({number(min(values))}..{number(max(values))})"


def row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def table(results: Results, task: Task) -> list[str]:
    columns = COLUMNS[task.kind]
    lines = [
        row(["program", *(metric.title for metric in columns), "target"]),
        row(["---"] * (len(columns) + 2)),
    ]
    for program in filter(lambda program: program.does(task), PROGRAMS):
        mine = [aim for aim in TARGETS if aim.task == task and aim.program == program]
        aims = "; ".join(aim.verdict(results) for aim in mine)
        cells = []
        for metric in columns:
            base = metric.base(program) if metric.base else program
            trivial = metric.base is not None and base in (program, None)
            # A goroutine has no thread of its own to count by.
            unknown = program == GO and metric in (OWN_SWITCHES, OTHER_SWITCHES)
            if unknown and metric == OWN_SWITCHES:
                cells.append(f"process: {cell(results.values(task, program, SWITCHES))}")
            else:
                cells.append(
                    "" if trivial or unknown else cell(results.values(task, program, metric))
                )
        lines.append(row([program.title, *cells, aims]))
    return lines


def kept_back(results: Results) -> list[str]:
    """Name the publishers whose flush came back before the sink had everything."""
    short: dict[str, float] = {}
    for (_, task, key), line in results.runs.items():
        if task.kind == "publish" and line["at_ping"] < line["n"]:
            short[key] = max(short.get(key, 0.0), 1 - line["at_ping"] / line["n"])
    return [
        f"- {program.title}: flush was answered when up to {short[program.key]:.0%} of the messages"
        " had not reached the sink; what it had not sent is not in its CPU time."
        for program in PROGRAMS
        if program.key in short
    ]


HEADINGS = {
    "request": (
        "Requests",
        (
            "Sequential, 1 byte, through a real nats-server to a raw responder; the server's and"
            " the responder's CPU is not counted. Voluntary context switches are per request;"
            f" 'exactly one' is judged with a tolerance of {SWITCH_TOLERANCE:g}."
        ),
    ),
    "publish": (
        "Publish",
        (
            "To a server that discards: n publishes and one flush. CPU is of the whole client"
            " process, per message, the kernel's copy included."
        ),
    ),
    "receive": (
        "Receive",
        (
            "From a server that replays pre-encoded frames: from the subscribe call to the n-th"
            " message. CPU is of the whole client process, per message."
        ),
    ),
}


def render(results: Results, machine: list[str], rounds: int, quick: bool) -> str:
    """Return the whole page."""
    lines = ["# anynats, measured beside the raw socket and its peers", ""]
    lines += [
        (
            "Written by `make bench` (`python bench/run.py`), which is also how to repeat it;"
            " what is measured and how is in [README.md](README.md)."
        ),
        (
            f"Median of {rounds} rounds (min..max), programs interleaved; ratios are medians of"
            " the ratios within a round."
        ),
        "",
    ]
    if quick:
        lines += ["**A quick run: it shows that everything works; its figures mean little.**", ""]
    lines += [f"- {line}" for line in machine]
    for task in TASKS:
        heading, method = HEADINGS[task.kind]
        if task in (REQUEST, PUBLISH_16, RECEIVE_16):
            lines += ["", f"## {heading}", "", method]
        lines += ["", f"### {task.title}", "", *table(results, task)]
    notes = kept_back(results)
    titles = {program.key: program.title for program in PROGRAMS}
    notes += [f"- {titles[key]}: left out. {why}" for key, why in results.missing.items()]
    notes += [f"- failed: {failure}" for failure in results.failures]
    if notes:
        lines += ["", "## Notes", "", *(" ".join(note.split()) for note in notes)]
    return "\n".join(lines) + "\n"
