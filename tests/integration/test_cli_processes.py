"""`serve`, `work` and `health` as processes of their own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority, write
from tests.support.database import Database
from tests.support.processes import wait_until
from tests.support.server import PEPPER, free_port


class Command:
    """A command that runs until it is told to stop."""

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self._output = folder / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "creditgate_server", *arguments],
                env=environment(**environ),
                stdout=output,
                stderr=output,
            )

    @property
    def text(self) -> str:
        return self._output.read_text()

    def children(self) -> list[int]:
        """The process ids of the servers it looks after."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return sorted(map(int, pids.split()))

    def ended(self) -> int:
        return self.process.wait(60)


def environment(**environ: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CREDITGATE_")}
    return kept | {"CREDITGATE_KEY_PEPPER": PEPPER, "CREDITGATE_DRAIN_NOTICE_MS": "0"} | environ


def health(target: str, *more: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "creditgate_server", "health", "--timeout", "2", *more],
        env=environment(CREDITGATE_LISTEN=target, **environ),
        capture_output=True,
        text=True,
        check=False,
    )


def pages(*ports: int) -> Iterator[str]:
    for port in ports:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            yield answer.read().decode()


@pytest.fixture
def target() -> str:
    return f"127.0.0.1:{free_port()}"


def test_processes_share_a_port_and_are_replaced_when_they_end(
    tmp_path: Path, database: Database, target: str
) -> None:
    metrics = free_port()
    command = Command(
        tmp_path,
        "serve",
        f"--listen={target}",
        "--workers=2",
        CREDITGATE_DATABASE_URL=database.url,
        CREDITGATE_METRICS_LISTEN=f"127.0.0.1:{metrics}",
    )
    wait_until(lambda: command.text.count("SERVING") == 2, seconds=30)
    assert health(target).returncode == 0
    first, second = pages(metrics, metrics + 1)
    assert 'creditgate_loop_rounds_total{loop="expire_holds"' in first
    for loop in ("expire_holds", "deliver_events", "reconcile"):
        assert f'loop="{loop}"' not in second, "one of them does background work"

    one, other = command.children()
    # One that ends within its first seconds would end at once again, and is not replaced.
    wait_until(lambda: time.monotonic() - _started(one) > 5.5, seconds=60)
    os.kill(one, signal.SIGKILL)
    wait_until(lambda: command.text.count(": SERVING") == 3, seconds=30)
    assert other in command.children()
    assert one not in command.children()
    command.process.send_signal(signal.SIGTERM)
    assert command.ended() == 0
    assert command.text.count('"ended"') == 2
    assert health(target).returncode == 1


def test_without_their_parent_processes_drain_by_themselves(
    tmp_path: Path, database: Database, target: str
) -> None:
    command = Command(
        tmp_path,
        "serve",
        f"--listen={target}",
        "--workers=2",
        CREDITGATE_DATABASE_URL=database.url,
    )
    wait_until(lambda: command.text.count(": SERVING") == 2, seconds=30)
    children = command.children()
    command.process.kill()
    command.ended()
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in children), seconds=60)
    assert command.text.count('"ended"') == 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_taken_port_is_told_and_not_shared(
    tmp_path: Path, database: Database, workers: str
) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        target = f"127.0.0.1:{taken.getsockname()[1]}"
        command = Command(
            tmp_path,
            "serve",
            f"--listen={target}",
            f"--workers={workers}",
            CREDITGATE_DATABASE_URL=database.url,
        )
        assert command.ended() == 1
    assert f"cannot listen on {target}" in command.text
    assert "Traceback" not in command.text


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_database_without_our_schema_ends_the_server_with_the_remedy(
    tmp_path: Path, empty_database: Database, target: str, workers: str
) -> None:
    command = Command(
        tmp_path,
        "serve",
        f"--listen={target}",
        f"--workers={workers}",
        CREDITGATE_DATABASE_URL=empty_database.url,
        CREDITGATE_DATABASE_WAIT_SECONDS="1",
    )
    assert command.ended() == 1
    assert "run creditgate-server migrate" in command.text
    assert "Traceback" not in command.text


def test_background_work_runs_alone_until_it_is_told_to_stop(
    tmp_path: Path, database: Database
) -> None:
    port = free_port()
    command = Command(
        tmp_path,
        "work",
        CREDITGATE_DATABASE_URL=database.url,
        CREDITGATE_METRICS_LISTEN=f"127.0.0.1:{port}",
    )
    wait_until(lambda: '"working"' in command.text, seconds=60)
    done = 'creditgate_loop_rounds_total{loop="reconcile",result="ok"} 1.0'
    wait_until(lambda: done in next(pages(port)), seconds=60)
    command.process.send_signal(signal.SIGTERM)
    assert command.ended() == 0


def test_health_tells_why_not(target: str) -> None:
    result = health(target)
    assert result.returncode == 1
    assert f"Error: {target}: UNAVAILABLE" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("mutual", [False, True])
def test_health_asks_over_tls_with_what_the_server_has(
    tmp_path: Path, database: Database, target: str, *, mutual: bool
) -> None:
    authority = Authority("test")
    certificate, key = authority.issue("server")
    tls = {
        "CREDITGATE_TLS_CERT_FILE": str(write(tmp_path, "cert.pem", certificate)),
        "CREDITGATE_TLS_KEY_FILE": str(write(tmp_path, "key.pem", key)),
    }
    ca = str(write(tmp_path, "ca.pem", authority.pem))
    if mutual:
        tls["CREDITGATE_TLS_CLIENT_CA_FILE"] = ca
    environ = {"CREDITGATE_DATABASE_URL": database.url, **tls}
    command = Command(tmp_path, "serve", f"--listen={target}", **environ)
    wait_until(lambda: ": SERVING" in command.text, seconds=30)
    assert health(target, **tls).stdout.strip() == f"{target}: SERVING"
    assert health(target, "--ca", ca, **tls).returncode == 0
    assert health(target).returncode == 1, "without TLS there is no answer"
    command.process.terminate()
    assert command.ended() == 0


def _started(pid: int) -> float:
    """When a process began, on the monotonic clock (Linux counts from the machine's start)."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return ticks / os.sysconf("SC_CLK_TCK")
