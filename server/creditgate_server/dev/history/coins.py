"""S1: a bookshop whose help-desk bot is paid in coins, 1 to 5 for an answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from creditgate import Attributes, GrantKind
from creditgate_server.dev.history.days import Beat, Day
from creditgate_server.dev.history.story import HOLD_SECONDS, Story, Work

_MOST = 5
_COINS = {1: 30.0, 2: 26.0, 3: 20.0, 4: 14.0, 5: 10.0}
_TOPICS = {"delivery": 34.0, "returns": 22.0, "invoices": 14.0, "gift cards": 9.0, "events": 5.0}
_AGENTS = {"ada": 5.0, "bruno": 3.0, "night-desk": 1.0}
_LANGUAGES = {"en": 7.0, "es": 2.0, "fr": 1.0}
_CUSTOMERS = 400


class Coins(Story):
    """No fee and no cycle: welcome coins, packages when they are low, a pause when that is late."""

    low, heed = Decimal(120), 0.06

    async def open(self, now: datetime) -> None:
        """Give 500 coins, once."""
        sell = self.client
        await sell.put_plan(
            "coins", version=1, name="Pay as you go", welcome=500, thresholds=[100, 0]
        )
        await sell.put_package("coins-1000", version=1, name="1,000 coins", amount=1_000)
        await sell.create_account(self.account_id, labels={"product": "help-desk"})
        await sell.update_account(self.account_id, plan="coins@1", time_zone=self.time_zone)

    def plan(self, day: Day) -> None:
        """Answer visitors; once, there are coins for a book fair, and too many of them."""
        for beat in self.works(day, a_day=7):
            self._visit(beat)
        if day.number == day.of // 2 and day.beats:
            self.at(day.beats[0][0], self._campaign)

    async def linger(self, now: datetime) -> None:
        """Leave one answer unfinished."""
        await self._reserve(self.name("answer"), self._work())

    async def buy(self, order: str) -> None:
        """Buy a package."""
        await self.client.buy_package(
            self.account_id, grant_id=order, package_id="coins-1000", reference=f"invoice {order}"
        )

    def _visit(self, beat: Beat) -> None:
        work = self._work()
        for when in beat[: self.pick({1: 6.0, 2: 3.0, 3: 1.0})]:
            self.at(when, partial(self._answer, self.name("answer"), work))

    def _work(self) -> Work:
        attributes = Attributes(
            agent=self.pick(_AGENTS),
            topic=self.pick(_TOPICS),
            user=f"customer-{self.random.randrange(_CUSTOMERS)}",
            conversation_id=self.name("visit"),
        )
        return Work(attributes, {"language": self.pick(_LANGUAGES)})

    async def _reserve(self, name: str, work: Work) -> None:
        asked = await self.client.reserve(
            self.account_id,
            hold_id=name,
            amount=_MOST,
            ttl_seconds=HOLD_SECONDS,
            attributes=work.attributes,
            labels=work.labels,
        )
        asked.raise_if_denied()

    async def _answer(self, name: str, work: Work, now: datetime) -> None:
        await self._reserve(name, work)
        if self.chance(0.004):
            return  # the bot has crashed: the hold expires
        if self.chance(0.02):
            await self.client.release(self.account_id, hold_id=name, termination_cause="no-answer")
            return
        coins = self.pick(_COINS)
        paid = await self.client.commit(self.account_id, hold_id=name, used=coins)
        self.see(paid.balance)
        if self.chance(0.006):
            self.at(self.later(now, hours=48), partial(self._refund, name, coins))

    async def _refund(self, name: str, coins: int, now: datetime) -> None:
        await self.client.refund(
            self.account_id, refund_id=f"{name}-back", hold_id=name, amount=coins
        )

    async def _campaign(self, now: datetime) -> None:
        await self.client.add_grant(
            self.account_id,
            grant_id="book-fair",
            amount=600,
            kind=GrantKind.PROMOTIONAL,
            expires_at=now + timedelta(days=14),
            reference="book fair",
        )
