"""Self-tests of tidy.py: each rule finds a breach planted in a temporary tree, and no other."""

import subprocess
import sys
from pathlib import Path

import pytest

import tidy

CXX_HEAD = "// What this file owns,\n// and which thread.\n"
PY_HEAD = '"""What this file owns,\n\nand which thread.\n"""\n'
MARK = "TO" + "DO"
MACHINE = "/ro" + "ot/x"


def planted(root: Path, path: str, text: str) -> list[str]:
    """The breaches of a tree with one file, without the file's name."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return [breach.removeprefix(f"{path}:") for breach in tidy.breaches(root)]


# path, text after the opening comment (two lines of C++, four of Python), what is found
CXX_BREACHES = [
    ("src/core/a.cpp", '#include "net/b.hpp"', "3: core may not include net (net/b.hpp)"),
    ("src/core/a.cpp", '#include "ops/b.hpp"', "3: core may not include ops (ops/b.hpp)"),
    ("src/net/a.cpp", '#include "ops/b.hpp"', "3: net may not include ops (ops/b.hpp)"),
    ("src/ops/a.cpp", '#include "net/b.hpp"', "3: ops may not include net (net/b.hpp)"),
    ("src/net/a.cpp", '#include "drive/b.hpp"', "3: net may not include drive (drive/b.hpp)"),
    ("src/ops/a.cpp", "#include <anynats/client.hpp>", "3: ops may not include drive"),
    ("src/core/a.cpp", "#include <anynats/operation.hpp>", "3: core may not include ops"),
    ("src/core/a.cpp", '#include "../net/b.hpp"', '3: cannot tell the layer of "../net/b.hpp"'),
    ("src/misc/a.cpp", "int x;", "1: src/misc is no layer"),
    ("include/anynats/error.hpp", '#include "anynats/operation.hpp"', "3: core may not include op"),
    ("include/anynats/client.hpp", '#include "core/b.hpp"', "3: a public header may not include"),
    ("include/anynats/client.hpp", "#include <poll.h>", "3: <poll.h> is not standard C++"),
    ("include/anynats/client.hpp", "#include <sys/uio.h>", "3: <sys/uio.h> is not standard"),
    ("include/anynats/client.hpp", "#include <openssl/ssl.h>", "3: <openssl/ssl.h> belongs to"),
    ("include/anynats/client.hpp", "#include <boost/asio.hpp>", "3: <boost/asio.hpp> belongs to"),
    ("src/drive/a.cpp", "#include <boost/json.hpp>", "3: <boost/json.hpp> belongs to"),
    ("src/drive/a.cpp", "#include <boost/any.hpp>", "3: <boost/any.hpp> belongs to nobody"),
    ("src/core/a.cpp", "#include <unistd.h>", "3: <unistd.h> is not standard C++"),
    ("src/core/a.cpp", "#include <thread>", "3: core may not include <thread>"),
    ("src/ops/a.cpp", "#include <iostream>", "3: ops may not include <iostream>"),
    ("src/core/a.cpp", "std::thread t;", "3: core may not name a thread: std::thread"),
    ("src/core/a.cpp", "std::shared_mutex m;", "3: core may not name a mutex: std::shared_mutex"),
    ("src/core/a.cpp", "auto t = Clock::now();", "3: core may not name a clock: ::now("),
    ("src/ops/a.cpp", "steady_clock::time_point t;", "3: ops may not name a clock: steady_clock"),
    ("src/core/a.cpp", "std::random_device d;", "3: core may not name a random device"),
    ("src/core/a.cpp", 'auto h = getenv("HOME");', "3: core may not name the environment: getenv"),
    ("src/core/a.cpp", "std::ifstream f;", "3: core may not name a file or stream: std::ifstream"),
    ("src/core/a.cpp", "int s = ::socket(1, 2, 3);", "3: core may not name a socket: ::socket("),
    ("src/net/a.cpp", 'std::cerr << "x";', "3: the library never prints, aborts or exits"),
    ("src/net/a.cpp", 'void f() { printf("x"); }', "3: the library never prints, aborts or exits"),
    ("src/net/a.cpp", "void f() { std::abort(); }", "3: the library never prints, aborts or exits"),
    ("python/src/a.cpp", "void f() { exit(1); }", "3: the library never prints, aborts or exits"),
    ("tests/unit/a.cpp", "void f() { sleep_for(1s); }", "3: a sleep in a test needs a comment"),
    ("src/net/a.cpp", "int x;\t", "3: a tab"),
    ("src/net/a.cpp", "int x; ", "3: blanks at the end"),
    ("src/net/a.cpp", "//" + "x" * 99, "3: 101 columns, more than 100"),
    ("src/net/a.cpp", f"// {MARK}: later", f"3: not for the tree: {MARK}"),
    ("src/net/a.cpp", f"// see {MACHINE}", "3: not for the tree: /ro"),
    ("src/net/a.cpp", "int x;\n" * 799, "802: more than 800 lines"),
    # fences around coroutines
    ("src/drive/a.cpp", "Task<int> f() { co_return 1; }", "3: co_return outside src/ops/"),
    ("include/anynats/client.hpp", "auto f() { co_await g(); }", "3: co_await outside src/ops/"),
]
STATEMENT = "3: co_await stands only as a whole statement or right of `auto x =`"
FENCES = [
    ("if (co_await g()) { h(); }", STATEMENT),
    ("while (co_await g()) {}", STATEMENT),
    ("for (int i = 0; co_await g(); ++i) {}", STATEMENT),
    ("co_return co_await g();", STATEMENT),
    ("return h(co_await g());", STATEMENT),
    ("x = co_await g();", STATEMENT),
    ("int x = co_await g();", STATEMENT),
    ("auto x = 1 + co_await g();", STATEMENT),
    ("auto x = co_await g(b ? c : d);", "3: ?: in an awaited expression"),
    ("auto x = co_await g(Arg{1});", "3: braces in an awaited expression"),
    ("co_await g([c] { return c; });", "3: a lambda in an awaited expression"),
    ("try { g(); } catch (const E& e) { co_await h(); }", "3: co_await in a catch"),
    ("try { g(); } catch (...) { if (x) { co_return; } }", "3: co_return in a catch"),
    ("auto l = [=](int y) -> Task<int> { co_return y; };", "3: co_return in a lambda"),
    ("h([] { co_await g(); });", "3: co_await in a lambda"),
]
PARAMETERS = [
    ("Task<int> f(const std::string& s);", "const std::string& s"),
    ("Task<std::pair<int, int>> f(Session& s, Message&& m);", "Message&& m"),
    ("Task<void> A::f(Session& s, const Session& t = x);", "const Session& t"),
]


@pytest.mark.parametrize(("path", "text", "expected"), CXX_BREACHES)
def test_cxx_breach(tmp_path: Path, path: str, text: str, expected: str) -> None:
    found = planted(tmp_path, path, f"{CXX_HEAD}{text}\n")
    assert any(breach.startswith(expected) for breach in found), found


@pytest.mark.parametrize(("body", "expected"), FENCES)
def test_fence(tmp_path: Path, body: str, expected: str) -> None:
    found = planted(tmp_path, "src/ops/a.cpp", f"{CXX_HEAD}Task<int> f() {{ {body} }}\n")
    assert any(breach.startswith(expected) for breach in found), found


def test_functions_of_one_name(tmp_path: Path) -> None:
    body = f"{CXX_HEAD}namespace {{\n\nTYPE pick(int x) {{\n    return x;\n}}\n\n}}  // namespace\n"
    assert planted(tmp_path, "src/core/a.cpp", body.replace("TYPE", "int")) == []
    planted(tmp_path, "src/drive/b.cpp", body.replace("TYPE", "[[nodiscard]] const long&"))
    found = list(tidy.breaches(tmp_path))
    assert found == ["src/drive/b.cpp:5: pick is a function of src/core/a.cpp too"]


@pytest.mark.parametrize(("text", "parameter"), PARAMETERS)
def test_coroutine_parameters(tmp_path: Path, text: str, parameter: str) -> None:
    found = planted(tmp_path, "src/ops/a.hpp", f"{CXX_HEAD}{text}\n")
    assert found == [f"3: a coroutine takes only Session& by reference: {parameter}"]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("python/anynats/a.py", "print(1)", "5: the library never prints"),
        ("python/anynats/server.py", "def f():\n    print(1)", "6: the library never prints"),
        ("python/anynats/_a.py", "from trio import lowlevel", "5: trio is for its own face"),
        ("python/anynats/gevent.py", "def f():\n    return anynats.trio", ""),
        ("python/anynats/a.py", "x = anynats.asyncio.connect()", "5: asyncio is for its own face"),
        ("tests/python/a.py", "time.sleep(1)", "5: a sleep in a test needs a comment"),
        ("tests/python/a.py", "# why:\ntime.sleep(1)", "6: a sleep in a test needs a comment"),
        ("tools/a.py", "x = '" + "x" * 99 + "'", "5: 105 columns, more than 100"),
        ("tools/a.py", "x = 1", ""),
        ("python/anynats/a.py", "# print(1)", ""),
        ("python/anynats/server.py", "def _cli_main():\n    print(1)", ""),
        ("python/anynats/server.py", "if __name__ == '__main__':\n    print(1)", ""),
        ("tests/python/a.py", "time.sleep(1)  # why: the server has no notice of this", ""),
    ],
)
def test_python(tmp_path: Path, path: str, text: str, expected: str) -> None:
    found = planted(tmp_path, path, f"{PY_HEAD}{text}\n")
    assert (found[0] if found else "").startswith(expected)
    assert len(found) == bool(expected)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/net/a.cpp", "int x;\n"),
        ("src/net/a.cpp", "// one line\nint x;\n"),
        ("python/anynats/a.py", '"""One line."""\n'),
        ("include/anynats/a.hpp", "#pragma once\n"),
    ],
)
def test_opening(tmp_path: Path, path: str, text: str) -> None:
    assert planted(tmp_path, path, text) == ["1: opens without two lines saying what the file owns"]


def test_no_newline_at_the_end(tmp_path: Path) -> None:
    assert planted(tmp_path, "README.md", "a\nb") == ["2: no newline at the end"]


@pytest.mark.parametrize(
    "reference", ["`src/core/no.cpp:f`", "`src/core/no.cpp`", "`src/core/a.cpp:A::gone`"]
)
def test_map_names_what_is_not_there(tmp_path: Path, reference: str) -> None:
    (tmp_path / "src/core").mkdir(parents=True)
    (tmp_path / "src/core/a.cpp").write_text(f"{CXX_HEAD}void A::next() {{}}\n")
    good = "see `src/core/a.cpp:A::next()`, `src/core/` and `src/core/a.cpp`\n"
    assert planted(tmp_path, "HACKING.md", good) == []
    found = planted(tmp_path, "HACKING.md", f"{good}and {reference}\n")
    assert len(found) >= 1
    assert all(breach.startswith("2: ") for breach in found)


GOOD = [
    (
        "src/ops/a.cpp",
        """#include "core/b.hpp"
#include "ops/task.hpp"
#include <anynats/session.hpp>
#include <vector>
// A comment may say std::thread, co_await x ? y : z, std::cerr, even "steady_clock".
Task<int> f(Session& session, std::vector<int> list) {
    const char* text = "std::mutex ? { co_await";
    char quote = '"'; long n = 1'000'000;
    auto reply = co_await session.reply(list[0]);
    auto&& other = co_await g<int>(std::move(list));
    co_await flushed(session);
    if (x) { co_await h(); }
    for (int i = 0; i < 3; ++i) { co_await h(); }
    try { auto y = co_await h(); } catch (const E& e) { n = 2; }
    auto less = [](int a, int b) { return a < b; };
    co_return list[i] ? 1 : 2;
}
Task<std::vector<int>> g();
void take(Task<int>&& task, const std::string& name);
""",
    ),
    ("src/drive/a.cpp", '#include "ops/b.hpp"\n#include "net/b.hpp"\n#include <sys/epoll.h>\n'),
    ("src/drive/b.cpp", "void f() { std::thread t; task.abort(); std::snprintf(b, n, s); }\n"),
    ("include/anynats/asio.hpp", "#include <boost/asio.hpp>\n#include <anynats/client.hpp>\n"),
    ("include/anynats/operation.hpp", "struct A { auto operator co_await(); };\n"),
    ("src/net/tls.cpp", "#include <openssl/ssl.h>\n"),
]


@pytest.mark.parametrize(("path", "text"), GOOD)
def test_good_code_passes(tmp_path: Path, path: str, text: str) -> None:
    assert planted(tmp_path, path, CXX_HEAD + text) == []


def test_generated_files_may_be_long_and_wide(tmp_path: Path) -> None:
    text = "// Generated by tools/x.py.\n" + "//" + "x" * 120 + "\n" + "int x;\n" * 900
    assert planted(tmp_path, "src/core/table.cpp", text) == []


def test_the_script_says_file_and_line_and_fails(tmp_path: Path) -> None:
    planted(tmp_path, "src/core/a.cpp", f"{CXX_HEAD}#include <thread>\n")
    command = [sys.executable, tidy.__file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "src/core/a.cpp:3: core may not include <thread>\n" in done.stdout
    (tmp_path / "src/core/a.cpp").write_text(CXX_HEAD)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "tidy: no breach\n")
