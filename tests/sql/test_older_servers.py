"""The batch as servers of the versions before call it: by the types they know."""

from __future__ import annotations

from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.rates import Rate
from tests.support.database import Database
from tests.support.priced import priced

BY_AMOUNT = "SELECT * FROM creditgate.apply($1::creditgate.operation[])"
BY_USAGE = "SELECT * FROM creditgate.apply($1::creditgate.operation[], $2::creditgate.usage[])"


async def test_the_batch_is_called_as_versions_before_do(database: Database) -> None:
    rates = (Rate("call", "*", 3), Rate("text", "*", 5))
    async with priced(database, *rates, credits_micros=1_000) as (pool, account):

        def reserve(hold_id: str, amount: int = 0) -> tuple[object, ...]:
            return Operation(
                Verb.RESERVE, *account, hold_id, amount, ttl_ms=60_000, fingerprint=b"same"
            )[:12]

        usages = [(1, "call", "", 10, None), (3, "text", "", 2, None)]
        batch = [reserve("a"), reserve("b", 7), reserve("c")]
        async with pool.connection() as connection:
            metered = await connection.fetch(BY_USAGE, batch, usages)
            plain = await connection.fetch(BY_AMOUNT, [reserve("d", 11)])
    assert [row["hold_granted_micros"] for row in metered] == [30, 7, 10]
    assert [row["affordable_quantity"] for row in metered] == [333, None, 192]
    assert plain[0]["hold_granted_micros"] == 11
