"""What is archived and what stays, by age, by what still counts it, and once for all workers."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from creditgate_server.domain.account_keys import BUCKETS
from creditgate_server.domain.figures import Archived
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.statements import Period, Place
from creditgate_server.postgres.statements import PostgresStatements
from creditgate_server.postgres.sweeps import PostgresSweeps
from creditgate_server.workers.archive import Archive
from tests.oracle.answers import BudgetView
from tests.support.archive import archive, counted, empty
from tests.support.clock import stamp
from tests.support.pair import Pair, Pairs

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREDIT = 1_000_000
HOLDS = "SELECT hold_id FROM creditgate.archived_holds WHERE account_key = $1 ORDER BY 1"
ENTRIES = """
SELECT coalesce(hold_id, name) FROM creditgate.archived_entries WHERE account_key = $1
 ORDER BY version, line
"""
USAGE = """
SELECT sum(amount_micros)::bigint, sum(holds)::bigint
  FROM creditgate.usage_rows($1, $2, $3, NULL, NULL, NULL) WHERE kind = 2
"""
MOVED = "SELECT holds + entries FROM creditgate.archives WHERE bucket = $1 AND account_key = $2"
RULES = "SELECT DISTINCT rule FROM creditgate.verify($1) WHERE account_key = $2"


async def at(pair: Pair, text: str) -> None:
    await pair.set_time(stamp(text).ToMicroseconds())


async def charge(pair: Pair, *names: str, amount: int = CREDIT) -> None:
    for name in names:
        await pair.ask("charge", "acme", hold_id=name, amount=amount)


async def names(pair: Pair, sql: str) -> list[str]:
    rows = await pair.connection.fetch(sql, pair.direct.key("acme").account_key)
    return [row[0] for row in rows]


@pytest_asyncio.fixture(loop_scope="module")
async def acme(pair: Pair) -> Pair:
    """An account with credits, at the beginning of 2030."""
    await at(pair, "2030-01-01")
    await pair.connection.execute("UPDATE creditgate.archive_rounds SET began_at = '-infinity'")
    await pair.ask("create_account", "acme")
    await pair.ask("add_grant", "acme", grant_id="gift", amount=1_000 * CREDIT)
    return pair


async def round_of(pairs: Pairs, pair: Pair, *, days: int = 90) -> int:
    """Archive what is old enough, as a worker does; answers how many rows of acme that were."""
    moved: list[Archived] = []
    worker = Archive(PostgresSweeps(pairs.pool), days=days, archived=moved.append, limit=2, rest=0)
    key = pair.direct.key("acme")
    await counted(pair.connection, key)
    before = await pair.connection.fetchval(MOVED, *key) or 0
    assert await worker() is False
    rows = (await pair.connection.fetchval(MOVED, *key) or 0) - before
    # Accounts of other tests may be in the round, too.
    assert sum(found.holds + found.entries for found in moved) >= rows
    return int(rows)


async def test_what_ended_long_ago_is_archived_once_a_day_and_nothing_else(
    acme: Pair, pairs: Pairs
) -> None:
    await charge(acme, "a", "b")
    await acme.ask("reserve", "acme", hold_id="let go", amount=CREDIT)
    await acme.ask("release", "acme", hold_id="let go")
    await acme.ask("release", "acme", hold_id="never came")
    day = 86_400_000
    await acme.ask("reserve", "acme", hold_id="expires", amount=CREDIT, ttl_ms=60_000)
    await acme.ask("reserve", "acme", hold_id="goes on", amount=CREDIT, ttl_ms=100 * day)
    await at(acme, "2030-02-01")
    await acme.sweep()
    await charge(acme, "later")
    await acme.ask("refund", "acme", refund_id="r", hold_id="b", amount=1)

    await at(acme, "2030-04-01")
    assert await round_of(pairs, acme) == 0, "90 days are not over"
    await at(acme, "2030-04-02")
    assert await round_of(pairs, acme) == 6
    assert await names(acme, HOLDS) == ["a", "expires", "let go", "never came"]
    assert await names(acme, ENTRIES) == ["gift", "a"], "b was refunded later"
    await at(acme, "2030-04-02T12:00")
    await acme.connection.execute(
        "UPDATE creditgate.archive_rounds SET began_at = creditgate.clock()"
    )
    assert await round_of(pairs, acme) == 0
    await acme.check()

    await at(acme, "2031-01-01")
    await acme.sweep()
    assert await round_of(pairs, acme) == 6
    assert await names(acme, HOLDS) == sorted(
        ["a", "b", "expires", "goes on", "later", "let go", "never came"]
    )
    assert await acme.connection.fetchval("SELECT count(*) FROM creditgate.entries") == 0
    await acme.check()


async def test_what_is_not_in_the_sums_yet_stays(acme: Pair, pairs: Pairs) -> None:
    await charge(acme, "a")
    await counted(acme.connection, acme.direct.key("acme"))
    await charge(acme, "b", "c")
    await at(acme, "2031-01-01")
    worker = Archive(PostgresSweeps(pairs.pool), days=90, archived=lambda _: None, rest=0)
    # Where another is summing up, nobody waits for it.
    async with acme.connection.transaction():
        await acme.connection.execute("SELECT FROM creditgate.usage_progress FOR UPDATE")
        await worker()
    assert (await names(acme, HOLDS), await names(acme, ENTRIES)) == (["a"], ["gift", "a"])
    await acme.check()


async def test_budgets_go_on_counting_what_is_archived_and_emptied(
    acme: Pair, pairs: Pairs
) -> None:
    for name, period in (("all", "TOTAL"), ("daily", "DAY")):
        budget = BudgetView(name, "agent", name, period=period, spend_max=900 * CREDIT)
        await acme.ask("put_budget", "acme", budget=budget)
    for name in ("all", "daily"):
        await acme.ask(
            "charge", "acme", hold_id=f"by {name}", amount=CREDIT, attributes=(("agent", name),)
        )
    await at(acme, "2031-01-01")
    assert await round_of(pairs, acme) == 5
    assert await names(acme, HOLDS) == ["by all", "by daily"]
    await acme.check()
    # The day's counter has not gone on: nobody has needed it.
    key = acme.direct.key("acme")
    assert await empty(acme.connection, key) == 5
    await acme.prove()
    for name, left in (("all", 899), ("daily", 900)):
        over = {"amount": (left + 1) * CREDIT, "attributes": (("agent", name),)}
        await acme.ask("charge", "acme", hold_id=f"{name} too much", **over)
        over["amount"] = 5 * CREDIT
        await acme.ask("charge", "acme", hold_id=f"{name} more", **over)
        await acme.prove()


async def test_a_name_brings_its_hold_back_and_late_usage_and_refunds_go_on(acme: Pair) -> None:
    key = acme.direct.key("acme")
    await charge(acme, "paid")
    await acme.ask("reserve", "acme", hold_id="late", amount=5 * CREDIT, ttl_ms=1_000)
    await acme.ask("commit", "acme", hold_id="late", used=CREDIT, keep_open=True)
    await at(acme, "2031-01-01")
    await acme.sweep()
    assert await archive(acme.connection, key) == 5
    assert await names(acme, HOLDS) == ["late", "paid"]

    await charge(acme, "paid")
    assert await names(acme, HOLDS) == ["late"], "a repeat is judged by what is there"
    await acme.ask("charge", "acme", hold_id="paid", amount=2 * CREDIT)
    await acme.ask("commit", "acme", hold_id="late", used=3 * CREDIT)
    assert await names(acme, HOLDS) == []
    assert await archive(acme.connection, key) == 5
    await acme.ask("refund", "acme", refund_id="r", hold_id="late", amount=2 * CREDIT)
    await acme.ask("refund", "acme", refund_id="r", hold_id="late", amount=2 * CREDIT)
    await acme.ask("release", "acme", hold_id="paid")
    assert await archive(acme.connection, key) == 6
    await acme.check()


async def test_names_stay_used_when_the_archive_is_emptied(acme: Pair) -> None:
    key = acme.direct.key("acme")
    await charge(acme, "a")
    await at(acme, "2030-06-01")
    await charge(acme, "b")
    await acme.ask("refund", "acme", refund_id="r", hold_id="b", amount=1)
    await archive(acme.connection, key)
    assert await empty(acme.connection, key, after=timedelta(days=-1)) == 3
    await acme.prove()

    asked: tuple[tuple[str, dict[str, Any]], ...] = (
        ("charge", {"amount": CREDIT}),
        ("reserve", {"amount": 7}),
        ("extend", {"total": 7}),
        ("commit", {"used": CREDIT}),
        ("release", {}),
        ("refund", {"refund_id": "r2", "amount": 1}),
    )
    before = await acme.direct.get_balance("acme")
    for verb, arguments in asked:
        answer = await acme.direct.ask(verb, "acme", {"hold_id": "a", **arguments})
        assert answer.outcome == "HOLD_ARCHIVED", verb
    batch = await acme.direct.apply(
        [("charge", "acme", {"hold_id": name, "amount": 1}) for name in ("a", "c", "a")]
    )
    outcomes = [answer.outcome for answer in batch]
    assert outcomes == ["HOLD_ARCHIVED", "GRANTED", "HOLD_ARCHIVED"], "its neighbours go on"
    after = await acme.direct.get_balance("acme")
    assert before.balance is not None
    assert after.balance is not None
    assert after.balance.settled == before.balance.settled - 1
    # What is kept of the archive is as it was.
    assert (await acme.direct.ask("charge", "acme", {"hold_id": "b", "amount": CREDIT})).replayed
    await acme.prove()


async def test_statements_begin_where_the_archive_does(acme: Pair, pairs: Pairs) -> None:
    key, statements = acme.direct.key("acme"), PostgresStatements(pairs.pool)
    for month in range(1, 7):
        await at(acme, f"2030-{month:02}-15")
        await charge(acme, f"m{month}", f"n{month}")
    await archive(acme.connection, key)
    moment = {day: stamp(day).ToDatetime(tzinfo=UTC) for day in ("2030-02-01", "2030-03-15")}
    found = await statements.period(key, start=None, until=None)
    assert found == (0, 13)
    await empty(acme.connection, key, after=timedelta(days=-90))  # before 17 March
    found = await statements.period(key, start=None, until=None)
    assert isinstance(found, Period)
    assert found == (7, 13)
    whole = await statements.statement(key, found, after=Place(0, 0), limit=99)
    assert whole is not None
    assert (whole.opening_micros, whole.closing_micros) == (994 * CREDIT, 988 * CREDIT)
    assert [entry.hold_id for entry in whole.entries] == ["m4", "n4", "m5", "n5", "m6", "n6"]
    assert (
        await statements.statement(key, found._replace(after_version=0), after=None, limit=1)
        is None
    )
    for day, told in moment.items():
        gone = Outcome.RANGE_ARCHIVED
        assert await statements.period(key, start=told, until=None) is gone, day
        assert await statements.period(key, start=None, until=told) is gone, day


async def test_a_hold_leaves_the_archive_with_its_last_entry(acme: Pair) -> None:
    key = acme.direct.key("acme")
    long = {"amount": 9 * CREDIT, "ttl_ms": 100 * 86_400_000}
    await acme.ask("reserve", "acme", hold_id="long", **long)
    for month, used in ((1, 1), (3, 3)):
        await at(acme, f"2030-{month:02}-15")
        used_ = {"used": used * CREDIT, "keep_open": month < 3}
        await acme.ask("commit", "acme", hold_id="long", **used_)
        await charge(acme, f"m{month}")
    await archive(acme.connection, key)
    cut = stamp("2030-02-01").ToDatetime(tzinfo=UTC)
    before = [tuple(row) for row in await acme.connection.fetch(USAGE, *key, cut)]
    assert before == [(-3 * CREDIT, 1)], "long began before"

    assert await empty(acme.connection, key, after=timedelta(days=-40)) == 3
    assert await names(acme, ENTRIES) == ["long", "long", "m3"]
    assert [tuple(row) for row in await acme.connection.fetch(USAGE, *key, cut)] == before
    await acme.ask("commit", "acme", hold_id="long", used=2 * CREDIT)
    await acme.prove()
    await archive(acme.connection, key)
    assert await names(acme, ENTRIES) == ["m3"], "it was brought back, and stays"
    await acme.ask("charge", "acme", hold_id="m3", amount=CREDIT)
    await archive(acme.connection, key)
    assert await empty(acme.connection, key) == 2
    assert await names(acme, HOLDS) == []
    await acme.prove()


async def test_what_is_changed_or_missing_in_the_archive_is_found(acme: Pair) -> None:
    key = acme.direct.key("acme")
    await charge(acme, "a", "b", "c")
    await archive(acme.connection, key)
    whole = "what is in the archive is what was moved there"
    for harm, rules in (
        (
            "DELETE FROM creditgate.archived_entries WHERE hold_id = 'b'",
            {whole, "charged = entries of the hold"},
        ),
        ("DELETE FROM creditgate.archived_holds WHERE hold_id = 'b'", {whole}),
        (
            "UPDATE creditgate.archived_entries SET amount_micros = -7 WHERE hold_id = 'b'",
            {whole},
        ),
        (
            "UPDATE creditgate.archived_entries SET settled_micros = 1 WHERE hold_id = 'b'",
            {"each entry continues the balance"},
        ),
        (
            "UPDATE creditgate.archives SET amount_micros = amount_micros + 1",
            {whole, "settled = sum of entries"},
        ),
        ("UPDATE creditgate.accounts SET has_archive = false", {whole}),
        (
            "INSERT INTO creditgate.entries SELECT * FROM creditgate.archived_entries",
            {"a hold is in one place"},
        ),
        (
            "INSERT INTO creditgate.holds SELECT * FROM creditgate.archived_holds",
            {"a hold is in one place"},
        ),
        (
            "UPDATE creditgate.archives SET emptied_settled_micros = 1",
            {"the balance is carried over what left the archive"},
        ),
    ):
        transaction = acme.connection.transaction()
        await transaction.start()
        assert not (await acme.connection.execute(harm)).endswith(" 0")
        found = {row[0] for row in await acme.connection.fetch(RULES, *key)}
        await transaction.rollback()
        assert rules <= found, harm
    await acme.prove()


async def test_nothing_younger_than_ninety_days_can_be_archived(acme: Pair) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await acme.connection.fetch("SELECT creditgate.archive(0::smallint, 89, 10)")


async def test_a_bucket_is_gone_through_by_one_worker_at_a_time(acme: Pair, pairs: Pairs) -> None:
    await charge(acme, "a")
    await at(acme, "2031-01-01")
    await counted(acme.connection, acme.direct.key("acme"))
    sweeps, bucket = PostgresSweeps(pairs.pool), acme.direct.key("acme").bucket
    assert bucket < BUCKETS
    transaction = acme.connection.transaction()
    await transaction.start()
    step = await acme.connection.fetchrow("SELECT * FROM creditgate.archive($1, 90, 10)", bucket)
    assert step is not None
    assert tuple(await sweeps.archive(bucket, days=90, limit=10)) == (0, 0, False)
    await transaction.rollback()
    assert (await sweeps.archive(bucket, days=90, limit=10)).more
