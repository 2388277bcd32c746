"""A history of two accounts with plans, each step on the ledger and on the oracle."""

from __future__ import annotations

from collections.abc import Sequence

from tests.contract.drivers import START
from tests.oracle.subscriber import Subscriber
from tests.property.operations import CREDIT, Pick
from tests.property.subscriptions import DAY, PLANS, ZONES, PlanChooser, turning
from tests.support.pair import Pair, Request

ACCOUNTS = ("left", "right")
VAST = 10**17
DAYS = 400
TTL_MS_MAX = 86_400_000
"""How long a hold may live that comes by the API."""


class PlanHistory:
    """Whatever is asked, the ledger answers what the oracle answers."""

    def __init__(
        self, pair: Pair, *, accounts: Sequence[str] = ACCOUNTS, ttl_ms_max: int | None = None
    ) -> None:
        self.pair, self.accounts, self._ttl_ms_max = pair, accounts, ttl_ms_max
        self._sent: list[Request] = []

    async def open(self, pick: Pick) -> None:
        """Open the accounts, most of them on plans, in time zones and with credits of their own."""
        start = START + pick(range(DAYS)) * DAY + pick(range(0, DAY, 997_000_001))
        await self.pair.set_time(start)
        for plan in PLANS:
            await self.pair.put_plan(plan)
        for account in self.accounts:
            terms = {"policy": pick(("CAP", "DEBT", "DENY")), "overdraft": pick((0, 5 * CREDIT))}
            await self._ask(("create_account", account, terms))
            if pick((True, False)):
                gift = {"grant_id": "gift", "amount": pick(range(5, 31)) * CREDIT, "kind": "PLAN"}
                await self._ask(("add_grant", account, gift))
            if (chosen := pick((*PLANS[:-2], None))) is not None:
                first = {"plan": chosen.name, "time_zone": pick(ZONES)}
                await self._ask(("update_account", account, first))

    async def take(self, step: str, pick: Pick) -> None:
        """Do one thing: a method of `PlanChooser` names it, or it is one of these."""
        if step == "wait":
            await self._wait(pick)
        elif step == "sweep":
            await self.pair.sweep()
        elif step == "repeat":
            await self._ask(pick(self._sent))
        elif step == "batch":
            together = [pick(self.accounts) for _ in range(pick(range(2, 9)))]
            await self.pair.ask_together([self._chosen(each, "hot", pick) for each in together])
        else:
            await self._ask(self._chosen(pick(self.accounts), step, pick))

    async def _ask(self, request: Request) -> None:
        self._sent.append(request)
        verb, account_id, arguments = request
        await self.pair.ask(verb, account_id, **arguments)

    def _chosen(self, account_id: str, step: str, pick: Pick) -> Request:
        account = self.pair.model.accounts[account_id]
        operation = getattr(PlanChooser(pick, account, now=self.pair.now), step)()
        arguments = dict(operation.arguments)
        if self._ttl_ms_max and "ttl_ms" in arguments:
            arguments["ttl_ms"] = min(arguments["ttl_ms"], self._ttl_ms_max)
        return operation.verb, account_id, arguments

    async def _wait(self, pick: Pick) -> None:
        """Let time pass until something is, or is about to be, due on one of the accounts."""
        account = self.pair.model.accounts[pick(self.accounts)]
        times = turning(account, self.pair.now)
        # Years are long for accounts whose cycles are days: they are seldom waited for.
        near = [each for each in times if each < self.pair.now + 60 * DAY]
        await self._wait_until(pick(pick((near, near, times))))

    async def _wait_until(self, until: int) -> None:
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
