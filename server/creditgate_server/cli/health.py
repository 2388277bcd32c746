"""`creditgate-server health`."""

from __future__ import annotations

import os
from pathlib import Path

import click
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from creditgate_server.settings import Settings

_DEFAULT_LISTEN = Settings(database_url="", key_pepper="").listen
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - recognised, not bound


@click.command()
@click.option("--target", help="host:port to ask (default: where CREDITGATE_LISTEN serves).")
@click.option("--service", default="", help="Which service to ask about (default: all).")
@click.option("--timeout", "timeout_seconds", type=float, default=3.0, show_default=True)
@click.option("--ca", type=click.Path(exists=True), help="PEM file (default: the server's own).")
@click.option("--server-name", help="The name in the server's certificate, if not the host.")
def health(
    target: str | None,
    *,
    service: str,
    timeout_seconds: float,
    ca: str | None,
    server_name: str | None,
) -> None:
    """Ask a server whether it serves; exit code 0 when it does, 1 when not. For HEALTHCHECK."""
    place = target or _own_target()
    with _channel(place, ca=ca, server_name=server_name) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            answer = stub.Check(request, timeout=timeout_seconds)
        except grpc.RpcError as error:
            raise click.ClickException(f"{place}: {_reason(error)}") from error
    state = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise click.ClickException(f"{place}: {state}")
    click.echo(f"{place}: {state}")


def _own_target() -> str:
    listen = os.environ.get("CREDITGATE_LISTEN", "").strip() or _DEFAULT_LISTEN
    host, _, port = listen.rpartition(":")
    return f"{_ANYWHERE.get(host, host)}:{port}"


def _channel(target: str, *, ca: str | None, server_name: str | None) -> grpc.Channel:
    certificate = os.environ.get("CREDITGATE_TLS_CERT_FILE", "").strip()
    roots = ca or certificate
    if not roots:
        return grpc.insecure_channel(target)
    options = [("grpc.ssl_target_name_override", server_name)] if server_name else []
    return grpc.secure_channel(target, _credentials(roots, certificate), options)


def _credentials(roots: str, certificate: str) -> grpc.ChannelCredentials:
    """Trust the given roots; where the server asks for certificates, show it its own."""
    key = os.environ.get("CREDITGATE_TLS_KEY_FILE", "").strip()
    mutual = os.environ.get("CREDITGATE_TLS_CLIENT_CA_FILE", "").strip() and certificate and key
    return grpc.ssl_channel_credentials(
        root_certificates=Path(roots).read_bytes(),
        private_key=Path(key).read_bytes() if mutual else None,
        certificate_chain=Path(certificate).read_bytes() if mutual else None,
    )


def _reason(error: grpc.RpcError) -> str:
    code = error.code().name
    details = error.details()
    return f"{code} {details}"
