"""The public headers: each stands alone, and serves programs without exceptions (but for Asio's).

Compiled by GCC, and by the newest clang that is here. The static library is the one that the stage
`build` left in build/release.
"""

import shutil
from pathlib import Path

import pytest

from anynats.server import Server
from package_support import ROOT, run

INCLUDE = ROOT / "include"
CLANGS = [f"clang++-{version}" for version in range(30, 14, -1)]
COMPILERS = ["g++", next(filter(shutil.which, CLANGS), "clang++")]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror"]
PLAIN = ["-std=c++20", *WARNINGS]
OPTIONS = [*PLAIN, "-fno-exceptions", "-fno-rtti"]
# An old standalone Asio must be told that clang has coroutines.
COROUTINES = ["-DASIO_HAS_CO_AWAIT", "-DASIO_HAS_STD_COROUTINE"]
ASIO = {"boost/asio.hpp": [], "asio.hpp": ["-DANYNATS_ASIO_STANDALONE", *COROUTINES]}


@pytest.fixture(params=COMPILERS)
def compiler(request: pytest.FixtureRequest) -> str:
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not here")
    return str(request.param)


def test_each_header_stands_alone(compiler: str, tmp_path: Path) -> None:
    headers = sorted(path.relative_to(INCLUDE) for path in INCLUDE.rglob("*.hpp"))
    assert len(headers) > 10
    for header in headers:
        if header.name.startswith("asio"):
            continue  # needs Asio, and its exceptions
        source = tmp_path / f"{header.stem}.cpp"
        source.write_text(f"#include <{header}>\n#include <{header}>\n")
        run(compiler, *OPTIONS, "-fsyntax-only", f"-I{INCLUDE}", source)


@pytest.mark.parametrize("asio", ASIO)
def test_the_headers_for_asio_stand_alone(compiler: str, asio: str, tmp_path: Path) -> None:
    if not Path("/usr/include", asio).exists():
        pytest.skip(f"{asio} is not here")
    source = tmp_path / "asio.cpp"
    source.write_text("#include <anynats/asio.hpp>\n#include <anynats/asio.hpp>\n")
    run(compiler, *PLAIN, *ASIO[asio], "-fsyntax-only", f"-I{INCLUDE}", source)


def test_a_program_without_exceptions(compiler: str, tmp_path: Path) -> None:
    program = tmp_path / "program"
    source = ROOT / "tests" / "package" / "no_exceptions.cpp"
    library = ROOT / "build" / "release" / "libanynats.a"
    link = ("-fno-lto", "-pthread", "-o", program)  # the archive's plain code: that is quick
    run(compiler, *OPTIONS, f"-I{INCLUDE}", source, library, *link)
    with Server() as server:
        assert run(program, server.url) == "UsageError\necho\nTimeoutError\n"


def test_a_newer_boost_serves_too() -> None:
    """The library's own files, by headers newer than those that it is built with here."""
    (newer,) = (ROOT / ".venv").glob("lib/python*/site-packages/libboost_headers/include")
    sources = [ROOT / "src" / "core" / "info.cpp", ROOT / "src" / "core" / "json_impl.cpp"]
    paths = (f"-I{INCLUDE}", f"-I{ROOT / 'src'}", "-isystem", newer)
    for source in sources:
        run("g++", *PLAIN, '-DANYNATS_VERSION="0"', *paths, "-fsyntax-only", source)
