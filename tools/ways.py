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
WAYS = {
    "blocking": "threads",
    "asyncio": "asyncio",
    "uvloop": "uvloop",
    "trio": "trio",
    "anyio": "anyio",
    "gevent": "gevent",
    "sansio": "sans-IO",
}
HEAD = """\
# Ways of waiting

<!-- Written by tools/ways.py from what the tests did (`make ways`); do not edit. -->

"""
SHORT = (
    ("way", "module", "who reads the socket", "callbacks run", "what ends a wait early"),
    ("---",) * 5,
    (
        *("threads", "`anynats`", "the thread that waits [1]", "on one thread of the client"),
        "Ctrl-C",
    ),
    (
        *("asyncio, uvloop", "`anynats.asyncio`", "the loop", "in a task of each subscription"),
        "cancelling the task",
    ),
    (
        *("trio", "`anynats.trio`", "a task that waits [1]"),
        *("in the nursery of `async with connect()`", "cancel scopes"),
    ),
    (
        *("anyio", "`anynats.anyio`", "a task that waits [1]"),
        *("in the task group of `async with connect()`", "cancel scopes"),
    ),
    (
        *("gevent", "`anynats.gevent`", "a hub on which greenlets wait [1]"),
        *("in a greenlet of each subscription", "`gevent.Timeout`, `kill()`"),
    ),
    ("sans-IO", "`anynats.sansio`", "you", "nowhere", "you"),
)
MIDDLE = """
[1] While nothing waits, a background thread reads, sends, answers pings and keeps deadlines.

One test body runs on all of them. A mark is a test that passed in the last full run, and leads to
it; `n/a` says that the thing makes no sense there, for the reason below the tables.
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


def page(tests: list[dict[str, Any]]) -> str:
    notes: list[str] = []
    parts = [HEAD, *(f"| {' | '.join(row)} |\n" for row in SHORT), MIDDLE]
    files = sorted({test["file"] for test in tests}, key=lambda name: (len(name), name))
    for file in files:
        title = Path(file).stem.removeprefix("test_").replace("_", " ")
        parts.append(f"\n## {title.capitalize()}\n\n| | {' | '.join(WAYS.values())} |")
        parts.append("\n|---|" + "---|" * len(WAYS) + "\n")
        for test in sorted((t for t in tests if t["file"] == file), key=feature):
            cells = " | ".join(cell(test, way, notes) for way in WAYS)
            parts.append(f"| {feature(test)} | {cells} |\n")
    if notes:
        parts.append("\n" + "".join(f"{n}. {why}\n" for n, why in enumerate(notes, 1)))
    return "".join(parts)


def main(command: str, results: Path) -> int:
    tests = json.loads(results.read_text(encoding="utf-8"))
    for test in tests:
        if command == "check" and {*test["faces"].values()} <= {"skipped", "-"}:
            print(f"{test['name']} was skipped on every way: this machine cannot run it")
            test["faces"] = dict.fromkeys(test["faces"], "passed")
    text = page(tests)
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
