"""Which feature runs on which way of waiting, as the common test bodies show it.

`pytest --ways FILE` writes it as JSON, for tools/ways.py: a list of tests, each with its file, its
name, what its docstring says, and the outcome on each face ("passed", "failed", "skipped"; "-"
where it is marked `not_on`, with the reason).
"""

import json
from pathlib import Path
from typing import Any

import pytest

WORST_FIRST = ("failed", "skipped", "passed")


class Ways:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.tests: dict[str, dict[str, Any]] = {}  # node id without parameters -> what is known

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            call: Any = getattr(item, "callspec", None)
            face = call.params.get("face") if call else None
            if not face or "network" in item.nodeid:
                continue
            name = item.nodeid.partition("[")[0]
            path, _, function = name.partition("::")
            mark = item.get_closest_marker("not_on")
            known = {
                "file": path,
                "name": function,
                "doc": getattr(item, "function").__doc__ or "",  # noqa: B009
                "faces": dict.fromkeys(mark.args, "-") if mark else {},
                "why": mark.kwargs["why"] if mark else "",
            }
            self.tests.setdefault(name, known)
            item.user_properties.append(("face", face))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        face = dict(report.user_properties).get("face")
        test = self.tests.get(report.nodeid.partition("[")[0])
        if not isinstance(face, str) or test is None:
            return
        if report.when == "call" or report.outcome != "passed":
            before = test["faces"].get(face, "passed")
            test["faces"][face] = min(before, report.outcome, key=WORST_FIRST.index)

    def pytest_sessionfinish(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(list(self.tests.values()), indent=1))
