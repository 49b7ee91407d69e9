"""Which feature runs on which way of waiting, as the common test bodies show it.

`pytest --ways FILE` writes it as JSON, for tools/ways.py: what the ways are called, and the tests,
each with its file, its name, what its docstring says, and the outcome on each face ("passed",
"failed", "skipped"; "-" where it is marked `not_on`, with the reason).
"""

import json
from pathlib import Path
from typing import Any

import pytest
from face_support import FACES

WORST_FIRST = ("failed", "skipped", "passed")


class Ways:
    """What is known of a test travels with its reports, as the tests may run in other processes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.tests: dict[str, dict[str, Any]] = {}  # node id without parameters -> what is known

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            call: Any = getattr(item, "callspec", None)
            face = call.params.get("face") if call else None
            if not face or "network" in item.nodeid:
                continue
            mark = item.get_closest_marker("not_on")
            known = {
                "doc": getattr(item, "function").__doc__ or "",  # noqa: B009
                "not_on": list(mark.args) if mark else [],
                "why": mark.kwargs["why"] if mark else "",
            }
            item.user_properties += [("face", face), ("way", json.dumps(known))]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties: dict[str, Any] = dict(report.user_properties)
        if "way" not in properties or (report.when != "call" and report.outcome == "passed"):
            return
        node = report.nodeid.partition("[")[0]
        if node not in self.tests:
            path, _, name = node.partition("::")
            known = json.loads(properties["way"])
            faces = dict.fromkeys(known.pop("not_on"), "-")
            self.tests[node] = {"file": path, "name": name, **known, "faces": faces}
        faces, face = self.tests[node]["faces"], properties["face"]
        faces[face] = min(faces.get(face, "passed"), report.outcome, key=WORST_FIRST.index)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput"):
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        ways = {name: face.title or name for name, face in FACES.items()}
        known = {"ways": ways, "tests": list(self.tests.values())}
        self.file.write_text(json.dumps(known, indent=1))
