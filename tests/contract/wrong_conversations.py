"""Requests about conversations with one field wrong, and the name of that field."""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import conversation_service_pb2 as conversations
from creditgate.v1 import hold_pb2
from creditgate.v1 import usage_service_pb2 as usage

ACME: dict[str, Any] = {"account_id": "acme"}
TALK: dict[str, Any] = {**ACME, "conversation_id": "c"}
SAID: dict[str, Any] = {**TALK, "message_id": "m"}
LONG = "a" * 129


def _say(**changes: Any) -> conversations.ReserveMessageRequest:
    return conversations.ReserveMessageRequest(**SAID | changes)


def _list(**changes: Any) -> usage.ListConversationsRequest:
    return usage.ListConversationsRequest(**ACME | changes)


PERIOD: dict[str, Any] = {"from": Timestamp(seconds=9), "until": Timestamp(seconds=9)}
WRONG: list[tuple[Any, str]] = [
    *[
        (request(**SAID | {name: ""}), name)
        for request in (
            conversations.ReserveMessageRequest,
            conversations.CommitMessageRequest,
            conversations.ReleaseMessageRequest,
        )
        for name in SAID
    ],
    *[
        (request(**TALK | {name: bad}), name)
        for request in (
            conversations.CloseConversationRequest,
            conversations.GetConversationRequest,
        )
        for name, bad in (("account_id", ""), ("conversation_id", "a b"), ("session", -1))
    ],
    (_say(conversation_id="c#1"), "conversation_id"),
    (_say(message_id="c#1"), "message_id"),
    (_say(type=LONG), "type"),
    (_say(usage=hold_pb2.Usage(meter=LONG)), "usage.meter"),
    (_say(usage=hold_pb2.Usage(model=LONG)), "usage.model"),
    (_say(usage=hold_pb2.Usage(quantity=-1)), "usage.quantity"),
    (_say(usage=hold_pb2.Usage(quantity=10**18 + 1)), "usage.quantity"),
    (_say(ttl=Duration()), "ttl"),
    (_say(attributes=hold_pb2.Attributes(agent=LONG)), "attributes.agent"),
    (
        _say(attributes=hold_pb2.Attributes(conversation_id="d")),
        "attributes.conversation_id",
    ),
    (_say(labels={"": "v"}), "labels"),
    (conversations.CommitMessageRequest(**SAID, used_micros=-1), "used_micros"),
    (conversations.CommitMessageRequest(**SAID, used_quantity=-1), "used_quantity"),
    (conversations.ReleaseMessageRequest(**SAID, termination_cause=LONG), "termination_cause"),
    (conversations.CloseConversationRequest(**TALK, termination_cause="ü"), "termination_cause"),
    (_list(account_id=""), "account_id"),
    (_list(conversation_id="a b"), "conversation_id"),
    (_list(state=3), "state"),
    (_list(**PERIOD), "until"),
    (_list(page_size=-1), "page_size"),
    (_list(page_token="forged"), "page_token"),
    *[
        (request(**ACME, hold_id="c#1#1", amount_micros=1), "hold_id")
        for request in (messages.ReserveRequest, messages.ChargeRequest)
    ],
]
