"""Sums up what the ledger has grown by, so that years of it are quick to report on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import randrange
from time import perf_counter
from typing import Protocol

from creditgate_server.domain.account_keys import BUCKETS, AccountKey
from creditgate_server.domain.figures import Unsummed

# Fewer changes than these are read off the ledger in a few milliseconds. The sums of an account
# that never has more would be as large as its entries; those of others grow in steps worth it.
_LEAST = 500
_FIRST = 2_000
_LIMIT = 1_000
_BATCHES_MAX = 20
# Looking for what is to be done takes a twentieth of a core at most, and doing it a half.
_LOOK_REST = 19.0
_WORK_REST = 1.0


class Sums(Protocol):
    """Where sums are kept. Raises `domain.errors`."""

    async def unsummed(self, bucket: int, *, least: int, first: int) -> Unsummed:
        """Find the accounts of a bucket that have `least` changes or more to be summed up.

        Nothing is summed up of an account before it has had `first` changes.
        """
        ...

    async def roll_up(self, account: AccountKey, *, limit: int) -> int:
        """Sum up about `limit` further entries of an account; answers how many."""
        ...


class SumsObserver(Protocol):
    """Whom the summing up is told."""

    def rolled_up(self, entries: int) -> None:
        """Note how many entries were summed up."""
        ...

    def unsummed(self, *, accounts: int, changes: int) -> None:
        """Note how many accounts are behind, and how many changes are summed up nowhere yet."""
        ...


class RollUp:
    """One round looks into every bucket and sums up the accounts that have enough new entries.

    Any number of servers may do this at once: what one is at the others pass over, and nothing is
    counted twice. Each begins at another bucket. The figures are those from before the round.
    """

    def __init__(
        self,
        sums: Sums,
        *,
        observer: SumsObserver,
        least: int = _LEAST,
        begin_at: int = _FIRST,
        limit: int = _LIMIT,
        first: Callable[[], int] = lambda: randrange(BUCKETS),  # noqa: S311 - spreads servers
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sums = sums
        self._observer = observer
        self._least = least
        self._begin_at = begin_at
        self._limit = limit
        self._first = first
        self._sleep = sleep

    async def __call__(self) -> bool:
        """Go once round; True when an account has more than a round may do."""
        first, more, accounts, changes = self._first(), False, 0, 0
        for offset in range(BUCKETS):
            started = perf_counter()
            bucket = (first + offset) % BUCKETS
            found = await self._sums.unsummed(bucket, least=self._least, first=self._begin_at)
            await self._sleep(_LOOK_REST * (perf_counter() - started))
            accounts += len(found.accounts)
            changes += found.changes
            for account in found.accounts:
                more |= await self._catch_up(account)
        self._observer.unsummed(accounts=accounts, changes=changes)
        return more

    async def _catch_up(self, account: AccountKey) -> bool:
        """Sum up an account in a few batches; True when that was not all."""
        for _ in range(_BATCHES_MAX):
            started = perf_counter()
            done = await self._sums.roll_up(account, limit=self._limit)
            self._observer.rolled_up(done)
            if done < self._limit:
                return False
            await self._sleep(_WORK_REST * (perf_counter() - started))
        return True
