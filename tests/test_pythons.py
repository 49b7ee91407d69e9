"""The package on every Python that is found here: built from the sdist, tried outside the checkout.

Looked for are the supported minor versions and their free-threaded builds, on PATH and where pyenv
keeps them. One that is not here is a skip that says so; one that is here is built for, installed
into a fresh environment and talks to a server, from many threads too. Minutes for each, so only
with ANYNATS_LONG=1.
"""

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from anynats.server import Server
from package_support import ROOT, run

OURS = ROOT / ".venv" / "bin" / "python"
BUILD_SECONDS = 900.0  # a minute on an idle machine
VERSIONS = ["3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t"]
# Not optimised: what is tried is that it builds and works.
QUICK = ("-Ccmake.build-type=Debug", "-Ccmake.define.CMAKE_CXX_FLAGS_DEBUG=-O0")
ASK = """\
import json, sys, sysconfig
t = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
version = f"{sys.version_info[0]}.{sys.version_info[1]}{t}"
print(json.dumps([version, sys.version.split()[0], sysconfig.get_path("include")]))
"""
PROGRAM = """\
import asyncio, sys, threading
import anynats, anynats.asyncio, anynats.sansio

def blocking(url):
    with anynats.connect(url) as nc, nc.subscribe("parts.*") as sub:
        nc.publish("parts.a", b"one", headers={"unit": "C"})
        msg = sub.next(timeout=10)
        assert (msg.subject, msg.payload, msg.headers["unit"]) == ("parts.a", b"one", "C")
        try:
            nc.request("nobody.here", b"?", timeout=10)
        except anynats.NoResponders:
            return
        raise AssertionError("somebody was there")

def threads(url):
    def ask(n):
        for i in range(200):
            payload = b"%d.%d" % (n, i)
            assert nc.request("echo", payload, timeout=30).payload == payload
            done[n] += 1

    def answer():
        for msg in service:
            nc.publish(msg.reply, msg.payload)

    done = [0] * 8
    with anynats.connect(url) as nc:
        service = nc.subscribe("echo")
        answering = threading.Thread(target=answer)
        asking = [threading.Thread(target=ask, args=(n,)) for n in range(len(done))]
        for thread in [answering, *asking]:
            thread.start()
        for thread in asking:
            thread.join()
        service.unsubscribe()
        answering.join()
    assert done == [200] * 8, done

async def on_asyncio(url):
    async with anynats.asyncio.connect(url) as nc, nc.subscribe("b") as sub:
        for i in range(500):
            await nc.publish("b", b"%d" % i)
        for i in range(500):
            assert (await sub.next(timeout=10)).payload == b"%d" % i
        waiting = asyncio.create_task(sub.next())
        await asyncio.sleep(0)
        waiting.cancel()
        await nc.publish("b", b"kept")
        assert (await sub.next(timeout=10)).payload == b"kept"

def sansio():
    session = anynats.sansio.Session(["nats://127.0.0.1:4222"], seed=bytes(32), now=0.0)
    assert session.next_action() is not None

blocking(sys.argv[1])
threads(sys.argv[1])
asyncio.run(on_asyncio(sys.argv[1]), debug=True)
sansio()
print("well")
"""


@functools.cache
def found() -> dict[str, Path]:
    """The interpreters of this machine by version; the first of each that answers."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    pythons: dict[str, Path] = {}
    for version in VERSIONS:
        on_path = shutil.which(f"python{version}")
        for path in [*sorted(pyenv.glob(f"*/bin/python{version}")), on_path and Path(on_path)]:
            if path and version not in pythons and answers(path) == version:
                pythons[version] = path
    return pythons


def answers(python: Path) -> str | None:
    """The version that an interpreter says it is; None for one that cannot be built for."""
    asked = subprocess.run([python, "-I", "-c", ASK], capture_output=True, text=True, timeout=60)
    if asked.returncode:
        return None  # a shim of pyenv for a version that is not chosen
    version, _, include = json.loads(asked.stdout)
    return version if Path(include, "Python.h").exists() else None


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sdist")
    build = f"import scikit_build_core.build as build; build.build_sdist({str(place)!r})"
    run(OURS, "-c", build, cwd=ROOT)
    (path,) = place.iterdir()
    return path


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server() as server:
        yield server.url


@pytest.mark.skipif(not os.environ.get("ANYNATS_LONG"), reason="with ANYNATS_LONG=1 only")
@pytest.mark.parametrize("version", VERSIONS)
def test_builds_and_works(version: str, sdist: Path, url: str, tmp_path: Path) -> None:
    if version not in found():
        pytest.skip(f"no Python {version} with its headers is here; found: {', '.join(found())}")
    run(found()[version], "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    # Our pip for theirs: that of a Python of 2023 cannot hand settings on.
    pip = (OURS, "-m", "pip", "--python", python, "-q", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "-w", tmp_path, *QUICK, sdist, seconds=BUILD_SECONDS)
    (wheel,) = tmp_path.glob("*.whl")
    assert f"-cp{version.rstrip('t').replace('.', '')}-" in wheel.name
    run(*pip, "install", "--no-index", wheel)
    (tmp_path / "program.py").write_text(PROGRAM)
    # README.md says so of free-threaded builds: they turn their lock on for us.
    warnings = ("-W", "error", "-W", "ignore:The global interpreter lock:RuntimeWarning")
    told = run(python, "-I", "-X", "dev", *warnings, "program.py", url, cwd=tmp_path)
    assert told == "well\n"
