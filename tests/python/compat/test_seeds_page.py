"""docs/seeds.md names a test for what each README says, and that test exists."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "seeds.md"
# What stands where there is no test.
EXCUSES = ("comes with JetStream", "comes with TLS", "no test: ")


def rows() -> list[list[str]]:
    """The rows of the tables that have a column `test`, without their heads."""
    head = r"^\| README \| here \| test \|\n\|[-|]+\|\n"
    tables = re.findall(head + r"((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE)
    lines = (line for table in tables for line in table.splitlines())
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def known_tests() -> set[str]:
    return {
        f"{file.name}::{name}"
        for file in HERE.glob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_each_statement_has_a_test(row: list[str]) -> None:
    says, _, test = row
    assert says
    assert test.startswith(EXCUSES) or test.strip("`") in known_tests(), test


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+\.py::test_\w+)`", PAGE.read_text()))
    assert named
    assert named <= known_tests()


def test_every_package_is_there() -> None:
    parts = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    tables = [part.splitlines()[0] for part in parts if "| README | here | test |" in part]
    assert tables == ["no_asyncio_nats", "nas_pub_sub", "simple-nats", "pynats", "jsm"]
    assert len(rows()) > 80


def test_a_missing_test_would_be_noticed() -> None:
    assert "test_nas_pub_sub.py::test_states" in known_tests()
    assert "test_nas_pub_sub.py::test_nothing_of_this_name" not in known_tests()
