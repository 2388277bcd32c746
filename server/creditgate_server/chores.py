"""The background work of a process, on its pool."""

from __future__ import annotations

from collections.abc import Sequence

from creditgate_server.outbound.sender import Sender
from creditgate_server.postgres.outbox import PostgresOutbox
from creditgate_server.postgres.pool import Pool
from creditgate_server.postgres.sweeps import RULES, PostgresSweeps
from creditgate_server.postgres.usage_sums import PostgresUsageSums
from creditgate_server.settings import Settings
from creditgate_server.workers.background import Observer, background
from creditgate_server.workers.loop import Loop


def chores(settings: Settings, pool: Pool, *, observer: Observer) -> Sequence[Loop]:
    """Make all loops of background work, ready to start."""
    return background(
        settings,
        store=PostgresSweeps(pool),
        outbox=PostgresOutbox(pool),
        sender=Sender.of(settings),
        sums=PostgresUsageSums(pool),
        rules=RULES,
        observer=observer,
    )
