"""A threshold that a thousand charges cross at once is told of once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as accounts
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.load import CREDIT, Caller, charge, spread
from tests.support.load_servers import fleet
from tests.support.postgres_faults import broken_rules, superuser, vary

CLIENTS = 64
CHARGES = 1_000
LINES = (900, 500, 200, 0)

_TOLD = """
SELECT e.kind, (e.body ->> 'threshold_micros')::bigint, count(*), min(e.settled_micros)
  FROM creditgate.events AS e JOIN creditgate.accounts AS a USING (bucket, account_key)
 WHERE a.account_id = 'acme'
 GROUP BY 1, 2
"""
LOW, EXHAUSTED, RESUMED, ASKED = 1, 2, 3, 8


async def charge_across(
    database: Database, folder: Path
) -> tuple[Counter[tuple[int, int | None]], dict[int, int]]:
    """Charge an account by credits from 1,000 to 0, on two servers; answers what was told of it:

    how often each, and the lowest balance told with each threshold.
    """
    thresholds: Any = [account_pb2.Threshold(amount_micros=line * CREDIT) for line in LINES]
    change = accounts.ThresholdChange(thresholds=thresholds)
    async with fleet(database, folder) as servers:
        callers = await servers.callers(CLIENTS)
        await open_with(callers[0], change)
        replies = await spread(callers, [charge("acme", f"c-{n}", CREDIT) for n in range(CHARGES)])
        assert all(reply.granted for reply in replies)
    async with superuser(database) as connection:
        rows = await connection.fetch(_TOLD)
    times = Counter({(kind, at): count for kind, at, count, _ in rows})
    return times, {at: settled for kind, at, _, settled in rows if kind == LOW}


async def open_with(caller: Caller, change: accounts.ThresholdChange) -> None:
    await caller.open_account("acme", credit_micros=CHARGES * CREDIT)
    more = account_pb2.AutoTopup(enabled=True, below_micros=400 * CREDIT, amount_micros=CREDIT)
    await caller.ask(
        accounts.UpdateAccountRequest(account_id="acme", thresholds=change, auto_topup=more)
    )


async def test_a_thousand_charges_tell_of_each_threshold_once(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    times, told_at = await charge_across(database, tmp_path)
    lines = {line * CREDIT for line in LINES}
    others = {(RESUMED, None): 1, (EXHAUSTED, None): 1, (ASKED, None): 1}
    assert times == others | {(LOW, at): 1 for at in lines}
    # With charges of one credit, a balance reaches each line exactly: that is the charge told of.
    assert told_at == {at: at for at in lines}
    assert await broken_rules(database) == []
    figures(clients=CLIENTS, servers=2, charges=CHARGES, thresholds=len(LINES), told=len(LINES))


async def test_control_judged_by_the_balance_before_the_batch_it_is_told_more_than_once(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """The same load shows the fault when a charge is compared with what was written before it."""
    stale = (
        "(SELECT s.settled_micros FROM creditgate.accounts AS s"
        " WHERE s.bucket = p_before.bucket AND s.account_key = p_before.account_key) > v_at"
    )
    await vary(database, "036_events.sql", ("p_before.settled_micros > v_at", stale))
    times, _ = await charge_across(database, tmp_path)
    told = sum(count for (kind, _), count in times.items() if kind == LOW)
    assert told > len(LINES)
    figures(thresholds=len(LINES), told=told)
