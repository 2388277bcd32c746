"""`creditgate-server health`."""

from __future__ import annotations

import os
import ssl
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

import click
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from creditgate_server.settings import Settings

_DEFAULTS = Settings(database_url="", key_pepper="")
_OK = 200
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - recognised, not bound


@click.command()
@click.option("--target", help="host:port to ask (default: where CREDITGATE_LISTEN serves).")
@click.option("--dashboard", is_flag=True, help="Ask the web page, not the API.")
@click.option("--service", default="", help="Which service to ask about (default: all).")
@click.option("--timeout", "timeout_seconds", type=float, default=3.0, show_default=True)
@click.option("--ca", type=click.Path(exists=True), help="PEM file (default: the server's own).")
@click.option("--server-name", help="The name in the server's certificate, if not the host.")
def health(
    target: str | None,
    *,
    dashboard: bool,
    service: str,
    timeout_seconds: float,
    ca: str | None,
    server_name: str | None,
) -> None:
    """Ask a server whether it serves; exit code 0 when it does, 1 when not. For HEALTHCHECK."""
    if dashboard:
        place = target or _own_target("CREDITGATE_DASHBOARD_LISTEN", _DEFAULTS.dashboard_listen)
        _ask_page(place, timeout_seconds=timeout_seconds, ca=ca)
        return
    place = target or _own_target("CREDITGATE_LISTEN", _DEFAULTS.listen)
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


def _ask_page(place: str, *, timeout_seconds: float, ca: str | None) -> None:
    roots = ca or os.environ.get("CREDITGATE_DASHBOARD_TLS_CERT_FILE", "").strip()
    connection = HTTPConnection(place, timeout=timeout_seconds)
    if roots:
        # The certificate is trusted by itself; the name in it is the page's, not this host's.
        context = ssl.create_default_context(cafile=roots)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
        connection = HTTPSConnection(place, timeout=timeout_seconds, context=context)
    try:
        with closing(connection):
            connection.request("GET", "/health")
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace").strip()
    except (OSError, HTTPException) as error:
        raise click.ClickException(f"{place}: {error}") from error
    if answer.status != _OK:
        raise click.ClickException(f"{place}: {said}")
    click.echo(f"{place}: {said}")


def _own_target(variable: str, default: str) -> str:
    listen = os.environ.get(variable, "").strip() or default
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
