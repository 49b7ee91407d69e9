"""The programs in the pages of docs/ and in README.md: what test_docs.py runs.

Fences of one language under one `##` heading are one program, in the order of the page. A ```text
fence with nothing but blank lines before it is what the fence above prints. Line numbers of the
programs are those of the page, so that an error names the line to look at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("python", "cpp")
NOT_RUN = ("text", "sh", "cmake", "toml")
URL = "nats://127.0.0.1:4222"  # what a page says; a test has a port of its own
NEXT = "\x1e"  # printed between the fences of a Python program
_FENCE = re.compile(r"(\s*)(`{3,}|~{3,})\s*(.*)")


@dataclass
class Fence:
    """Code of a page, and what it prints if the page says so."""

    first_line: int
    lines: list[str]
    output: str | None = None


@dataclass
class Program:
    """All fences of one language in one section of a page."""

    page: str
    section: str
    language: str
    fences: list[Fence] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.page}: {self.section or 'top'} ({self.language})"

    def source(self, url: str) -> str:
        """Return it as one file that talks to the server at `url`."""
        text = self._python() if self.language == "python" else self._cpp()
        text = text.replace(URL, url)
        assert ":4222" not in text, f"{self}: write the server's address as {URL}"
        return text

    def _python(self) -> str:
        last = self.fences[-1]
        lines = [""] * (last.first_line + len(last.lines))
        for fence in self.fences:
            end = fence.first_line - 1 + len(fence.lines)
            lines[fence.first_line - 1 : end] = fence.lines
            lines[end] = f"print({NEXT!r}, end='', flush=True)"  # in the line that closes the fence
        return "\n".join(lines) + "\n"

    def _cpp(self) -> str:
        parts = ([f'#line {fence.first_line} "{self.page}"', *fence.lines] for fence in self.fences)
        return "\n".join(line for part in parts for line in part) + "\n"

    def compare(self, printed: str, url: str) -> None:
        """Check what the program printed against what the page says."""
        printed = printed.replace(url, URL)
        if self.language == "cpp":  # its fences may be parts of one function
            wanted = [fence.output for fence in self.fences if fence.output is not None]
            if wanted:
                assert printed == "".join(wanted), f"{self} prints something else"
            return
        *parts, end = printed.split(NEXT)
        assert len(parts) == len(self.fences), f"{self} ended early:\n{printed}"
        parts[-1] += end  # of threads and at exit
        for fence, part in zip(self.fences, parts, strict=True):
            if fence.output is not None:
                assert part == fence.output, f"{self.page}:{fence.first_line} prints {part!r}"


def programs_of(page: str, text: str) -> list[Program]:
    """Return the programs of a page; AssertionError for a fence of which nothing is known."""
    programs: dict[tuple[str, str], Program] = {}
    section = ""
    above: Fence | None = None
    lines = enumerate(text.splitlines(), 1)
    for number, line in lines:
        if line.startswith("## "):
            section = line[3:]
        opening = _FENCE.match(line)
        if not opening:
            above = above if not line.strip() else None
            continue
        where = f"{page}:{number}"
        indent, ticks, mark = opening.groups()
        assert not indent and ticks == "```", f"{where}: a fence is ``` in the first column"
        assert mark in PROGRAMS + NOT_RUN, f"{where}: a fence must be marked, not {mark!r}"
        fence = Fence(number + 1, list(_until_closed(lines, where)))
        if mark in PROGRAMS:
            key = (section, mark)
            programs.setdefault(key, Program(page, section, mark)).fences.append(fence)
            above = fence
        else:
            if mark == "text" and above:
                above.output = "".join(f"{line}\n" for line in fence.lines)
            above = None
    return list(programs.values())


def _until_closed(lines: Iterator[tuple[int, str]], where: str) -> Iterator[str]:
    for _, line in lines:
        if line == "```":
            return
        yield line
    raise AssertionError(f"{where}: the fence is not closed")


def programs_in(root: Path) -> list[Program]:
    """Return every program of the documentation of the tree at `root`."""
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    return [
        program
        for page in pages
        for program in programs_of(str(page.relative_to(root)), page.read_text())
    ]
