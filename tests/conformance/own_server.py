"""A server for the kit where none is named: all that the kit knows of this repository's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conformance.world import Replica, Service
from tests.support.database import TestCluster, run
from tests.support.server import ServerProcess, free_port, new_tenant


@contextmanager
def own_service(cluster: TestCluster, folder: Path) -> Iterator[Service]:
    """Run a server on a database of its own, and others beside it when they are asked for."""
    database = cluster.create()
    metrics = f"127.0.0.1:{free_port()}"
    with ExitStack() as running:
        running.callback(cluster.drop, database)

        def started(**environ: str) -> ServerProcess:
            server = running.enter_context(ServerProcess(database.url, port=None, **environ))
            run(server.start(folder).ready())
            return server

        def replica() -> Replica:
            server = started()
            return Replica(server.target, server.kill)

        _, key = run(new_tenant(database.url))
        _, other = run(new_tenant(database.url))
        server = started(CREDITGATE_METRICS_LISTEN=metrics)
        yield Service(
            targets=[server.target],
            key=key,
            other_key=other,
            metrics_url=f"http://{metrics}/metrics",
            start_replica=replica,
        )
