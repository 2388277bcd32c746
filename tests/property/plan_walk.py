"""One random history of two accounts with plans, each step on the ledger and on the oracle."""

from __future__ import annotations

import random

from tests.contract.drivers import START
from tests.oracle.subscriber import Subscriber
from tests.property.subscriptions import DAY, PLANS, ZONES, PlanChooser, turning
from tests.support.pair import Pair, Request

ACCOUNTS = ("left", "right")
VAST = 10**17
STEPS = (
    *("hot",) * 7,
    *("long_hold",) * 2,
    *("admin",) * 3,
    *("plan",) * 2,
    *("wait",) * 5,
    "addon",
    "batch",
    "repeat",
    "sweep",
)


class PlanWalk:
    """A history by its seed."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair, self._chance = pair, random.Random(seed)
        self._sent: list[Request] = []

    async def begin(self) -> None:
        """Open the accounts, on plans and in time zones of their own."""
        choice = self._chance.choice
        await self.pair.set_time(START + self._chance.randrange(400 * 86_400) * 1_000_000)
        for plan in PLANS:
            await self.pair.put_plan(plan)
        for account in ACCOUNTS:
            await self._ask(("create_account", account, {"policy": choice(("CAP", "DEBT"))}))
            first = {"plan": choice(PLANS[:-2]).name, "time_zone": choice(ZONES)}
            await self._ask(("update_account", account, first))

    async def step(self) -> None:
        """Do one thing."""
        step, account_id = self._chance.choice(STEPS), self._chance.choice(ACCOUNTS)
        if step == "wait":
            account = self.pair.model.accounts[account_id]
            times = turning(account, self.pair.now)
            # Years are long for accounts whose cycles are days: they are seldom waited for.
            near = [each for each in times if each < self.pair.now + 60 * DAY]
            await self._wait(self._chance.choice(self._chance.choice((near, near, times))))
        elif step == "sweep":
            await self.pair.sweep()
        elif step == "repeat":
            await self._ask(self._chance.choice(self._sent))
        elif step == "batch":
            accounts = [self._chance.choice(ACCOUNTS) for _ in range(5)]
            await self.pair.ask_together([self._chosen(each, "hot") for each in accounts])
        else:
            await self._ask(self._chosen(account_id, step))

    async def _ask(self, request: Request) -> None:
        self._sent.append(request)
        verb, account_id, arguments = request
        await self.pair.ask(verb, account_id, **arguments)

    def _chosen(self, account_id: str, step: str) -> Request:
        account = self.pair.model.accounts[account_id]
        operation = getattr(PlanChooser(self._chance.choice, account, now=self.pair.now), step)()
        return operation.verb, account_id, dict(operation.arguments)

    async def _wait(self, until: int) -> None:
        """Let time pass; where amounts are cut to what there is room for, cycle by cycle.

        What there is room for when a cycle turns depends on what is about to end, and so on the
        cycles before it: the ledger, which may pass over these, then gives more than the oracle.
        """
        for account in self.pair.model.accounts.values():
            while _is_vast(account) and account.cycle and account.cycle.ends_at < until:
                await self.pair.set_time(max(self.pair.now, account.cycle.ends_at))
                await self.pair.sweep()
        await self.pair.set_time(max(self.pair.now, until))


def _is_vast(account: Subscriber) -> bool:
    """Whether the account's next cycle may bring more than there is room for."""
    plans = (account.plan, account.next_plan)
    return account.settled >= VAST or any(plan and plan.allowance >= VAST for plan in plans)
