"""Links to the page of one account for asyncio."""

from __future__ import annotations

from collections.abc import Sequence

from creditgate._async.events import AsyncEvents
from creditgate._messages import link
from creditgate._types.link import UsageLink

LINK_SECONDS = 3_600.0


class AsyncLinks(AsyncEvents):
    """What `AsyncClient` can ask about links."""

    async def create_usage_link(
        self,
        account_id: str,
        *,
        ttl_seconds: float = LINK_SECONDS,
        allowed_origins: Sequence[str] = (),
    ) -> UsageLink:
        """Make a link to the web page that shows this account's usage to whoever has it.

        It works for `ttl_seconds`, at most 30 days, and ends with the key it was made with. Sites
        of the `allowed_origins`, such as `https://shop.example.com`, may show it in a frame.
        """
        return await self._send(
            link.create_usage_link(
                account_id, ttl_seconds=ttl_seconds, allowed_origins=allowed_origins
            )
        )
