"""Conversations of a story, message by message, over the instants of a beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import itemgetter

from creditgate import Usage
from creditgate_server.dev.history.days import Beat
from creditgate_server.dev.history.story import HOLD_SECONDS, Story, Work

_ENDINGS = {"close": 68.0, "silence": 20.0, "human": 9.0, "abandon": 3.0}
_MESSAGES = {1: 26.0, 2: 30.0, 3: 21.0, 4: 12.0, 6: 8.0, 9: 3.0}


class Talk:
    """One conversation with a visitor of a customer's site.

    `usage` draws what a message is, where that is not for the plan to say.
    """

    def __init__(
        self, story: Story, *, kind: str, work: Work, usage: Callable[[], Usage] | None = None
    ) -> None:
        self._story, self._kind, self._work = story, kind, work
        self._usage = usage

    def plan(self, beat: Beat) -> None:
        """Spread messages over instants; the last of them leaves it to its ending."""
        story, ending = self._story, self._story.pick(_ENDINGS)
        count = 1 if ending == "abandon" else story.pick(_MESSAGES)
        between = sorted(story.one_of(beat) for _ in range(count - 2))
        times = [beat[0], *between, beat[-1]][:count]
        for when, said in groupby(enumerate(times, 1), key=itemgetter(1)):
            numbers = [number for number, _ in said]
            story.at(when, partial(self._go_on, numbers, ending if count in numbers else ""))

    async def begin(self, message_id: str = "m1") -> None:
        """Ask for a message, which is then under way. Raises Denied."""
        work, usage = self._work, self._usage
        asked = await self._story.client.reserve_message(
            self._story.account_id,
            conversation_id=work.attributes.conversation_id,
            message_id=message_id,
            type=self._kind,
            usage=usage() if usage else None,
            ttl_seconds=HOLD_SECONDS,
            attributes=work.attributes,
            labels=work.labels,
        )
        asked.raise_if_denied()

    async def _go_on(self, numbers: Sequence[int], ending: str, now: datetime) -> None:
        for number in numbers:
            await self._say(f"m{number}", ending if number == numbers[-1] else "")

    async def _say(self, message_id: str, ending: str) -> None:
        client, account_id = self._story.client, self._story.account_id
        talk = self._work.attributes.conversation_id
        await self.begin(message_id)
        if ending in ("human", "abandon"):
            await client.release_message(
                account_id,
                conversation_id=talk,
                message_id=message_id,
                handed_off=ending == "human",
                termination_cause="human" if ending == "human" else "visitor-left",
            )
            return
        said = await client.commit_message(account_id, conversation_id=talk, message_id=message_id)
        self._story.see(said.balance)
        if ending == "close":
            await client.close_conversation(account_id, conversation_id=talk)
