"""WatchAccount: streams of what happens to an account, each at the pace of its reader."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from random import uniform
from typing import NamedTuple, NoReturn
from uuid import UUID

from creditgate.v1 import event_service_pb2 as pb
from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.errors import LedgerError
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.watches import Sight
from creditgate_server.topics import Follower, Topics

from . import encode_watches, fields
from .call import Call, Handler
from .detached import Shed
from .interceptors.message import parse
from .method import WATCH
from .status import invalid, not_executed, refuse
from .stream import Duplex

WARN_SECONDS_DEFAULT = 10
WARN_SECONDS_MAX = 600
_VERSION_MAX = 2**63 - 1
_NANOS = 1_000_000_000
# So often is made sure that an idle watch may go on.
_CHECK_SECONDS = 1.0
_FIRST_SECONDS_MAX = 5.0
_AGE_JITTER = 0.2


class WatchRules(NamedTuple):
    """How many watches there may be, of one tenant too (0: no limit), and how old they get."""

    watches_max: int
    tenant_watches_max: int
    age_max_seconds: float


class AccountWatches:
    """All watches of a server."""

    def __init__(self, topics: Topics, check: Handler, rules: WatchRules, *, shed: Shed) -> None:
        self._topics, self._check, self._rules, self._shed = topics, check, rules, shed
        self._open: set[_Watch] = set()
        self._by_tenant: Counter[UUID] = Counter()
        self._draining = False

    @property
    def count(self) -> int:
        """How many watches are open."""
        return len(self._open)

    async def watch_account(self, duplex: Duplex, call: Call) -> None:
        """Tell a caller what happens to an account, until the watch ends. Raises `RpcError`."""
        request = await _only(duplex.requests)
        account = account_key(
            call.tenant_id, fields.identifier(request, "account_id", request.account_id)
        )
        fields.number(request, "after_version", request.after_version, high=_VERSION_MAX)
        warn_seconds = _warn_seconds(request)
        with (
            self._room(call.tenant_id),
            self._topics.follow(account, warn_seconds=warn_seconds) as follower,
        ):
            watch = _Watch(
                request,
                follower,
                duplex.write,
                check=lambda: self._check(None, call),
                ends_at=self._end(),
            )
            with self._among_open(watch):
                await watch.run()

    def drain(self) -> None:
        """End all watches: their callers go on elsewhere."""
        self._draining = True
        for watch in self._open:
            watch.stop()

    @contextmanager
    def _room(self, tenant_id: UUID) -> Iterator[None]:
        rules, of_tenant = self._rules, self._by_tenant[tenant_id]
        if self.count >= rules.watches_max or 0 < rules.tenant_watches_max <= of_tenant:
            self._shed("watches_full")
            raise not_executed("too many watches are open here: watch elsewhere, or later")
        self._by_tenant[tenant_id] += 1
        try:
            yield
        finally:
            self._by_tenant[tenant_id] -= 1
            if not self._by_tenant[tenant_id]:
                del self._by_tenant[tenant_id]

    @contextmanager
    def _among_open(self, watch: _Watch) -> Iterator[None]:
        self._open.add(watch)
        if self._draining:
            watch.stop()
        try:
            yield
        finally:
            self._open.discard(watch)

    def _end(self) -> float:
        age = self._rules.age_max_seconds * uniform(1 - _AGE_JITTER, 1)  # noqa: S311 - spreads load
        return asyncio.get_running_loop().time() + age


class _Watch:
    """One watch: tells what is new of the newest sight, then waits for a newer one.

    While its reader is slow it waits for the reader; nothing piles up.
    """

    def __init__(
        self,
        request: pb.WatchAccountRequest,
        follower: Follower,
        write: Callable[[bytes], Awaitable[None]],
        *,
        check: Callable[[], Awaitable[object]],
        ends_at: float,
    ) -> None:
        self._request, self._follower = request, follower
        self._write, self._check, self._ends_at = write, check, ends_at
        self._event_number = 0
        self._told: pb.AccountState | None = None
        self._warned: dict[str, datetime] = {}
        self._stopped = False

    def stop(self) -> None:
        """End the watch, because the server goes away."""
        self._stopped = True
        self._follower.wake()

    async def run(self) -> NoReturn:
        """Tell all there is to tell. Raises `RpcError` at the end."""
        try:
            async with asyncio.timeout(_FIRST_SECONDS_MAX):
                sight = await self._next()
        except TimeoutError:
            raise not_executed() from None
        self._event_number = await self._known_events(sight)
        while True:
            await self._tell(sight)
            sight = await self._next()

    async def _known_events(self, sight: Sight) -> int:
        """Find the number of the last event that the caller knows, or does not want to."""
        after_version = self._request.after_version
        if after_version and sight.event_count:
            return await self._follower.topic.last_event_before(after_version)
        return sight.event_count

    async def _next(self) -> Sight:
        """Wait for something new, for as long as the watch may go on."""
        while True:
            news = await self._follower.wait(seconds_max=_CHECK_SECONDS)
            await self._go_on()
            topic = self._follower.topic
            if news and topic.absent:
                refuse(Outcome.ACCOUNT_NOT_FOUND)
            if news and topic.sight is not None:
                return topic.sight

    async def _go_on(self) -> None:
        """Make sure that the watch may go on: its key may have been revoked meanwhile."""
        if self._stopped:
            raise not_executed("the server goes away: watch on elsewhere")
        if asyncio.get_running_loop().time() > self._ends_at:
            raise not_executed("the watch has become old: begin another")
        # While the database is away nothing happens to any account, and nobody can be told so.
        with suppress(LedgerError):
            await self._check()

    async def _tell(self, sight: Sight) -> None:
        await self._tell_events(sight)
        state = encode_watches.state(sight)
        if _shown(state) != _shown(self._told):
            self._told = state
            await self._send(pb.WatchAccountResponse(state=state))
        for ending in self._new_endings(sight):
            await self._send(ending)

    async def _tell_events(self, sight: Sight) -> None:
        """Tell the events that led to what was seen, a page at a time."""
        while self._event_number < sight.event_count:
            page = await self._follower.topic.events_after(self._event_number)
            found = [each for each in page if each.number <= sight.event_count]
            for event in found:
                await self._send(encode_watches.event(event, self._request.account_id))
            # Where there are none, they have been forgotten.
            self._event_number = found[-1].number if found else sight.event_count
            await self._go_on()

    def _new_endings(self, sight: Sight) -> Iterator[pb.WatchAccountResponse]:
        near = sight.balance.as_of + timedelta(seconds=self._follower.warn_seconds)
        warned = {}
        for ending in sight.endings:
            if self._follower.warn_seconds and ending.expires_at <= near:
                warned[ending.hold_id] = ending.expires_at
                if self._warned.get(ending.hold_id) != ending.expires_at:
                    yield encode_watches.hold_must_end(ending)
        # What is no longer about to end has ended, or was extended and will be warned of again.
        self._warned = warned

    async def _send(self, message: pb.WatchAccountResponse) -> None:
        await self._write(message.SerializeToString())


def _shown(state: pb.AccountState | None) -> tuple[int, ...] | None:
    """What has to differ for a state to be told: time alone is no news."""
    return state and (
        state.balance.version,
        state.open_holds,
        state.status,
        state.event_number,
    )


async def _only(requests: AsyncIterator[bytes]) -> pb.WatchAccountRequest:
    async for raw in requests:
        request = parse(WATCH, raw)
        assert isinstance(request, pb.WatchAccountRequest)
        return request
    raise invalid(WATCH.snake, "request", "is missing")


def _warn_seconds(request: pb.WatchAccountRequest) -> float:
    if not request.HasField("warn_before"):
        return WARN_SECONDS_DEFAULT
    it = request.warn_before
    seconds = it.seconds + it.nanos / _NANOS
    if not (0 <= seconds <= WARN_SECONDS_MAX and 0 <= it.nanos < _NANOS):
        problem = f"must be 0 to {WARN_SECONDS_MAX} s, got {it.seconds} s and {it.nanos} ns"
        raise fields.bad(request, "warn_before", problem)
    return seconds
