"""The installed C++ library, static and shared, and the ways a project gets at it.

What build/release (static) and build/shared hold is installed into a prefix, the prefix is moved,
and tests/package is built against it by find_package and by pkg-config, and run against a server.
The stage `package` of tools/stages.py builds both trees before. Debian packages and
add_subdirectory are tried in the same way.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from anynats.server import Server
from package_support import ROOT, UNITY, run

CONSUMER = ROOT / "tests" / "package"
VERSION = (ROOT / "VERSION").read_text().strip()
SONAME = "libanynats.so." + VERSION.rpartition(".")[0]
TREES = {"static": ROOT / "build" / "release", "shared": ROOT / "build" / "shared"}
SAYS = "parts.a NoServers\n"
# The compiler's code for optimising at link time, which only the same version of it understands.
BYTECODE = ".gnu.lto_"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Server() as server:
        yield server.url


@pytest.fixture(scope="module", params=["static", "shared"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def prefix(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installed tree, moved from where it was installed."""
    place = tmp_path_factory.mktemp(kind)
    run("cmake", "--install", TREES[kind], "--prefix", place / "first")
    return (place / "first").rename(place / "moved")


def library_directory(prefix: Path) -> Path:
    return next(prefix.rglob("pkgconfig")).parent


def build_consumer(build: Path, *definitions: str) -> Path:
    """Configure and build the consumer; return its program."""
    run("cmake", "-S", CONSUMER, "-B", build, "-G", "Ninja", *definitions)
    run("cmake", "--build", build, "-j2")
    return build / "consumer"


def test_find_package(kind: str, prefix: Path, url: str, tmp_path: Path) -> None:
    program = build_consumer(tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    assert run(program, url) == SAYS
    cache = (tmp_path / "CMakeCache.txt").read_text()
    assert f"anynats_DIR:PATH={prefix}/lib" in cache  # not one that the system has
    assert "Boost" not in cache  # nobody who links us needs it


def test_find_package_refuses_another_version(prefix: Path, tmp_path: Path) -> None:
    lists = "cmake_minimum_required(VERSION 3.22)\nproject(a CXX)\n"
    for wanted, there in (("0.1", 1), ("0.2", 0), ("1.0", 0)):
        ask = f"find_package(anynats {wanted} QUIET)\nmessage(STATUS there=${{anynats_FOUND}})\n"
        (tmp_path / "CMakeLists.txt").write_text(lists + ask)
        told = run("cmake", "-S", tmp_path, "-B", tmp_path / wanted, f"-Danynats_ROOT={prefix}")
        assert f"there={there}\n" in told, wanted


def test_pkg_config(kind: str, prefix: Path, url: str, tmp_path: Path) -> None:
    library = library_directory(prefix)

    def ask(*options: str) -> list[str]:
        path = {"PKG_CONFIG_PATH": str(library / "pkgconfig")}
        return shlex.split(run("pkg-config", *options, "anynats", **path))

    assert ask("--modversion") == [VERSION]
    for options in (["--libs"], ["--libs", "--static"]):
        program = tmp_path / "consumer"
        source = CONSUMER / "consumer.cpp"
        run("g++", "-std=c++20", *ask("--cflags"), source, "-o", program, *ask(*options))
        environment = {"LD_LIBRARY_PATH": str(library)} if kind == "shared" else {}
        assert run(program, url, **environment) == SAYS


def test_asio_over_the_installed_library(kind: str, prefix: Path, url: str, tmp_path: Path) -> None:
    """The library knows no Asio: a program brings its own, and finds the adaptor installed."""
    if not Path("/usr/include/boost/asio.hpp").exists():
        pytest.skip("Boost.Asio is not here")
    if kind != "shared":
        return  # a header is the same with both
    library = library_directory(prefix)
    path = str(library / "pkgconfig")
    flags = run("pkg-config", "--cflags", "--libs", "anynats", PKG_CONFIG_PATH=path)
    source = ROOT / "examples" / "cpp" / "asio_service.cpp"
    run("g++", "-std=c++20", source, "-o", tmp_path / "service", *shlex.split(flags))
    told = run(tmp_path / "service", url, LD_LIBRARY_PATH=str(library))
    assert told.startswith("7 * 7 = 49\n")


def test_an_installed_file_names_no_place_of_this_machine(prefix: Path) -> None:
    for path in prefix.rglob("*"):
        if path.suffix in (".cmake", ".pc", ".hpp"):
            text = path.read_text()
            assert str(ROOT) not in text, path
            assert str(prefix.parent) not in text, path


def test_only_what_is_public_is_installed(kind: str, prefix: Path) -> None:
    found = {str(p.relative_to(prefix)) for p in prefix.rglob("*") if not p.is_dir()}
    headers = {str(p.relative_to(ROOT)) for p in (ROOT / "include").rglob("*.hpp")}
    lib = library_directory(prefix).relative_to(prefix)  # Debian's own where prefix was /usr
    cmake = {f"{lib}/cmake/anynats/anynats{name}.cmake" for name in ("Config", "ConfigVersion")}
    targets = {name for name in found if name.startswith(f"{lib}/cmake/anynats/anynatsTargets")}
    licences = {"share/doc/libanynats-dev/copyright"}
    libraries = {f"{lib}/libanynats.a"}
    if kind == "shared":
        licences.add(f"share/doc/{SONAME.replace('.so.', '')}/copyright")
        names = ("libanynats.so", SONAME, f"libanynats.so.{VERSION}")
        libraries = {f"{lib}/{name}" for name in names}
    assert len(targets) == 2
    assert found == headers | cmake | targets | licences | libraries | {
        f"{lib}/pkgconfig/anynats.pc"
    }


def test_the_static_library_is_plain(kind: str, prefix: Path) -> None:
    """It links with any compiler, and beside any Boost: it brings none under Boost's own name."""
    if kind != "static":
        return
    archive = prefix / "lib" / "libanynats.a"
    assert BYTECODE in run("readelf", "-SW", TREES["static"] / archive.name)  # else nothing is lost
    assert BYTECODE not in run("readelf", "-SW", archive)
    symbols = run("nm", "-C", "--defined-only", archive)
    assert "anynats::v0::connect" in symbols
    assert not re.findall(r" [A-Z] (?:\w+ for )?boost::.*", symbols)


def test_the_shared_library_shows_what_is_public() -> None:
    library = TREES["shared"] / "libanynats.so"
    assert f"[{SONAME}]" in run("readelf", "-dW", library)
    shown = run("nm", "-DC", "--defined-only", library)
    names = {line.split(maxsplit=2)[2] for line in shown.splitlines()}
    # Of std some templates are shown whatever we do; the linker takes any one of them.
    ours = {name for name in names if not re.match(r"([\w ]+ for )?std::", name)}
    for name in ("Client::publish", "Session::prepare", "Connection::drive", "Headers::add"):
        assert any(symbol.startswith(f"anynats::v0::{name}(") for symbol in ours), name
    for name in ("Error", "NoResponders", "Closed", "OutOfMemory"):
        assert f"typeinfo for anynats::v0::{name}" in ours
    public = "".join(path.read_text() for path in (ROOT / "include").rglob("*.hpp"))
    for symbol in ours:
        found = re.match(r"(?:\w+ )*?(?:for )?anynats::v0::(?:~?(\w+)::)?~?(\w+)", symbol)
        assert found, f"not ours, and shown: {symbol}"
        for name in filter(None, found.groups()):
            assert re.search(rf"\b{name}\b", public), f"private, and shown: {symbol}"
        assert not re.search("::(State|Read|Detail)::", symbol), f"private, and shown: {symbol}"


def test_debian_packages(url: str, tmp_path: Path) -> None:
    if not shutil.which("dpkg-deb"):
        pytest.skip("dpkg-deb is not here: no Debian")
    run("cpack", "-B", tmp_path, "--config", TREES["shared"] / "CPackConfig.cmake")
    packages = {path.name.partition("_")[0]: path for path in tmp_path.glob("*.deb")}
    runtime = SONAME.replace(".so.", "")
    assert set(packages) == {runtime, "libanynats-dev"}

    def files(package: str) -> set[str]:
        lines = run("dpkg-deb", "-c", packages[package]).splitlines()
        names = (line.split(maxsplit=5)[5].partition(" -> ")[0] for line in lines)
        return {Path(name).name for name in names if not name.endswith("/")}

    assert files(runtime) == {SONAME, f"libanynats.so.{VERSION}", "copyright"}
    assert {"libanynats.so", "anynats.pc", "anynats.hpp", "copyright"} < files("libanynats-dev")
    assert not files("libanynats-dev") & {"libanynats.a", SONAME}
    fields = run("dpkg-deb", "-f", packages["libanynats-dev"], "Depends", "Version")
    assert f"Depends: {runtime} (= {VERSION})" in fields
    assert re.search(r"libc6 .*libstdc\+\+6", run("dpkg-deb", "-f", packages[runtime], "Depends"))

    for path in packages.values():
        run("dpkg-deb", "-x", path, tmp_path / "system")
    program = build_consumer(tmp_path / "build", f"-DCMAKE_PREFIX_PATH={tmp_path / 'system'}/usr")
    assert run(program, url) == SAYS


def test_add_subdirectory(url: str) -> None:
    """The consumer's lists look at what it did to the project around it."""
    build = ROOT / "build" / "package"  # kept: the second run compiles little
    quick = ("-DCMAKE_CXX_FLAGS=-O0", f"-D{UNITY}")
    program = build_consumer(build, f"-DANYNATS_SOURCE={ROOT}", *quick)
    assert run(program, url) == SAYS
    assert "targets of anynats: anynats;anynats_warnings\n" in run("cmake", build)
    run("cmake", "--install", build, "--prefix", build / "installed")
    assert not (build / "installed").exists()  # what to install is the parent's business
