"""PostgreSQL for development and tests: real server processes in a folder of their own."""

from __future__ import annotations

from creditgate_server.embedded.binaries import Binaries, find_binaries
from creditgate_server.embedded.cluster import EmbeddedPostgres, StopMode
from creditgate_server.embedded.errors import EmbeddedPostgresError

__all__ = [
    "Binaries",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "StopMode",
    "find_binaries",
]
