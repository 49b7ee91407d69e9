"""The Python package as users get it: an sdist, and wheels in environments outside the checkout.

One wheel comes out of build/release, in seconds; the other out of the sdist as pip makes it
anywhere, in an environment of its own with what pyproject.toml asks for and nothing else, the
headers of Boost included. Each is installed into a fresh venv and talks to a server.
"""

import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from anynats.server import Server
from package_support import ROOT, UNITY, run

VERSION = (ROOT / "VERSION").read_text().strip()
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
PROGRAM = """\
import asyncio, sys
import anynats, anynats.asyncio, anynats.sansio

def blocking(url):
    with anynats.connect(url) as nc, nc.subscribe("parts.*") as sub:
        nc.publish("parts.a", b"one", headers={"unit": "C"})
        msg = sub.next(timeout=10)
        assert (msg.payload, msg.headers["unit"]) == (b"one", "C")
        try:
            nc.request("nobody.here", b"?", timeout=10)
        except anynats.NoResponders:
            return msg.subject

async def on_asyncio(url):
    async with anynats.asyncio.connect(url) as nc, nc.subscribe("b") as sub:
        await nc.publish("b", b"two")
        return (await sub.next(timeout=10)).payload.decode()

print(blocking(sys.argv[1]), asyncio.run(on_asyncio(sys.argv[1])))
print(anynats.__version__, anynats.__file__)
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server() as server:
        yield server.url


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sdist")
    build = f"import scikit_build_core.build as build; build.build_sdist({str(place)!r})"
    run(sys.executable, "-c", build, cwd=ROOT)
    (path,) = place.iterdir()
    return path


def built(place: Path, *arguments: str | Path) -> tuple[Path, str]:
    """Have pip build one wheel; return it and what was said."""
    told = run(*PIP, "wheel", "--no-deps", "-v", "-w", place, *arguments, cwd=ROOT)
    (wheel,) = place.glob("*.whl")
    return wheel, told


def newest(prefix: str, text: str) -> tuple[int, ...]:
    """The highest version that follows `prefix` anywhere in `text`."""
    found = re.findall(rf"{prefix}(\d+(?:\.\d+)+)", text)
    return max(tuple(map(int, version.split("."))) for version in found)


def try_out(wheel: Path, place: Path, url: str) -> None:
    """Install a wheel into a fresh environment and run a program there."""
    run(sys.executable, "-m", "venv", place / "venv")
    python = place / "venv" / "bin" / "python"
    run(python, "-m", "pip", "-q", "install", "--no-index", wheel)
    (place / "program.py").write_text(PROGRAM)
    told = run(python, "-I", "-W", "error", "program.py", url, cwd=place).splitlines()
    assert told[0] == "parts.a two"
    assert told[1].startswith(f"{VERSION} {place}/venv/")


def test_what_the_sdist_holds(sdist: Path) -> None:
    assert sdist.name == f"anynats-{VERSION}.tar.gz"
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "VERSION", "CMakeLists.txt", "cmake/boost.cmake"} < names
    assert {"src/core/session.cpp", "python/anynats/py.typed", "tests/CMakeLists.txt"} < names
    assert not [name for name in names if name.startswith((".venv", ".cache", "build/", "bench/"))]


def test_the_wheel(url: str, tmp_path: Path) -> None:
    settings = ("-Cbuild-dir=build/release", "-Ccmake.build-type=RelWithDebInfo")
    tests_too = "-Ccmake.define.ANYNATS_TESTS=ON"  # as the stage `build`: one tree for all
    wheel, _ = built(tmp_path / "wheel", "--no-build-isolation", *settings, tests_too, ".")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"anynats/py.typed", "anynats/__init__.pyi", "anynats/_native.pyi"} < names
    info = f"anynats-{VERSION}.dist-info"
    assert f"{info}/licenses/LICENSE" in names
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"anynats", info}  # nothing of the C++ package
    assert len([name for name in names if ".so" in name]) == 1
    try_out(wheel, tmp_path, url)

    if run("g++", "-dumpversion").strip() == "12":  # of which README.md says what it needs
        (module,) = tmp_path.rglob("anynats/_native.*.so")
        needs, said = run("objdump", "-T", module), (ROOT / "README.md").read_text()
        assert newest("GLIBC_", needs) == newest("glibc ", said)
        assert newest("GLIBCXX_", needs) == newest("GLIBCXX_", said)


def test_a_wheel_from_the_sdist(sdist: Path, url: str, tmp_path: Path) -> None:
    """Not optimised, because that takes four times as long and is the other wheel's business."""
    quick = ("cmake.build-type=Debug", "cmake.define.CMAKE_CXX_FLAGS_DEBUG=-O0")
    settings = [f"-C{setting}" for setting in (*quick, f"cmake.define.{UNITY}")]
    wheel, told = built(tmp_path / "wheel", *settings, sdist)
    boost = re.search("the headers of Boost are those that pip brought: (.*)", told)
    assert boost is not None
    assert "boost_headers" in boost[1]
    try_out(wheel, tmp_path, url)
