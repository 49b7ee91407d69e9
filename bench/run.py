"""The benchmark: `python bench/run.py [--quick] [--rounds 5] [--only raw,cpp,...]`.

Prepares everything, runs the programs interleaved (every round runs each task on each program once,
starting with another program each time), one process per client, and writes bench/report.md and
bench/results.jsonl; with --quick or --only both go to build/bench/ instead. About 6 minutes on 2
cores; the counts are in programs.py, the programs in raw/, peers/ and own/. The exit code is 1 when
a run failed or a client of our own could not be built; the report is written all the same.
"""

import argparse
import datetime
import json
import os
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from prepare import QUESTION_S, Tools, prepare, run, say
from processes import Child, Line, RunFailed
from programs import BUILD, CPP, HERE, OWN_PYTHON, PROGRAMS, RAW, RAW_ON, TASKS, Program, Task
from report import CPU_NS, Results, render
from servers import START_S, far_end, request_server

RUN_S = 120.0  # upper bound for one client's run
FAR_END_S = 20.0  # for the sink or source to notice that its client left
OWN = {CPP.key, *(program.key for program in OWN_PYTHON)}
BUSY_LOAD = 0.5  # a load average from which on the report warns


def main() -> int:
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # ends the children too
    wanted = {RAW.key} | set(options.only.split(","))
    wanted |= {raw.key for program, raw in RAW_ON.items() if program.key in wanted}
    load_before = os.getloadavg()
    tools = prepare(wanted)
    programs = [p for p in PROGRAMS if p == RAW or p.key in tools.commands]
    results = Results(missing=tools.missing)
    # Only a whole run may replace the page that is kept.
    whole = not options.quick and wanted == {program.key for program in PROGRAMS}
    folder = HERE if whole else BUILD
    raw_data = folder / "results.jsonl"
    raw_data.write_text("")
    with ExitStack() as stack:
        port = stack.enter_context(request_server(tools))
        runs = list(schedule(options.rounds, programs))
        total = len(runs)
        for done, (number, task, program) in enumerate(runs, 1):
            n = program.count(task, options.quick)
            place = f"[{done}/{total}] round {number + 1}, {task.title}, {program.title}"
            try:
                line = run_once(tools, task, program, n, port)
            except RunFailed as error:
                results.failures.append(f"{task.title}, {program.title}: {error}")
                say(f"{place}: FAILED: {error}")
                continue
            results.runs[number, task, program.key] = line
            store(raw_data, number, task, program, line)
            say(f"{place}: {CPU_NS.of(line):,.0f} ns CPU, {line['seconds']:.2f} s")
    machine = describe_machine(tools, load_before)
    report = folder / "report.md"
    report.write_text(render(results, machine, options.rounds, options.quick))
    say(f"wrote {report} and {raw_data}")
    return 1 if results.failures or OWN & tools.missing.keys() else 0


def parse() -> argparse.Namespace:
    keys = [program.key for program in PROGRAMS]
    parser = argparse.ArgumentParser(description="Measure anynats beside raw sockets and peers.")
    parser.add_argument("--quick", action="store_true", help="seconds: does everything work?")
    parser.add_argument("--rounds", type=int, help="default 5, or 2 with --quick")
    parser.add_argument("--only", default=",".join(keys), help=f"some of {','.join(keys)}")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 2 if options.quick else 5
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if unknown := set(options.only.split(",")) - set(keys):
        parser.error(f"--only: no such program: {', '.join(sorted(unknown))}")
    return options


def schedule(rounds: int, programs: list[Program]) -> Iterator[tuple[int, Task, Program]]:
    """Interleave; rotate, so that nobody always runs behind the same neighbour."""
    for number in range(rounds):
        first = number % len(programs)
        for task in TASKS:
            for program in programs[first:] + programs[:first]:
                if program.does(task):
                    yield number, task, program


def run_once(tools: Tools, task: Task, program: Program, n: int, server_port: int) -> Line:
    """Run one client to its end; for publish and receive against a far end of its own."""
    path = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {"PYTHONPATH": os.pathsep.join(path)}  # for `import measure`
    if task.kind == "request":
        with Child(tools.client(program, task, server_port, n), env) as client:
            return client.finish(RUN_S)
    with far_end(task.kind, n, task.size) as far:
        port = int(far.line(START_S)["port"])
        with Child(tools.client(program, task, port, n), env) as client:
            line = client.finish(RUN_S)
        seen = far.finish(FAR_END_S)
    if task.kind == "publish":
        line["at_ping"] = seen["at_ping"]
    line["far_end_cpu_ns"] = seen["cpu_ns"]
    return line


def store(path: Path, number: int, task: Task, program: Program, line: Line) -> None:
    about = {"round": number, "task": task.kind, "size": task.size, "program": program.key}
    with path.open("a") as file:
        file.write(json.dumps({**about, **line}) + "\n")


def describe_machine(tools: Tools, load_before: tuple[float, float, float]) -> list[str]:
    model = "unknown CPU"
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            model = text.partition(":")[2].strip()
            break
    now = datetime.datetime.now(datetime.timezone.utc)
    before, after = load_before[0], os.getloadavg()[0]
    lines = [
        f"Machine: {os.cpu_count()} CPUs ({model}), {platform.system()} {platform.release()}",
        f"Versions: {'; '.join(tools.versions)}; anynats {revision()}",
        f"Date: {now:%Y-%m-%d %H:%M} UTC; load average {before:.2f} before, {after:.2f} at the end",
    ]
    if before > BUSY_LOAD:
        lines.append("**Something else was running when this began: expect wide spreads.**")
    return lines


def revision() -> str:
    try:
        return run(["git", "describe", "--always", "--dirty"], QUESTION_S)
    except RunFailed:
        return "not in git"


if __name__ == "__main__":
    sys.exit(main())
