"""The sessions of the fake's conversations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from creditgate.testing._wallet import stamp
from creditgate.v1 import conversation_pb2

MESSAGE = conversation_pb2.CONVERSATION_PRICING_MESSAGE
SESSION = conversation_pb2.CONVERSATION_PRICING_CONVERSATION
UNDER_WAY, COMMITTED, RELEASED = "under way", "committed", "released"


@dataclass
class FakeMessage:
    """A message of a session. Times are microseconds."""

    body: bytes
    quantity: int
    expires: int
    state: str = UNDER_WAY


@dataclass
class FakeSession:
    """A session's record, and what the API does not show of it."""

    record: conversation_pb2.Conversation
    terms: conversation_pb2.ConversationTerms
    active: int
    ends: int
    ended: bool = False
    attempts: int = 0
    messages: dict[str, FakeMessage] = field(default_factory=dict)

    def runs(self, now: int) -> bool:
        """Whether it takes messages."""
        return not self.ended and self.ends > now

    def goes_on(self, now: int) -> bool:
        """Whether the next message is one of it, if only because its plan lets it go on."""
        return self.runs(now) or now < self.ends + self.terms.reopen_within.ToMicroseconds()

    def wait(self, now: int) -> None:
        """Let it end when it is silent for long enough, and nothing is under way."""
        quiet = self.active + self.terms.inactivity_timeout.ToMicroseconds()
        self.ends = max(now, quiet, *(each.expires for each in self.open_messages()), 0)

    def open_messages(self) -> list[FakeMessage]:
        """What is neither committed nor released."""
        return [each for each in self.messages.values() if each.state == UNDER_WAY]

    @property
    def owes(self) -> bool:
        """Whether it is to be charged with the next message that is committed."""
        return self.terms.pricing != MESSAGE and not self.record.messages

    @property
    def credit(self) -> str:
        """The hold of its credit."""
        return f"{self.record.conversation_id}#{self.record.session}#{self.attempts}"

    def speech(self, message_id: str) -> str:
        """The hold of a message; empty where it has none."""
        return (
            "" if self.terms.pricing == SESSION else f"{self.record.conversation_id}##{message_id}"
        )

    def end(self, now: int, request: Any) -> None:
        """End it as a request asks."""
        self.ended, self.ends = True, now
        handed = request.handed_off
        self.record.ending = (
            conversation_pb2.CONVERSATION_ENDING_HANDED_OFF
            if handed
            else conversation_pb2.CONVERSATION_ENDING_CLOSED
        )
        self.record.termination_cause = request.termination_cause

    def show(self, now: int) -> conversation_pb2.Conversation:
        """Its record at an instant."""
        it, runs = conversation_pb2.Conversation(), self.runs(now)
        it.CopyFrom(self.record)
        stamp(it.last_activity_at, self.active)
        stamp(it.ends_at, self.ends)
        last = self.active if runs else self.ends
        it.duration.FromMicroseconds(last - it.started_at.ToMicroseconds())
        it.state = conversation_pb2.CONVERSATION_STATE_OPEN
        if runs:
            return it
        it.state = conversation_pb2.CONVERSATION_STATE_ENDED
        stamp(it.ended_at, self.ends)
        silent = conversation_pb2.CONVERSATION_ENDING_INACTIVITY
        abandoned = conversation_pb2.CONVERSATION_ENDING_ABANDONED
        it.ending = it.ending or (silent if it.messages else abandoned)
        return it
