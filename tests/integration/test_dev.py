from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

import grpc
import httpx
import pytest

from creditgate import Client
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import authorization_service_pb2_grpc as authorization_grpc
from tests.support.database import Database
from tests.support.processes import processes_of, wait_until
from tests.support.server import free_port

_DEV = (sys.executable, "-m", "creditgate_server", "dev")
RUNNING = "Creditgate is running"


class Development:
    """`creditgate-server dev` in a folder, as a process of its own."""

    def __init__(
        self, folder: Path, *, port: int, options: Sequence[str] = (), **environ: str
    ) -> None:
        self.folder = folder
        self.output = folder / "output"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("CREDITGATE_")}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*_DEV, f"--listen=127.0.0.1:{port}", *options],
                cwd=folder,
                env=kept | environ,
                stdout=output,
                stderr=output,
            )

    def running(self) -> Self:
        wait_until(lambda: RUNNING in self.text or self.process.poll() is not None, seconds=30)
        assert RUNNING in self.text, self.text
        return self

    def told(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        return self.process.wait(20)

    @property
    def text(self) -> str:
        return self.output.read_text()

    @property
    def env(self) -> dict[str, str]:
        text = (self.folder / ".creditgate" / "env").read_text()
        pairs = (line.partition("=") for line in text.splitlines() if line[0] != "#")
        return {name: value for name, _, value in pairs}

    def page(self, path: str) -> str:
        """Read from the web page, wherever the screen says that it is."""
        shown = re.search(r"^  web page   (http://127\.0\.0\.1:\d+)  ", self.text, re.MULTILINE)
        assert shown, self.text
        text: str = httpx.get(shown[1] + path, follow_redirects=True).text
        return text

    def charge(self, hold_id: str, micros: int) -> pb.ChargeResponse:
        with grpc.insecure_channel(self.env["CREDITGATE_TARGET"]) as channel:
            stub = authorization_grpc.CreditAuthorizationServiceStub(channel)
            answer: pb.ChargeResponse = stub.Charge(
                pb.ChargeRequest(account_id="demo", hold_id=hold_id, amount_micros=micros),
                metadata=(("authorization", f"Bearer {self.env['CREDITGATE_API_KEY']}"),),
                timeout=5,
            )
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder every account reaches, and in which nothing runs afterwards."""
    with tempfile.TemporaryDirectory(prefix="creditgate-dev-") as path:
        Path(path).chmod(0o755)
        yield Path(path)
        wait_until(lambda: processes_of(Path(path)) == [], seconds=10)


def test_from_nothing_to_a_charge_and_again_with_what_was_kept(folder: Path) -> None:
    port = free_port()
    with Development(folder, port=port).running() as dev:
        answer = dev.charge("msg-1", 3_200_000)
        assert answer.decision == pb.DECISION_GRANTED
        assert answer.balance.settled_micros == 96_800_000
        key = dev.env["CREDITGATE_API_KEY"]
        assert dev.env["CREDITGATE_TARGET"] == f"127.0.0.1:{port}"
        assert f"API key    {key}" in dev.text
        assert "100 credits available" in dev.text
        assert dev.page("/health") == "ok\n"
        assert "Log in" in dev.page("/")
        for name in ("env", "pepper"):
            assert (folder / ".creditgate" / name).stat().st_mode & 0o077 == 0
        assert dev.told(signal.SIGINT) == 0
    with Development(folder, port=port).running() as again:
        assert again.env["CREDITGATE_API_KEY"] == key, "a key that still works is kept"
        assert "96.8 credits available" in again.text, "credits are not given twice"
        assert again.charge("msg-1", 3_200_000).replayed
        assert again.told(signal.SIGTERM) == 0


def test_the_screen_fits_a_terminal(folder: Path) -> None:
    with Development(folder, port=free_port()).running() as dev:
        lines = dev.text.splitlines()
        assert len(lines) <= 28
        assert max(map(len, lines)) <= 90
        assert dev.told(signal.SIGHUP) == 0


@pytest.mark.parametrize("when", ["at once", "while PostgreSQL starts", "while the server starts"])
def test_told_to_stop_while_it_starts_it_leaves_nothing(folder: Path, when: str) -> None:
    line = {
        "at once": "",
        "while PostgreSQL starts": "starting PostgreSQL",
        "while the server starts": "starting the server",
    }[when]
    with Development(folder, port=free_port()) as dev:
        # Before its handlers are there, Python's own end it just as well.
        wait_until(lambda: line in dev.text and (folder / ".creditgate").exists(), seconds=30)
        assert dev.told(signal.SIGINT) == 0
        assert "Traceback" not in dev.text


def test_killed_it_takes_postgresql_along(folder: Path) -> None:
    with Development(folder, port=free_port()).running() as dev:
        dev.process.kill()
        dev.ended()
    wait_until(lambda: processes_of(folder) == [], seconds=20)


def test_it_says_that_postgresql_has_ended(folder: Path) -> None:
    with Development(folder, port=free_port()).running() as dev:
        pid_file = folder / ".creditgate" / "postgres" / "data" / "postmaster.pid"
        postmaster = [p for p in processes_of(folder) if "/postgres -D" in p]
        assert pid_file.exists()
        assert postmaster
        # The postmaster may be in another user's name space; from here its id is the listed one.
        os.kill(min(int(p.split()[0]) for p in postmaster), signal.SIGKILL)
        assert dev.ended() == 1
        assert dev.text.splitlines()[-1].startswith("Error: PostgreSQL has ended")


def test_a_taken_port_is_found_before_anything_is_started(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        started = time.monotonic()
        with Development(folder, port=port) as dev:
            assert dev.ended() == 1
        assert time.monotonic() - started < 10
    assert f"127.0.0.1:{port} is taken" in dev.text
    assert f"--listen 127.0.0.1:{port + 1}" in dev.text
    assert not (folder / ".creditgate" / "postgres").exists()


def test_a_second_one_in_the_same_folder_is_told_of_the_first(folder: Path) -> None:
    with Development(folder, port=free_port()).running() as first:
        with Development(folder, port=free_port()) as second:
            assert second.ended() == 1
        assert f"(process {first.process.pid})" in second.text
        assert first.told(signal.SIGTERM) == 0


def test_a_database_that_is_named_is_used_instead(folder: Path, database: Database) -> None:
    environ = {"CREDITGATE_DATABASE_URL": database.url}
    with Development(folder, port=free_port(), **environ).running() as dev:
        assert dev.charge("msg-1", 1_000_000).decision == pb.DECISION_GRANTED
        assert "CREDITGATE_DATABASE_URL" in dev.text
        assert not (folder / ".creditgate" / "postgres").exists()
        assert dev.told(signal.SIGTERM) == 0


def test_a_key_that_works_no_more_is_replaced(folder: Path, database: Database) -> None:
    environ = {"CREDITGATE_DATABASE_URL": database.url}
    with Development(folder, port=free_port(), **environ).running() as dev:
        old = dev.env["CREDITGATE_API_KEY"]
        assert dev.told(signal.SIGTERM) == 0
    subprocess.run(
        [sys.executable, "-m", "creditgate_server", "keys", "revoke", old],
        env=os.environ | environ,
        check=True,
        capture_output=True,
    )
    with Development(folder, port=free_port(), **environ).running() as again:
        assert again.env["CREDITGATE_API_KEY"] != old
        assert again.charge("msg-1", 1_000_000).decision == pb.DECISION_GRANTED
        assert again.told(signal.SIGTERM) == 0


def test_metrics_move_aside_when_their_port_is_taken(folder: Path, database: Database) -> None:
    environ = {"CREDITGATE_DATABASE_URL": database.url}
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 9464))
        except OSError:
            pass  # somebody else has it: that serves as well
        else:
            taken.listen()
        with Development(folder, port=free_port(), **environ).running() as dev:
            assert "metrics    http://127.0.0.1:" in dev.text
            assert "127.0.0.1:9464" not in dev.text
            assert dev.told(signal.SIGTERM) == 0


def test_wrong_settings_are_told_by_name(folder: Path) -> None:
    with Development(folder, port=free_port(), CREDITGATE_LANES="0") as dev:
        assert dev.ended() == 2
    assert "CREDITGATE_LANES: must be 1 to 64" in dev.text
    assert "Traceback" not in dev.text
    assert json.dumps(processes_of(folder)) == "[]"


def test_demo_data_is_made_once_beside_what_is_there(folder: Path) -> None:
    port, options = free_port(), ("--demo-data", "--demo-days=5")
    with Development(folder, port=port).running() as dev:
        dev.charge("msg-1", 3_200_000)
        assert dev.told(signal.SIGTERM) == 0
    with Development(folder, port=port, options=(*options, "--demo-traffic")).running() as dev:
        assert "making demo data of 5 days" in dev.text
        assert "demo data  blue-lantern-books" in dev.text
        assert "100 credits available" in dev.text
        assert len(dev.text.split(RUNNING)[1].splitlines()) <= 28
        made = _entries(dev)
        assert len(made) > 4
        assert dev.told(signal.SIGTERM) == 0
    with Development(folder, port=port, options=options).running() as dev:
        assert "making demo data" not in dev.text
        assert _entries(dev)[: len(made)] == made, "the same history, and what came after it"
        assert dev.told(signal.SIGTERM) == 0


def test_a_database_that_is_named_is_given_no_history(folder: Path, database: Database) -> None:
    environ = {"CREDITGATE_DATABASE_URL": database.url}
    with Development(folder, port=free_port(), options=["--demo-data"], **environ) as dev:
        assert dev.ended() == 1
    assert "it goes with no CREDITGATE_DATABASE_URL" in dev.text


def _entries(dev: Development) -> list[tuple[datetime, int]]:
    """When an account of the demo data was changed, and by how much, oldest first."""
    target, key = dev.env["CREDITGATE_TARGET"], dev.env["CREDITGATE_API_KEY"]
    with Client(target, api_key=key) as client:
        entries = client.export_activity("annapurna-lodge")
        return [(entry.created_at, entry.amount_micros) for entry in entries]
