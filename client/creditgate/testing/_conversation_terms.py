"""The terms of a plan's conversations in the fake, and what is refused of requests about them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from creditgate.v1 import conversation_pb2

TIMEOUT_MIN, TIMEOUT_MAX = timedelta(minutes=1), timedelta(hours=24)
TIMEOUT, NO_TIME = timedelta(minutes=30), timedelta()
TEXT_MAX = 128
AMOUNT_MAX = 10**18


def check_conversation_terms(request: Any) -> Iterator[tuple[str, bool]]:
    """Each of a plan's conversation terms, and whether it is right."""
    at, terms = "plan.conversation_terms", request.plan.conversation_terms
    yield f"{at}.pricing", terms.pricing in conversation_pb2.ConversationPricing.values()
    timeout = terms.inactivity_timeout.ToTimedelta()
    unset = not terms.HasField("inactivity_timeout")
    yield f"{at}.inactivity_timeout", unset or TIMEOUT_MIN <= timeout <= TIMEOUT_MAX
    within = terms.reopen_within.ToTimedelta()
    yield f"{at}.reopen_within", NO_TIME <= within <= TIMEOUT_MAX
    for name in ("conversation_meter", "message_meter"):
        yield f"{at}.{name}", len(getattr(terms, name)) <= TEXT_MAX


def check_message(request: Any) -> Iterator[tuple[str, bool]]:
    """Each part of a ReserveMessage that is its own, and whether it is right."""
    usage, named = request.usage, request.attributes.conversation_id
    yield "type", len(request.type) <= TEXT_MAX
    yield "usage.meter", len(usage.meter) <= TEXT_MAX
    yield "usage.model", len(usage.model) <= TEXT_MAX
    yield "usage.quantity", 0 <= usage.quantity <= AMOUNT_MAX
    yield "attributes.conversation_id", named in {"", request.conversation_id}


def check_committed_message(request: Any) -> Iterator[tuple[str, bool]]:
    """What a CommitMessage reports, and whether it is right."""
    yield "used_quantity", 0 <= request.used_quantity <= AMOUNT_MAX


def check_session(request: Any) -> Iterator[tuple[str, bool]]:
    """Which session is asked for, and whether that may be."""
    yield "session", request.session >= 0


def check_listed(request: Any) -> Iterator[tuple[str, bool]]:
    """What sessions are listed, and whether that may be asked."""
    yield "account_id", request.account_id != ""
    yield "state", request.state in conversation_pb2.ConversationState.values()
    begins, ends = getattr(request, "from").ToNanoseconds(), request.until.ToNanoseconds()
    both = request.HasField("from") and request.HasField("until")
    yield "until", not both or begins < ends


def fill_conversation_terms(
    terms: conversation_pb2.ConversationTerms,
) -> conversation_pb2.ConversationTerms:
    """The terms with what is usual where they say nothing."""
    whole = conversation_pb2.ConversationTerms()
    given = terms.inactivity_timeout.ToTimedelta() if terms.HasField("inactivity_timeout") else None
    timeout = TIMEOUT if given is None else given
    whole.pricing = terms.pricing or conversation_pb2.CONVERSATION_PRICING_MESSAGE
    whole.inactivity_timeout.FromMilliseconds(timeout // timedelta(milliseconds=1))
    whole.reopen_within.FromMilliseconds(terms.reopen_within.ToMilliseconds())
    whole.conversation_meter = terms.conversation_meter or "chat.conversation"
    whole.message_meter = terms.message_meter or "chat.message"
    return whole
