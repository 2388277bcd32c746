"""S4: a school whose assistant learns files and chats, both from one wallet of tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

from creditgate import Attributes, CycleUnit, Rate, Usage
from creditgate_server.dev.history.days import Day
from creditgate_server.dev.history.story import HOLD_SECONDS, Story, Work

_FILES, _READ, _WRITTEN = "training.tokens", "chat.read", "chat.written"
_MODELS = {"tutor-mini": 8.0, "tutor-large": 2.0}
_AGENTS = {"maths": 4.0, "history": 3.0, "languages": 3.0}
_TOPICS = {"homework": 5.0, "exams": 3.0, "timetable": 2.0}
_CLASSES = {"7a": 3.0, "8b": 3.0, "9c": 2.0, "staff": 1.0}
_PUPILS = 260
_HOLIDAYS = (7, 8)


class Tokens(Story):
    """Thirty packages on the 1st of each month, and some more before exams."""

    weekend = 0.25
    growth = 0.4
    low, heed, patience_hours = Decimal(20_000), 0.2, 30.0

    async def open(self, now: datetime) -> None:
        """Book packages that outlive their month."""
        sell = self.client
        rates = [
            Rate.of(_FILES, unit_price="0.5"),
            Rate.of(_READ, unit_price="0.1"),
            Rate.of(_WRITTEN, unit_price="1"),
            Rate.of(_WRITTEN, model="tutor-large", unit_price="2.5"),
        ]
        await sell.put_rate_card("tokens", version=1, rates=rates)
        await sell.put_plan("tokens", version=1, cycle=CycleUnit.MONTH, rate_card_id="tokens")
        await sell.put_package("tokens-5000", version=1, name="5,000 tokens", amount=5_000)
        await sell.create_account(self.account_id, labels={"product": "assistant"})
        day = now.astimezone(ZoneInfo(self.time_zone)).day
        await sell.update_account(
            self.account_id,
            plan="tokens@1",
            time_zone=self.time_zone,
            billing_anchor=self.anchor(now, days=day - 1),
            thresholds=[30_000, 0],
        )
        await sell.add_addon(
            self.account_id, addon_id="thirty", amount=150_000, outlives_cycle=True
        )

    def plan(self, day: Day) -> None:
        """Chat with pupils, and learn what teachers upload."""
        holidays = day.start.month in _HOLIDAYS
        for beat in self.works(day, a_day=1.5 if holidays else 6):
            self.at(beat[0], partial(self._chat, self._work(), 1))
            if self.chance(0.4):
                self.at(beat[-1], partial(self._chat, self._work(), 2))
        if day.beats and self.chance(0.12):
            self.at(self.one_of(day.beats)[0], partial(self._learn, self.name("file")))

    async def linger(self, now: datetime) -> None:
        """Be in the middle of an answer."""
        await self._reserve(self.name("chat"), self._work())

    async def buy(self, order: str) -> None:
        """Buy some packages."""
        await self.client.buy_package(
            self.account_id,
            grant_id=order,
            package_id="tokens-5000",
            quantity=self.one_of((4, 6, 10)),
            reference=f"invoice {order}",
        )

    def _work(self) -> Work:
        attributes = Attributes(
            agent=self.pick(_AGENTS),
            model=self.pick(_MODELS),
            topic=self.pick(_TOPICS),
            user=f"pupil-{self.random.randrange(_PUPILS)}",
            conversation_id=self.name("lesson"),
        )
        return Work(attributes, {"class": self.pick(_CLASSES)})

    async def _reserve(self, name: str, work: Work) -> None:
        model = work.attributes.model
        asked = await self.client.reserve(
            self.account_id,
            hold_id=name,
            usages=[Usage(_READ, 4_000, model), Usage(_WRITTEN, 1_200, model)],
            ttl_seconds=HOLD_SECONDS,
            attributes=work.attributes,
            labels=work.labels,
        )
        asked.raise_if_denied()

    async def _chat(self, work: Work, turn: int, now: datetime) -> None:
        name, model = f"{work.attributes.conversation_id}-{turn}", work.attributes.model
        await self._reserve(name, work)
        read, wrote = self.random.randrange(600, 5_000), round(self.random.lognormvariate(6.1, 0.5))
        paid = await self.client.commit(
            self.account_id,
            hold_id=name,
            used_quantities=[Usage(_READ, read, model), Usage(_WRITTEN, wrote, model)],
        )
        self.see(paid.balance)

    async def _learn(self, name: str, now: datetime) -> None:
        usage = Usage(_FILES, self.random.randrange(3_000, 40_000))
        quote = await self.client.quote(self.account_id, usage=usage, pin_for_seconds=600)
        asked = await self.client.reserve(
            self.account_id,
            hold_id=name,
            usage=usage,
            quote=quote,
            ttl_seconds=HOLD_SECONDS,
            attributes=Attributes(agent="librarian", topic="training"),
            labels={"class": "staff"},
        )
        asked.raise_if_denied()
        self.at(now + timedelta(minutes=2), partial(self._learnt, name, usage.quantity))

    async def _learnt(self, name: str, tokens: int, now: datetime) -> None:
        await self.client.commit(self.account_id, hold_id=name, used_quantity=tokens)
