"""The oracle's sessions of conversations: what each was opened with, and what happened to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.oracle.answers import ConversationView, Pairs
from tests.oracle.subscriber import Subscriber
from tests.oracle.terms import ConversationTerms

MESSAGES, SESSIONS = "MESSAGE", "CONVERSATION"


@dataclass
class Message:
    """One message, under way until it is COMMITTED or RELEASED."""

    body: tuple[Any, ...]
    quantity: int
    expires_at: int
    state: str = "UNDER_WAY"


@dataclass
class Session:
    """One session: what it was opened with, and what happened to it."""

    conversation_id: str
    number: int
    terms: ConversationTerms
    type: str
    started_at: int
    attributes: Pairs
    labels: Pairs
    activity: int
    stop: tuple[int, str, str] | None = None
    silent_since: int | None = None
    not_before: int = 0
    credits: int = 0
    messages: dict[str, Message] = field(default_factory=dict)

    @property
    def under_way(self) -> list[Message]:
        return [each for each in self.messages.values() if each.state == "UNDER_WAY"]

    @property
    def committed(self) -> int:
        return sum(each.state == "COMMITTED" for each in self.messages.values())

    @property
    def credit_id(self) -> str:
        return f"{self.conversation_id}#{self.number}#{self.credits}"

    @property
    def owes_credit(self) -> bool:
        return self.terms.pricing != MESSAGES and not self.committed

    @property
    def ends_at(self) -> int:
        """When it ends, or has ended by itself: it is silent, and nothing is under way."""
        if self.silent_since is not None:
            return self.silent_since
        quiet = self.activity + self.terms.timeout_ms * 1000
        return max([quiet, self.not_before, *(each.expires_at for each in self.under_way)])

    def pass_to(self, at: int) -> None:
        """Let time pass: what has ended in silence stays as it ended."""
        if self.stop is None and self.ends_at <= at:
            self.silent_since = self.ends_at

    @property
    def runs(self) -> bool:
        return self.stop is None and self.silent_since is None

    def takes(self, at: int) -> bool:
        """Whether the next message is one of this session."""
        if self.runs:
            return True
        end = self.stop[0] if self.stop else self.ends_at
        return at < end + self.terms.reopen_ms * 1000

    def hold_id(self, message_id: str) -> str | None:
        """The name of a message's hold, where it has one."""
        if self.terms.pricing == SESSIONS or message_id not in self.messages:
            return None
        return f"{self.conversation_id}##{message_id}"

    def view(self, account: Subscriber) -> ConversationView:
        paid = (f"{self.conversation_id}#{self.number}#{k + 1}" for k in range(self.credits))
        names = [*paid, *filter(None, map(self.hold_id, self.messages))]
        end, ending, cause = self.stop or (self.ends_at, "INACTIVITY", "")
        if not self.stop and not self.committed:
            ending = "ABANDONED"
        return ConversationView(
            account.account_id,
            self.conversation_id,
            self.number,
            "OPEN" if self.runs else "ENDED",
            self.type,
            self.started_at,
            self.activity,
            end,
            None if self.runs else end,
            (self.activity if self.runs else end) - self.started_at,
            self.committed,
            sum(account.holds[name].charged for name in names),
            "" if self.runs else ending,
            cause,
            self.attributes,
            self.labels,
            self.terms.pricing,
        )
