"""Summaries for asyncio: how an account stands, and what a period has consumed."""

from __future__ import annotations

from datetime import datetime

from creditgate._async.activity import AsyncActivity
from creditgate._messages import summary
from creditgate._types.summary import Summary


class AsyncSummary(AsyncActivity):
    """What `AsyncClient` can ask about summaries."""

    async def get_summary(
        self,
        account_id: str,
        *,
        days: float | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Summary:
        """Read how an account stands, and what a period has consumed until now.

        The period is the running cycle, or the calendar month of an account without cycles; or the
        last `days` by the service's clock; or from `since`, else the account's beginning, on and
        before `until`, else now.
        """
        return await self._send(
            summary.get_summary(account_id, days=days, since=since, until=until)
        )
