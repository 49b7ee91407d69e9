"""Write docs/ways_of_waiting.md from what ran: features x ways of waiting, each with its test.

    tools/ways.py write|check build/ways.json

The JSON is what `pytest tests/python --ways build/ways.json` leaves (ways_plugin.py there). A test
that was skipped or failed on a way is red. `check` fails when the page is not what ran, or when a
cell is red. Run from the root of the tree. Standard library only.
"""

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path("docs/ways_of_waiting.md")
HEAD = """\
# Ways of waiting

<!-- Written by tools/ways.py from what the tests did (`make ways`); do not edit. -->

One test body runs on all of them. A mark is a test that passed in the last full run, and leads to
it; `n/a` says that the thing makes no sense there, for the reason below the tables. How each
waits, who reads the socket and where callbacks run: [threads.md](threads.md).
"""
RED = "❌"


def feature(test: dict[str, Any]) -> str:
    """What a reader calls it: the docstring's first sentence, or the name in words."""
    if test["doc"]:
        return str(test["doc"]).strip().partition("\n")[0].rstrip(".")
    return str(test["name"]).removeprefix("test_").replace("_", " ")


def cell(test: dict[str, Any], way: str, notes: list[str]) -> str:
    outcome = test["faces"].get(way, "missing")
    if outcome == "-":
        if test["why"] not in notes:
            notes.append(test["why"])
        return f"n/a ({notes.index(test['why']) + 1})"
    mark = "✓" if outcome == "passed" else RED
    return f"[{mark}](../{test['file']})"


def page(ways: dict[str, str], tests: list[dict[str, Any]]) -> str:
    """`ways`: what each face is called."""
    notes: list[str] = []
    parts = [HEAD]
    files = sorted({test["file"] for test in tests}, key=lambda name: (len(name), name))
    for file in files:
        title = Path(file).stem.removeprefix("test_").replace("_", " ")
        parts.append(f"\n## {title.capitalize()}\n\n| | {' | '.join(ways.values())} |")
        parts.append("\n|---|" + "---|" * len(ways) + "\n")
        for test in sorted((t for t in tests if t["file"] == file), key=feature):
            cells = " | ".join(cell(test, way, notes) for way in ways)
            parts.append(f"| {feature(test)} | {cells} |\n")
    if notes:
        parts.append("\n" + "".join(f"{n}. {why}\n" for n, why in enumerate(notes, 1)))
    return "".join(parts)


def main(command: str, results: Path) -> int:
    known = json.loads(results.read_text(encoding="utf-8"))
    ways, tests = known["ways"], known["tests"]
    for test in tests:
        if command == "check" and {*test["faces"].values()} <= {"skipped", "-"}:
            print(f"{test['name']} was skipped on every way: this machine cannot run it")
            test["faces"] = dict.fromkeys(test["faces"], "passed")
    text = page(ways, tests)
    if command == "write":
        PAGE.write_text(text, encoding="utf-8")
    red = text.count(RED)
    if red:
        print(f"{PAGE}: {red} red cells: skipped, failed or not run")
    if text != PAGE.read_text(encoding="utf-8"):
        print(f"{PAGE} is not what ran: make ways")
        return 1
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
