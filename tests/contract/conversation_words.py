"""How stories write conversations: the terms of plans, and these and sessions in messages."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from creditgate._messages.convert import number, word
from creditgate.v1 import conversation_pb2
from tests.oracle.answers import ConversationView
from tests.oracle.terms import ConversationTerms


def _milliseconds(text: str) -> int:
    return int(Decimal(text) * 1000)


# What the terms of conversations are made of.
_TERMS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "pricing": ("pricing", str),
    "timeout": ("timeout_ms", _milliseconds),
    "reopen": ("reopen_ms", _milliseconds),
    "meter": ("meter", str),
    "message": ("message_meter", str),
}


def conversation_terms(text: str) -> ConversationTerms:
    """`pricing=BOTH,timeout=60,reopen=120`: terms of conversations."""
    terms = {}
    for name, _, value in (each.partition("=") for each in text.split(",")):
        term, read = _TERMS[name]
        terms[term] = read(value)
    return ConversationTerms(**terms)


def to_conversation_terms(terms: ConversationTerms) -> conversation_pb2.ConversationTerms:
    """The terms as a message, without what is usual."""
    message, usual = conversation_pb2.ConversationTerms(), ConversationTerms()
    if terms.pricing != usual.pricing:
        pricing = number(conversation_pb2.ConversationPricing, terms.pricing)
        message.pricing = conversation_pb2.ConversationPricing.ValueType(pricing)
    if terms.timeout_ms != usual.timeout_ms:
        message.inactivity_timeout.FromMilliseconds(terms.timeout_ms)
    if terms.reopen_ms != usual.reopen_ms:
        message.reopen_within.FromMilliseconds(terms.reopen_ms)
    if terms.meter != usual.meter:
        message.conversation_meter = terms.meter
    if terms.message_meter != usual.message_meter:
        message.message_meter = terms.message_meter
    return message


def to_conversation(shown: conversation_pb2.Conversation) -> ConversationView:
    """A session as the oracle shows it."""
    ending = conversation_pb2.ConversationEnding
    return ConversationView(
        shown.account_id,
        shown.conversation_id,
        shown.session,
        word(conversation_pb2.ConversationState, shown.state),
        shown.type,
        shown.started_at.ToMicroseconds(),
        shown.last_activity_at.ToMicroseconds(),
        shown.ends_at.ToMicroseconds(),
        shown.ended_at.ToMicroseconds() if shown.HasField("ended_at") else None,
        shown.duration.ToMicroseconds(),
        shown.messages,
        shown.charged_micros,
        word(ending, shown.ending) if shown.ending else "",
        shown.termination_cause,
        tuple(sorted((each.name, text) for each, text in shown.attributes.ListFields())),
        tuple(sorted(shown.labels.items())),
        word(conversation_pb2.ConversationPricing, shown.pricing),
    )
