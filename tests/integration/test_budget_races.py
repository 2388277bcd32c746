"""A budget grants what it has, not a credit more or less, whoever asks at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as admin
from creditgate.v1 import authorization_service_pb2 as pb
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT, Caller, commit, release, reserve, spread
from tests.support.load_servers import fleet
from tests.support.postgres_faults import broken_rules, superuser, vary

CLIENTS = 64
PLENTY = 1_000_000 * CREDIT
AGENTS = account_pb2.Budget(budget_id="agents", attribute="agent", spend_max_micros=100 * CREDIT)
CALLS = account_pb2.Budget(budget_id="calls", attribute="call_id", together=True, open_holds_max=10)

_COUNTED = """
SELECT k.value, k.spent_micros, k.held_micros, k.open_holds
  FROM creditgate.budget_counters AS k JOIN creditgate.accounts AS a USING (bucket, account_key)
 WHERE a.account_id = $1 ORDER BY k.value
"""


class Tally(NamedTuple):
    """What became of reserves, and what the budget's counters say (value, spent, held, open)."""

    granted: int
    denied_by_budget: int
    errors: int
    counters: list[tuple[Any, ...]]


async def open_account(caller: Caller, budget: account_pb2.Budget) -> str:
    account_id = f"race-{Random().getrandbits(64):x}"
    await caller.open_account(account_id, credit_micros=PLENTY)
    await caller.ask(admin.PutBudgetRequest(account_id=account_id, budget=budget))
    return account_id


def of(request: Any, **attributes: str) -> Any:
    """A request for such work."""
    request.attributes.CopyFrom(hold_pb2.Attributes(**attributes))
    return request


async def counted(database: Database, account_id: str) -> list[tuple[Any, ...]]:
    async with superuser(database) as connection:
        return [tuple(row) for row in await connection.fetch(_COUNTED, account_id)]


async def race(
    database: Database, callers: list[Caller], budget: account_pb2.Budget, **attributes: str
) -> Tally:
    """Reserves a credit a thousand times on a new account, all callers at once."""
    account_id = await open_account(callers[0], budget)
    requests = [of(reserve(account_id, f"h-{n}", CREDIT), **attributes) for n in range(1_000)]
    replies = await spread(callers, requests)
    limit = f"budget/{budget.budget_id}"
    return Tally(
        granted=sum(reply.granted for reply in replies),
        denied_by_budget=sum(reply.ok and reply.message.limit == limit for reply in replies),
        errors=sum(not reply.ok for reply in replies),
        counters=await counted(database, account_id),
    )


async def test_a_thousand_at_once_get_what_the_agent_has(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    async with fleet(database, tmp_path) as servers:
        callers = await servers.callers(CLIENTS)
        spending = await race(database, callers, AGENTS, agent="ann")
        opening = await race(database, callers, CALLS, call_id="1")
    assert spending == Tally(100, 900, 0, [("ann", 0, 100 * CREDIT, 100)])
    assert opening == Tally(10, 990, 0, [("", 0, 10 * CREDIT, 10)])
    assert await broken_rules(database) == []
    figures(
        clients=CLIENTS, servers=2, reserves=2_000, granted_of_100=spending.granted,
        open_of_10=opening.granted, overspend_micros=0,
    )  # fmt: skip


async def test_control_without_the_lock_the_agent_gets_more(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """The same load shows the fault when the protection is out: accounts read without their lock.

    A pause between reading and writing makes the interleaving certain on any machine.
    """
    await vary(
        database,
        "050_apply.sql",
        ("        FOR NO KEY UPDATE OF a);\n", ");\n    PERFORM pg_sleep(0.002);\n"),
    )
    async with fleet(database, tmp_path) as servers:
        callers = await servers.callers(CLIENTS)
        tally = await race(database, callers, AGENTS, agent="ann")
    assert tally.granted > 100
    broken = await broken_rules(database)
    assert any("held on a counter = its open holds" in line for line in broken)
    figures(granted_of_100=tally.granted)


async def live(caller: Caller, account_id: str, name: str, random: Random) -> Counter[str]:
    """Reserves, and commits, releases or leaves to the sweepers what is granted."""
    seen: Counter[str] = Counter()
    for n in range(40):
        agent, hold_id = random.choice(("ann", "bob")), f"{name}-{n}"
        ttl_ms = random.choice((20, 600_000))
        request = of(reserve(account_id, hold_id, 3 * CREDIT, ttl_ms=ttl_ms), agent=agent)
        reply = await caller.insist(request)
        seen["granted" if reply.granted else reply.message.limit] += 1
        if not reply.granted or ttl_ms < 600_000:
            # What is committed after its expiry counts, too, but is not bound by a budget.
            continue
        if random.random() < 0.6:
            used = random.choice((CREDIT, 3 * CREDIT))
            charged = await caller.insist(commit(account_id, hold_id, used))
            seen[agent] += charged.message.charged_micros
        elif random.random() < 0.5:
            await caller.insist(release(account_id, hold_id))
    return seen


async def test_what_comes_back_can_be_spent_and_no_more_than_that(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """Holds end in all ways, two servers sweep, and each agent ends at its limit."""
    async with fleet(database, tmp_path, count=2, sweep_interval_ms="50") as servers:
        callers = await servers.callers(32)
        account_id = await open_account(callers[0], AGENTS)
        ends = await spread_lives(callers, account_id)
        total = sum(ends, Counter())
        # Whatever is left is freed, and then there is exactly the rest.
        holds = await callers[0].ask(
            admin.ListHoldsRequest(
                account_id=account_id, state=hold_pb2.HOLD_STATE_OPEN, page_size=1000
            )
        )
        for hold in holds.holds:
            await callers[0].insist(release(account_id, hold.hold_id))
        lefts = {agent: 100 * CREDIT - total[agent] for agent in ("ann", "bob")}
        for agent, left in lefts.items():
            for name, amount in (("more", left + 1), ("rest", left))[: 1 + (left > 0)]:
                asked = pb.ChargeRequest(
                    account_id=account_id, hold_id=f"{name}-{agent}", amount_micros=amount
                )
                reply = await callers[0].insist(of(asked, agent=agent))
                assert reply.granted == (name == "rest")
    assert await counted(database, account_id) == [
        (agent, 100 * CREDIT, 0, 0) for agent in ("ann", "bob")
    ]
    assert total["budget/agents"] > 0, "a budget that binds nobody is none"
    assert await broken_rules(database) == []
    figures(
        granted=total["granted"], denied=total["budget/agents"],
        charged_micros=total["ann"] + total["bob"], overspend_micros=0,
    )  # fmt: skip


async def spread_lives(callers: list[Caller], account_id: str) -> list[Counter[str]]:
    return await asyncio.gather(
        *(live(caller, account_id, f"c{n}", Random(n)) for n, caller in enumerate(callers))
    )
