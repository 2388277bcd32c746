"""What processes have used of the processor, and of memory, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PARENT, _USER, _SYSTEM, _WAITED_USER, _WAITED_SYSTEM = 1, 11, 12, 13, 14


def seconds_of(pid: int) -> float:
    """Processor seconds of a process and of all below it, those that have ended included."""
    stats = _stats()
    return sum(_ticks(stats[each]) for each in _family(pid, stats)) / _TICKS_PER_SECOND


def seconds_of_thread(pid: int) -> float:
    """Processor seconds of a process of one thread, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def seconds_by_name(pids: Mapping[str, int]) -> dict[str, float]:
    """The same for several processes, by name."""
    return {name: seconds_of(pid) for name, pid in pids.items()}


def resident_mb(pid: int) -> float:
    """Memory of one process that is in RAM, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * _PAGE_BYTES / 1e6


def _ticks(stat: list[str]) -> int:
    return sum(int(stat[each]) for each in (_USER, _SYSTEM, _WAITED_USER, _WAITED_SYSTEM))


def _family(pid: int, stats: Mapping[int, list[str]]) -> Iterable[int]:
    if pid not in stats:
        return
    yield pid
    for child, stat in stats.items():
        if int(stat[_PARENT]) == pid:
            yield from _family(child, stats)


def _stats() -> dict[int, list[str]]:
    """The fields of every process's stat, beginning with its state."""
    found: dict[int, list[str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue  # it has just ended
            found[int(entry.name)] = text.rpartition(")")[2].split()
    return found
