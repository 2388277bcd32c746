"""Conversations: their terms, what they are told, and what is known of their sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from .account_keys import AccountKey
    from .balances import Balance
    from .results import Result


class Pricing(IntEnum):
    """What is charged for. The numbers are those of the database and of the API."""

    MESSAGE = 1
    CONVERSATION = 2
    BOTH = 3


class Ending(IntEnum):
    """How a session ended. The numbers are those of the API, and of the database."""

    CLOSED = 1
    INACTIVITY = 2
    HANDED_OFF = 3
    ABANDONED = 4


class ConversationTerms(NamedTuple):
    """What conversations cost and when they end; fields and order are those of the SQL type."""

    pricing: int = Pricing.MESSAGE
    inactivity_timeout_ms: int = 1_800_000
    reopen_within_ms: int = 0
    conversation_meter: str = "chat.conversation"
    message_meter: str = "chat.message"


class Hearing(IntEnum):
    """What a conversation is told. The numbers are those of the database."""

    RESERVE = 1
    COMMIT = 2
    RELEASE = 3
    CLOSE = 4


class Utterance(NamedTuple):
    """What one conversation is told; fields and order are those of `creditgate.utterance`.

    `session` 0 is the one the message is of, or the latest. `used_micros` and `used_quantity` None
    is what was reserved. `details` is as in `Operation`.
    """

    verb: int
    bucket: int
    account_key: UUID
    conversation_id: str
    message_id: str = ""
    session: int = 0
    type: str = ""
    meter: str = ""
    model: str = ""
    quantity: int = 0
    used_micros: int | None = None
    used_quantity: int | None = None
    ttl_ms: int = 0
    fingerprint: bytes | None = None
    details: str | None = None
    termination_cause: str = ""
    handed_off: bool = False


class Session(NamedTuple):
    """One session as it is written; fields and order are those of the table, from its name on.

    `ends_at` is when it ends if nothing more happens, `ended_at` when it was ended by a caller.
    `credits` is how many holds were made for its credit.
    """

    conversation_id: str
    session: int
    terms: ConversationTerms
    type: str
    started_at: datetime
    last_activity_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    explicit_ending: int | None
    termination_cause: str
    messages: int
    charged_micros: int
    credits: int
    details: str | None

    def end(self, as_of: datetime) -> datetime | None:
        """When it ended, seen at an instant; None while it is open."""
        if self.ended_at is not None:
            return self.ended_at
        return self.ends_at if self.ends_at <= as_of else None

    def ending(self, as_of: datetime) -> Ending | None:
        """How it ended, seen at an instant; None while it is open."""
        if self.end(as_of) is None:
            return None
        if self.explicit_ending is not None:
            return Ending(self.explicit_ending)
        return Ending.INACTIVITY if self.messages else Ending.ABANDONED

    def duration(self, as_of: datetime) -> timedelta:
        """How long it was, or has been, seen at an instant."""
        return (self.end(as_of) or self.last_activity_at) - self.started_at


class Reply(NamedTuple):
    """What an utterance is answered.

    `result` is that of the message's hold, None where it has none or nothing was done. `session`
    and `balance` are None where there is none.
    """

    outcome: int
    asked_micros: int
    shortfall_micros: int
    retry_at: datetime | None
    replayed: bool
    opened: bool
    charged_micros: int
    uncollected_micros: int
    late: bool
    limit_name: str | None
    balance: Balance | None
    session: Session | None
    result: Result | None


class SessionFilter(NamedTuple):
    """Which sessions a list keeps; what is None or empty keeps all."""

    conversation_id: str = ""
    open: bool | None = None
    start: datetime | None = None
    until: datetime | None = None


class SessionPlace(NamedTuple):
    """Where a session stands in the order of lists."""

    started_at: datetime
    conversation_id: str
    session: int


class Conversations(Protocol):
    """Conversations and their sessions. Raises only `domain.errors`."""

    async def converse(self, utterances: Sequence[Utterance]) -> Sequence[Reply]:
        """Tell conversations what happened, in one transaction: one reply for each, in order.

        Each sees those before it; one being denied or refused never affects the others.
        """
        ...

    async def get_session(
        self, account: AccountKey, conversation_id: str, session: int
    ) -> tuple[Session, datetime] | None:
        """Read a session, 0 for the latest, and when it was read; None when there is none."""
        ...

    async def list_sessions(
        self, account: AccountKey, keep: SessionFilter, *, after: SessionPlace | None, limit: int
    ) -> tuple[Sequence[Session], datetime] | None:
        """Read sessions, the last to start first, and when they were read.

        None when there is no such account.
        """
        ...

    async def knows_account(self, account: AccountKey) -> bool:
        """Tell whether there is such an account."""
        ...
