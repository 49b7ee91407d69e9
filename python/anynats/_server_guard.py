"""The small process between `anynats.server.Server` and its nats-server.

A script, never imported. It exists so that the server dies with the program that started it,
however that program ends: its standard input is a pipe from that program, and end of file means the
program is gone. (PDEATHSIG would need a hook between fork and exec, which is unsafe beside threads,
and fires when the *thread* that started the server ends.) It is the server's parent and has not
reaped it while it forwards signals, so none can hit another process that got the same pid.

Protocol: standard output gets `pid\\n`, then each signal number read from standard input (one byte)
is sent to the server and answered by one byte. It ends when the server has ended. When the program
goes first, the server is ended and the scratch directory (first argument) removed. A child that the
program forked without exec holds the pipe too, so the server then lives until that child ends.
"""

import os
import select
import signal
import sys
import time

GRACE_SECONDS = 2.0  # for an orphaned server, between SIGTERM and SIGKILL


def wait_for_end(pid: int, seconds: float) -> bool:
    """Reap the server; return False when it is still there after `seconds`."""
    deadline = time.monotonic() + seconds
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def end_orphan(pid: int, scratch: str) -> None:
    """End the server of a program that is gone, and remove its scratch directory."""
    os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGTERM)
    if not wait_for_end(pid, GRACE_SECONDS):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    import shutil  # only here: it would double the start-up time

    shutil.rmtree(scratch, ignore_errors=True)


def main() -> None:
    """Start the server and forward signals until one of the two sides ends."""
    scratch, command = sys.argv[1], sys.argv[2:]
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the caller's may block SIGCHLD
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the pipe alone decides how long this process lives
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)

    reset = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
    nowhere = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, nowhere, 0), (os.POSIX_SPAWN_DUP2, 2, 1)]
    pid = os.posix_spawn(
        command[0], command, os.environ, file_actions=actions, setsigdef=reset
    )  # fails loudly: the traceback goes to the log that the caller quotes
    os.write(1, b"%d\n" % pid)

    while True:
        readable = select.select([0, wake_read], [], [])[0]
        if wake_read in readable:
            os.read(wake_read, 64)
            # Stops and continues raise SIGCHLD as well; only an end is reported here.
            if os.waitpid(pid, os.WNOHANG)[0] != 0:
                return
        if 0 in readable:
            request = os.read(0, 1)
            if not request:
                end_orphan(pid, scratch)
                return
            os.kill(pid, request[0])
            if request[0] == signal.SIGSTOP and hasattr(os, "waitid"):  # macOS: from Python 3.13
                # Its threads stop one by one; the answer means that all have. The status is kept,
                # so that a second stop is answered too, and an end is still reported above.
                os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            os.write(1, b".")


if __name__ == "__main__":
    main()
