"""Builds the fuzz targets of tests/fuzz and runs them, or keeps what they found in the tree.

    tools/fuzz.py run [seconds] [--or-skip] [--target name]   each target for so long (default 60)
    tools/fuzz.py merge [--target name]   add what covers more to tests/data/fuzz
    tools/fuzz.py seeds                   write the hand-made inputs of tests/fuzz/seeds.py there

It takes the newest clang that can link libFuzzer. New inputs are collected in build/fuzz/corpus; an
input that breaks a target is left in build/fuzz/broken. Keep such an input, under a name that
tells, in tests/data/fuzz/TARGET: `make test` replays that folder. Standard library only.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
TARGETS = sorted(
    path.stem for path in (ROOT / "tests/fuzz").glob("*.cpp") if not path.stem.startswith("replay")
)
BUILD = ROOT / "build/fuzz"
KEPT = ROOT / "tests/data/fuzz"
HINT = "on Debian: apt-get install clang-22 libclang-rt-22-dev, or another version of both"
CLANG_VERSIONS = range(30, 13, -1)  # before 14 the library's C++20 is not understood
# Each input within 10 s and 512 MiB.
LIMITS = ["-timeout=10", "-rss_limit_mb=512", "-max_len=2048"]
MOST_KEPT = 60  # files of one target; more are a reason to minimise them
TRIAL = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'


def find_compiler() -> str | None:
    """The newest clang that can link a fuzzer with sanitizers; None when there is none."""
    for name in [f"clang++-{version}" for version in CLANG_VERSIONS] + ["clang++"]:
        if not shutil.which(name):
            continue
        with tempfile.TemporaryDirectory() as folder:
            command = [name, "-x", "c++", "-", "-fsanitize=fuzzer,address,undefined"]
            command += ["-o", f"{folder}/trial"]
            if subprocess.run(command, input=TRIAL, text=True, capture_output=True).returncode == 0:
                return name
    return None


def build(compiler: str) -> None:
    """Configure and build every target."""
    print(f"fuzz: {compiler}", flush=True)
    cache = BUILD / "CMakeCache.txt"
    if cache.exists() and f"/{compiler}\n" not in cache.read_text():
        cache.unlink()  # another compiler: CMake starts anew
    configure = ["cmake", "--preset", "fuzz", f"-DCMAKE_CXX_COMPILER={compiler}"]
    subprocess.run(configure, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    command = ["cmake", "--build", "--preset", "fuzz", "--target", "fuzzers"]
    subprocess.run(command, cwd=ROOT, check=True)


def program(target: str) -> str:
    """The fuzzer of one target."""
    return str(BUILD / "tests/fuzz" / f"fuzz_{target}")


def folder(place: Path, target: str) -> Path:
    """A folder for one target, made when it is missing."""
    path = place / target
    path.mkdir(parents=True, exist_ok=True)
    return path


def run(target: str, seconds: int) -> tuple[bool, str]:
    """Fuzz one target; return whether nothing broke, and its figures."""
    log = BUILD / f"{target}.log"
    command = [
        *("nice", program(target), str(folder(BUILD / "corpus", target))),
        *(str(folder(KEPT, target)), *LIMITS, f"-max_total_time={seconds}"),
        *(f"-dict={ROOT / 'tests/fuzz/nats.dict'}", "-print_final_stats=1"),
        f"-artifact_prefix={folder(BUILD / 'broken', target)}/",
    ]
    with log.open("w") as stream:
        code = subprocess.run(command, cwd=BUILD, stdout=stream, stderr=stream).returncode
    text = log.read_text(errors="replace")
    if code:
        print(text[-8000:])
        print(f"fuzz: {target} is broken; the whole log is {log.relative_to(ROOT)}", flush=True)
    done = re.findall(r"number_of_executed_units:\s*(\d+)", text)
    seen = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text)
    edges, features, corpus = seen[-1] if seen else ("?", "?", "?")
    figures = f"{done[-1] if done else '?':>12}{edges:>8}{features:>10}{corpus:>8}"
    return code == 0, figures


def run_all(targets: list[str], seconds: int) -> int:
    """Fuzz the targets one after the other; return the exit code."""
    rows = []
    for target in targets:
        print(f"fuzz: {target} for {seconds} s", flush=True)
        rows.append((target, *run(target, seconds)))
    print(f"\n{'target':<16}{'executions':>12}{'edges':>8}{'features':>10}{'corpus':>8}")
    for target, fine, figures in rows:
        print(f"{target:<16}{figures}{'' if fine else '   BROKEN'}")
    return 0 if all(fine for _, fine, _ in rows) else 1


def merge(targets: list[str]) -> None:
    """Add to the tree what reaches code that nothing kept there reaches."""
    for target in targets:
        kept = folder(KEPT, target)
        # Edges only, not how often each is passed: that keeps the corpus small.
        command = [program(target), "-set_cover_merge=1", "-use_counters=0", *LIMITS, str(kept)]
        command.append(str(folder(BUILD / "corpus", target)))
        subprocess.run(command, cwd=BUILD, check=True, capture_output=True)
        count = len(list(kept.iterdir()))
        note = f", more than {MOST_KEPT}" if count > MOST_KEPT else ""
        print(f"fuzz: {target}: {count} files kept{note}")


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["run", "merge", "seeds"])
    parser.add_argument("seconds", nargs="?", type=int, default=60)
    parser.add_argument("--or-skip", action="store_true", help="no clang is no failure")
    parser.add_argument("--target", choices=TARGETS, action="append")
    arguments = parser.parse_args()
    if arguments.what == "seeds":
        return subprocess.run([sys.executable, ROOT / "tests/fuzz/seeds.py"]).returncode
    compiler = find_compiler()
    if compiler is None:
        print(f"fuzz: {'skipped: ' * arguments.or_skip}no clang with libFuzzer here; {HINT}")
        return 0 if arguments.or_skip else 1
    build(compiler)
    targets = arguments.target or TARGETS
    if arguments.what == "run":
        return run_all(targets, arguments.seconds)
    merge(targets)
    return 0


if __name__ == "__main__":
    sys.exit(main())
