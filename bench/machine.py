"""The facts about a machine that make figures comparable; nothing that would name it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("grpcio", "protobuf", "asyncpg")


def facts(*, postgres: str) -> dict[str, Any]:
    """Hardware and versions; `postgres` is what the server says of its version."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": f"{platform.system()} {_numbers(platform.release())}",
        "postgresql": _numbers(postgres),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def occasion(command: str) -> dict[str, Any]:
    """When, of what and by which command figures are taken, and how busy the machine is."""
    return {
        "command": command,
        "commit": _git("rev-parse", "--short", "HEAD"),
        "changes_not_committed": bool(_git("status", "--porcelain", "--", "server", "migrations")),
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "load_average": [round(each, 2) for each in os.getloadavg()],
    }


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _numbers(text: str) -> str:
    found = re.match(r"\d+(\.\d+)*", text)
    return found[0] if found else text


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
