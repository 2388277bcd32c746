"""The requests about conversations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from creditgate._messages.convert import (
    duration,
    instant,
    number,
    optional_instant,
    optional_seconds,
    timestamp,
    word,
)
from creditgate._messages.work import Call, read_balance, read_hold, usage_message
from creditgate._types.amount import Amount, to_micros
from creditgate._types.base import Page
from creditgate._types.conversation import (
    Conversation,
    ConversationClosing,
    ConversationEnding,
    ConversationPricing,
    ConversationState,
    ConversationTerms,
    MessageReservation,
    MessageSettlement,
    MessageStatus,
)
from creditgate._types.decision import Decision
from creditgate._types.hold import Attributes
from creditgate._types.rate import Usage
from creditgate.v1 import authorization_service_pb2 as authorization
from creditgate.v1 import conversation_pb2, hold_pb2
from creditgate.v1 import conversation_service_pb2 as messages
from creditgate.v1 import usage_service_pb2 as reports


def reserve_message(
    account_id: str,
    *,
    conversation_id: str,
    message_id: str,
    type: str,  # noqa: A002 - as the API has it
    usage: Usage | None,
    ttl_seconds: float,
    attributes: Attributes | None,
    labels: Mapping[str, str] | None,
) -> Call[MessageReservation]:
    described = None if attributes is None else hold_pb2.Attributes(**asdict(attributes))
    request = messages.ReserveMessageRequest(
        account_id=account_id,
        conversation_id=conversation_id,
        message_id=message_id,
        type=type,
        usage=None if usage is None else usage_message(usage),
        ttl=duration(ttl_seconds),
        attributes=described,
        labels=labels,
    )
    return Call("ReserveMessage", request, read_reservation)


def commit_message(
    account_id: str,
    *,
    conversation_id: str,
    message_id: str,
    used: Amount | None,
    used_quantity: int | None,
) -> Call[MessageSettlement]:
    if used is not None and used_quantity is not None:
        raise ValueError("used or used_quantity, not both")
    request = messages.CommitMessageRequest(
        account_id=account_id, conversation_id=conversation_id, message_id=message_id
    )
    if used is not None:
        request.used_micros = to_micros(used, name="used")
    if used_quantity is not None:
        request.used_quantity = used_quantity
    return Call("CommitMessage", request, read_settlement)


def release_message(
    account_id: str,
    *,
    conversation_id: str,
    message_id: str,
    handed_off: bool,
    termination_cause: str,
) -> Call[MessageStatus]:
    request = messages.ReleaseMessageRequest(
        account_id=account_id,
        conversation_id=conversation_id,
        message_id=message_id,
        handed_off=handed_off,
        termination_cause=termination_cause,
    )
    return Call("ReleaseMessage", request, read_status)


def close_conversation(
    account_id: str,
    *,
    conversation_id: str,
    session: int | None,
    handed_off: bool,
    termination_cause: str,
) -> Call[ConversationClosing]:
    request = messages.CloseConversationRequest(
        account_id=account_id,
        conversation_id=conversation_id,
        session=session or 0,
        handed_off=handed_off,
        termination_cause=termination_cause,
    )
    return Call("CloseConversation", request, read_closing)


def get_conversation(
    account_id: str, *, conversation_id: str, session: int | None
) -> Call[Conversation]:
    request = messages.GetConversationRequest(
        account_id=account_id, conversation_id=conversation_id, session=session or 0
    )
    return Call(
        "GetConversation",
        request,
        lambda answer: read_conversation(answer.conversation),
        writes=False,
    )


def list_conversations(
    account_id: str,
    *,
    conversation_id: str,
    state: ConversationState | None,
    since: datetime | None,
    until: datetime | None,
    page_size: int,
    page_token: str,
) -> Call[Page[Conversation]]:
    request = reports.ListConversationsRequest(
        account_id=account_id,
        conversation_id=conversation_id,
        until=timestamp(until),
        page_size=page_size,
        page_token=page_token,
    )
    if since is not None:
        getattr(request, "from").CopyFrom(timestamp(since))
    if state is not None:
        chosen = number(conversation_pb2.ConversationState, ConversationState(state).value)
        request.state = conversation_pb2.ConversationState.ValueType(chosen)
    return Call("ListConversations", request, read_page, writes=False)


def terms_message(terms: ConversationTerms) -> conversation_pb2.ConversationTerms:
    """The terms of conversations; all of them are said."""
    pricing = number(conversation_pb2.ConversationPricing, terms.pricing.value)
    return conversation_pb2.ConversationTerms(
        pricing=conversation_pb2.ConversationPricing.ValueType(pricing),
        inactivity_timeout=duration(terms.inactivity_timeout_seconds),
        reopen_within=duration(terms.reopen_within_seconds),
        conversation_meter=terms.conversation_meter,
        message_meter=terms.message_meter,
    )


def read_terms(terms: conversation_pb2.ConversationTerms) -> ConversationTerms:
    return ConversationTerms(
        pricing=ConversationPricing(word(conversation_pb2.ConversationPricing, terms.pricing)),
        inactivity_timeout_seconds=terms.inactivity_timeout.ToTimedelta().total_seconds(),
        reopen_within_seconds=terms.reopen_within.ToTimedelta().total_seconds(),
        conversation_meter=terms.conversation_meter,
        message_meter=terms.message_meter,
    )


def read_reservation(answer: messages.ReserveMessageResponse) -> MessageReservation:
    return MessageReservation(
        decision=Decision(word(authorization.Decision, answer.decision)),
        conversation=_read_known(answer),
        hold=read_hold(answer.hold) if answer.HasField("hold") else None,
        balance=read_balance(answer.balance),
        asked_micros=answer.asked_micros,
        shortfall_micros=answer.shortfall_micros,
        retry_after_seconds=optional_seconds(answer, "retry_after"),
        limit=answer.limit,
        affordable_quantity=answer.affordable_quantity,
        opened=answer.opened,
        replayed=answer.replayed,
    )


def read_settlement(answer: messages.CommitMessageResponse) -> MessageSettlement:
    return MessageSettlement(
        conversation=read_conversation(answer.conversation),
        hold=read_hold(answer.hold) if answer.HasField("hold") else None,
        balance=read_balance(answer.balance),
        charged_micros=answer.charged_micros,
        uncollected_micros=answer.uncollected_micros,
        late=answer.late,
    )


def read_status(answer: messages.ReleaseMessageResponse) -> MessageStatus:
    return MessageStatus(
        conversation=_read_known(answer),
        hold=read_hold(answer.hold) if answer.HasField("hold") else None,
        balance=read_balance(answer.balance),
    )


def read_closing(answer: messages.CloseConversationResponse) -> ConversationClosing:
    return ConversationClosing(
        conversation=read_conversation(answer.conversation), balance=read_balance(answer.balance)
    )


def read_page(answer: reports.ListConversationsResponse) -> Page[Conversation]:
    found = tuple(map(read_conversation, answer.conversations))
    return Page(items=found, next_page_token=answer.next_page_token)


def read_conversation(it: conversation_pb2.Conversation) -> Conversation:
    described = it.attributes
    names = (each.name for each in described.DESCRIPTOR.fields)
    ending = word(conversation_pb2.ConversationEnding, it.ending)
    return Conversation(
        account_id=it.account_id,
        conversation_id=it.conversation_id,
        session=it.session,
        state=ConversationState(word(conversation_pb2.ConversationState, it.state)),
        type=it.type,
        pricing=ConversationPricing(word(conversation_pb2.ConversationPricing, it.pricing)),
        started_at=instant(it.started_at),
        last_activity_at=instant(it.last_activity_at),
        ends_at=instant(it.ends_at),
        ended_at=optional_instant(it, "ended_at"),
        duration_seconds=it.duration.ToTimedelta().total_seconds(),
        messages=it.messages,
        charged_micros=it.charged_micros,
        ending=ConversationEnding(ending) if it.ending else None,
        termination_cause=it.termination_cause,
        attributes=Attributes(**{name: getattr(described, name) for name in names}),
        labels=dict(it.labels),
    )


def _read_known(
    answer: messages.ReserveMessageResponse | messages.ReleaseMessageResponse,
) -> Conversation | None:
    return read_conversation(answer.conversation) if answer.HasField("conversation") else None
