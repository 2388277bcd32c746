"""S3: a clinic whose telephone is answered by an AI, paid by the minute."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from creditgate import Attributes, CallLeg, CallTerms, CycleUnit, FinalAction, Rate
from creditgate_server.dev.history.days import Day
from creditgate_server.dev.history.phone import METER, PhoneCall
from creditgate_server.dev.history.story import Story, Work

_MODELS = {"aria": 7.0, "aria-pro": 3.0}
_AGENTS = {"reception": 8.0, "after-hours": 2.0}
_TOPICS = {"appointments": 50.0, "prescriptions": 24.0, "results": 14.0, "directions": 6.0}
_CALLERS = 700


class Voice(Story):
    """Minutes by the month, billed on the 31st; what is left goes over, and an add-on comes."""

    weekend = 0.2
    low, heed, patience_hours = Decimal(40), 0.3, 3.0

    async def open(self, now: datetime) -> None:
        """Begin a plan that is billed at the end of months, and book an add-on."""
        sell = self.client
        terms: dict[str, Any] = {"unit_size": 60, "minimum": 10, "initial": 60, "increment": 6}
        rates = [
            Rate.of(METER, model="aria", unit_price="0.6", connection_fee="0.05", **terms),
            Rate.of(METER, model="aria-pro", unit_price="0.95", connection_fee="0.05", **terms),
        ]
        await sell.put_rate_card("voice", version=1, rates=rates)
        await sell.put_plan(
            "voice",
            version=1,
            name="Front desk",
            cycle=CycleUnit.MONTH,
            allowance=320,
            rollover_max=60,
            rate_card_id="voice",
            call_terms=CallTerms(
                final_action=FinalAction.REDIRECT,
                redirect_target="sip:desk@clinic.example",
                offline_allowance_seconds=60,
            ),
        )
        await sell.put_package("minutes", version=1, name="100 credits", amount=100)
        await sell.create_account(self.account_id, labels={"product": "voice"})
        await sell.update_account(
            self.account_id,
            plan="voice@1",
            time_zone=self.time_zone,
            billing_anchor=self._last_31st(now),
        )
        await sell.add_addon(self.account_id, addon_id="second-line", amount=80)

    def plan(self, day: Day) -> None:
        """Answer calls."""
        for beat in self.works(day, a_day=6):
            self._call(day.number // 30 + 1).plan(beat)

    async def linger(self, now: datetime) -> None:
        """Have two calls on the line."""
        for _ in range(2):
            await self._call(99).linger()

    async def buy(self, order: str) -> None:
        """Buy a package."""
        await self.client.buy_package(
            self.account_id, grant_id=order, package_id="minutes", reference=f"invoice {order}"
        )

    def _last_31st(self, now: datetime) -> datetime:
        """A 31st at midnight where the clinic is, which is the anchor of its months."""
        year = now.astimezone(ZoneInfo(self.time_zone)).year - 1
        at = datetime(year, 12, 31, tzinfo=ZoneInfo(self.time_zone))
        return at.astimezone(UTC)

    def _call(self, epoch: int) -> PhoneCall:
        attributes = Attributes(
            agent=self.pick(_AGENTS),
            topic=self.pick(_TOPICS),
            user=f"caller-{self.random.randrange(_CALLERS)}",
            call_id=self.name("call"),
        )
        gateway = CallLeg("gateway-1", epoch)
        work = Work(attributes, {"line": self.one_of(("main", "main", "second"))})
        return PhoneCall(self, gateway=gateway, model=self.pick(_MODELS), work=work)
