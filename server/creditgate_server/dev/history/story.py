"""What stories have in common: their customer, their chances, and what they mean to do."""

from __future__ import annotations

import asyncio
import heapq
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from creditgate import AsyncClient, Attributes, Balance, Denied
from creditgate_server.dev.history.days import Day


@dataclass(frozen=True)
class Work:
    """What a piece of work is for."""

    attributes: Attributes
    labels: Mapping[str, str] = field(default_factory=dict)


Deed: TypeAlias = Callable[[datetime], Awaitable[None]]
_One = TypeVar("_One")

_drawing: ContextVar[Random | None] = ContextVar("drawing", default=None)

HOLD_SECONDS = 3_600.0
"""How long holds live: longer than anything that is meant to end."""

_HOURS = {"early": range(6, 8), "busy": range(8, 19), "evening": range(19, 23)}
_BUSYNESS = {"early": 0.4, "busy": 1.0, "evening": 0.35, "night": 0.04}
_PEAK_DAYS, _PEAK = 0.015, 2.2


class Story(ABC):
    """One customer's account, from its opening on.

    What it does depends on its name, its `seed` and the days it is told of, and on nothing else:
    each deed draws from numbers of its own, and where credits are scarce deeds wait for each other.
    """

    weekend = 0.5
    """How busy it is at weekends, in proportion to the other days."""
    growth = 0.7
    """How much of what it is at the end has come since the beginning."""
    low = Decimal(0)
    """What it buys credits below, with `heed` of its chances; see `is_scarce`."""
    heed = 0.1
    patience_hours = 9.0
    """How long it takes at most until they are there, also after they have run out."""

    def __init__(
        self, client: AsyncClient, *, account_id: str, time_zone: str, seed: str = ""
    ) -> None:
        self.client = client
        self.account_id = account_id
        self.time_zone = time_zone
        self._own = Random(f"{account_id} {seed}")  # noqa: S311 - a story, not a secret
        self._zone = ZoneInfo(time_zone)
        self._agenda: list[tuple[datetime, int, Deed]] = []
        self._numbers = count(1)
        self._ordered = self._denied = False
        self._balance: Balance | None = None

    @abstractmethod
    async def open(self, now: datetime) -> None:
        """Write down what is sold, and open the account."""

    @abstractmethod
    def plan(self, day: Day) -> None:
        """Put what will be done on a day on the agenda."""

    @abstractmethod
    async def linger(self, now: datetime) -> None:
        """Begin what is still under way when the story ends."""

    @abstractmethod
    async def buy(self, order: str) -> None:
        """Buy more credits, under this name."""

    def at(self, when: datetime, deed: Deed) -> None:
        """Mean to do something."""
        heapq.heappush(self._agenda, (when, self.random.getrandbits(64), deed))

    @property
    def next_at(self) -> datetime | None:
        """When the next thing is to be done."""
        return self._agenda[0][0] if self._agenda else None

    @property
    def random(self) -> Random:
        """The numbers that whatever runs draws from."""
        return _drawing.get() or self._own

    @property
    def is_scarce(self) -> bool:
        """Whether there may be too few credits for all that is done at an instant."""
        return self._balance is None or self._balance.available < 2 * self.low

    async def until(self, now: datetime) -> None:
        """Do what is to be done now, all at once where there are credits for all of it."""
        due = []
        while self._agenda and self._agenda[0][0] <= now:
            _, seed, deed = heapq.heappop(self._agenda)
            due.append(self._do(deed, seed, now))
        if self.is_scarce:
            for each in due:
                await each
        else:
            await asyncio.gather(*due)
        if due:
            self._look_after(now)

    async def end(self, now: datetime) -> None:
        """Stop in the middle of what is under way, if need be with credits bought for it."""
        if self.is_scarce:
            await self.buy(self.name("order"))
        # Who has none left is found without work, which happens to customers.
        with suppress(Denied):
            await self.linger(now)

    async def _do(self, deed: Deed, seed: int, now: datetime) -> None:
        token = _drawing.set(Random(seed))  # noqa: S311 - a story, not a secret
        try:
            await deed(now)
        except Denied as denied:
            self._denied = True
            self.see(denied.answer.balance)
        finally:
            _drawing.reset(token)

    def anchor(self, now: datetime, *, days: int) -> datetime:
        """So many days before, at midnight where the customer is: where its cycles begin."""
        local = (now - timedelta(days=days)).astimezone(self._zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)

    def see(self, balance: Balance) -> None:
        """Hear what is left."""
        if self._balance is None or balance.version >= self._balance.version:
            self._balance = balance

    def _look_after(self, now: datetime) -> None:
        """Order credits where they are low, though not always in time."""
        low = self._balance is not None and self._balance.available < self.low
        if not self._ordered and (self._denied or (low and self.chance(self.heed))):
            self._ordered = True
            self.at(self.later(now, hours=self.patience_hours), self._order)
        self._denied = False

    async def _order(self, now: datetime) -> None:
        await self.buy(self.name("order"))
        # What was seen before it is no reason for another one.
        self._ordered = self._denied = False
        self._balance = None

    def name(self, what: str) -> str:
        """A name that nothing else of this account has."""
        return f"{what}-{next(self._numbers)}"

    def chance(self, of: float) -> bool:
        """Whether something happens that happens so often, 0 to 1."""
        return self.random.random() < of

    def pick(self, weighed: dict[_One, float]) -> _One:
        """One of several, each as often as it weighs."""
        return self.random.choices(list(weighed), list(weighed.values()))[0]

    def one_of(self, names: Sequence[_One]) -> _One:
        """One of several."""
        return self.random.choice(names)

    def later(self, now: datetime, *, hours: float) -> datetime:
        """An instant within so many hours, not at once."""
        return now + timedelta(minutes=round(60 * hours * self.random.uniform(0.1, 1)))

    def busyness(self, day: Day) -> float:
        """How much there is to do on a day, about 1."""
        local = day.beats[0][0].astimezone(self._zone) if day.beats else day.start
        season = 1 + 0.15 * math.sin(local.timetuple().tm_yday / 58)
        week = self.weekend if local.weekday() > 4 else 1.0  # noqa: PLR2004 - Friday is the fifth
        peak = _PEAK if self.chance(_PEAK_DAYS) else 1.0
        grown = 1 - self.growth * (1 - day.progress)
        return season * week * peak * grown * self.random.uniform(0.75, 1.25)

    def works(self, day: Day, *, a_day: float) -> list[tuple[datetime, ...]]:
        """When the works of a day begin, and when they may go on: so many on an average day."""
        weighed = [(beat, self._busy_at(beat[0])) for beat in day.beats]
        whole = sum(_BUSYNESS[self._part(hour)] for hour in range(24)) / 24 * 5
        mean = a_day * self.busyness(day)
        return [
            beat[self.random.choice((0, 0, 1)) :]
            for beat, weight in weighed
            for _ in range(self._about(mean * weight / whole))
        ]

    def _busy_at(self, when: datetime) -> float:
        return _BUSYNESS[self._part(when.astimezone(self._zone).hour)]

    def _part(self, hour: int) -> str:
        return next((part for part, hours in _HOURS.items() if hour in hours), "night")

    def _about(self, mean: float) -> int:
        return max(0, math.floor(self.random.gauss(mean, math.sqrt(mean) / 2) + 0.5))
