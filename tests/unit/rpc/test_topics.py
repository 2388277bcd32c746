"""How watched accounts are looked at, and how what is seen reaches those who watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from creditgate.v1 import event_service_pb2 as pb
from creditgate.v1.event_pb2 import Event as Told
from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.balances import Balance
from creditgate_server.domain.errors import NotExecutedError
from creditgate_server.domain.events import Event, EventKind
from creditgate_server.domain.watches import UNSEEN, Ending, Sight, Watched
from creditgate_server.rpc.call import Call
from creditgate_server.rpc.status import RpcError
from creditgate_server.rpc.stream import Duplex
from creditgate_server.rpc.watch import AccountWatches, WatchRules
from creditgate_server.topics import EVENTS_PAGE, Topics

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TENANT = uuid4()
ACCOUNT = account_key(TENANT, "acme")


class Store:
    """Accounts in memory, and what was asked about them."""

    def __init__(self) -> None:
        self.sights: dict[AccountKey, Sight] = {}
        self.asked: list[Sequence[Watched]] = []
        self.away = False
        self.told: list[Event] = []
        self.pages: list[int] = []

    async def events(self, account: AccountKey, *, after: int, limit: int) -> Sequence[Event]:
        self.pages.append(after)
        await asyncio.sleep(0)
        return [each for each in self.told if each.number > after][:limit]

    async def last_event_before(self, account: AccountKey, version: int) -> int:
        return sum(each.balance.version < version for each in self.told)

    def tell(self, *versions: int) -> None:
        """Append events of these versions."""
        for version in versions:
            balance = Balance(100, 0, 0, version, NOW)
            self.told.append(
                Event(len(self.told) + 1, EventKind.CREDITS_RESUMED, balance, "{}", NOW)
            )

    async def look(self, watched: Sequence[Watched]) -> Sequence[Sight]:
        self.asked.append(watched)
        await asyncio.sleep(0)
        if self.away:
            raise NotExecutedError("away")
        found = [self.sights[each.account] for each in watched if each.account in self.sights]
        known = {each.account: each for each in watched}
        return [
            sight
            for sight in found
            if sight.endings or sight.balance.version != known[sight.account].version
        ]

    def put(self, version: int, *endings: Ending, account: AccountKey = ACCOUNT) -> None:
        balance = Balance(100, 0, 0, version, NOW)
        self.sights[account] = Sight(account, 1, 0, len(self.told), balance, endings)


class Reader:
    """Who watches; it reads only when it may."""

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.told: list[Any] = []

    async def write(self, raw: bytes) -> None:
        await self.may_read.wait()
        answer = pb.WatchAccountResponse.FromString(raw)
        self.told.append(getattr(answer, answer.WhichOneof("change") or ""))

    @property
    def story(self) -> list[str]:
        """Events by their numbers, states by their versions, in the order they were told."""
        return [
            f"event {each.number}" if isinstance(each, Told) else f"state {each.balance.version}"
            for each in self.told
        ]

    @property
    def versions(self) -> list[int]:
        return [each.balance.version for each in self.told if isinstance(each, pb.AccountState)]


class Scene:
    """A store, the topics and the watches on it."""

    def __init__(self, **rules: Any) -> None:
        self.store = Store()
        self.topics = Topics(self.store)
        chosen: Any = {"watches_max": 10, "tenant_watches_max": 0, "age_max_seconds": 60} | rules
        self.sheds: list[str] = []
        self.check_fails: Exception | None = None
        self.watches = AccountWatches(
            self.topics, self._check, WatchRules(**chosen), shed=self.sheds.append
        )
        self.tasks: list[asyncio.Task[None]] = []

    async def _check(self, _: object, call: Call) -> None:
        if self.check_fails:
            raise self.check_fails

    def watch(
        self, reader: Reader, account_id: str = "acme", *, after: int = 0
    ) -> asyncio.Task[None]:
        call = Call((), remaining_seconds=None)
        call.tenant_id = TENANT
        request = pb.WatchAccountRequest(account_id=account_id, after_version=after)
        duplex = Duplex(once(request.SerializeToString()), reader.write)
        work = self.watches.watch_account(duplex, call)
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    async def poll(self) -> None:
        """Look once, and let everybody react."""
        await self.topics.poll()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def once(request: bytes) -> AsyncIterator[bytes]:
    yield request


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    for task in scene.tasks:
        task.cancel()
    await asyncio.gather(*scene.tasks, return_exceptions=True)


async def test_nobody_is_asked_while_nobody_watches(scene: Scene) -> None:
    await scene.poll()
    assert scene.store.asked == []


async def test_all_accounts_are_one_question_and_those_who_watch_the_same_share_it(
    scene: Scene,
) -> None:
    names = ["a", "b", "c"]
    for name in names:
        scene.store.put(5, account=account_key(TENANT, name))
    readers = [Reader() for _ in range(6)]
    for reader, name in zip(readers, names * 2, strict=True):
        scene.watch(reader, name)
    await settle()
    await scene.poll()
    assert [len(each) for each in scene.store.asked] == [3]
    assert {each.version for each in scene.store.asked[0]} == {UNSEEN}
    assert [reader.versions for reader in readers] == [[5]] * 6


async def test_who_reads_slowly_misses_what_is_between_and_gets_the_newest(scene: Scene) -> None:
    slow, quick = Reader(), Reader()
    slow.may_read.clear()
    for reader in (slow, quick):
        scene.watch(reader)
    await settle()
    for version in range(1, 101):
        scene.store.put(version)
        await scene.poll()
    slow.may_read.set()
    await settle()
    assert slow.versions == [1, 100]
    assert quick.versions == list(range(1, 101))


async def test_who_comes_later_begins_with_what_was_seen_last(scene: Scene) -> None:
    scene.store.put(3)
    first, second = Reader(), Reader()
    scene.watch(first)
    await settle()
    await scene.poll()
    scene.watch(second)
    await settle()
    assert second.versions == [3]
    assert len(scene.store.asked) == 1


async def test_a_newcomer_is_not_kept_waiting(scene: Scene) -> None:
    pause = asyncio.create_task(scene.topics.pause(60))
    await settle()
    assert not pause.done()
    scene.watch(Reader())
    await settle()
    assert pause.done()


async def test_an_account_that_is_not_there_ends_its_watch_and_no_other(scene: Scene) -> None:
    scene.store.put(1)
    here = scene.watch(Reader())
    absent = scene.watch(Reader(), "absent")
    await settle()
    await scene.poll()
    with pytest.raises(RpcError, match="there is no such account"):
        await absent
    assert not here.done()


async def test_each_expiry_is_warned_of_once(scene: Scene) -> None:
    reader = Reader()
    near, later = (NOW + timedelta(seconds=n) for n in (5, 9))
    scene.watch(reader)
    await settle()
    for version, ends in ((1, near), (1, near), (2, near), (2, later), (3, later)):
        scene.store.put(version, Ending("h", ends, 7))
        await scene.poll()
    scene.store.put(4)
    await scene.poll()
    warned = [each for each in reader.told if isinstance(each, pb.HoldMustEnd)]
    assert [each.ends_at.ToDatetime(UTC) for each in warned] == [near, later]
    assert reader.versions == [1, 2, 3, 4]


async def test_events_come_before_the_state_they_led_to_and_none_is_left_out(scene: Scene) -> None:
    slow, quick = Reader(), Reader()
    scene.store.tell(1)
    scene.store.put(1)
    for reader in (slow, quick):
        scene.watch(reader)
    await settle()
    await scene.poll()
    slow.may_read.clear()
    for versions in ((2, 2), (3,), (5,)):
        scene.store.tell(*versions)
        scene.store.put(versions[-1])
        await scene.poll()
    slow.may_read.set()
    await settle()
    assert slow.story == [
        "state 1", "event 2", "event 3", "state 2", "event 4", "event 5", "state 5",
    ]  # fmt: skip
    assert quick.story == [
        "state 1", "event 2", "event 3", "state 2", "event 4", "state 3", "event 5", "state 5",
    ]  # fmt: skip


async def test_who_comes_back_gets_the_events_from_its_version_on(scene: Scene) -> None:
    scene.store.tell(1, 2, 3, 3, 4)
    scene.store.put(4)
    readers = {after: Reader() for after in (0, 1, 3, 4, 5)}
    for after, reader in readers.items():
        scene.watch(reader, after=after)
    await settle()
    await scene.poll()
    told = {after: reader.story for after, reader in readers.items()}
    assert told[0] == told[5] == ["state 4"]
    assert told[4] == ["event 5", "state 4"]
    assert told[3] == ["event 3", "event 4", "event 5", "state 4"]
    assert told[1] == [*(f"event {n}" for n in range(1, 6)), "state 4"]


async def test_many_events_come_page_by_page_and_forgotten_ones_are_passed_over(
    scene: Scene,
) -> None:
    scene.store.tell(*range(1, 2 * EVENTS_PAGE + 2))
    scene.store.put(len(scene.store.told))
    reader = Reader()
    scene.watch(reader, after=1)
    await settle()
    await scene.poll()
    await settle()
    assert len(reader.story) == 2 * EVENTS_PAGE + 2
    assert scene.store.pages == [0, EVENTS_PAGE, 2 * EVENTS_PAGE]
    scene.store.tell(999)
    scene.store.told = []
    scene.store.put(1_000)
    scene.store.sights[ACCOUNT] = scene.store.sights[ACCOUNT]._replace(event_count=402)
    await scene.poll()
    assert reader.story[-1] == "state 1000"


async def test_those_who_want_the_same_events_share_one_reading(scene: Scene) -> None:
    scene.store.put(1)
    readers = [Reader() for _ in range(10)]
    for reader in readers:
        scene.watch(reader)
    await settle()
    await scene.poll()
    scene.store.tell(2)
    scene.store.put(2)
    await scene.poll()
    assert {tuple(reader.story) for reader in readers} == {("state 1", "event 1", "state 2")}
    assert len(scene.store.pages) == 1


async def test_a_watch_outlives_an_outage_of_the_database(scene: Scene) -> None:
    reader = Reader()
    scene.store.put(1)
    task = scene.watch(reader)
    await settle()
    await scene.poll()
    scene.store.away, scene.check_fails = True, NotExecutedError("away")
    with pytest.raises(NotExecutedError):
        await scene.topics.poll()
    scene.store.put(2)
    scene.store.away = False
    await scene.poll()
    assert not task.done()
    assert reader.versions == [1, 2]


async def test_a_watch_whose_key_counts_no_more_ends_before_it_is_told_anything(
    scene: Scene,
) -> None:
    reader = Reader()
    scene.store.put(1)
    task = scene.watch(reader)
    await settle()
    await scene.poll()
    scene.check_fails = RpcError(*KEY_GONE)
    scene.store.put(2)
    await scene.poll()
    with pytest.raises(RpcError, match="revoked"):
        await task
    assert reader.versions == [1]


async def test_without_an_answer_of_the_database_a_watch_is_refused_in_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("creditgate_server.rpc.watch._FIRST_SECONDS_MAX", 0.05)
    task = scene.watch(Reader())
    with pytest.raises(RpcError) as caught:
        await task
    assert caught.value.reason == "NOT_EXECUTED"


@pytest.mark.parametrize("rules", [{"watches_max": 2}, {"tenant_watches_max": 2}])
async def test_there_is_room_for_so_many(rules: dict[str, int]) -> None:
    scene = Scene(**rules)
    two = [scene.watch(Reader()) for _ in range(2)]
    await settle()
    third = scene.watch(Reader())
    with pytest.raises(RpcError) as caught:
        await third
    assert (caught.value.reason, scene.sheds) == ("NOT_EXECUTED", ["watches_full"])
    two[0].cancel()
    await settle()
    fourth = scene.watch(Reader())
    await settle()
    assert not fourth.done()
    await stop(scene, [two[1], fourth])


async def test_draining_ends_those_that_are_open_and_those_that_come(scene: Scene) -> None:
    scene.store.put(1)
    before = scene.watch(Reader())
    await settle()
    scene.watches.drain()
    after = scene.watch(Reader())
    for task in (before, after):
        with pytest.raises(RpcError, match="the server goes away"):
            await task
    assert scene.watches.count == 0


async def stop(scene: Scene, tasks: list[asyncio.Task[None]]) -> None:
    scene.watches.drain()
    assert all(
        isinstance(each, RpcError) for each in await asyncio.gather(*tasks, return_exceptions=True)
    )


KEY_GONE: tuple[Any, str, str] = (16, "KEY_INVALID", "revoked")
