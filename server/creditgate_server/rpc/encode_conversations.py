"""From what the store answers about conversations to messages."""

from __future__ import annotations

from datetime import datetime, timedelta

from creditgate.v1 import conversation_pb2
from creditgate.v1 import conversation_service_pb2 as pb
from creditgate_server.domain.conversations import ConversationTerms, Reply, Session
from creditgate_server.domain.outcomes import Outcome

from . import encode

Answer = (
    pb.ReserveMessageResponse
    | pb.CommitMessageResponse
    | pb.ReleaseMessageResponse
    | pb.CloseConversationResponse
)
_DECISION_LAST = int(Outcome.DENIED_ACCOUNT_INACTIVE)
_ACCEPTED = int(Outcome.ACCEPTED)


def conversation_terms(to: conversation_pb2.ConversationTerms, of: ConversationTerms) -> None:
    """Write the terms of a plan's conversations."""
    to.pricing = of.pricing  # type: ignore[assignment]  # the numbers are those of the API
    to.inactivity_timeout.FromMilliseconds(of.inactivity_timeout_ms)
    to.reopen_within.FromMilliseconds(of.reopen_within_ms)
    to.conversation_meter = of.conversation_meter
    to.message_meter = of.message_meter


def session(
    to: conversation_pb2.Conversation, of: Session, *, account_id: str, as_of: datetime
) -> None:
    """Write a session as it stands at an instant."""
    to.account_id = account_id
    to.conversation_id, to.session = of.conversation_id, of.session
    to.state = conversation_pb2.CONVERSATION_STATE_OPEN
    to.type = of.type
    encode.moment(to.started_at, of.started_at)
    encode.moment(to.last_activity_at, of.last_activity_at)
    encode.moment(to.ends_at, of.ended_at or of.ends_at)
    to.duration.FromTimedelta(of.duration(as_of))
    to.messages = of.messages
    to.charged_micros = of.charged_micros
    to.termination_cause = of.termination_cause
    to.pricing = of.terms.pricing  # type: ignore[assignment]  # as above
    end, ending = of.end(as_of), of.ending(as_of)
    if end is not None and ending is not None:
        to.state = conversation_pb2.CONVERSATION_STATE_ENDED
        encode.moment(to.ended_at, end)
        to.ending = ending.value  # type: ignore[assignment]  # as above
    if of.details is not None:
        encode.details(to, of.details)


def reserve(request: pb.ReserveMessageRequest, reply: Reply) -> pb.ReserveMessageResponse:
    """Answer a ReserveMessage."""
    if reply.outcome > _DECISION_LAST:
        _refuse(request, reply.outcome)
    response = pb.ReserveMessageResponse(
        opened=reply.opened,
        replayed=reply.replayed,
        asked_micros=reply.asked_micros,
        shortfall_micros=reply.shortfall_micros,
        limit=reply.limit_name or "",
    )
    response.decision = reply.outcome  # type: ignore[assignment]  # as above
    if reply.retry_at is not None and reply.balance is not None:
        wait = reply.retry_at - reply.balance.as_of
        response.retry_after.FromTimedelta(max(wait, timedelta()))
    if reply.result is not None:
        response.affordable_quantity = reply.result.affordable_quantity or 0
    _state(response, request.account_id, reply)
    _hold(response, request.account_id, reply)
    return response


def commit(request: pb.CommitMessageRequest, reply: Reply) -> pb.CommitMessageResponse:
    """Answer a CommitMessage."""
    if reply.outcome != _ACCEPTED:
        _refuse(request, reply.outcome)
    response = pb.CommitMessageResponse(
        charged_micros=reply.charged_micros,
        uncollected_micros=reply.uncollected_micros,
        late=reply.late,
    )
    _state(response, request.account_id, reply)
    _hold(response, request.account_id, reply)
    return response


def release(request: pb.ReleaseMessageRequest, reply: Reply) -> pb.ReleaseMessageResponse:
    """Answer a ReleaseMessage."""
    if reply.outcome != _ACCEPTED:
        _refuse(request, reply.outcome)
    response = pb.ReleaseMessageResponse()
    _state(response, request.account_id, reply)
    _hold(response, request.account_id, reply)
    return response


def close(request: pb.CloseConversationRequest, reply: Reply) -> pb.CloseConversationResponse:
    """Answer a CloseConversation."""
    if reply.outcome != _ACCEPTED:
        encode.refuse_named(reply.outcome)
    response = pb.CloseConversationResponse()
    _state(response, request.account_id, reply)
    return response


def _refuse(
    request: pb.ReserveMessageRequest | pb.CommitMessageRequest | pb.ReleaseMessageRequest,
    outcome: int,
) -> None:
    encode.refuse_named(
        outcome,
        account_id=request.account_id,
        conversation_id=request.conversation_id,
        message_id=request.message_id,
    )


def _state(response: Answer, account_id: str, reply: Reply) -> None:
    if reply.balance is None:
        return
    encode.balance(response.balance, reply.balance)
    if reply.session is not None:
        as_of = reply.balance.as_of
        session(response.conversation, reply.session, account_id=account_id, as_of=as_of)


def _hold(
    response: pb.ReserveMessageResponse | pb.CommitMessageResponse | pb.ReleaseMessageResponse,
    account_id: str,
    reply: Reply,
) -> None:
    if reply.result is not None and reply.result.hold is not None:
        encode.hold(response.hold, reply.result.hold, account_id)
