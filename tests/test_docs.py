"""Every program in README.md and docs/ does what its page says, against a real nats-server.

Python runs as written, in a fresh interpreter whose warnings are errors; C++ is compiled and linked
with what the stage `build` left in build/release. Which fences are one program: docs_support.py.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from anynats.sansio import Session
from anynats.server import Server
from docs_support import PROGRAMS, URL, Program, programs_in, programs_of

ROOT = Path(__file__).resolve().parents[1]
ALL = programs_in(ROOT)
SECONDS = 30.0  # for one program
COMPILE_SECONDS = 120.0
COMPILER = os.environ.get("CXX", "g++")
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]


def compile_cpp(program: Program, source: Path, url: str) -> str:
    """Compile a program to `source` without its suffix; return what the compiler complains of."""
    source.write_text(program.source(url))
    library = ROOT / "build" / "release" / "libanynats.a"
    target = ["-o", str(source.with_suffix("")), str(library), "-fno-lto", "-pthread"]
    command = [COMPILER, *FLAGS, str(source), *target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS)
    return done.stderr


def run(*command: str | Path) -> str:
    """Run a program that must end well and complain of nothing; return what it prints."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS
    )
    printed = f"{done.stdout}{done.stderr}"
    assert (done.returncode, done.stderr) == (0, ""), f"ends with {done.returncode}:\n{printed}"
    return done.stdout


def run_python(program: Program, place: Path, url: str) -> None:
    source = place / "page.py"
    source.write_text(program.source(url))
    program.compare(run(sys.executable, "-X", "dev", "-W", "error", source), url)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def compiled(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Path, Future[str]]]]:
    """All C++ programs, compiled two at a time."""
    place = tmp_path_factory.mktemp("cpp")
    with ThreadPoolExecutor(2) as pool:
        builds = {}
        for number, program in enumerate(p for p in ALL if p.language == "cpp"):
            source = place / f"page{number}.cpp"
            complaints = pool.submit(compile_cpp, program, source, server.url)
            builds[str(program)] = (source.with_suffix(""), complaints)
        yield builds


@pytest.mark.parametrize("program", [p for p in ALL if p.language == "cpp"], ids=str)
def test_cpp(
    program: Program, server: Server, compiled: dict[str, tuple[Path, Future[str]]]
) -> None:
    binary, complaints = compiled[str(program)]
    assert complaints.result() == ""
    program.compare(run(binary), server.url)


@pytest.mark.parametrize("program", [p for p in ALL if p.language == "python"], ids=str)
def test_python(program: Program, server: Server, tmp_path: Path) -> None:
    run_python(program, tmp_path, server.url)


def test_every_page_is_read() -> None:
    """Also a page that nobody thought of, in whatever folder, whose fences would not be run."""
    read = {ROOT / "README.md", *(ROOT / "docs").glob("*.md")}
    assert set((ROOT / "docs").rglob("*.md")) <= read
    fences = sum(
        len(re.findall(rf"^```(?:{'|'.join(PROGRAMS)})$", page.read_text(), re.MULTILINE))
        for page in read
    )
    assert fences == sum(len(program.fences) for program in ALL) > 0


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_counters_are_explained() -> None:
    page = (ROOT / "docs" / "limits.md").read_text().partition("## Counters")[2]
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == sorted(Session().counters)


def test_options_that_a_page_names_exist() -> None:
    """With the default that the page says: `name`, 8 MiB."""
    table = (ROOT / "docs" / "options.md").read_text()
    limits = (ROOT / "docs" / "limits.md").read_text()
    named = re.findall(r"\| `(\w+)`, (\d[^;|]*|none)[^|]* \|", limits)
    assert len(named) > 5
    for name, default in named:
        assert re.search(rf"^\| `{name}` \|[^|]*\| {default} \|", table, re.MULTILINE), name


# --- that the above can fail ---------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["", "Python", "python3", "c++", "python title=x"])
def test_a_fence_that_nobody_would_run_is_refused(mark: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:2"):
        programs_of("page.md", f"Text.\n```{mark}\nprint()\n```\n")


@pytest.mark.parametrize(
    "page", ["```python\nx\n", "- a\n  ```python\n  x\n  ```\n", "~~~\nx\n~~~\n"]
)
def test_fences_that_are_not_read_as_written_are_refused(page: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:"):
        programs_of("page.md", page)


PAGE = """# Title
## One
```python
x = 1
```
Text.
```python
x += 1
print(x)
```

```text
2
```
## Two
```python
print("x" in globals())
```
```text
False
```
"""


def test_sections_are_programs(tmp_path: Path) -> None:
    one, two = programs_of("page.md", PAGE)
    run_python(one, tmp_path, URL.replace("4222", "1"))
    run_python(two, tmp_path, URL.replace("4222", "1"))


BREAKS: list[tuple[str, str, str]] = [
    ("x += 1", "x += 2", r"page\.md:8 prints '3"),
    ("x += 1", "1 / 0", r"line 8, in <module>"),
    ("x += 1", "raise SystemExit", r"ended early"),
    ("x += 1", "open('/dev/null')", r"ResourceWarning"),
    ("x += 1", "import os; os._exit(3)", r"ends with 3"),
    ("x = 1", "url = 'nats://localhost:4222'", r"write the server's address"),
]


@pytest.mark.parametrize(("old", "new", "told"), BREAKS)
def test_what_a_page_does_wrong_is_told(old: str, new: str, told: str, tmp_path: Path) -> None:
    one, _ = programs_of("page.md", PAGE.replace(old, new))
    with pytest.raises(AssertionError, match=told):
        run_python(one, tmp_path, URL.replace("4222", "1"))
