"""Pages that are open: told when the account they show has changed, all by one look a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from random import uniform

from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.errors import LedgerError
from creditgate_server.domain.watches import Sight, Watches
from creditgate_server.topics import Follower, Topics

from .dependencies import Rules
from .problems import Problem, RefusedError

FULL = Problem(503, "Too many pages are open", "This one is not live at the moment.", retry=True)
# So often a page that nothing happens on is asked whether it is still there, and still allowed.
_CHECK_SECONDS = 10.0
_BACKOFF_SECONDS_MAX = 5.0
_AGE_JITTER = 0.2
_RETRY_MS = 2_000
_HELLO = f"retry: {_RETRY_MS}\n\n".encode()
_NOTHING = b":\n\n"
_ENDED = b"event: ended\ndata:\n\n"

_log = logging.getLogger(__name__)


class Lives:
    """All open pages of a process, and the look at their accounts."""

    def __init__(self, watches: Watches, rules: Rules) -> None:
        self._topics, self._rules = Topics(watches), rules
        self._open: set[Follower] = set()
        self._draining = False

    @property
    def count(self) -> int:
        """How many pages are open."""
        return len(self._open)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at the accounts for as long as the block lasts."""
        task = asyncio.create_task(self._look_for_ever())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    def drain(self) -> None:
        """End all streams: browsers come again by themselves, to whoever serves then."""
        self._draining = True
        for follower in self._open:
            follower.wake()

    @contextmanager
    def follow(self, account: AccountKey) -> Iterator[Follower]:
        """Take part in the looks. Raises `RefusedError` when there are too many."""
        with self._topics.follow(account, warn_seconds=0) as follower:
            if self._is_full(follower):
                raise RefusedError(FULL)
            self._open.add(follower)
            try:
                yield follower
            finally:
                self._open.discard(follower)

    async def stream(
        self, follower: Follower, allowed: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """Tell a page when its account has changed, until it may no longer be told."""
        yield _HELLO
        told: str | None = None
        clock = asyncio.get_running_loop().time
        age = self._rules.live_age_max_seconds * uniform(1 - _AGE_JITTER, 1)  # noqa: S311
        until, checked = clock() + age, clock()
        while not self._draining and clock() < until:
            news = await follower.wait(seconds_max=_CHECK_SECONDS)
            sight = follower.topic.sight
            if not news or clock() - checked >= self._rules.key_cache_seconds:
                checked = clock()
                if follower.topic.absent or not await _still(allowed):
                    yield _ENDED
                    return
            if sight is not None and told != _shown(sight):
                told = _shown(sight)
                yield f"event: changed\ndata: {told}\n\n".encode()
            else:
                yield _NOTHING

    def _is_full(self, follower: Follower) -> bool:
        of_account = len(follower.topic.followers)
        full = self.count >= self._rules.lives_max or of_account > self._rules.account_lives_max
        return self._draining or full

    async def _look_for_ever(self) -> None:
        pause = self._rules.live_interval_seconds
        while True:
            try:
                await self._topics.poll()
                pause = self._rules.live_interval_seconds
            except LedgerError as error:
                _log.warning("open pages are not told of changes at the moment: %s", error)
                pause = min(2 * pause, _BACKOFF_SECONDS_MAX)
            await self._topics.pause(pause)


async def _still(allowed: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await allowed()
    except LedgerError:
        # While the database is away nothing changes, and nobody is told anything.
        return True


def _shown(sight: Sight) -> str:
    """What has to differ for a page to be told."""
    it = sight.balance
    return f"{it.version}-{sight.open_holds}-{sight.status}-{sight.event_count}"
