"""S2: shops whose chats are paid by conversations, one of them by messages as well."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from creditgate import (
    Attributes,
    ConversationPricing,
    ConversationTerms,
    CycleUnit,
    OveragePolicy,
    Rate,
)
from creditgate_server.dev.history.days import Day
from creditgate_server.dev.history.story import Story, Work
from creditgate_server.dev.history.talks import Talk

_KINDS = {"support": 6.0, "sales": 2.0, "returns": 2.0}
_AGENTS = {"fern": 6.0, "fox": 4.0}
_TOPICS = {"orders": 30.0, "sizes": 24.0, "returns": 20.0, "stock": 12.0, "wholesale": 4.0}
_SITES = {"web": 7.0, "whatsapp": 3.0}
_VISITORS = 900


class Chats(Story):
    """A credit for a session, two with sales, and a package when the month is too long for them."""

    weekend = 1.1
    low, heed, patience_hours = Decimal(20), 0.1, 20.0
    plan_id = "chats"
    a_day = 4.4
    cycle_days = 12
    """How much of a cycle has passed, about, when its story begins and ends."""
    terms: dict[str, Any] = {  # noqa: RUF012 - read, and never written
        "allowance": 110,
        "conversation_terms": ConversationTerms(pricing=ConversationPricing.CONVERSATION),
    }

    async def open(self, now: datetime) -> None:
        """Begin a plan with a month's allowance."""
        sell = self.client
        rates = [
            Rate.of("chat.conversation", unit_price=1),
            Rate.of("chat.conversation", model="sales", unit_price=2),
            Rate.of("chat.message", unit_price="0.1"),
        ]
        await sell.put_rate_card("chats", version=1, rates=rates)
        await sell.put_plan(
            self.plan_id, version=1, cycle=CycleUnit.MONTH, rate_card_id="chats", **self.terms
        )
        await sell.put_package("chats-50", version=1, name="50 conversations", amount=50)
        await sell.create_account(self.account_id, labels={"product": "chat"})
        await sell.update_account(
            self.account_id,
            plan=f"{self.plan_id}@1",
            time_zone=self.time_zone,
            billing_anchor=self.anchor(now, days=self.cycle_days),
        )

    def plan(self, day: Day) -> None:
        """Talk with visitors."""
        for beat in self.works(day, a_day=self.a_day):
            Talk(self, kind=self.pick(_KINDS), work=self._work()).plan(beat)

    async def linger(self, now: datetime) -> None:
        """Leave a visitor waiting for an answer."""
        await Talk(self, kind="support", work=self._work()).begin()

    async def buy(self, order: str) -> None:
        """Buy a package."""
        await self.client.buy_package(
            self.account_id, grant_id=order, package_id="chats-50", reference=f"invoice {order}"
        )

    def _work(self) -> Work:
        attributes = Attributes(
            agent=self.pick(_AGENTS),
            topic=self.pick(_TOPICS),
            user=f"visitor-{self.random.randrange(_VISITORS)}",
            conversation_id=self.name("chat"),
        )
        return Work(attributes, {"channel": self.pick(_SITES)})


class HybridChats(Chats):
    """Sessions and messages both cost; beyond the allowance is debt, which the next month pays."""

    weekend = 0.15
    heed = 0.0  # what is owed is paid by the next month
    plan_id = "hybrid"
    a_day = 2.6
    cycle_days = 21
    terms: dict[str, Any] = {  # noqa: RUF012 - read, and never written
        "allowance": 60,
        "overdraft_limit": 60,
        "overage_policy": OveragePolicy.DEBT,
        "conversation_terms": ConversationTerms(
            pricing=ConversationPricing.BOTH, inactivity_timeout_seconds=3_600
        ),
    }
