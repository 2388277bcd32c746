"""The accounts that are watched, looked at together: one question for all, however many watch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.events import Event
from creditgate_server.domain.watches import UNSEEN, Sight, Watched, Watches

EVENTS_PAGE = 200


class Store:
    """Where accounts are looked at: one question at a time, which takes one connection."""

    def __init__(self, watches: Watches) -> None:
        self._watches = watches
        self._turn = asyncio.Lock()

    async def look(self, watched: Sequence[Watched]) -> Sequence[Sight]:
        """Look at accounts. Raises `domain.errors`, as the others do."""
        async with self._turn:
            return await self._watches.look(watched)

    async def events(self, account: AccountKey, *, after: int) -> Sequence[Event]:
        """Read a page of events."""
        async with self._turn:
            return await self._watches.events(account, after=after, limit=EVENTS_PAGE)

    async def last_event_before(self, account: AccountKey, version: int) -> int:
        """Find the last event of the versions before one."""
        async with self._turn:
            return await self._watches.last_event_before(account, version)


class Topic:
    """One watched account, as it was last seen."""

    def __init__(self, account: AccountKey, store: Store) -> None:
        self._account, self._store = account, store
        self._pages: dict[int, asyncio.Task[Sequence[Event]]] = {}
        self.sight: Sight | None = None
        self.absent = False
        self.followers: set[Follower] = set()

    @property
    def watched(self) -> Watched:
        """What is known of it."""
        warn_seconds = max((each.warn_seconds for each in self.followers), default=0.0)
        if self.sight is None:
            return Watched(self._account, UNSEEN, 0, 0, warn_seconds)
        it = self.sight
        return Watched(
            self._account, it.balance.version, it.open_holds, it.event_count, warn_seconds
        )

    async def events_after(self, number: int) -> Sequence[Event]:
        """Read a page of events; all who want the same at the same moment share one reading."""
        task = self._pages.get(number)
        if task is None:
            task = asyncio.create_task(self._store.events(self._account, after=number))
            self._pages[number] = task
            task.add_done_callback(lambda done: self._read(number, done))
        return await asyncio.shield(task)

    async def last_event_before(self, version: int) -> int:
        """Find the last event of the versions before one."""
        return await self._store.last_event_before(self._account, version)

    def _read(self, number: int, task: asyncio.Task[Sequence[Event]]) -> None:
        del self._pages[number]
        if not task.cancelled():
            # Whoever waited for it is told of an error; perhaps nobody does any more.
            task.exception()

    def see(self, sight: Sight | None) -> None:
        """Tell all who follow what was seen; None that there is no such account."""
        self.sight, self.absent = sight, sight is None
        for follower in self.followers:
            follower.wake()


class Follower:
    """Somebody who waits for what is new of a topic, and needs only the newest."""

    def __init__(self, topic: Topic, *, warn_seconds: float) -> None:
        self.topic, self.warn_seconds = topic, warn_seconds
        self._woken = asyncio.Event()
        if topic.sight is not None:
            self.wake()

    def wake(self) -> None:
        """End the waiting."""
        self._woken.set()

    async def wait(self, *, seconds_max: float) -> bool:
        """Wait for news; True when there are some."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                await self._woken.wait()
        news = self._woken.is_set()
        self._woken.clear()
        return news


class Topics:
    """All watched accounts of a process. Whoever runs `poll` again and again keeps them fresh.

    Looks never overlap, so none is told what another has overtaken.
    """

    def __init__(self, watches: Watches) -> None:
        self._store = Store(watches)
        self._topics: dict[AccountKey, Topic] = {}
        self._newcomer = asyncio.Event()

    @contextmanager
    def follow(self, account: AccountKey, *, warn_seconds: float) -> Iterator[Follower]:
        """Follow an account; it is looked at at once, and for as long as anybody follows it."""
        topic = self._topics.get(account) or self._topics.setdefault(
            account, Topic(account, self._store)
        )
        follower = Follower(topic, warn_seconds=warn_seconds)
        topic.followers.add(follower)
        if topic.sight is None:
            self._newcomer.set()
        try:
            yield follower
        finally:
            topic.followers.discard(follower)
            if not topic.followers:
                self._topics.pop(account, None)

    async def poll(self) -> bool:
        """Look at all accounts once; False: nothing is left undone. Raises `domain.errors`."""
        self._newcomer.clear()
        asked = dict(self._topics)
        if asked:
            for sight in await self._store.look([topic.watched for topic in asked.values()]):
                asked[sight.account].see(sight)
            for topic in asked.values():
                if topic.sight is None:
                    topic.see(None)
        return False

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until there is an account nobody has looked at yet."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._newcomer.wait()
