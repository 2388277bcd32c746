"""Turns at the database: whoever looks at one account much does not keep others from theirs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from creditgate_server.domain.account_keys import AccountKey

from .problems import TOO_MANY, RefusedError


class Turns:
    """Lets `at_once` read about each account, and `waiting_max` more wait for their turn."""

    def __init__(self, *, at_once: int, waiting_max: int) -> None:
        self._at_once, self._limit = at_once, at_once + waiting_max
        self._asking: Counter[AccountKey] = Counter()
        self._gates: dict[AccountKey, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def of(self, account: AccountKey) -> AsyncIterator[None]:
        """Wait for a turn, and have it. Raises `RefusedError` when too many wait."""
        if self._asking[account] >= self._limit:
            raise RefusedError(TOO_MANY)
        self._asking[account] += 1
        gate = self._gates.setdefault(account, asyncio.Semaphore(self._at_once))
        try:
            async with gate:
                yield
        finally:
            self._asking[account] -= 1
            if not self._asking[account]:
                del self._asking[account], self._gates[account]
