"""Conversations, as frozen values: the terms of a plan, sessions, and what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from creditgate import _errors as errors
from creditgate._types.balance import Balance
from creditgate._types.base import Credits, Word
from creditgate._types.decision import _Decided
from creditgate._types.hold import Attributes, Hold


class ConversationPricing(Word):
    """What is charged for."""

    UNKNOWN = "UNKNOWN"
    MESSAGE = "MESSAGE"
    CONVERSATION = "CONVERSATION"
    BOTH = "BOTH"


class ConversationState(Word):
    """Whether a session is open."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    ENDED = "ENDED"


class ConversationEnding(Word):
    """How a session ended; `ABANDONED` before any of its messages was answered, at no cost."""

    UNKNOWN = "UNKNOWN"
    CLOSED = "CLOSED"
    INACTIVITY = "INACTIVITY"
    HANDED_OFF = "HANDED_OFF"
    ABANDONED = "ABANDONED"


@dataclass(frozen=True, kw_only=True)
class ConversationTerms:
    """What the conversations of a plan's accounts cost and when they end.

    A session ends when it is silent for `inactivity_timeout_seconds`, 60 to 86,400; the next
    message within `reopen_within_seconds` of its end still goes on with it, 0: never.
    """

    pricing: ConversationPricing = ConversationPricing.MESSAGE
    inactivity_timeout_seconds: float = 1800.0
    reopen_within_seconds: float = 0.0
    conversation_meter: str = "chat.conversation"
    message_meter: str = "chat.message"


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One session of a conversation.

    `ends_at` is when it ends, or has ended, if nothing more happens; `ending` is None while it is
    open. `charged_micros` is for session and messages together, refunds not taken off.
    """

    account_id: str
    conversation_id: str
    session: int
    state: ConversationState
    type: str
    pricing: ConversationPricing
    started_at: datetime
    last_activity_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    duration_seconds: float
    messages: int
    charged_micros: int
    ending: ConversationEnding | None
    termination_cause: str
    attributes: Attributes
    labels: Mapping[str, str]

    charged = Credits()


@dataclass(frozen=True, kw_only=True)
class MessageReservation(_Decided):
    """The decision on a message.

    `conversation` is its session, None when a first message was denied; `hold` is None when denied
    and where messages are not charged. `opened` says that it opened the session, `replayed` that
    this name had been granted before.
    """

    conversation: Conversation | None
    opened: bool = False
    replayed: bool = False

    def raise_if_denied(self) -> Conversation:
        """Return the session, or raise the `Denied` that says why there is none."""
        if not self.granted or self.conversation is None:
            raise errors.denied(self)
        return self.conversation


@dataclass(frozen=True, kw_only=True)
class MessageSettlement:
    """What a message has cost: `charged_micros` by this call, for session and message together."""

    conversation: Conversation
    hold: Hold | None
    balance: Balance
    charged_micros: int
    uncollected_micros: int
    late: bool

    charged = Credits()
    uncollected = Credits()


@dataclass(frozen=True, kw_only=True)
class MessageStatus:
    """A session after one of its messages was released; None where none knows the message."""

    conversation: Conversation | None
    hold: Hold | None
    balance: Balance


@dataclass(frozen=True, kw_only=True)
class ConversationClosing:
    """A session's final record, and the account."""

    conversation: Conversation
    balance: Balance
