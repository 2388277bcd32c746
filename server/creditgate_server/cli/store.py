"""The database as the commands use it: a few connections for a moment."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.settings import Settings, SettingsError

_POOL_SIZE = 2
_CLOSE_SECONDS_MAX = 3.0


def database_url() -> str:
    """Read where the database is, and nothing else: commands run where little is set."""
    url = os.environ.get("CREDITGATE_DATABASE_URL", "").strip()
    if not url:
        raise SettingsError(
            "CREDITGATE_DATABASE_URL: is required, for example"
            " postgresql://creditgate@db.example/creditgate"
        )
    return url


def key_pepper() -> str:
    """Read the secret that keys are kept under. Raises SettingsError."""
    pepper = os.environ.get("CREDITGATE_KEY_PEPPER", "").strip()
    Settings(database_url=database_url(), key_pepper=pepper).checked()
    return pepper


def _settings() -> Settings:
    # Nothing here makes or checks keys: the pepper is not needed.
    return Settings(database_url=database_url(), key_pepper="", pool_size=_POOL_SIZE)


@asynccontextmanager
async def database() -> AsyncIterator[Pool]:
    """Open a pool for a command and close it again. Raises SettingsError, `domain.errors`."""
    pool = await open_pool(_settings())
    try:
        yield pool
    finally:
        await pool.close(timeout_seconds=_CLOSE_SECONDS_MAX)
