"""Agents that answer users: each reply is held for, and charged for what it came to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from google.protobuf.duration_pb2 import Duration

from bench.life.book import COMMITTED, EXPIRED, RELEASED, SESSION, Book, Work
from bench.life.clock import Clock
from bench.life.lines import RefusedError, Unary
from bench.life.messages import OUTPUT, Conversation, Fate, Message, Quirk, conversations
from bench.life.notes import Notes
from bench.life.papers import Asked, Papers, SessionPapers, cost_of, names_of
from bench.life.story import Story
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import conversation_service_pb2 as conversation_pb
from creditgate.v1 import hold_pb2

_GRANTED = (pb.DECISION_GRANTED, pb.DECISION_GRANTED_PARTIAL)
_LOST_SECONDS = 0.004


class Chat:
    """The users of a story and their agents, and what they use."""

    def __init__(
        self, story: Story, clock: Clock, book: Book, notes: Notes, lines: Sequence[Unary]
    ) -> None:
        self._story, self._clock, self._book = story, clock, book
        self._notes, self._lines = notes, lines
        self._ttl = Duration()
        self._ttl.FromMilliseconds(int(story.hold_seconds * 1_000))
        self.counts: Counter[str] = Counter()

    async def run(self) -> None:
        """Live through all conversations of all users."""
        await asyncio.gather(*(self._user(number) for number in range(self._story.actors)))

    async def _user(self, number: int) -> None:
        ask = self._lines[number % len(self._lines)].ask
        for conversation in conversations(self._story, number):
            self.counts["conversations"] += 1
            for message in conversation.messages:
                await self._clock.until(message.at)
                reply = Reply(self, conversation, message, ask)
                try:
                    if not await reply.live():
                        # Nobody goes on talking to an agent that does not answer.
                        break
                except RefusedError as refused:
                    self.wrong(f"{message.hold_id}: {refused.reason}")
            if conversation.session:
                await self._check(conversation, ask)

    async def _check(self, conversation: Conversation, ask: Any) -> None:
        """Compare the conversation's record with the book; close some."""
        known = [each for each in conversation.messages if each.quirk is not Quirk.OVERTAKEN]
        if not known:
            return
        names: Asked = {"account_id": conversation.account_id,
                 "conversation_id": conversation.conversation_id}  # fmt: skip
        if conversation.closes:
            self.counts["conversations closed"] += 1
            answer = await ask(close_conversation=conversation_pb.CloseConversationRequest(**names))
        else:
            answer = await ask(get_conversation=conversation_pb.GetConversationRequest(**names))
        works = [
            self._book.works.get((conversation.account_id, each)) for each in names_of(conversation)
        ]
        there = [each for each in works if each is not None]
        committed = sum(each.state == COMMITTED for each in there)
        found, meant = answer.conversation, (1, committed, sum(each.cost for each in there))
        if (found.session, found.messages, found.charged_micros) != meant:
            self.wrong(f"{conversation.conversation_id}: {found}, not {meant}")

    def open(self, account_id: str, hold_id: str) -> Work:
        """Note a hold."""
        return self._book.open(account_id, hold_id)

    async def until(self, at: float) -> None:
        """Wait until a time of the story."""
        await self._clock.until(at)

    def took(self, kind: str, due: float) -> None:
        """Note that what was due is done."""
        self._notes.took(kind, due)

    def wrong(self, what: str) -> None:
        """Note what must not have been answered."""
        self._notes.wrong(what)

    @property
    def ttl(self) -> Duration:
        """How long holds live."""
        return self._ttl


class Reply:
    """One reply, from the question to its end."""

    def __init__(self, chat: Chat, conversation: Conversation, message: Message, ask: Any) -> None:
        self._chat, self._message, self._ask = chat, message, ask
        self._account_id = conversation.account_id
        self._session = conversation.session
        papers = SessionPapers if self._session else Papers
        self._papers = papers(conversation, message, chat.ttl)
        self._open = partial(chat.open, self._account_id, self._papers.hold_id)
        self._granted = 0

    async def live(self) -> bool:
        """Answer, or not; false where there were no credits for it."""
        message, counts = self._message, self._chat.counts
        counts["messages"] += 1
        if message.quirk is Quirk.OVERTAKEN:
            await self._overtaken()
            return True
        answer = await self._reserve()
        if answer.decision not in _GRANTED:
            counts["messages denied"] += 1
            return False
        self._work = self._open()
        self._granted = self._affordable(answer.hold)
        counts["granted in part"] += answer.decision == pb.DECISION_GRANTED_PARTIAL
        counts[message.fate.value] += 1
        if message.long and message.fate is not Fate.CANCELLED:
            await self._chat.until(message.at + message.seconds / 2)
            await self._extend()
        await self._chat.until(message.at + message.seconds)
        await self._end()
        return True

    async def _reserve(self) -> Any:
        message, asked = self._message, self._papers.reserve()
        self._chat.counts[message.quirk.value or "asked once"] += 1
        if message.quirk is Quirk.LOST:
            answer = await self._ask(**asked, lost_after=_LOST_SECONDS)
        elif message.quirk is Quirk.HEDGED:
            answer, other = await asyncio.gather(*(self._ask(**asked) for _ in "12"))
            if answer.decision not in _GRANTED:
                answer, other = other, answer
            if other.decision in _GRANTED and answer.hold != other.hold:
                self._chat.wrong(f"{message.hold_id}: two workers, two holds")
        else:
            answer = await self._ask(**asked)
        if message.quirk is Quirk.NONE:
            self._chat.took(f"reserve{self._papers.kind}", message.at)
        if message.quirk is Quirk.REUSED and answer.decision in _GRANTED:
            await self._must_refuse("NAME_REUSED", self._papers.reserve(more=1))
        return answer

    async def _overtaken(self) -> None:
        """Cancel first and ask then, as a slow request does: it must be refused."""
        if not self._session:
            # The name of a message that was never held for is remembered without a hold.
            self._open().state = RELEASED
        await self._ask(**self._papers.release())
        self._chat.counts[Quirk.OVERTAKEN.value] += 1
        await self._must_refuse("HOLD_RELEASED", self._papers.reserve())

    async def _must_refuse(self, reason: str, asked: Asked) -> None:
        try:
            answer = await self._ask(**asked)
            found = f"answered {answer.decision}"
        except RefusedError as refused:
            found = refused.reason
        if found != reason:
            self._chat.wrong(f"{self._message.hold_id}: {found}, not {reason}")

    async def _extend(self) -> None:
        """Report what was used so far, and go on holding what was granted."""
        used = self._message.told(min(self._message.half, self._granted))
        self._work.report(used)
        await self._ask(**self._papers.extend(used))
        self._chat.took("extend", self._message.at + self._message.seconds / 2)

    async def _end(self) -> None:
        fate = self._message.fate
        if fate is Fate.CANCELLED:
            self._work.state = RELEASED
            await self._ask(**self._papers.release())
        elif fate is Fate.FORGOTTEN:
            self._work.state = EXPIRED
        else:
            await self._commit(self._message.half if fate is Fate.STOPPED else self._message.used)

    async def _commit(self, output: int) -> None:
        # An agent that was granted less writes less; one with credits enough may write more.
        if self._granted < self._message.estimate or self._account_id.startswith("poor"):
            output = min(output, self._granted)
        used = self._message.spent(output)
        self._work.report(used)
        self._work.state = COMMITTED
        if self._session:
            # Whatever it is the first of, the conversation is charged once.
            name, quantities = self._session
            session = self._chat.open(self._account_id, name)
            session.state = SESSION
            session.report(quantities)
        for _ in range(self._message.commits):
            answer = await self._ask(**self._papers.commit(used))
            if answer.hold.charged_micros != self._work.cost:
                charged = answer.hold.charged_micros
                self._chat.wrong(f"{self._message.hold_id}: {charged} for {self._work.cost}")
        self._chat.took(f"commit{self._papers.kind}", self._message.at + self._message.seconds)

    def _affordable(self, hold: hold_pb2.Hold) -> int:
        """The tokens of output that the hold pays for, which are as many as it says."""
        said = hold.lines[0].affordable_quantity if hold.lines else hold.granted_quantity
        least, beyond = (
            cost_of({**self._message.asked, (OUTPUT, self._message.model): said + more})
            for more in (0, 1)
        )
        if not least <= hold.granted_micros < beyond:
            self._chat.wrong(f"{hold.hold_id}: {said} for {hold.granted_micros}")
        return int(said)
