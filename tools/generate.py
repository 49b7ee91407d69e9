#!/usr/bin/env python3
"""Write everything that is made from a table, or say with --check what is out of date.

    tools/generate.py            write what has changed
    tools/generate.py --check    write nothing; exit 1 and name each file that is out of date

Errors come from tools/errors.json, options from tools/options.toml, stubs from
python/anynats/_surface.py. Needs Python 3.10 and, on 3.10 only, tomli.
"""

import argparse
import sys
from pathlib import Path

import gen_errors
import gen_options
import stubs

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the generated files of this tree.")
    parser.add_argument("--check", action="store_true", help="only name what is out of date")
    check: bool = parser.parse_args().check

    files = {**gen_errors.outputs(ROOT), **gen_options.outputs(ROOT), **stubs.outputs(ROOT)}
    stale = [name for name, text in files.items() if current(ROOT / name) != text]
    for name in stale:
        if check:
            print(f"{name} is out of date: run tools/generate.py", file=sys.stderr)
        else:
            path = ROOT / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[name], encoding="utf-8")
            print(f"wrote {name}")
    return 1 if check and stale else 0


def current(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
