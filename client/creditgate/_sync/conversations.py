"""Conversations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from creditgate._conversation import ConversationOptions
from creditgate._messages import conversation as conversations
from creditgate._sync.conversation import SyncConversation
from creditgate._sync.events import PAGE_SIZE
from creditgate._sync.gateway import SyncGateway
from creditgate._types.amount import Amount
from creditgate._types.conversation import (
    Conversation,
    ConversationClosing,
    ConversationState,
    MessageReservation,
    MessageSettlement,
    MessageStatus,
)
from creditgate._types.hold import Attributes
from creditgate._types.rate import Usage


class SyncConversing(SyncGateway):
    """What `Client` can do in conversations."""

    def conversation(
        self,
        account_id: str,
        *,
        conversation_id: str,
        type: str = "",  # noqa: A002 - as the API has it
        attributes: Attributes | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> SyncConversation:
        """Make a conversation of an account, whose messages are then answered one by one.

        It asks nothing yet: the first message opens its session. `type` chooses what a session
        costs; `attributes` and `labels` are kept with it and with what its messages hold.
        """
        options = ConversationOptions(
            account_id=account_id,
            conversation_id=conversation_id,
            type=type,
            attributes=attributes,
            labels=labels,
        )
        return SyncConversation(self._send, options)

    def reserve_message(
        self,
        account_id: str,
        *,
        conversation_id: str,
        message_id: str,
        type: str = "",  # noqa: A002 - as the API has it
        usage: Usage | None = None,
        ttl_seconds: float = 60.0,
        attributes: Attributes | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> MessageReservation:
        """Set credits aside for a message, and for the session where it opens one.

        A denial is an answer, not an exception; see `raise_if_denied`.
        """
        return self._send(
            conversations.reserve_message(
                account_id,
                conversation_id=conversation_id,
                message_id=message_id,
                type=type,
                usage=usage,
                ttl_seconds=ttl_seconds,
                attributes=attributes,
                labels=labels,
            )
        )

    def commit_message(
        self,
        account_id: str,
        *,
        conversation_id: str,
        message_id: str,
        used: Amount | None = None,
        used_quantity: int | None = None,
    ) -> MessageSettlement:
        """Charge a message that was answered, and its session with the first of them.

        `used` is in credits, `used_quantity` in the unit of its rate; neither is what was reserved.
        """
        return self._send(
            conversations.commit_message(
                account_id,
                conversation_id=conversation_id,
                message_id=message_id,
                used=used,
                used_quantity=used_quantity,
            )
        )

    def release_message(
        self,
        account_id: str,
        *,
        conversation_id: str,
        message_id: str,
        handed_off: bool = False,
        termination_cause: str = "",
    ) -> MessageStatus:
        """Free a message that was not answered; `handed_off` ends its session, too."""
        return self._send(
            conversations.release_message(
                account_id,
                conversation_id=conversation_id,
                message_id=message_id,
                handed_off=handed_off,
                termination_cause=termination_cause,
            )
        )

    def close_conversation(
        self,
        account_id: str,
        *,
        conversation_id: str,
        session: int | None = None,
        handed_off: bool = False,
        termination_cause: str = "",
    ) -> ConversationClosing:
        """End a session, None for the latest; one that has ended is answered as it is."""
        return self._send(
            conversations.close_conversation(
                account_id,
                conversation_id=conversation_id,
                session=session,
                handed_off=handed_off,
                termination_cause=termination_cause,
            )
        )

    def get_conversation(
        self, account_id: str, *, conversation_id: str, session: int | None = None
    ) -> Conversation:
        """Read a session of a conversation, None for the latest."""
        return self._send(
            conversations.get_conversation(
                account_id, conversation_id=conversation_id, session=session
            )
        )

    def list_conversations(
        self,
        account_id: str,
        *,
        conversation_id: str = "",
        state: ConversationState | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Conversation]:
        """Read the sessions of an account, the last to start first, a page at a time.

        Only those of `conversation_id`, in a `state`, or started from `since` until before `until`.
        """
        return self._pages(
            lambda token: conversations.list_conversations(
                account_id,
                conversation_id=conversation_id,
                state=state,
                since=since,
                until=until,
                page_size=page_size,
                page_token=token,
            )
        )
