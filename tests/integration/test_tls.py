"""TLS and mutual TLS from files, and files that are renewed while the server serves."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

from creditgate_server.app import StartError
from tests.support.certificates import Authority, write
from tests.support.database import Database
from tests.support.server import Running, running_server, unstarted_app

OURS, OTHERS = Authority("ours"), Authority("others")


def files(folder: Path, *, client_ca: Authority | None = None) -> dict[str, Any]:
    """Write a server's files, and answer the settings that name them."""
    certificate, key = OURS.issue("server")
    settings = {
        "tls_cert_file": write(folder, "server.pem", certificate),
        "tls_key_file": write(folder, "server.key", key),
    }
    if client_ca is not None:
        settings["tls_client_ca_file"] = write(folder, "clients.pem", client_ca.pem)
    return settings


def trusting(authority: Authority, client: tuple[bytes, bytes] | None = None) -> Any:
    """Make a client's credentials, with a certificate of its own or without."""
    certificate, key = client or (None, None)
    return grpc.ssl_channel_credentials(authority.pem, key, certificate)


async def works(server: Running, credentials: Any) -> bool:
    """Try a whole call; False when the handshake fails."""
    code = grpc.StatusCode.OK
    async with server.caller(credentials=credentials) as caller:
        try:
            await caller.account()
        except grpc.aio.AioRpcError as error:
            code = error.code()
    assert code in {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
    return code is grpc.StatusCode.OK


def serial_of(address: str) -> int:
    """Read the serial number of the certificate a server shows."""
    host, _, port = address.rpartition(":")
    pem = ssl.get_server_certificate((host, int(port)))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


async def test_tls_serves_those_who_trust_it_and_nothing_in_the_clear(
    database: Database, tmp_path: Path
) -> None:
    async with running_server(database.url, **files(tmp_path)) as server:
        assert await works(server, trusting(OURS))
        assert not await works(server, trusting(OTHERS))
        assert not await works(server, None)


async def test_a_name_the_certificate_does_not_have_is_not_believed(
    database: Database, tmp_path: Path
) -> None:
    certificate, key = OURS.issue("server", host="192.0.2.1")
    settings = files(tmp_path)
    write(tmp_path, "server.pem", certificate)
    write(tmp_path, "server.key", key)
    async with running_server(database.url, **settings) as server:
        assert not await works(server, trusting(OURS))


async def test_mutual_tls_admits_only_certificates_of_its_authority(
    database: Database, tmp_path: Path
) -> None:
    async with running_server(database.url, **files(tmp_path, client_ca=OURS)) as server:
        assert await works(server, trusting(OURS, OURS.issue("client")))
        assert not await works(server, trusting(OURS))
        assert not await works(server, trusting(OURS, OTHERS.issue("client")))
        assert not await works(server, trusting(OURS, OURS.issue("client", expired=True)))


async def test_old_versions_of_tls_are_refused(database: Database, tmp_path: Path) -> None:
    def shake_hands(address: str, version: ssl.TLSVersion) -> None:
        context = ssl.create_default_context(cadata=OURS.pem.decode())
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2"])
        context.set_ciphers("ALL:@SECLEVEL=0")
        host, _, port = address.rpartition(":")
        with (
            socket.create_connection((host, int(port)), timeout=5) as raw,
            context.wrap_socket(raw, server_hostname=host),
        ):
            pass

    async with running_server(database.url, **files(tmp_path)) as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            await asyncio.to_thread(shake_hands, server.target, version)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"), pytest.raises(ssl.SSLError):
            await asyncio.to_thread(shake_hands, server.target, ssl.TLSVersion.TLSv1_1)


async def test_renewed_files_are_used_without_a_restart_and_broken_ones_are_not(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        running_server(database.url, **files(tmp_path)) as server,
        server.caller(credentials=trusting(OURS)) as caller,
    ):
        await caller.account()
        before = await asyncio.to_thread(serial_of, server.target)
        files(tmp_path)
        after = await asyncio.to_thread(serial_of, server.target)
        assert after != before
        await caller.account()
        write(tmp_path, "server.key", b"nothing of that kind")
        assert await asyncio.to_thread(serial_of, server.target) == after
        (tmp_path / "server.key").unlink()
        assert await asyncio.to_thread(serial_of, server.target) == after
        assert "TLS files cannot be read" in caplog.text
        files(tmp_path)
        assert await asyncio.to_thread(serial_of, server.target) not in {before, after}
        await caller.account()


async def test_files_that_are_no_certificates_are_told_at_the_start(
    database: Database, tmp_path: Path
) -> None:
    settings = files(tmp_path)
    write(tmp_path, "server.key", b"nothing of that kind")
    async with unstarted_app(database.url, **settings) as app:
        with pytest.raises(StartError, match="TLS"):
            await app.start()
