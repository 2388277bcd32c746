"""Agents who go on working in real time where a history has ended: there is something to see."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from secrets import token_hex
from typing import NoReturn

from creditgate import AsyncClient, Attributes, CreditgateError, Denied, Usage
from creditgate_server.dev.history.phone import METER
from creditgate_server.dev.history.website import MESSAGE

ACCOUNT = "annapurna-lodge"
_PACKAGE = "site-200"
_MODELS = ("small", "large")
_REST_SECONDS = 3.0
_log = logging.getLogger(__name__)


class Traffic:
    """A website's agents, one who chats and one who takes calls, until they are cancelled.

    `pace` is how long everything takes, in proportion to what is usual.
    """

    def __init__(self, target: str, *, api_key: str, pace: float = 1.0) -> None:
        self._client = AsyncClient(target, api_key=api_key)
        self._pace = pace
        self._random = Random()  # noqa: S311 - what visitors say is no secret
        self.done = 0

    async def run(self) -> None:
        """Work."""
        # The group ends when both have freed what they held, and the connection after it.
        async with self._client, asyncio.TaskGroup() as group:
            group.create_task(self._again(self._talk))
            group.create_task(self._again(self._call))

    async def _again(self, work: Callable[[], Awaitable[None]]) -> NoReturn:
        """Work again and again; buy when there are no credits, and rest when nobody answers."""
        while True:
            try:
                await self._paid(work)
            except CreditgateError as error:
                _log.warning("demo traffic: %s", error)
            await self._pass(_REST_SECONDS, 4 * _REST_SECONDS)

    async def _paid(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
            self.done += 1
        except Denied:
            order = f"order-{_unused()}"
            await self._client.buy_package(ACCOUNT, grant_id=order, package_id=_PACKAGE)

    async def _talk(self) -> None:
        talk = self._client.conversation(
            ACCOUNT,
            conversation_id=f"talk-{_unused()}",
            type="site",
            attributes=Attributes(
                agent=self._random.choice(("guide", "concierge")),
                topic=self._random.choice(("booking", "prices", "arrival")),
                user=f"guest-{self._random.randrange(1_000)}",
            ),
            labels={"language": self._random.choice(("en", "de", "ja"))},
        )
        for number in range(1, self._random.randrange(3, 7)):
            usage = Usage(MESSAGE, 1, self._random.choice(_MODELS))
            async with talk.message(f"m{number}", usage=usage):
                await self._pass(1.5, 4.0)
            await self._pass(2.0, 8.0)
        await talk.close()

    async def _call(self) -> None:
        call = self._client.call(
            ACCOUNT,
            call_id=f"call-{_unused()}",
            meter=METER,
            model=self._random.choice(_MODELS),
            slice_seconds=15,
            gateway_id="demo-traffic",
            attributes=Attributes(
                agent="concierge",
                topic=self._random.choice(("booking", "arrival")),
                user=f"guest-{self._random.randrange(1_000)}",
            ),
        )
        async with call:
            await self._pass(1.0, 4.0)
            call.answered()
            await self._pass(10.0, 60.0)
            call.hung_up("hang-up")

    async def _pass(self, least: float, most: float) -> None:
        await asyncio.sleep(self._pace * self._random.uniform(least, most))


def _unused() -> str:
    """What no earlier run has made a name of."""
    return token_hex(4)
