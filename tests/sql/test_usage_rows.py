"""Usage by quarters of an hour: what each row counts, to the micro-credit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from creditgate_server.domain.account_keys import AccountKey
from creditgate_server.domain.activity import Span
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.rates import Rate, Usage
from creditgate_server.domain.usage import Grouping, Naming, UsageChoice, UsagePage, UsageQuestion
from creditgate_server.postgres.accounts import PostgresAccounts
from creditgate_server.postgres.ledger import PostgresLedger
from creditgate_server.postgres.pool import Pool
from creditgate_server.postgres.usage import PostgresUsages
from tests.support.clock import DatabaseClock
from tests.support.database import Connection, Database
from tests.support.micros import micros
from tests.support.priced import priced

BEGAN = datetime(2030, 3, 1, 10, tzinfo=UTC)
RATES = (
    Rate("voice.call", "*", 1, increment=60),
    Rate("tokens.in", "large", 3),
    Rate("tokens.out", "large", 5),
)
ROWS = "SELECT * FROM creditgate.usage_rows($1, $2, $3, $4, $5, $6)"
DAYS = "SELECT * FROM creditgate.usage_rows($1, $2, $3, $4, $5, $6, $7)"
GRANT, CHARGE, REFUND = 1, 2, 3


@dataclass
class World:
    """An account of 10000 micro-credits, and a clock that stands at `BEGAN`."""

    pool: Pool
    account: AccountKey
    owner: Connection

    async def at(self, minutes: float) -> None:
        await DatabaseClock(self.owner).set_time(micros(BEGAN + timedelta(minutes=minutes)))

    async def do(self, verb: Verb, hold_id: str, **given: Any) -> None:
        fingerprint = None if verb in {Verb.COMMIT, Verb.EXTEND} else b"same"
        operation = Operation(
            verb, *self.account, hold_id, fingerprint=fingerprint, ttl_ms=60_000, **given
        )
        (result,) = await PostgresLedger(self.pool).apply([operation])
        assert result.outcome in {1, 10}, result

    async def refund(self, hold_id: str, amount: int) -> None:
        name = f"{hold_id}-{amount}"
        await PostgresAccounts(self.pool).refund(self.account, name, hold_id, amount)

    async def rows(
        self,
        *,
        since: float | None = None,
        until: float | None = None,
        by: int | None = None,
        key: str = "",
    ) -> list[tuple[Any, ...]]:
        """Answer rows, their slots in minutes since `BEGAN`, without those of grants."""
        bounds = [None if m is None else BEGAN + timedelta(minutes=m) for m in (since, until)]
        rows = await self.pool.rows(ROWS, *self.account, *bounds, by, key)
        found = [(round((row[0] - BEGAN).total_seconds() / 60), *row[1:]) for row in rows]
        return sorted(row for row in found if row[1] != GRANT)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    owner = await database.connect()
    await DatabaseClock(owner).stop()
    await DatabaseClock(owner).set_time(micros(BEGAN))
    async with priced(database, *RATES, credits_micros=10_000) as (pool, account):
        yield World(pool, account, owner)
    await owner.close()


async def test_work_is_of_the_quarter_of_an_hour_in_which_it_was_charged(world: World) -> None:
    call = (
        Usage("voice.call", "", 600, gateway_id="gw", gateway_key=UUID(int=1), gateway_epoch=1),
    )
    await world.at(14.99)
    await world.do(Verb.RESERVE, "call", usages=call)
    for minutes, used in ((15, 30), (15.5, 61), (30, 60), (30.1, 185)):
        await world.at(minutes)
        usages = (Usage(used_quantity=used),)
        await world.do(Verb.COMMIT, "call", usages=usages, keep_open=True)
    await world.do(Verb.CHARGE, "plain", amount_micros=7)
    await world.at(50)
    await world.refund("call", 100)
    call_rows = [
        (15, CHARGE, "call", "voice.call", "", "", -120, 61, 1),
        (30, CHARGE, "call", "voice.call", "", "", -120, 124, 0),
        (45, REFUND, "call", "voice.call", "", "", 100, 0, 0),
    ]
    plain = (30, CHARGE, "", "", "", "", -7, 0, 1)
    assert await world.rows() == sorted([*call_rows, plain])
    # A hold is known from before the range, so it is counted once.
    assert await world.rows(since=15.2, until=15.6) == [
        (15, CHARGE, "call", "voice.call", "", "", -60, 31, 0)
    ]


async def test_a_charge_is_split_over_its_meters_and_a_refund_is_taken_off_the_last(
    world: World,
) -> None:
    lines = (Usage("tokens.in", "large", 100, 0), Usage("tokens.out", "large", 20, 0))
    await world.do(Verb.RESERVE, "reply", usages=lines)
    for used_in, used_out in ((10, 2), (100, 4)):
        used = (
            Usage("tokens.in", "large", None, used_in),
            Usage("tokens.out", "large", None, used_out),
        )
        await world.do(Verb.COMMIT, "reply", usages=used, keep_open=True)
    await world.refund("reply", 25)
    await world.at(20)
    # By amount: beyond what the meters cost it is the first one's.
    await world.do(Verb.COMMIT, "reply", used_micros=330)
    await world.refund("reply", 305)
    assert await world.rows() == [
        (0, CHARGE, "tokens", "tokens.in", "large", "", -300, 100, 1),
        (0, CHARGE, "tokens", "tokens.out", "large", "", -20, 4, 0),
        (0, REFUND, "tokens", "tokens.in", "large", "", 5, 0, 0),
        (0, REFUND, "tokens", "tokens.out", "large", "", 20, 0, 0),
        (15, CHARGE, "tokens", "tokens.in", "large", "", -10, 0, 0),
        (15, CHARGE, "tokens", "tokens.out", "large", "", 0, 0, 0),
        (15, REFUND, "tokens", "tokens.in", "large", "", 305, 0, 0),
        (15, REFUND, "tokens", "tokens.out", "large", "", 0, 0, 0),
    ]


async def test_what_could_not_be_collected_is_lacking_from_the_last_meters(world: World) -> None:
    lines = (Usage("tokens.in", "large", 1, 0), Usage("tokens.out", "large", 1, 0))
    await world.do(Verb.RESERVE, "reply", usages=lines)
    used = (Usage("tokens.in", "large", None, 3_000), Usage("tokens.out", "large", None, 4_000))
    await world.do(Verb.COMMIT, "reply", usages=used)
    assert await world.rows() == [
        (0, CHARGE, "tokens", "tokens.in", "large", "", -9_000, 3_000, 1),
        (0, CHARGE, "tokens", "tokens.out", "large", "", -1_000, 4_000, 0),
    ]


async def test_values_add_up_to_what_there_is_without_them(world: World) -> None:
    details = '{"attributes": {"agent": "%s", "topic": "t"}, "labels": {"team": "red"}}'
    for number, agent in enumerate(("ann", "bob", "ann")):
        await world.do(Verb.CHARGE, f"{number}", amount_micros=number + 1, details=details % agent)
    await world.do(Verb.CHARGE, "nobody", amount_micros=10)
    ann, bob, none = (
        (0, CHARGE, "", "", "", "ann", -4, 0, 2),
        (0, CHARGE, "", "", "", "bob", -2, 0, 1),
        (0, CHARGE, "", "", "", "", -10, 0, 1),
    )
    assert await world.rows(by=4) == [none, ann, bob]
    everything = (0, CHARGE, "", "", "", "", -16, 0, 4)
    assert await world.rows() == [everything]
    assert await world.rows(by=5) == [everything]
    team = (0, CHARGE, "", "", "", "red", -6, 0, 3)
    assert await world.rows(by=8, key="team") == [none, team]
    assert await world.rows(by=8, key="tribe") == [everything]


async def test_a_day_with_two_midnights_begins_with_the_first(world: World) -> None:
    await world.owner.execute("UPDATE creditgate.accounts SET time_zone = 'America/Havana'")
    sunday = datetime(2030, 11, 3, tzinfo=UTC)
    # At five o'clock UTC it is midnight again.
    for minutes, amount in ((230, 1), (270, 10), (330, 100), (1_750, 1_000)):
        await DatabaseClock(world.owner).set_time(micros(sunday + timedelta(minutes=minutes)))
        await world.do(Verb.CHARGE, f"{minutes}", amount_micros=amount)
    while await world.pool.value("SELECT creditgate.roll_up($1, $2, 9)", *world.account):
        pass
    day = (sunday + timedelta(hours=4), sunday + timedelta(hours=29))
    rows = await world.pool.rows(DAYS, *world.account, *day, None, "", True)
    assert [(row["slot"].date(), row["amount_micros"]) for row in rows] == [(sunday.date(), -110)]


async def test_entries_their_holds_and_sums_are_found_by_keys(world: World) -> None:
    parts = "EXPLAIN SELECT * FROM creditgate.usage_parts($1, $2, 500, 1000)"
    sums = (
        "EXPLAIN SELECT * FROM creditgate.summed_usage("
        "$1, $2, 2::smallint, '2030-01-01Z'::timestamptz, '2030-02-01Z'::timestamptz)"
    )
    plan = "\n".join(row[0] for row in await world.pool.rows(parts, *world.account))
    for index in ("entries_pkey", "entries_by_hold", "holds_pkey"):
        assert index in plan, plan
    assert "Seq Scan" not in plan, plan
    plan = "\n".join(row[0] for row in await world.pool.rows(sums, *world.account))
    assert "slot >=" in plan.split("usage_slots_pkey")[1].split("Filter")[0], plan


async def test_sums_that_cannot_be_made_again_keep_their_days(world: World) -> None:
    account, zone = world.account, "UPDATE creditgate.accounts SET time_zone = 'Asia/Tokyo'"
    emptied = """
    INSERT INTO creditgate.archives (bucket, account_key, emptied_version, emptied_at)
    VALUES ($1, $2, 1, '2030-01-01Z')
    """
    for number, change in enumerate((f"{zone} WHERE false", zone)):
        await world.do(Verb.CHARGE, f"{number}", amount_micros=5)
        await world.owner.execute(change)
        while await world.pool.value("SELECT creditgate.roll_up($1, $2, 9)", *account):
            pass
        if not number:
            await world.owner.execute(emptied, *account)
    progress = "SELECT time_zone, version FROM creditgate.usage_progress"
    assert [tuple(row) for row in await world.owner.fetch(progress)] == [("UTC", 4)]
    days = "SELECT sum(amount_micros)::int FROM creditgate.usage_slots WHERE unit = 2 AND kind = 2"
    assert await world.owner.fetchval(days) == -10
    (behind,) = await world.pool.rows(
        "SELECT * FROM creditgate.unsummed_accounts($1, 1, 1)", account[0]
    )
    assert tuple(behind) == ([], 0)


async def test_what_names_agree_on_is_chosen_by_type_also_where_it_was_summed_up(
    world: World,
) -> None:
    details = '{"attributes": {"agent": "ann"}, "labels": {}}'
    for day in range(3):
        await world.at(day * 1_440)
        calls = (Usage("voice.call", "", 60),)
        await world.do(Verb.CHARGE, f"call-{day}", usages=calls, details=details)
        await world.do(Verb.CHARGE, f"plain-{day}", amount_micros=7, details=details)
    naming = Naming(Grouping.AGENT)
    asked = {
        None: ("ann", 201, 6),
        "call": ("ann", 180, 3),
        "none": (),
    }
    for limit in (0, 1_000):
        if limit:
            await world.pool.value("SELECT creditgate.roll_up($1, $2, $3)", *world.account, limit)
        for kind, wanted in asked.items():
            question = UsageQuestion(
                Span(), by=[Grouping.AGENT], naming=naming, choice=UsageChoice(type=kind)
            )
            page = await PostgresUsages(world.pool).rows(
                world.account, question, offset=0, limit=10
            )
            assert isinstance(page, UsagePage)
            found = [(row.value, row.consumed_micros, row.holds) for row in page.rows]
            assert found == ([wanted] if wanted else []), (limit, kind)


async def test_sums_beyond_what_a_number_holds_stop_at_its_end(world: World) -> None:
    charges = """
    INSERT INTO creditgate.entries (
        bucket, account_key, version, line, kind, amount_micros, settled_micros, grant_seqs,
        drawn_micros, created_at)
    SELECT $1, $2, n, 1, 2, -1000000000000000000, 0, '{}', '{}', '2030-03-01 10:00Z'
      FROM generate_series(100, 111) AS n
    """
    await world.owner.execute(charges, *world.account)
    await world.owner.execute("UPDATE creditgate.accounts SET version = 111")
    for _ in range(3):
        # Rows are parts: whoever adds them up has to mind the end, too.
        assert sum(row[6] for row in await world.rows()) < -(2**63) + 2
        await world.pool.value("SELECT creditgate.roll_up($1, $2, 7)", *world.account)
    assert [row[6] for row in await world.rows()] == [-(2**63) + 1]
