"""Telephone calls of a story, over the instants of a beat."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from creditgate import CallLeg, Usage
from creditgate_server.dev.history.days import Beat
from creditgate_server.dev.history.story import HOLD_SECONDS, Story, Work

METER = "voice.call"
_ENDS = {"hang-up": 80.0, "not-answered": 11.0, "transferred": 9.0}
_SLICE = 120
_RUNNING_SECONDS = 600


class PhoneCall:
    """One call that a customer's agent answers, carried by `gateway`."""

    def __init__(
        self, story: Story, *, gateway: CallLeg, model: str, work: Work, longest: int = 86_400
    ) -> None:
        self._story, self._gateway, self._model, self._work = story, gateway, model, work
        self._longest = longest
        self._answered_after = 0
        self._granted = 0

    def plan(self, beat: Beat) -> None:
        """Ring with the first instant, and hang up with another."""
        story, ring = self._story, beat[0]
        self._answered_after = story.random.randrange(3, 25)
        hang_up = story.one_of(beat[1:])
        story.at(ring, partial(self._connect, ring))
        for when in (each for each in beat if ring < each < hang_up):
            story.at(when, partial(self._renew, ring))
        ending = story.pick(_ENDS)
        story.at(hang_up, partial(self._end, ring, ending))

    async def linger(self) -> None:
        """Connect, and be under way. Raises Denied."""
        await self._reserve(_RUNNING_SECONDS)

    async def _connect(self, ring: datetime, now: datetime) -> None:
        await self._reserve(_SLICE)

    async def _reserve(self, seconds: int) -> None:
        work = self._work
        asked = await self._story.client.reserve(
            self._story.account_id,
            hold_id=work.attributes.call_id,
            usage=Usage(METER, seconds, self._model),
            ttl_seconds=HOLD_SECONDS,
            attributes=work.attributes,
            labels=work.labels,
            call=self._gateway,
        )
        asked.raise_if_denied()
        self._granted = asked.quota.granted_quantity if asked.quota else seconds

    async def _renew(self, ring: datetime, now: datetime) -> None:
        if not self._granted:
            return
        used = min(self._seconds(ring, now), self._granted)
        extended = await self._story.client.extend(
            self._story.account_id,
            hold_id=self._work.attributes.call_id,
            quantity=used + _SLICE,
            used_quantity=used,
            ttl_seconds=HOLD_SECONDS,
        )
        if extended.granted:
            self._granted = used + _SLICE

    async def _end(self, ring: datetime, ending: str, now: datetime) -> None:
        if not self._granted:
            return  # it was never connected
        client, account_id = self._story.client, self._story.account_id
        call_id = self._work.attributes.call_id
        if ending == "not-answered":
            await client.release(account_id, hold_id=call_id, termination_cause=ending)
            return
        paid = await client.commit(
            account_id,
            hold_id=call_id,
            used_quantity=min(self._seconds(ring, now), self._longest),
            termination_cause=ending,
        )
        self._story.see(paid.balance)

    def _seconds(self, ring: datetime, now: datetime) -> int:
        """How long has been talked."""
        return int((now - ring).total_seconds()) - self._answered_after
