from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.database import unused_folder
from tests.support.processes import processes_of, wait_until

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder() -> Iterator[Path]:
    path = unused_folder("creditgate-owner-")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts a process that owns a PostgreSQL in `folder`, and waits until both are ready."""
    owners: list[subprocess.Popen[str]] = []

    def start_owner(*arguments: str) -> subprocess.Popen[str]:
        owner = subprocess.Popen(
            [sys.executable, "-m", "tests.support.embedded_owner", str(folder), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        owners.append(owner)
        assert owner.stdout
        assert owner.stdout.readline().startswith("postgresql://")
        return owner

    yield start_owner
    for owner in owners:
        with owner, contextlib.suppress(ProcessLookupError):
            os.killpg(owner.pid, signal.SIGKILL)


def servers_in(folder: Path) -> list[str]:
    return [line for line in processes_of(folder) if "embedded_owner" not in line]


def supervisor_of(folder: Path) -> int:
    (line,) = (line for line in processes_of(folder) if "supervisor.py" in line)
    return int(line.split()[0])


def assert_stopped_cleanly(folder: Path) -> None:
    wait_until(lambda: servers_in(folder) == [])
    assert (folder / "log").read_text().rstrip().endswith("database system is shut down")


def test_ends_with_an_owner_that_forgot_it(start: Start, folder: Path) -> None:
    owner = start()
    assert owner.stdin
    owner.stdin.close()
    assert owner.wait() == 0
    assert_stopped_cleanly(folder)


def test_ends_with_an_owner_that_was_killed(start: Start, folder: Path) -> None:
    start().kill()
    assert_stopped_cleanly(folder)


def test_ends_with_an_owner_whose_child_still_holds_the_pipe(start: Start, folder: Path) -> None:
    owner = start("--fork")
    owner.kill()
    assert_stopped_cleanly(folder)
    assert any("embedded_owner" in line for line in processes_of(folder))


def test_is_not_ended_by_the_owners_terminal(start: Start, folder: Path) -> None:
    os.kill(supervisor_of_running(start, folder), signal.SIGINT)
    with pytest.raises(AssertionError):
        wait_until(lambda: servers_in(folder) == [], seconds=0.5)


def supervisor_of_running(start: Start, folder: Path) -> int:
    start()
    return supervisor_of(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_ends_with_its_supervisor(start: Start, folder: Path) -> None:
    os.kill(supervisor_of_running(start, folder), signal.SIGKILL)
    assert_stopped_cleanly(folder)


def test_ends_when_its_supervisor_is_asked_to(start: Start, folder: Path) -> None:
    os.kill(supervisor_of_running(start, folder), signal.SIGTERM)
    assert_stopped_cleanly(folder)


def test_the_next_owner_waits_for_the_last_ones_server(start: Start, folder: Path) -> None:
    start().kill()
    start()
    assert len([line for line in servers_in(folder) if "supervisor.py" in line]) == 1
