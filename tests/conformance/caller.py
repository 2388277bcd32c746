"""Whoever has a key and a channel: requests go out and answers come back as they are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

import creditgate.v1
from creditgate.v1 import authorization_service_pb2 as pb

DEADLINE_SECONDS = 10.0


@dataclass
class Refusal(Exception):  # noqa: N818 - that is what it is
    """A call that ended without an answer; `reason` is that of ErrorInfo, where there is one."""

    code: grpc.StatusCode
    reason: str
    fields: tuple[str, ...] = ()
    retry_seconds: float | None = None

    def __str__(self) -> str:
        return f"{self.reason or self.code.name} ({self.code.name}) {self.fields}"


def refused(reason: str) -> Any:
    """What is done within has to be refused, for this reason."""
    return pytest.raises(Refusal, match=rf"^{reason} ")


@dataclass(frozen=True)
class _Method:
    path: str
    answer: Any


def _methods() -> Iterator[tuple[str, _Method]]:
    """The methods of all services there are stubs of, by the names of their requests."""
    for module in pkgutil.iter_modules(creditgate.v1.__path__, "creditgate.v1."):
        if not module.name.endswith("_service_pb2"):
            continue
        described = importlib.import_module(module.name).DESCRIPTOR
        for service in described.services_by_name.values():
            for each in service.methods:
                path, answer = (
                    f"/{service.full_name}/{each.name}",
                    GetMessageClass(each.output_type),
                )
                yield each.input_type.name, _Method(path, answer)


METHODS = dict(_methods())


class Caller:
    """A key, and a connection of its own to one server."""

    def __init__(self, target: str, key: str, *, tls: bool = False) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = (
            grpc.secure_channel(target, grpc.ssl_channel_credentials(), options)
            if tls
            else grpc.insecure_channel(target, options)
        )
        self._metadata = (("authorization", f"Bearer {key}"),)
        self._named = target, key, tls

    def close(self) -> None:
        self._channel.close()

    def again(self) -> Caller:
        """Somebody with the same key and another connection."""
        target, key, tls = self._named
        return Caller(target, key, tls=tls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def ask(self, request: Message, *, timeout_seconds: float = DEADLINE_SECONDS) -> Any:
        """Send a request and wait for its answer; raises Refusal."""
        try:
            return self.send(request, timeout_seconds=timeout_seconds).result()
        except grpc.RpcError as error:
            raise refusal(error) from None

    def send(self, request: Message, *, timeout_seconds: float = DEADLINE_SECONDS) -> Any:
        """Send a request and go on; answers a future, which can be cancelled."""
        method = METHODS[type(request).__name__]
        call = self._channel.unary_unary(
            method.path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        return call.future(request, timeout=timeout_seconds, metadata=self._metadata)

    def watch(self, request: Message, *, timeout_seconds: float = 30) -> Any:
        """Begin a stream of answers to one request; it can be iterated, and cancelled."""
        method = METHODS[type(request).__name__]
        call = self._channel.unary_stream(
            method.path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        return call(request, timeout=timeout_seconds, metadata=self._metadata)

    def converse(self, requests: Iterator[Message], *, timeout_seconds: float = 30) -> Any:
        """Begin a stream of operations and of their answers."""
        method = METHODS["AuthorizeRequest"]
        call: Any = self._channel.stream_stream(
            method.path,
            request_serializer=pb.AuthorizeRequest.SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        return call(requests, timeout=timeout_seconds, metadata=self._metadata)


def ends(futures: Iterable[Any]) -> list[Any]:
    """How calls under way end: their answers or refusals, in the order in which they were sent."""
    return [_end(each) for each in futures]


def at_once(requests: Iterable[Message], *callers: Caller) -> list[Any]:
    """Send requests without waiting, to the callers in turn."""
    return ends([callers[place % len(callers)].send(each) for place, each in enumerate(requests)])


def _end(future: Any) -> Any:
    try:
        return future.result()
    except grpc.RpcError as error:
        return refusal(error)
    except grpc.FutureCancelledError:
        return Refusal(grpc.StatusCode.CANCELLED, "")


def refusal(error: Any) -> Refusal:
    """Read a failed call's status with its details."""
    trailing = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing.get("grpc-status-details-bin", b""))
    return of_status(status, code=error.code())


def of_status(status: status_pb2.Status, *, code: grpc.StatusCode) -> Refusal:
    """Read the details of a status, which travels in trailers or on a stream."""
    reason, fields, retry = "", (), None
    for detail in status.details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        again = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            fields = tuple(each.field for each in bad.field_violations)
        elif detail.Unpack(again):
            retry = again.retry_delay.ToNanoseconds() / 1e9
    return Refusal(code, reason, fields, retry)
