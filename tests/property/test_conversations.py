"""Walks through conversations: the server and the fake answer as the oracle does, step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from creditgate.testing import FakeCreditgate
from tests.contract.drivers import START, Driver, GrpcDriver, ModelDriver
from tests.contract.wire import Operation
from tests.oracle.answers import RateView
from tests.oracle.prices import RateCard
from tests.oracle.subscriber import Plan
from tests.oracle.terms import ConversationTerms
from tests.support.database import Database
from tests.support.stage import Stage

CREDIT = 1_000_000
SECOND = 1_000_000
STEPS = 80
WALKS = [(pricing, seed) for pricing in ("MESSAGE", "CONVERSATION", "BOTH") for seed in (1, 2)]
RATES = (
    RateView("chat.conversation", unit_price=3 * CREDIT),
    RateView("chat.conversation", model="sales", unit_price=2 * CREDIT, fee=1),
    RateView("chat.message", unit_price=CREDIT, increment=2),
    RateView("tokens", model="big", unit_price=CREDIT // 3, unit_size=7),
)


class Walk:
    """A random way through a few conversations with a few credits."""

    def __init__(self, pricing: str, seed: int) -> None:
        self._random = Random(f"{pricing} {seed}")
        self._pricing = pricing
        self._step = 0
        self.now = START

    def plans(self) -> Iterator[Operation]:
        yield Operation("put_rate_card", {"card": RateCard("std", 1, rates=RATES)})
        for version, terms in enumerate(self._terms(), 1):
            plan = Plan(
                "pro",
                version,
                allowance=12 * CREDIT,
                unit="MONTH",
                card=("std", 1),
                policy=("CAP", "DEBT", "DENY")[version - 1],
                open_holds_max=(None, 5, None)[version - 1],
                conversations=terms,
            )
            yield Operation("put_plan", {"plan": plan})
        yield Operation("update_account", {"plan": ("pro", 1)})

    def _terms(self) -> Iterator[ConversationTerms]:
        yield ConversationTerms(pricing=self._pricing, timeout_ms=60_000)
        yield ConversationTerms(pricing=self._pricing, timeout_ms=90_000, reopen_ms=30_000)
        yield ConversationTerms(pricing="BOTH", timeout_ms=60_000, message_meter="tokens")

    def steps(self) -> Iterator[Operation | None]:
        """The operations of the walk; None is a sweep."""
        pick = self._random.choice
        for self._step in range(STEPS):
            if self._random.random() < 0.4:
                self.now += pick((0, 1, 10, 29, 30, 60, 90, 100)) * SECOND
            if self._random.random() < 0.03:
                self.now += 20 * 86_400 * SECOND
            yield None if self._random.random() < 0.05 else self._operation()

    def _operation(self) -> Operation:
        pick = self._random.choice
        talk = {"conversation_id": pick("cd")}
        said = {**talk, "message_id": f"m{self._step // 6 + self._random.randrange(3)}"}
        kinds: list[tuple[str, dict[str, Any], int]] = [
            ("reserve_message", said | self._wish(), 8),
            ("commit_message", said | self._report(), 7),
            ("release_message", said | {"handed_off": pick((False, False, True))}, 3),
            ("close_conversation", talk | {"session": pick((0, 0, 1, 2)), "cause": "done"}, 1),
            ("get_conversation", talk | {"session": pick((0, 0, 1))}, 1),
            ("list_conversations", {"state": pick(("", "OPEN", "ENDED"))}, 1),
            ("add_grant", self._grant(), 1),
            ("update_account", pick(({"plan": ("pro", pick((1, 2, 3)))}, self._status())), 1),
        ]
        ((verb, arguments, _),) = self._random.choices(kinds, weights=[each[2] for each in kinds])
        return Operation(verb, arguments)

    def _wish(self) -> dict[str, Any]:
        pick = self._random.choice
        meter, model = pick((*[("", ""), ("", "big"), ("tokens", "big")] * 4, ("none", "")))
        return {
            "type": pick(("", "sales")),
            "usage": (meter, model, pick((0, 1, 1, 3))),
            "ttl_ms": pick((10_000, 60_000, 120_000)),
        }

    def _report(self) -> dict[str, Any]:
        pick = self._random.choice
        return pick(({}, {}, {"used": pick((0, CREDIT, 9 * CREDIT))}, {"used_quantity": 2}))

    def _grant(self) -> dict[str, Any]:
        name = f"g{self._random.randrange(10**9)}"
        return {
            "grant_id": name,
            "kind": "PURCHASED",
            "amount": self._random.choice((1, 4)) * CREDIT,
        }

    def _status(self) -> dict[str, Any]:
        return {"status": self._random.choice(("ACTIVE", "ACTIVE", "ACTIVE", "SUSPENDED"))}


async def nothing() -> None:
    """Leave things as they are."""


async def follow(
    walk: Walk,
    driver: Driver,
    account_id: str,
    *,
    between: Callable[[], Awaitable[None]] = nothing,
) -> int:
    """Take a walk beside the oracle, and answer how often something was granted."""
    oracle, granted = ModelDriver(), 0
    both: tuple[Driver, ...] = (driver, oracle)
    for each in both:
        await each.set_time(START)
        for operation in (Operation("create_account"), *walk.plans()):
            assert (await each.run(account_id, operation)).outcome == "ACCEPTED"
    for step in walk.steps():
        for each in both:
            await each.set_time(walk.now)
        if step is None:
            for each in both:
                await each.sweep()
            continue
        await between()
        given = await driver.run(account_id, step)
        right = await oracle.run(account_id, step)
        assert given == right, step
        granted += right.outcome == "GRANTED"
    return granted


@pytest.fixture(scope="module")
def stage(module_database: Database) -> Iterator[Stage]:
    with Stage(module_database) as stage:
        yield stage


@pytest.mark.parametrize(("pricing", "seed"), WALKS)
def test_the_server_answers_as_the_oracle(stage: Stage, pricing: str, seed: int) -> None:
    account_id = f"walk-{pricing.lower()}-{seed}"
    assert stage.run(follow(Walk(pricing, seed), stage.driver, account_id)) > 5
    assert stage.run(stage.violations(account_id)) == []


@pytest.fixture
async def fake_driver() -> AsyncIterator[GrpcDriver]:
    with FakeCreditgate(api_key="key") as fake:

        async def set_time(now: int) -> None:
            fake.set_time(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=now))

        async def sweep() -> None:
            fake.sweep()

        driver = GrpcDriver(fake.target, api_key="key", set_time=set_time, sweep=sweep)
        yield driver
        await driver.close()


@pytest.mark.parametrize(("pricing", "seed"), [*WALKS, ("BOTH", 3), ("CONVERSATION", 3)])
async def test_the_fake_answers_as_the_oracle(
    fake_driver: GrpcDriver, pricing: str, seed: int
) -> None:
    assert await follow(Walk(pricing, seed), fake_driver, "walk") > 5
