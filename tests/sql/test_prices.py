"""What PostgreSQL asks for a quantity, beside what the oracle counts, and the same backwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest
import pytest_asyncio

from tests.oracle.answers import RateView
from tests.oracle.prices import QUANTITY_MAX, affordable, price
from tests.support.database import Connection, Database

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = 4_000
AMOUNT_MAX = 10**18
SECONDS = (0, 1, 5, 6, 7, 29, 30, 31, 59, 60, 61, 78)
# What is charged for so many seconds at a micro-credit each, by initial block and increment.
PLAIN = {
    (0, 0): (0, 1, 5, 6, 7, 29, 30, 31, 59, 60, 61, 78),
    (6, 6): (0, 6, 6, 6, 12, 30, 30, 36, 60, 60, 66, 78),
    (60, 6): (0, 60, 60, 60, 60, 60, 60, 60, 60, 60, 66, 78),
    (30, 6): (0, 30, 30, 30, 30, 30, 30, 36, 60, 60, 66, 78),
    (60, 60): (0, 60, 60, 60, 60, 60, 60, 60, 60, 60, 120, 120),
}
# The same with at least 40 s, and a fee of 7.
AT_LEAST_40_AND_7 = {
    (0, 0): (0, 47, 47, 47, 47, 47, 47, 47, 66, 67, 68, 85),
    (6, 6): (0, 49, 49, 49, 49, 49, 49, 49, 67, 67, 73, 85),
    (60, 6): (0, 67, 67, 67, 67, 67, 67, 67, 67, 67, 73, 85),
    (30, 6): (0, 49, 49, 49, 49, 49, 49, 49, 67, 67, 73, 85),
    (60, 60): (0, 67, 67, 67, 67, 67, 67, 67, 67, 67, 127, 127),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(module_database: Database) -> AsyncIterator[Connection]:
    connection = await module_database.connect()
    yield connection
    await connection.close()


async def ask(
    connection: Connection, function: str, cases: Sequence[tuple[RateView, int]]
) -> list[int]:
    """What a function of a rate and a number answers for each."""
    rows = await connection.fetch(
        f"SELECT creditgate.{function}(($1::creditgate.rate[])[n], ($2::bigint[])[n])"
        "  FROM generate_subscripts($2::bigint[], 1) AS n ORDER BY n",
        [
            (
                *(rate.meter, rate.model, rate.unit_price, rate.unit_size),
                *(rate.fee, rate.minimum, rate.initial, rate.increment),
                [beyond for beyond, _ in rate.tiers] or None,
                [each for _, each in rate.tiers] or None,
            )
            for rate, _ in cases
        ],
        [number for _, number in cases],
    )
    return [int(each[0]) for each in rows]


@pytest.mark.parametrize("blocks", PLAIN)
async def test_blocks_at_their_boundaries(blocks: tuple[int, int], connection: Connection) -> None:
    initial, increment = blocks
    plain = RateView("voice.call", unit_price=1, initial=initial, increment=increment)
    more = RateView(
        "voice.call", unit_price=1, initial=initial, increment=increment, minimum=40, fee=7
    )
    for rate, wanted in ((plain, PLAIN[blocks]), (more, AT_LEAST_40_AND_7[blocks])):
        cases = [(rate, seconds) for seconds in SECONDS]
        assert tuple(await ask(connection, "price", cases)) == wanted
        assert tuple(price(*each) for each in cases) == wanted


async def test_a_price_per_minute_is_rounded_once_and_up(connection: Connection) -> None:
    rate = RateView("voice.call", unit_price=100, unit_size=60)
    assert await ask(connection, "price", [(rate, 1), (rate, 3), (rate, 60), (rate, 61)]) == [
        *(2, 5, 100, 102)
    ]


async def test_tiers_price_what_lies_in_them(connection: Connection) -> None:
    rate = RateView("tokens.output", unit_price=5, tiers=((10, 3), (20, 0), (30, 1)))
    quantities = (9, 10, 11, 20, 25, 30, 31, 40)
    wanted = [45, 50, 53, 80, 80, 80, 81, 90]
    assert await ask(connection, "price", [(rate, each) for each in quantities]) == wanted
    amounts = (0, 4, 5, 50, 52, 79, 80, 81)
    wanted = [0, 0, 1, 10, 10, 19, 30, 31]
    assert await ask(connection, "affordable", [(rate, each) for each in amounts]) == wanted


def any_number(random: Random, *, most: int = AMOUNT_MAX) -> int:
    """A number whose length is as likely as any other, or one that is special."""
    if random.random() < 0.3:
        return random.choice((0, 1, 2, 6, 59, 60, 61, most - 1, most))
    return random.randrange(10 ** random.randint(1, len(str(most)) - 1) + 1)


def any_rate(random: Random) -> RateView:
    bounds = {max(any_number(random), 1) for _ in range(random.choice((0, 0, 1, 3)))}
    return RateView(
        "meter",
        unit_price=any_number(random),
        unit_size=random.choice((0, 1, 60, any_number(random))),
        fee=random.choice((0, any_number(random))),
        minimum=random.choice((0, any_number(random))),
        initial=random.choice((0, 6, 60, any_number(random))),
        increment=random.choice((0, 6, 60, any_number(random))),
        tiers=tuple((beyond, any_number(random)) for beyond in sorted(bounds)),
    )


async def test_prices_are_the_oracles_for_any_rate(connection: Connection) -> None:
    random = Random(20_260)
    cases = [(any_rate(random), any_number(random, most=QUANTITY_MAX)) for _ in range(CASES)]
    assert await ask(connection, "price", cases) == [price(*each) for each in cases]


async def test_what_an_amount_buys_is_the_oracles_for_any_rate(connection: Connection) -> None:
    random = Random(20_261)
    cases = []
    for _ in range(CASES):
        rate = any_rate(random)
        about = price(rate, any_number(random, most=QUANTITY_MAX)) + random.choice((-1, 0, 1))
        cases.append((rate, min(max(about, 0), 8 * AMOUNT_MAX)))
    bought = await ask(connection, "affordable", cases)
    assert bought == [affordable(*each) for each in cases]
    assert len({each for each in bought if 0 < each < QUANTITY_MAX}) > CASES // 10
