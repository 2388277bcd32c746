from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from click.testing import CliRunner

from creditgate import AsyncClient, EntryKind, GrantKind, HoldState
from creditgate_server.cli import main
from creditgate_server.dev.database import NamedDatabase
from creditgate_server.dev.demo_data import DemoDataError, Wishes, with_history
from creditgate_server.dev.history.cast import ACCOUNTS, cast
from creditgate_server.dev.history.days import days_until
from creditgate_server.dev.history.traffic import Traffic
from creditgate_server.dev.history.writing import Plot, ensure_history
from creditgate_server.domain.keys import Scope
from creditgate_server.postgres.drafts import Drafts
from tests.support.database import Database, TestCluster
from tests.support.server import PEPPER, keys_in, running_server

DAYS = 30
# A Sunday at noon; the months before it have 31 and 30 days, and clocks are changed in them.
NOW = datetime(2025, 11, 16, 12, tzinfo=UTC)
PAIR = ("blue-lantern-books", "annapurna-lodge")
_ENTRIES = """
SELECT e.created_at, e.kind, e.amount_micros, e.hold_id, a.account_id
  FROM creditgate.entries AS e JOIN creditgate.accounts AS a USING (bucket, account_key)
 ORDER BY a.account_id, e.created_at, e.hold_id, e.amount_micros
"""


class Overheard:
    """What was answered while a history was written: credits charged and given back, by account."""

    def __init__(self) -> None:
        self.consumed: dict[str, int] = {}

    def listen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        send = AsyncClient._send

        async def heard(client: AsyncClient, call: Any, **more: Any) -> Any:
            answer = await send(client, call, **more)
            if call.method in ("Commit", "Extend", "CommitMessage"):
                self._add(call.request.account_id, answer.charged_micros)
            elif call.method == "Refund":
                self._add(call.request.account_id, -call.request.amount_micros)
            return answer

        monkeypatch.setattr(AsyncClient, "_send", heard)

    def _add(self, account_id: str, micros: int) -> None:
        self.consumed[account_id] = self.consumed.get(account_id, 0) + micros


@pytest.fixture(scope="module")
def overheard() -> Overheard:
    return Overheard()


@pytest.fixture(scope="module")
def month(cluster: TestCluster, overheard: Overheard) -> Database:
    """A month of two accounts, in a database of its own."""
    plot = Plot(tenant="demo", now=NOW, days=DAYS, accounts=PAIR)
    with pytest.MonkeyPatch.context() as monkeypatch:
        overheard.listen(monkeypatch)
        asyncio.run(write(cluster, "month", plot))
    return Database("month", cluster.postgres)


async def write(
    cluster: TestCluster, name: str, plot: Plot, told: Callable[[str], None] = lambda _: None
) -> None:
    drafts = Drafts(cluster.postgres.url)
    await ensure_history(drafts, name, plot, pepper=PEPPER, told=told)


async def rows(database: Database, sql: str = _ENTRIES) -> list[tuple[Any, ...]]:
    connection = await database.connect()
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


@pytest.fixture
async def client(month: Database) -> AsyncIterator[AsyncClient]:
    """The tenant whose history it is."""
    async with keys_in(month.url) as keys:
        tenant, is_new = await keys.ensure_tenant("demo")
        assert not is_new
        key = await keys.create_key(tenant.tenant_id, pepper=PEPPER, scopes=list(Scope))
    async with (
        running_server(month.url, run_workers=False) as server,
        AsyncClient(server.target, api_key=key.text) as client,
    ):
        yield client


async def test_it_adds_up_to_what_was_answered_while_it_was_written(
    client: AsyncClient, overheard: Overheard
) -> None:
    for account_id in PAIR:
        entries = [entry async for entry in client.export_activity(account_id)]
        work = [e for e in entries if e.kind in (EntryKind.CHARGE, EntryKind.REFUND)]
        assert -sum(entry.amount_micros for entry in work) == overheard.consumed[account_id] > 0
        balance = await client.get_balance(account_id)
        assert sum(entry.amount_micros for entry in entries) == balance.settled_micros
        holds = [hold async for hold in client.list_holds(account_id)]
        charged = sum(hold.charged_micros - hold.refunded_micros for hold in holds)
        assert charged == overheard.consumed[account_id]
        assert sum(hold.held_micros for hold in holds) == balance.held_micros > 0


async def test_it_is_believable(client: AsyncClient) -> None:
    opened = NOW.replace(hour=0) - timedelta(days=DAYS, minutes=10)
    for account_id in PAIR:
        entries = [entry async for entry in client.export_activity(account_id)]
        assert entries[0].created_at == opened
        assert all(one.created_at <= next_.created_at < NOW for one, next_ in pairwise(entries))
        days = {entry.created_at.date() for entry in entries}
        assert len(days) >= DAYS - 2
        works = [entry for entry in entries if entry.kind is EntryKind.CHARGE]
        assert len(works) > 3 * DAYS
        assert len({entry.attributes.agent for entry in works}) > 1
        assert len({entry.attributes.topic for entry in works}) > 1
    lodge = [entry async for entry in client.list_activity(PAIR[1], since=opened)]
    assert {entry.type for entry in lodge} >= {"call", "chat", "grant"}
    assert {entry.model for entry in lodge} >= {"small", "large"}
    sessions = [session async for session in client.list_conversations(PAIR[1])]
    assert len({session.duration_seconds for session in sessions}) > 20
    assert len({session.ending for session in sessions}) >= 3


async def test_what_comes_by_itself_came_at_its_instant(client: AsyncClient) -> None:
    cycle = (await client.get_account(PAIR[1])).cycle
    assert cycle is not None
    # Midnight of the 29th at the lodge, 18 days before the 17th, when its story began.
    assert cycle.starts_at == datetime(2025, 10, 28, 18, 15, tzinfo=UTC)
    turned = [g async for g in client.list_grants(PAIR[1]) if g.kind is GrantKind.PLAN]
    assert max(grant.created_at for grant in turned) == cycle.starts_at
    fair = [g async for g in client.list_grants(PAIR[0]) if g.grant_id == "book-fair"]
    ended = [e async for e in client.list_activity(PAIR[0], days=10**4) if e.name == "book-fair"]
    assert {EntryKind.GRANT, EntryKind.EXPIRY} == {entry.kind for entry in ended}
    assert max(entry.created_at for entry in ended) == fair[0].expires_at


async def test_some_of_it_is_still_under_way(client: AsyncClient) -> None:
    books, lodge = [
        [hold async for hold in client.list_holds(account_id, state=HoldState.OPEN)]
        for account_id in PAIR
    ]
    lasting = NOW + timedelta(minutes=50)
    assert any(hold.expires_at > lasting for hold in books)
    assert any(hold.expires_at > lasting and hold.call is not None for hold in lodge)
    assert any(hold.expires_at > lasting and hold.call is None for hold in lodge)


async def test_the_clock_is_put_back(month: Database, database: Database) -> None:
    clock = "SELECT pg_get_functiondef('creditgate.clock()'::regprocedure)"
    assert await rows(month, clock) == await rows(database, clock)
    assert "draft" not in str(await rows(month, clock))
    apart = "SELECT abs(extract(epoch FROM creditgate.clock() - clock_timestamp())) < 0.01"
    assert await rows(month, apart) == [(True,)]
    assert await rows(month, "SELECT to_regnamespace('creditgate_draft')") == [(None,)]
    assert await rows(month, "SHOW synchronous_commit") == [("on",)]


async def test_broken_off_it_begins_anew_and_ends_as_if_it_had_not_been(
    cluster: TestCluster,
) -> None:
    plot = Plot(tenant="demo", now=NOW, days=12, accounts=PAIR)
    drafts = Drafts(cluster.postgres.url)

    def stop(month: str) -> None:
        if month.startswith("November"):
            raise KeyError(month)

    with pytest.raises(KeyError):
        await write(cluster, "broken", plot, stop)
    assert not await drafts.is_whole("broken")
    half = await rows(Database("broken_draft", cluster.postgres))
    await write(cluster, "broken", plot)
    await write(cluster, "unbroken", plot)
    whole = await rows(Database("broken", cluster.postgres))
    assert 0 < len(half) < len(whole)
    assert whole == await rows(Database("unbroken", cluster.postgres))


async def test_what_is_there_is_left_as_it_is(cluster: TestCluster, month: Database) -> None:
    before = await rows(month)
    other = Plot(tenant="demo", now=NOW, days=2, accounts=PAIR, seed="other")
    await write(cluster, "month", other)
    assert await rows(month) == before


def test_another_seed_is_another_history() -> None:
    days = [
        [day.beats for day in days_until(NOW, days=3, seed=seed)] for seed in ("one", "one", "two")
    ]
    assert days[0] == days[1] != days[2]


async def test_every_product_has_a_story() -> None:
    client = AsyncClient("127.0.0.1:1", api_key="none")
    told = cast(client)
    assert [story.account_id for story in told] == list(ACCOUNTS)
    assert len({type(story) for story in told}) == len(ACCOUNTS) == 7
    assert len({story.time_zone for story in told}) == len(ACCOUNTS)


async def test_traffic_goes_on_and_leaves_nothing_held(client: AsyncClient) -> None:
    traffic = Traffic(client.target, api_key=client._api_key or "", pace=0.01)
    work = asyncio.create_task(traffic.run())
    async with asyncio.timeout(20):
        while traffic.done < 4:
            assert not work.done(), work
            await asyncio.sleep(0.05)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    made = [hold async for hold in client.list_holds(PAIR[1]) if hold.created_at > NOW]
    assert {bool(hold.call) for hold in made} == {True, False}
    assert HoldState.OPEN not in {hold.state for hold in made}
    assert sum(hold.charged_micros for hold in made) > 0


async def test_a_named_database_is_refused_before_anything_is_done() -> None:
    named = NamedDatabase("postgresql://somewhere/else")
    assert await with_history(named, Wishes(), pepper=PEPPER) is named
    with pytest.raises(DemoDataError, match="CREDITGATE_DATABASE_URL"):
        await with_history(named, Wishes(data=True), pepper=PEPPER)


def test_traffic_needs_accounts_to_work_for() -> None:
    result = CliRunner().invoke(main, ["dev", "--demo-traffic"])
    assert result.exit_code == 2
    assert "goes with --demo-data" in result.output
