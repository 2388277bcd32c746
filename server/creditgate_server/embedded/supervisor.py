"""Runs PostgreSQL and does not outlive whoever asked for it.

A process of its own, started by `cluster.py` as a script, with nothing but the standard library.
Its standard input carries the orders, one word a line: `smart`, `fast`, `immediate` or `kill`.
The end of that input, or another parent than the one it was born to, means that whoever asked is
gone, however that came about; then PostgreSQL is stopped. Standard output gets one line, the
process id of PostgreSQL. Standard error is the log, of PostgreSQL too.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
# PostgreSQL whose owner is gone is asked politely, then firmly, then killed.
_FORSAKEN_STEPS = (("fast", 10.0), ("immediate", 5.0))
_POLL_SECONDS = 0.2
_PR_SET_CHILD_SUBREAPER = 36
_HAS_PROC = Path("/proc/self/stat").exists()
_POLL_STOPPING_SECONDS = 0.01


class Supervisor:
    """One PostgreSQL process and the pipe its orders come by."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._parent = int(plan["parent_pid"])
        self._run_folder: str | None = plan["remove_folder"]
        self._poll_seconds = _POLL_SECONDS
        self._orders = b""
        self._terminated = False
        # A terminal's signals are for whoever started this, who will send an order in time.
        # Handlers, rather than ignoring, because PostgreSQL would inherit the latter.
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGHUP, lambda *_: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        self._postgres = subprocess.Popen(
            plan["command"],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            user=plan["user"],
            group=plan["group"],
            extra_groups=plan["extra_groups"],
        )

    def run(self) -> int:
        """Serves orders until PostgreSQL ends; returns how it ended."""
        sys.stdout.write(f"{self._postgres.pid}\n")
        sys.stdout.flush()
        while self._postgres.poll() is None:
            if not self._serve_orders() or self._is_forsaken():
                self._stop_forsaken()
        if self._run_folder:
            self._remove_run_folder(self._run_folder)
        return self._postgres.returncode

    def _serve_orders(self) -> bool:
        """Waits a moment for orders and follows them. False when no more can come."""
        ready, _, _ = select.select([0], [], [], self._poll_seconds)
        if not ready:
            return True
        received = os.read(0, 4096)
        *lines, self._orders = (self._orders + received).split(b"\n")
        for line in lines:
            self._poll_seconds = _POLL_STOPPING_SECONDS
            self._follow(line.decode())
        return bool(received)

    def _follow(self, order: str) -> None:
        if order == "kill":
            self._kill()
        else:
            self._postgres.send_signal(_SIGNALS[order])

    def _on_terminate(self, *_: object) -> None:
        self._terminated = True

    def _is_forsaken(self) -> bool:
        # The parent's copies of the pipe may live on in its forked children; its id does not.
        return self._terminated or os.getppid() != self._parent

    def _stop_forsaken(self) -> None:
        for order, patience_seconds in _FORSAKEN_STEPS:
            self._follow(order)
            try:
                self._postgres.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                continue
            return
        self._kill()

    def _kill(self) -> None:
        """Kills the postmaster and its backends at once, as a machine that loses power does."""
        # Stopped first, so that no backend is born between the look and the kill.
        self._postgres.send_signal(signal.SIGSTOP)
        backends = _children(self._postgres.pid)
        self._postgres.kill()
        self._postgres.wait()
        for backend in backends:
            _kill_quietly(backend)
        while any(map(_is_alive, backends)):
            time.sleep(_POLL_STOPPING_SECONDS)
        _reap()

    def _remove_run_folder(self, folder: str) -> None:
        for leftover in Path(folder).glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)
        Path(folder).rmdir()


def _adopt_descendants() -> None:
    """Makes this process the parent of backends that lose theirs, where the system allows it."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap() -> None:
    """Takes the ended backends out of the process table, which not every init does."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _children(pid: int) -> list[int]:
    return [child for child, (parent, _) in _processes().items() if parent == pid]


def _is_alive(pid: int) -> bool:
    # A killed backend may stay behind as a zombie until its new parent looks after it.
    return _processes().get(pid, (0, "Z"))[1] != "Z"


def _processes() -> dict[int, tuple[int, str]]:
    """Each process's parent and the letter of its state."""
    if not _HAS_PROC:
        command = ["ps", "-A", "-o", "pid=,ppid=,stat="]
        table = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        rows = [line.split() for line in table.splitlines()]
        return {int(pid): (int(parent), state[0]) for pid, parent, state in rows}
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The program's name, in brackets, may hold anything, brackets too.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        found[int(stat.parent.name)] = (int(parent), state)
    return found


def _kill_quietly(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def main() -> int:
    """Runs the plan that the only argument holds as JSON."""
    _adopt_descendants()
    return Supervisor(json.loads(sys.argv[1])).run()


if __name__ == "__main__":
    sys.exit(main())
