"""Reads the request's bytes, once its caller is known and may call."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError, Message

from creditgate_server.rpc.call import Call, Handler
from creditgate_server.rpc.method import Method
from creditgate_server.rpc.status import invalid


def parsed(method: Method, proceed: Handler) -> Handler:
    """Hand on the message that the bytes of a request are."""

    async def step(request: bytes, call: Call) -> Any:
        return await proceed(parse(method, request), call)

    return step


def parse(method: Method, request: bytes) -> Message:
    """Read a message, or refuse what is none, or too large to be meant."""
    try:
        message = method.request.FromString(request)
    except DecodeError:
        problem = f"must be a {method.request.DESCRIPTOR.full_name}"
        raise invalid(method.snake, "request", problem) from None
    if len(request) > method.request_bytes_max:
        problem = f"at most {method.request_bytes_max} bytes are allowed, got {len(request)}"
        raise invalid(method.snake, _largest_field(message), problem)
    return message


def _largest_field(message: Message) -> str:
    """Name the field that makes a message too large; the request itself when it is none we know."""
    rests = {"request": message.ByteSize() - 1}
    for field, _ in message.ListFields():
        rest = type(message).FromString(message.SerializeToString())
        rest.ClearField(field.name)
        rests[field.name] = rest.ByteSize()
    return min(rests, key=rests.__getitem__)
