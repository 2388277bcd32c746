"""Events for asyncio: what happened to accounts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from creditgate._messages import event as events
from creditgate._messages.work import Call
from creditgate._types.base import Page
from creditgate._types.event import Event

Answer = TypeVar("Answer")
Item = TypeVar("Item")

PAGE_SIZE = 200


class AsyncEvents(ABC):
    """What `AsyncClient` can ask about events."""

    @abstractmethod
    async def _send(self, call: Call[Answer], *, patience_seconds: float | None = None) -> Answer:
        """Send a request until it is answered, refused, or patience ends."""

    def list_events(
        self, account_id: str, *, after: int = 0, page_size: int = PAGE_SIZE
    ) -> AsyncIterator[Event]:
        """Read an account's events, oldest first, a page at a time: those numbered beyond `after`.

        The number of the last event that was read is where the next reading goes on.
        """
        return self._pages(
            lambda token: events.list_events(
                account_id, after=after, page_size=page_size, page_token=token
            )
        )

    async def _pages(self, page: Callable[[str], Call[Page[Item]]]) -> AsyncIterator[Item]:
        token = ""
        while True:
            answer = await self._send(page(token))
            for item in answer.items:
                yield item
            token = answer.next_page_token
            if not token:
                return
