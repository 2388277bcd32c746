"""Work on several meters, held and charged as one."""

from __future__ import annotations

from random import Random
from typing import Any

from creditgate.v1 import hold_pb2
from tests.conformance.caller import refused
from tests.conformance.wallet import (
    COMMITTED,
    CREDIT,
    rate,
    usage,
)
from tests.conformance.world import World

# Each rounds in a way of its own.
REPLY = (
    rate("tokens.input", unit_price_micros=7, unit_size=3),
    rate("tokens.output", unit_price_micros=2 * CREDIT, unit_size=1_000, increment=1_000),
    rate("tool.search", unit_price_micros=CREDIT // 3, connection_fee_micros=11, minimum=2),
)
METERS = tuple(each.meter for each in REPLY)


def usages(*quantities: int) -> hold_pb2.Usages:
    """So much of each meter; of those that are left out nothing is said."""
    return hold_pb2.Usages(
        usages=[
            usage(quantity, meter=meter)
            for meter, quantity in zip(METERS, quantities, strict=False)
            if quantity >= 0
        ]
    )


def test_v24_a_reply_on_several_meters_costs_what_each_of_them_costs(world: World) -> None:
    random = Random(241)
    wallet = world.wallet(10**6 * CREDIT, rates=REPLY)
    for number in range(8):
        final = [random.choice((0, 1, 2, 59, 999, 1_000, 1_001)) for _ in METERS]
        alone: list[Any] = []
        for place, (meter, each) in enumerate(zip(METERS, final, strict=True)):
            name = f"alone-{number}-{place}"
            alone.append(wallet.to_reserve(name, usage=usage(1, meter=meter)))
            alone.append(wallet.to_commit(name, used_quantity=each))
        costs = [each.charged_micros for each in wallet.batch(*alone)[1::2]]
        # Each report names some of the meters; those it leaves out stay as they are.
        said = [[random.choice((-1, random.randint(0, each))) for each in final] for _ in range(8)]
        parts = [usages(*each) for each in said if max(each) >= 0]
        name = f"reply-{number}"
        answers = wallet.batch(
            wallet.to_reserve(name, usages=usages(1, 0, 0)),
            *(wallet.to_commit(name, used_quantities=each, keep_open=True) for each in parts),
            *(wallet.to_extend(name, quantities=each, used_quantities=each) for each in parts[:2]),
            wallet.to_commit(name, used_quantities=usages(*final)),
        )
        hold = answers[-1].hold
        assert (hold.state, hold.charged_micros) == (COMMITTED, sum(costs))
        assert [each.used_quantity for each in hold.lines] == final


def test_v08_a_meter_that_the_hold_was_not_made_with_is_refused(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=REPLY)
    wallet.reserve("reply", usages=usages(10, 0))
    before = wallet.balance().version
    with refused("UNPRICED"):
        wallet.commit("reply", used_quantities=usages(10, 10, 1))
    with refused("UNPRICED"):
        wallet.reserve("other", usages=hold_pb2.Usages(usages=[usage(1, meter="none")]))
    assert wallet.balance().version == before
