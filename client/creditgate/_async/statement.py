"""A statement for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from creditgate._messages.work import Call
from creditgate._types.base import Credits
from creditgate._types.plan import Entry, StatementPage

Page = Callable[[str], Call[StatementPage]]
Send = Callable[[Call[StatementPage]], Awaitable[StatementPage]]


class AsyncStatement:
    """What changed an account's settled balance in a period; `AsyncClient.get_statement` makes it.

    `opening` and `closing` are the balance before and after. Iterating reads the entries, oldest
    first, a page at a time, and may be done again.
    """

    def __init__(self, send: Send, page: Page, *, first: StatementPage) -> None:
        self._send, self._page, self._first = send, page, first

    opening = Credits()
    closing = Credits()

    @property
    def opening_micros(self) -> int:
        """The settled balance before the first entry, in micro-credits."""
        return self._first.opening_micros

    @property
    def closing_micros(self) -> int:
        """The settled balance after the last entry, in micro-credits."""
        return self._first.closing_micros

    async def __aiter__(self) -> AsyncIterator[Entry]:
        page = self._first
        while True:
            for entry in page.entries:
                yield entry
            if not page.next_page_token:
                return
            page = await self._send(self._page(page.next_page_token))
