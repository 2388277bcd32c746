"""What the conversations of both clients share: who they are with, and how a message is left."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from creditgate._hold import log
from creditgate._messages import conversation as calls
from creditgate._messages.work import Call
from creditgate._types.amount import Amount, to_credits, to_micros
from creditgate._types.balance import Balance
from creditgate._types.conversation import (
    Conversation,
    ConversationClosing,
    MessageReservation,
    MessageStatus,
)
from creditgate._types.hold import Attributes
from creditgate._types.rate import Usage


@dataclass(frozen=True, kw_only=True)
class ConversationOptions:
    """With whom a conversation is, and what its messages say of it."""

    account_id: str
    conversation_id: str
    type: str
    attributes: Attributes | None
    labels: Mapping[str, str] | None

    def reserving(
        self, message_id: str, usage: Usage | None, ttl_seconds: float
    ) -> Call[MessageReservation]:
        """The request for a message."""
        return calls.reserve_message(
            self.account_id,
            conversation_id=self.conversation_id,
            message_id=message_id,
            type=self.type,
            usage=usage,
            ttl_seconds=ttl_seconds,
            attributes=self.attributes,
            labels=self.labels,
        )

    def releasing(
        self, message_id: str, *, handed_off: bool = False, cause: str = ""
    ) -> Call[MessageStatus]:
        """The request that frees a message."""
        return calls.release_message(
            self.account_id,
            conversation_id=self.conversation_id,
            message_id=message_id,
            handed_off=handed_off,
            termination_cause=cause,
        )


class BaseConversation:
    """A conversation as one party of it sees it; `record` is its session as last answered."""

    def __init__(self, options: ConversationOptions) -> None:
        self._options = options
        self._record: Conversation | None = None

    @property
    def conversation_id(self) -> str:
        """Its name."""
        return self._options.conversation_id

    @property
    def record(self) -> Conversation | None:
        """Its session as it was last answered; None before the first answer."""
        return self._record

    def _see(self, conversation: Conversation | None) -> None:
        self._record = conversation or self._record

    def _closing(self, *, handed_off: bool, cause: str) -> Call[ConversationClosing]:
        # A session that is named is ended once, whatever has been opened since.
        return calls.close_conversation(
            self._options.account_id,
            conversation_id=self._options.conversation_id,
            session=self._record.session if self._record else None,
            handed_off=handed_off,
            termination_cause=cause,
        )

    @staticmethod
    def _name(message_id: str | None) -> str:
        """The caller's name for a message, or one made up."""
        return str(uuid.uuid4()) if message_id is None else message_id


class BaseMessage:
    """A message under way: what was granted for it, and what it has used."""

    def __init__(
        self,
        conversation: BaseConversation,
        options: ConversationOptions,
        message_id: str,
        request: Call[MessageReservation],
    ) -> None:
        self.message_id = message_id
        self._conversation, self._options, self._request = conversation, options, request
        self._reservation: MessageReservation | None = None
        self._used: Amount | None = None
        self._used_quantity: int | None = None
        self._ended = False

    @property
    def reservation(self) -> MessageReservation:
        """What was answered when it was reserved."""
        assert self._reservation is not None, "the message has not been entered"
        return self._reservation

    @property
    def balance(self) -> Balance:
        """The account's balance when it was reserved."""
        return self.reservation.balance

    def affordable(self) -> int:
        """How much of its unit it can come to; 0 where messages are not charged."""
        return self.reservation.affordable_quantity

    def use(self, amount: Amount | None = None, *, quantity: int | None = None) -> None:
        """Say what the message has used in all, in credits or in the unit of its rate.

        Where nothing is said, leaving charges what was reserved.
        """
        if (amount is None) == (quantity is None):
            raise ValueError("an amount or a quantity")
        if amount is not None:
            to_micros(amount, name="amount")
        self._used, self._used_quantity = amount, quantity

    def _enter(self, reservation: MessageReservation) -> None:
        self._conversation._see(reservation.conversation)  # noqa: SLF001 - they are one thing
        reservation.raise_if_denied()
        self._reservation = reservation

    def _leaving(self, error: BaseException | None) -> Call[Any] | None:
        """The request that ends the message; None when that was done already."""
        if self._ended or self._reservation is None:
            return None
        if error is not None:
            return self._options.releasing(self.message_id, cause="error")
        return calls.commit_message(
            self._options.account_id,
            conversation_id=self._options.conversation_id,
            message_id=self.message_id,
            used=self._used,
            used_quantity=self._used_quantity,
        )

    def _handing_off(self, cause: str) -> Call[MessageStatus]:
        return self._options.releasing(self.message_id, handed_off=True, cause=cause)

    def _abandoning(self) -> Call[MessageStatus]:
        return self._options.releasing(self.message_id, cause="abandoned")

    def _not_released(self, error: BaseException, failure: Exception) -> None:
        """Tell that a message could not be released, without hiding why its body failed."""
        error.add_note(f"message {self.message_id} was not released: {failure}")
        log.warning("message %s was not released: %s", self.message_id, failure)

    def _left_alone(self, failure: Exception) -> None:
        log.warning("message %s is left to its ttl: %s", self.message_id, failure)

    def _left(self, answer: Any) -> None:
        self._ended = True
        self._conversation._see(answer.conversation)  # noqa: SLF001 - they are one thing

    def __repr__(self) -> str:
        charged = self._conversation.record
        cost = to_credits(charged.charged_micros) if charged else 0
        return f"<message {self.message_id} of {self._options.conversation_id}, {cost} so far>"
