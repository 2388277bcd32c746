"""From messages about conversations to the values of the domain."""

from __future__ import annotations

from functools import partial

from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate.v1 import conversation_pb2
from creditgate.v1 import conversation_service_pb2 as pb
from creditgate.v1 import usage_service_pb2 as usage_pb
from creditgate_server.domain.conversations import (
    ConversationTerms,
    Hearing,
    Pricing,
    SessionFilter,
    Utterance,
)

from . import decode, fields
from .call import Call
from .fingerprint import fingerprint
from .named_account import key_of

TIMEOUT_MS_MIN = 60_000
TIMEOUT_MS_MAX = 24 * 3_600_000
SESSION_MAX = 2**31 - 1
USUAL = ConversationTerms()

_PRICINGS = frozenset(map(int, Pricing))
_STATES = frozenset(conversation_pb2.ConversationState.values())

MessageRequest = pb.ReserveMessageRequest | pb.CommitMessageRequest | pb.ReleaseMessageRequest
ConversationRequest = MessageRequest | pb.CloseConversationRequest | pb.GetConversationRequest


def conversation_terms(request: catalog_pb.PutPlanRequest) -> ConversationTerms:
    """Decode the conversation terms of a PutPlan; what is left out is as usual."""
    given, path = request.plan.conversation_terms, "plan.conversation_terms"
    span_ms = partial(fields.usual_ms, request, path, given, high=TIMEOUT_MS_MAX)
    pricing = given.pricing or USUAL.pricing
    return ConversationTerms(
        pricing=fields.choice(request, f"{path}.pricing", pricing, _PRICINGS),
        inactivity_timeout_ms=span_ms(
            "inactivity_timeout", usual=USUAL.inactivity_timeout_ms, low=TIMEOUT_MS_MIN
        ),
        reopen_within_ms=span_ms("reopen_within", usual=USUAL.reopen_within_ms, low=0),
        conversation_meter=fields.text(
            request, f"{path}.conversation_meter", given.conversation_meter
        )
        or USUAL.conversation_meter,
        message_meter=fields.text(request, f"{path}.message_meter", given.message_meter)
        or USUAL.message_meter,
    )


def reserve(request: pb.ReserveMessageRequest, call: Call) -> Utterance:
    """Decode a ReserveMessage."""
    heard = _message(Hearing.RESERVE, request, call)
    kind = fields.text(request, "type", request.type)
    work = request.usage
    meter = fields.text(request, "usage.meter", work.meter)
    model = fields.text(request, "usage.model", work.model)
    quantity = fields.amount(request, "usage.quantity", work.quantity, low=0) or 1
    ttl_ms = decode.ttl_ms(request)
    details = _details(request)
    parts = [f"quantity={quantity}", f"ttl_ms={ttl_ms}", f"details={details}"]
    parts += [
        f"{name}={text}" for name, text in (("type", kind), ("meter", meter), ("model", model))
        if text
    ]  # fmt: skip
    return heard._replace(
        type=kind,
        meter=meter,
        model=model,
        quantity=quantity,
        ttl_ms=ttl_ms,
        details=details,
        fingerprint=fingerprint("message", parts),
    )


def commit(request: pb.CommitMessageRequest, call: Call) -> Utterance:
    """Decode a CommitMessage."""
    heard = _message(Hearing.COMMIT, request, call)
    used = request.WhichOneof("used")
    if used is None:
        return heard
    total = fields.amount(request, used, getattr(request, used), low=0)
    if used == "used_micros":
        return heard._replace(used_micros=total)
    return heard._replace(used_quantity=total)


def release(request: pb.ReleaseMessageRequest, call: Call) -> Utterance:
    """Decode a ReleaseMessage."""
    heard = _message(Hearing.RELEASE, request, call)
    return heard._replace(termination_cause=_cause(request), handed_off=request.handed_off)


def close(request: pb.CloseConversationRequest, call: Call) -> Utterance:
    """Decode a CloseConversation."""
    return Utterance(
        int(Hearing.CLOSE),
        *key_of(request, call),
        conversation_id(request),
        session=session(request),
        termination_cause=_cause(request),
        handed_off=request.handed_off,
    )


def conversation_id(request: ConversationRequest) -> str:
    """Check and answer the conversation's name."""
    return fields.identifier(request, "conversation_id", request.conversation_id)


def session(request: pb.CloseConversationRequest | pb.GetConversationRequest) -> int:
    """Check and answer which session is asked for."""
    return fields.number(request, "session", request.session, high=SESSION_MAX)


def kept(request: usage_pb.ListConversationsRequest) -> SessionFilter:
    """Decode which sessions a list is to keep."""
    name = fields.identifier_or_empty(request, "conversation_id", request.conversation_id)
    state = fields.choice(request, "state", request.state, _STATES)
    start, until = fields.bounds(request, request)
    is_open = state == conversation_pb2.CONVERSATION_STATE_OPEN if state else None
    return SessionFilter(name, is_open, start, until)


def _message(verb: Hearing, request: MessageRequest, call: Call) -> Utterance:
    account = key_of(request, call)
    name = conversation_id(request)
    message_id = fields.identifier(request, "message_id", request.message_id)
    return Utterance(int(verb), *account, name, message_id)


def _details(request: pb.ReserveMessageRequest) -> str:
    """Write attributes and labels as JSON text; the conversation is always among them."""
    name = request.conversation_id
    given = request.attributes.conversation_id
    if given not in {"", name}:
        problem = "must be the request's conversation_id, or empty"
        raise fields.bad(request, "attributes.conversation_id", problem)
    attributes = {**decode.attributes(request, request.attributes), "conversation_id": name}
    labels = fields.labels(request, request.labels)
    return fields.canonical_json({"attributes": attributes, "labels": labels})


def _cause(request: pb.ReleaseMessageRequest | pb.CloseConversationRequest) -> str:
    return fields.identifier_or_empty(request, "termination_cause", request.termination_cause)
