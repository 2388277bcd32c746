"""The dashboard as a process of its own."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from creditgate_server.domain.keys import key_id_of
from creditgate_server.domain.links import Links, UsageLink
from tests.support.certificates import Authority
from tests.support.database import Database
from tests.support.processes import wait_until
from tests.support.server import PEPPER, free_port, running_server


def environ(database: Database, port: int, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CREDITGATE_")}
    return kept | {
        "CREDITGATE_DATABASE_URL": database.url,
        "CREDITGATE_KEY_PEPPER": PEPPER,
        "CREDITGATE_DASHBOARD_LISTEN": f"127.0.0.1:{port}",
        **more,
    }


@contextmanager
def process(env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "creditgate_server", "dashboard"]
    with log.open("wb") as output:
        running = subprocess.Popen(command, env=env, stdout=output, stderr=output)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def ask(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "creditgate_server", "health", "--dashboard"]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


async def test_it_serves_tells_how_it_is_and_ends_its_streams_when_told(
    module_database: Database, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "log"
    env = environ(module_database, port)
    assert ask(env).returncode == 1
    async with running_server(module_database.url) as server, server.caller() as caller:
        account = await caller.account()
        link = UsageLink(
            server.tenant_id,
            account,
            key_id_of(server.key) or "",
            datetime.now(UTC) + timedelta(hours=1),
        )
        url = f"http://127.0.0.1:{port}"
        token = Links(PEPPER, base_url=url).token(link)
        with process(env, log) as running:
            await asyncio.to_thread(wait_until, lambda: "the web page is at" in log.read_text())
            answer = ask(env)
            assert (answer.returncode, answer.stdout) == (0, f"127.0.0.1:{port}: ok\n")
            async with (
                httpx.AsyncClient(base_url=url) as browser,
                browser.stream("GET", f"/u/{token}/live") as stream,
            ):
                lines = stream.aiter_lines()
                assert await anext(lines) == "retry: 2000"
                started = time.monotonic()
                running.terminate()
                # The stream ends in order: no line is cut off.
                [line async for line in lines]
            assert await asyncio.to_thread(running.wait, 10) == 0
            assert time.monotonic() - started < 9  # sooner than it would be cut off
        written = log.read_text()
        assert "GET /u/***/live 200" in written
        assert token not in written


def test_over_tls_cookies_and_browsers_are_told_to_keep_to_it(
    module_database: Database, tmp_path: Path
) -> None:
    authority = Authority("tests")
    certificate, key = authority.issue("server")
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    port, log = free_port(), tmp_path / "log"
    env = environ(
        module_database,
        port,
        CREDITGATE_DASHBOARD_TLS_CERT_FILE=str(tmp_path / "cert.pem"),
        CREDITGATE_DASHBOARD_TLS_KEY_FILE=str(tmp_path / "key.pem"),
    )
    with process(env, log):
        wait_until(lambda: "the web page is at" in log.read_text())
        answer = ask(env)
        assert answer.returncode == 0, answer.stderr
        trusted = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        page = httpx.get(f"https://127.0.0.1:{port}/login", verify=trusted)
        assert page.headers["strict-transport-security"].startswith("max-age=")


def test_it_does_not_serve_others_in_the_clear(module_database: Database, tmp_path: Path) -> None:
    log = tmp_path / "log"
    env = environ(module_database, free_port(), CREDITGATE_DASHBOARD_LISTEN="0.0.0.0:0")
    with process(env, log) as running:
        assert running.wait(20) == 2
    assert "CREDITGATE_DASHBOARD_TLS_CERT_FILE" in log.read_text()


def test_it_does_not_serve_what_was_not_migrated(empty_database: Database, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process(environ(empty_database, free_port()), log) as running:
        assert running.wait(20) == 1
    assert "run creditgate-server migrate" in log.read_text()


def test_it_says_when_its_place_is_taken(module_database: Database, tmp_path: Path) -> None:
    log, port = tmp_path / "log", free_port()
    with process(environ(module_database, port), tmp_path / "first"):
        wait_until(lambda: "the web page is at" in (tmp_path / "first").read_text())
        with process(environ(module_database, port), log) as second:
            assert second.wait(20) == 1
    assert "CREDITGATE_DASHBOARD_LISTEN" in log.read_text()
