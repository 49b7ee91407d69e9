"""Runs the stages of `make test`, `make check` and `make test-long`, one after the other.

    tools/stages.py test|check|long|build|demo [first-stage]

A stage is a few commands with a time limit. Output is passed on as it comes; the first stage that
fails, or does not end in time, ends the run. At the end stands a table of seconds and the line
`N passed, M failed` that counts stages. To add or change a stage, edit the lists below. Run from
the root of the tree with the tools of .venv (the Makefile sees to both). Standard library only.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

PYTHON = ".venv/bin/python"
# What uses threads: the blocking face, and its callbacks.
THREADED_TESTS = "tests/python/test_blocking.py tests/python/test_faces.py"
THREADED_TESTS += " tests/python/test_callbacks.py"
# They mostly wait, so two run at a time.
SIDE_BY_SIDE = "-n 2 --dist worksteal"
KILL_SECONDS = 5.0  # between SIGTERM and SIGKILL for a stage that ran out of time


@dataclass(frozen=True)
class Stage:
    """A name, command lines (split as a shell would, but not run by one), and a time limit."""

    name: str
    commands: list[str]
    seconds: float = 300.0
    environment: dict[str, str] = field(default_factory=dict)


def build(preset: str, targets: str = "all") -> list[str]:
    """Configure and build one preset of CMakePresets.json."""
    return [f"cmake --preset {preset}", f"cmake --build --preset {preset} --target {targets}"]


def ctest(directory: str, more: str = "") -> str:
    """Run the C++ tests of one build; no test found is a failure."""
    options = "--output-on-failure --no-tests=error -j2 --timeout 120"
    return f"ctest --test-dir {directory} {options} {more}".strip()


def pytest(paths: str, python: str = f"{PYTHON} -X dev -W error") -> str:
    """Run Python tests against the installed package."""
    return f"{python} -m pytest -q {paths}"


def install(preset: str, build_type: str, more: str = "") -> str:
    """Install the Python package from the tree of a preset, so that nothing is compiled twice.

    The build type must be the preset's. What is tested is what is installed, as users get it.
    """
    pip = f"{PYTHON} -m pip -q --disable-pip-version-check install"
    settings = f"-Cbuild-dir=build/{preset} -Ccmake.build-type={build_type}"
    options = "--no-build-isolation --no-deps --force-reinstall"
    return f"{pip} {options} {settings} -Ccmake.define.ANYNATS_TESTS=ON {more} .".replace("  ", " ")


def library_path(name: str) -> str:
    """Where the compiler keeps a library of its own; the bare name when it cannot be asked."""
    command = ["g++", f"-print-file-name={name}"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return name


def sanitized_pytest(preset: str, runtime: str, settings: str, paths: str) -> list[str]:
    """Install a sanitized module beside the tree, not into .venv, and run Python tests against it.

    An unsanitized Python must load the sanitizer's runtime, and what throws, before all else; for
    that one command only, because the compiler must not run with it. What the runtime has to say
    comes from outside of Python: pytest must not hold standard error back.
    """
    place = f"build/{preset}-python"
    preload = ":".join(map(library_path, (runtime, "libstdc++.so")))
    python = f"env LD_PRELOAD={preload} PYTHONPATH={place} PYTHONMALLOC=malloc {settings} {PYTHON}"
    return [
        install(preset, "Debug", f"--upgrade --target {place}"),
        pytest(f"--capture=sys {paths}", python=python),
    ]


TIDY = Stage("tidy", [f"{PYTHON} tests/tidy.py", pytest("tests/test_tidy.py tests/test_tools.py")])
GENERATED = Stage("generated files", [f"{PYTHON} tools/generate.py --check"])
INSTALL = install("release", "RelWithDebInfo")
BUILD = Stage("build", [*build("release"), INSTALL], 900)
DEMO_BUILD = Stage("build", [*build("release", "anynats_demo _native"), INSTALL], 900)
CXX_TESTS = Stage("c++ tests", [ctest("build/release")])
WAYS = "build/ways.json"  # what ran on which way of waiting
PYTHON_TESTS = Stage(
    "python tests",
    [pytest(f"{SIDE_BY_SIDE} tests/python --ways {WAYS}"), f"{PYTHON} tools/ways.py check {WAYS}"],
)
TYPING = Stage(
    "typing",
    [
        f"{PYTHON} -m mypy --strict examples",
        pytest("tests/test_stubs.py"),
        f"{PYTHON} -m mypy.stubtest anynats --ignore-unused-allowlist"
        " --allowlist tools/stubtest-allowlist.txt",
    ],
)
DOCS = Stage("docs", [pytest("tests/test_docs.py")])
# Against what the stage `build` left; only the shared library is compiled anew.
PACKAGE_TESTS = "tests/test_public_headers.py tests/test_package.py tests/test_wheel.py"
PACKAGE = Stage("package", [*build("shared"), pytest(f"-n 2 --dist loadfile {PACKAGE_TESTS}")], 900)
ASAN = Stage("asan+ubsan c++", [*build("asan"), ctest("build/asan")], 1200)
# No search for leaks: the interpreter keeps memory to the end.
ASAN_SETTINGS = "ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
# For time: uvloop runs the same code of ours as asyncio, anyio as trio, compat has no native code;
# the network's faults are in `long`.
ASAN_LEAVES_OUT = "--ignore=tests/python/network --ignore=tests/python/compat"
ASAN_LEAVES_OUT += " -k 'not uvloop and not anyio'"
ASAN_PYTHON = Stage(
    "asan+ubsan python",
    sanitized_pytest(
        "asan", "libasan.so", ASAN_SETTINGS, f"{SIDE_BY_SIDE} tests/python {ASAN_LEAVES_OUT}"
    ),
    900,
)
# Not a second of waiting for more at the end of each process.
TSAN_SETTINGS = {"TSAN_OPTIONS": "atexit_sleep_ms=0"}
TSAN = Stage(
    "tsan threads",
    [*build("tsan", "driver_tests _native"), ctest("build/tsan", "-L threads")],
    1200,
    TSAN_SETTINGS,
)
TSAN_PYTHON = Stage(
    "tsan python",
    sanitized_pytest("tsan", "libtsan.so", "ANYNATS_FACE=blocking", THREADED_TESTS),
    900,
    TSAN_SETTINGS,
)

TEST = [
    *(TIDY, GENERATED, BUILD, CXX_TESTS, PYTHON_TESTS, TYPING, DOCS, PACKAGE),
    *(ASAN, ASAN_PYTHON, TSAN, TSAN_PYTHON),
]
CHECK = [TIDY, GENERATED, BUILD, CXX_TESTS, PYTHON_TESTS, DOCS]
FUZZ_SECONDS = 60  # for each target; the stage is skipped where no clang can build fuzzers
FUZZ = Stage("fuzz", [f"{PYTHON} tools/fuzz.py run {FUZZ_SECONDS} --or-skip"], 1800)
SIMULATED_HOURS = 1000
SIM = Stage("simulation", [f"build/release/tests/sim/sim_tests hours {SIMULATED_HOURS}"], 1800)
PYTHONS = "tests/test_pythons.py"
# A storm of a million cancels, or a whole build, is one test.
PATIENT = "-o faulthandler_timeout=1000"
# ANYNATS_LONG=1 asks tests for their long form: more rounds of the same thing.
LONG = [
    *TEST,
    Stage(
        "asan+ubsan network",
        sanitized_pytest("asan", "libasan.so", ASAN_SETTINGS, "tests/python/network"),
        1800,
    ),
    Stage("long c++ tests", [ctest("build/release", "-L long")], 3600, {"ANYNATS_LONG": "1"}),
    Stage(
        "long tsan threads",
        [ctest("build/tsan", "-L long")],
        7200,
        {"ANYNATS_LONG": "1", **TSAN_SETTINGS},
    ),
    Stage(
        "long python tests",
        [pytest(f"{PATIENT} tests --ignore={PYTHONS}")],
        3600,
        {"ANYNATS_LONG": "1"},
    ),
    Stage(
        "all pythons",
        [pytest(f"-rs {PATIENT} {PYTHONS}")],
        3600,
        {"ANYNATS_LONG": "1"},
    ),
    SIM,
    FUZZ,
]
SETS = {"build": [BUILD], "demo": [DEMO_BUILD], "test": TEST, "check": CHECK, "long": LONG}


def run_command(command: str, environment: dict[str, str], deadline: float) -> str:
    """Run one command in a process group of its own; return why it failed, or an empty string."""
    print(f"$ {command}", flush=True)
    try:
        process = subprocess.Popen(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    except OSError as error:
        return str(error)
    try:
        code = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        end_group(process)
        return "did not end in time"
    except BaseException:
        end_group(process)
        raise
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"exit code {code}" if code else ""


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a command with everything it started."""
    os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(KILL_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived their parent
    process.wait()


def run_stage(stage: Stage) -> str:
    """Run a stage's commands up to the first that fails; return why, or an empty string."""
    deadline = time.monotonic() + stage.seconds
    for command in stage.commands:
        why = run_command(command, stage.environment, deadline)
        if why:
            limit = f" ({stage.seconds:.0f} s)" if why.endswith("in time") else ""
            return f"{why}{limit}: {command}"
    return ""


def run(stages: list[Stage]) -> int:
    """Run stages until one fails, print the table, return the exit code."""
    rows: list[tuple[str, float, str]] = []
    for number, stage in enumerate(stages, 1):
        print(f"\n=== {number}/{len(stages)} {stage.name}", flush=True)
        begin = time.monotonic()
        why = run_stage(stage)
        rows.append((stage.name, time.monotonic() - begin, why))
        if why:
            break
    failed = sum(1 for _, _, why in rows if why)
    print(f"\n{'stage':<24}seconds")
    for name, seconds, why in rows:
        print(f"{name:<24}{seconds:7.1f}{'   FAILED' if why else ''}")
    print(f"{'total':<24}{sum(seconds for _, seconds, _ in rows):7.1f}")
    for stage in stages[len(rows) :]:
        print(f"{stage.name:<24}not run")
    if failed:
        print(f"\nfailed: {rows[-1][0]}: {rows[-1][2]}")
    print(f"\n{len(rows) - failed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


def main(arguments: list[str]) -> int:
    """Choose the stages from the command line and run them."""
    if not arguments or arguments[0] not in SETS:
        print(f"usage: tools/stages.py {'|'.join(SETS)} [first-stage]", file=sys.stderr)
        return 2
    # A shell's background jobs ignore Ctrl-C, and so would the programs whose Ctrl-C is tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stages = SETS[arguments[0]]
    names = [stage.name for stage in stages]
    if arguments[1:]:
        if arguments[1] not in names:
            print(f"no stage {arguments[1]!r}; there are: {', '.join(names)}", file=sys.stderr)
            return 2
        stages = stages[names.index(arguments[1]) :]
    try:
        return run(stages)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
