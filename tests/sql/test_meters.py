"""Holds on several meters in the database: the rule that proves their lines finds a wrong one."""

from __future__ import annotations

from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.rates import Rate, Usage
from creditgate_server.postgres.ledger import PostgresLedger
from tests.support.database import Database
from tests.support.priced import priced

RATES = (Rate("in", "*", 3), Rate("out", "*", 5))
RULE = "lines cost no more than was used"
SPOIL = "UPDATE creditgate.holds SET lines[2].used_quantity = 3 WHERE hold_id = 'reply'"
VERIFY = "SELECT rule, detail FROM creditgate.verify($1::smallint)"


async def test_a_line_that_was_not_charged_is_found_and_named(database: Database) -> None:
    async with priced(database, *RATES, credits_micros=1_000) as (pool, account):
        lines = (Usage("in", "", 10, 0), Usage("out", "", 5, 0))
        used = (Usage("in", "", None, 10), Usage("out", "", None, 2))
        operations = [
            Operation(Verb.RESERVE, *account, "reply", ttl_ms=60_000, usages=lines),
            Operation(Verb.COMMIT, *account, "reply", keep_open=True, usages=used),
        ]
        reserved, committed = await PostgresLedger(pool).apply(operations)
        assert (reserved.asked_micros, committed.charged_micros) == (55, 40)
        owner = await database.connect()
        assert await owner.fetch(VERIFY, account.bucket) == []
        await owner.execute(SPOIL)
        (broken,) = await owner.fetch(VERIFY, account.bucket)
        await owner.close()
        assert (broken["rule"], broken["detail"]) == (RULE, "reply: used 40 < 45")
