"""Random histories of plans, cycles, add-ons, grants and holds, on the ledger and on the oracle."""

from __future__ import annotations

import os
import random

import pytest

from tests.contract.drivers import START
from tests.oracle.subscriber import Subscriber
from tests.property.subscriptions import PLANS, ZONES, PlanChooser, turning
from tests.support.database import Database
from tests.support.pair import Pair, Request, stop_clock

ACCOUNTS = ("left", "right")
VAST = 10**17
STEPS = (
    *("hot",) * 7,
    *("long_hold",) * 2,
    *("admin",) * 3,
    *("plan",) * 2,
    *("addon",) * 1,
    *("batch",) * 1,
    *("wait",) * 5,
    "sweep",
)


@pytest.fixture(scope="module")
def stopped(module_database: Database) -> Database:
    stop_clock(module_database)
    return module_database


async def walk(pair: Pair, seed: int, *, steps: int) -> None:
    chance = random.Random(seed)
    await pair.set_time(START + chance.randrange(400 * 86_400) * 1_000_000)
    for plan in PLANS:
        await pair.put_plan(plan)
    for account in ACCOUNTS:
        await pair.ask("create_account", account, policy=chance.choice(("CAP", "DEBT")))
        first = chance.choice(PLANS[:-2]).name
        await pair.ask("update_account", account, plan=first, time_zone=chance.choice(ZONES))
    for _ in range(steps):
        await take_step(pair, chance)
        await pair.check()


async def take_step(pair: Pair, chance: random.Random) -> None:
    step, account_id = chance.choice(STEPS), chance.choice(ACCOUNTS)
    account = pair.model.accounts[account_id]
    if step == "wait":
        await wait(pair, chance.choice(turning(account, pair.now)))
    elif step == "sweep":
        await pair.sweep()
    elif step == "batch":
        await pair.ask_together(
            [chosen(pair, chance, chance.choice(ACCOUNTS), "hot") for _ in range(5)]
        )
    else:
        verb, account_id, arguments = chosen(pair, chance, account_id, step)
        await pair.ask(verb, account_id, **arguments)


async def wait(pair: Pair, until: int) -> None:
    """Let time pass; where amounts are cut to what there is room for, cycle by cycle.

    What there is room for when a cycle turns depends on what is about to end, and so on the cycles
    before it: the ledger, which may pass over these, then gives more than the oracle.
    """
    for account in pair.model.accounts.values():
        while is_vast(account) and account.cycle and account.cycle.ends_at < until:
            await pair.set_time(max(pair.now, account.cycle.ends_at))
            await pair.sweep()
    await pair.set_time(max(pair.now, until))


def is_vast(account: Subscriber) -> bool:
    """Whether the account's next cycle may bring more than there is room for."""
    plans = (account.plan, account.next_plan)
    return account.settled >= VAST or any(plan and plan.allowance >= VAST for plan in plans)


def chosen(pair: Pair, chance: random.Random, account_id: str, step: str) -> Request:
    chooser = PlanChooser(chance.choice, pair.model.accounts[account_id], now=pair.now)
    operation = getattr(chooser, step)()
    return operation.verb, account_id, dict(operation.arguments)


async def run_walks(database: Database, *, walks: int, steps: int) -> None:
    first = int(os.environ.get("CREDITGATE_TEST_SEED", random.randrange(2**32)))
    print(f"walks: first seed {first}; CREDITGATE_TEST_SEED={first} repeats them")  # noqa: T201
    for seed in range(first, first + walks):
        async with Pair.on(database) as pair:
            try:
                await walk(pair, seed, steps=steps)
            except AssertionError as error:
                error.add_note(f"seed {seed}, {steps} steps")
                raise


async def test_walks(stopped: Database) -> None:
    await run_walks(stopped, walks=12, steps=60)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_many_walks(stopped: Database) -> None:
    await run_walks(stopped, walks=300, steps=100)
