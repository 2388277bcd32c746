"""What is sent for a reply: by a hold of its own, or as a message of a conversation."""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration

from bench.life.book import Quantities
from bench.life.messages import OUTPUT, Conversation, Message
from bench.prices import find
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import conversation_service_pb2 as conversation_pb
from creditgate.v1 import hold_pb2

LEAST = 50
"""The tokens of output that are still worth an answer."""

Asked = dict[str, Any]
"""One operation: what it is called, and its request."""


class Papers:
    """The requests of a reply with a hold of its own."""

    kind = ""

    def __init__(self, conversation: Conversation, message: Message, ttl: Duration) -> None:
        self._message, self._ttl = message, ttl
        self._names: Asked = {
            "account_id": conversation.account_id,
            "hold_id": message.hold_id,
        }
        self._about = hold_pb2.Attributes(
            conversation_id=conversation.conversation_id, model=message.model
        )

    @property
    def hold_id(self) -> str:
        """The name of its hold."""
        return self._message.hold_id

    def reserve(self, *, more: int = 0) -> Asked:
        """Ask for credits; with `more` for something else by the same name."""
        message = self._message
        asked = {**message.asked, (OUTPUT, message.model): message.estimate + more}
        usages = usages_of(asked)
        price = {"usages": usages} if message.more else {"usage": usages.usages[0]}
        least = cost_of({**asked, (OUTPUT, message.model): LEAST})
        request = pb.ReserveRequest(
            **self._names, **price, minimum_micros=least, ttl=self._ttl, attributes=self._about
        )
        return {"reserve": request}

    def extend(self, used: Quantities) -> Asked:
        """Tell what was used so far."""
        return {"extend": pb.ExtendRequest(**self._names, **self._used(used), ttl=self._ttl)}

    def commit(self, used: Quantities) -> Asked:
        """Tell what was used in all."""
        return {"commit": pb.CommitRequest(**self._names, **self._used(used))}

    def release(self) -> Asked:
        """Tell that there is no reply."""
        return {"release": pb.ReleaseRequest(**self._names, termination_cause="cancelled")}

    def _used(self, used: Quantities) -> Asked:
        if self._message.more:
            return {"used_quantities": usages_of(used)}
        (quantity,) = used.values()
        return {"used_quantity": quantity}


class SessionPapers(Papers):
    """The requests of a reply that is a message of a conversation, which costs something itself."""

    kind = " message"

    def __init__(self, conversation: Conversation, message: Message, ttl: Duration) -> None:
        super().__init__(conversation, message, ttl)
        self._type = conversation.type
        self._names = {
            "account_id": conversation.account_id,
            "conversation_id": conversation.conversation_id,
            "message_id": message.hold_id,
        }

    @property
    def hold_id(self) -> str:
        return f"{self._names['conversation_id']}##{self._message.hold_id}"

    def reserve(self, *, more: int = 0) -> Asked:
        message = self._message
        usage = hold_pb2.Usage(meter=OUTPUT, model=message.model, quantity=message.estimate + more)
        request = conversation_pb.ReserveMessageRequest(
            **self._names, type=self._type, usage=usage, ttl=self._ttl, attributes=self._about
        )
        return {"reserve_message": request}

    def commit(self, used: Quantities) -> Asked:
        request = conversation_pb.CommitMessageRequest(**self._names, **self._used(used))
        return {"commit_message": request}

    def release(self) -> Asked:
        request = conversation_pb.ReleaseMessageRequest(
            **self._names, termination_cause="cancelled"
        )
        return {"release_message": request}


def names_of(conversation: Conversation) -> list[str]:
    """The names of all the holds that a conversation and its messages may have."""
    messages = [f"{conversation.conversation_id}##{each.hold_id}" for each in conversation.messages]
    return [*messages, *([conversation.session[0]] if conversation.session else [])]


def usages_of(quantities: Quantities) -> hold_pb2.Usages:
    """The same as a message, in its order."""
    return hold_pb2.Usages(
        usages=[
            hold_pb2.Usage(meter=meter, model=model, quantity=quantity)
            for (meter, model), quantity in quantities.items()
        ]
    )


def cost_of(quantities: Quantities) -> int:
    """What they cost, in micro-credits."""
    return sum(find(*what).of(quantity) for what, quantity in quantities.items())
