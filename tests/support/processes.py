from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def processes_of(folder: Path) -> list[str]:
    """The command lines that name `folder`, and what works in it, zombies left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            place = (process / "cwd").readlink()
        except OSError:
            continue
        if str(folder) in command or place.is_relative_to(folder):
            found.append(f"{process.name} {command}")
    return found


def wait_until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Waits for something another process does; fails when it takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.01)
