"""What gRPC is told by name: it does not say when it has never heard of a name."""

from __future__ import annotations

from pathlib import Path

import grpc

from creditgate._base import CHANNEL_OPTIONS
from creditgate_server.rpc.server import options


def test_grpc_knows_every_option_of_the_server_and_of_the_client() -> None:
    (library,) = (
        each.read_bytes() for each in Path(grpc.__file__).parent.glob("_cython/cygrpc*.so")
    )
    told = [*options(connection_age_max_seconds=1, share_port=False), *CHANNEL_OPTIONS]
    assert [name for name, _ in told if name.encode() + b"\0" not in library] == []
    assert b"grpc.no_such_option\0" not in library


def test_the_server_permits_the_pings_of_its_own_client() -> None:
    server = dict(options(connection_age_max_seconds=1, share_port=False))
    every_ms = dict(CHANNEL_OPTIONS)["grpc.keepalive_time_ms"]
    assert server["grpc.http2.min_ping_interval_without_data_ms"] < int(every_ms)
