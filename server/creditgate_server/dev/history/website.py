"""S5: the websites of a lodge and of a studio, whose agents answer messages and calls."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import partial

from creditgate import (
    Attributes,
    AutoTopup,
    CallLeg,
    CallTerms,
    CycleUnit,
    PlanTiming,
    Rate,
    TopupState,
    Usage,
)
from creditgate_server.dev.history.days import Day
from creditgate_server.dev.history.phone import METER, PhoneCall
from creditgate_server.dev.history.story import Story, Work
from creditgate_server.dev.history.talks import Talk

MESSAGE = "chat.message"
_LONGEST = 900
_TOPICS = {"booking": 40.0, "prices": 22.0, "arrival": 18.0, "complaints": 6.0}
_LANGUAGES = {"en": 6.0, "de": 2.0, "ja": 1.5, "ne": 1.0}
_AGENTS = {"guide": 6.0, "concierge": 4.0}
_VISITORS = 1_200


class Website(Story):
    """A month's credits for messages and minutes, by model, the larger one more and more."""

    weekend = 1.3
    low, heed, patience_hours = Decimal(120), 0.15, 24.0
    plan_id = "site-pro"
    cycle_days = 18
    """How much of a cycle has passed, about, when its story begins and ends."""
    talks_a_day, calls_a_day = 3.6, 1.5

    async def open(self, now: datetime) -> None:
        """Begin a plan whose calls have a quarter of an hour at most."""
        sell = self.client
        rates = [
            Rate.of(MESSAGE, model="small", unit_price=1),
            Rate.of(MESSAGE, model="large", unit_price=3),
            Rate.of(METER, model="small", unit_price=2, unit_size=60, increment=6),
            Rate.of(METER, model="large", unit_price="4.5", unit_size=60, increment=6),
        ]
        await sell.put_rate_card("site", version=1, rates=rates)
        for plan_id, allowance in (("site-starter", 90), ("site-pro", 1_100)):
            await sell.put_plan(
                plan_id,
                version=1,
                cycle=CycleUnit.MONTH,
                allowance=allowance,
                rate_card_id="site",
                call_terms=CallTerms(max_duration_seconds=_LONGEST),
            )
        await sell.put_package("site-200", version=1, name="200 credits", amount=200)
        await sell.create_account(self.account_id, labels={"product": "website"})
        await sell.update_account(
            self.account_id,
            plan=f"{self.plan_id}@1",
            time_zone=self.time_zone,
            billing_anchor=self.anchor(now, days=self.cycle_days),
        )

    def plan(self, day: Day) -> None:
        """Answer visitors and callers."""
        large = 0.12 + 0.5 * day.progress
        for beat in self.works(day, a_day=self.talks_a_day):
            self._talk(large).plan(beat)
        for beat in self.works(day, a_day=self.calls_a_day):
            self._call(large, day.number // 45 + 1).plan(beat)

    async def linger(self, now: datetime) -> None:
        """Have a visitor and a caller."""
        await self._talk(0.5).begin()
        await self._call(0.5, 99).linger()

    async def buy(self, order: str) -> None:
        """Buy a package."""
        await self.client.buy_package(
            self.account_id, grant_id=order, package_id="site-200", reference=f"invoice {order}"
        )

    def _talk(self, large: float) -> Talk:
        work = self._work(conversation_id=self.name("talk"))
        return Talk(self, kind="site", work=work, usage=partial(self._message, large))

    def _message(self, large: float) -> Usage:
        return Usage(MESSAGE, 1, self._model(large))

    def _call(self, large: float, epoch: int) -> PhoneCall:
        return PhoneCall(
            self,
            gateway=CallLeg(f"{self.account_id}-gateway", epoch),
            model=self._model(large),
            work=self._work(call_id=self.name("call")),
            longest=_LONGEST,
        )

    def _model(self, large: float) -> str:
        return "large" if self.chance(large) else "small"

    def _work(self, *, conversation_id: str = "", call_id: str = "") -> Work:
        attributes = Attributes(
            agent=self.pick(_AGENTS),
            topic=self.pick(_TOPICS),
            user=f"guest-{self.random.randrange(_VISITORS)}",
            conversation_id=conversation_id,
            call_id=call_id,
        )
        return Work(attributes, {"language": self.pick(_LANGUAGES)})


class GrowingWebsite(Website):
    """One that begins small, asks for credits when they are low, and takes a larger plan."""

    weekend = 0.4
    growth = 0.85
    low, heed, patience_hours = Decimal(30), 1.0, 2.0
    plan_id = "site-starter"
    cycle_days = 24
    talks_a_day, calls_a_day = 1.8, 0.5

    async def open(self, now: datetime) -> None:
        """Begin with the small plan, and with 100 credits whenever there are less than 30."""
        await super().open(now)
        topup = AutoTopup.of(below=self.low, amount=100, month_max=400)
        await self.client.update_account(self.account_id, auto_topup=topup)

    def plan(self, day: Day) -> None:
        """Take the larger plan with a cycle, when two thirds of the time have passed."""
        super().plan(day)
        if day.number == 2 * day.of // 3 and day.beats:
            self.at(day.beats[0][0], self._upgrade)

    async def buy(self, order: str) -> None:
        """Pay for what the account has asked for."""
        async for topup in self.client.list_topups(self.account_id):
            if topup.state is TopupState.REQUESTED:
                await self.client.add_grant(
                    self.account_id, grant_id=topup.request_id, amount=topup.amount
                )

    async def _upgrade(self, now: datetime) -> None:
        await self.client.update_account(
            self.account_id, plan="site-pro@1", plan_timing=PlanTiming.NEXT_CYCLE
        )
