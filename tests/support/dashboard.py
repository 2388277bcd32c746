"""The dashboard for tests: in the test's own loop, beside a server of the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from creditgate_server.domain.keys import key_id_of
from creditgate_server.domain.links import Links, UsageLink
from creditgate_server.settings import Settings
from creditgate_server.web import Web, open_web_pool
from tests.support.server import PEPPER, Running, settings_for


@dataclass
class Dashboard:
    """A dashboard that runs, for one tenant's staff."""

    url: str
    tenant_id: UUID
    key: str = field(repr=False)
    web: Web = field(repr=False)

    def browser(self, **more: Any) -> httpx.AsyncClient:
        """A client that keeps cookies and follows nothing by itself."""
        headers = {"origin": self.url} | more.pop("headers", {})
        return httpx.AsyncClient(base_url=self.url, headers=headers, **more)

    @asynccontextmanager
    async def staff(self, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A client that is logged in."""
        async with self.browser() as browser:
            answer = await browser.post("/login", data={"key": key or self.key})
            assert answer.status_code == 303, answer.text
            yield browser

    def link(self, account_id: str, *, expires_at: datetime, **changes: Any) -> str:
        """The path of a link's page."""
        key_id = key_id_of(self.key)
        assert key_id is not None
        link = UsageLink(self.tenant_id, account_id, key_id, expires_at)._replace(**changes)
        return f"/u/{Links(PEPPER, base_url=self.url).token(link)}"


@asynccontextmanager
async def running_dashboard(server: Running, **changes: Any) -> AsyncIterator[Dashboard]:
    """Run a dashboard on the database of a server, for its tenant."""
    settings = dashboard_settings(server.settings.database_url, **changes)
    web = Web(settings, await open_web_pool(settings))
    try:
        await web.start()
        scheme = "https" if settings.dashboard_tls_cert_file else "http"
        yield Dashboard(f"{scheme}://{web.address}", server.tenant_id, server.key, web)
        await web.drain()
    finally:
        await web.close()


def dashboard_settings(database_url: str, **changes: Any) -> Settings:
    """Make the settings of a dashboard on any free port, that believes keys for no time."""
    return settings_for(
        database_url,
        **({"dashboard_listen": "127.0.0.1:0", "key_cache_ttl_ms": 0} | changes),
    )
