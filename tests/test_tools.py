"""Self-tests of tools/stages.py: it stops at the first failure, says which, and never hangs."""

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def stages() -> ModuleType:
    path = Path(__file__).parent.parent / "tools" / "stages.py"
    spec = importlib.util.spec_from_file_location("stages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stages"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_all_pass(stages: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    ask = "sh -c 'test $ASKED = yes'"
    assert stages.run([stages.Stage("a", ["true", ask], 60, {"ASKED": "yes"})]) == 0
    assert capfd.readouterr().out.endswith("\n1 passed, 0 failed\n")


def test_the_first_failure_ends_the_run(
    stages: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    run = [
        stages.Stage("good", ["true"]),
        stages.Stage("bad", ["sh -c 'exit 3'", "echo never"]),
        stages.Stage("later", ["echo never"]),
    ]
    assert stages.run(run) == 1
    out = capfd.readouterr().out
    assert "failed: bad: exit code 3: sh -c 'exit 3'" in out
    assert "later                   not run" in out
    assert "\nnever" not in out
    assert out.endswith("\n1 passed, 1 failed\n")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("no-such-program", "No such file"),
        ("sh -c 'kill -SEGV $$'", "ended by SIGSEGV"),
        ("cat", ""),  # standard input is empty: nothing waits for a key
    ],
)
def test_one_command(stages: ModuleType, command: str, why: str) -> None:
    assert why in stages.run_stage(stages.Stage("a", [command], 60))


def test_a_hang_is_ended_with_its_children(
    stages: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "pid"
    # The shell and its child ignore SIGTERM.
    command = f"sh -c 'trap \"\" TERM; sleep 60 & echo $! >{pid_file}; wait'"
    monkeypatch.setattr(stages, "KILL_SECONDS", 0.2)
    why = stages.run_stage(stages.Stage("a", [command], 1.0))
    assert why.startswith("did not end in time (1 s)")
    deadline = time.monotonic() + 10
    while is_running(int(pid_file.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # why: whoever reaps orphans here gives no notice


def is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_unknown_names_are_refused(stages: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    assert stages.main(["no"]) == 2
    assert stages.main(["test", "no"]) == 2
    assert "there are: tidy, " in capfd.readouterr().err
