"""Callers of a real server, over the plain stubs: nothing is retried, every reply is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.rpc import error_details_pb2, status_pb2

from creditgate.v1 import account_pb2 as accounts
from creditgate.v1 import account_service_pb2 as admin
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1.account_service_pb2_grpc import AccountServiceStub
from creditgate.v1.authorization_service_pb2_grpc import CreditAuthorizationServiceStub

CREDIT = 1_000_000
PATIENCE_SECONDS = 10.0

# Codes that mean the request was not, and never will be, carried out.
_REFUSING = frozenset(
    {
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "FAILED_PRECONDITION",
        "UNAUTHENTICATED",
    }
)
# What gRPC itself says when it found nobody to send to.
_NEVER_SENT = ("failed to connect to all addresses", "DNS resolution failed")

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Reply:
    """How one attempt of one request ended. Times are of the monotonic clock."""

    code: str
    reason: str
    message: Any
    started: float
    ended: float
    details: str = ""

    @property
    def ok(self) -> bool:
        return self.code == "OK"

    @property
    def refused(self) -> bool:
        """Not done, for good."""
        return self.code in _REFUSING

    @property
    def not_executed(self) -> bool:
        """Not done, for a passing reason."""
        never_sent = self.code == "UNAVAILABLE" and self.details.startswith(_NEVER_SENT)
        return self.reason in {"NOT_EXECUTED", "RATE_LIMITED"} or never_sent

    @property
    def unknown(self) -> bool:
        """Perhaps done."""
        return not (self.ok or self.refused or self.not_executed)

    @property
    def granted(self) -> bool:
        return self.ok and self._decision == pb.DECISION_GRANTED

    @property
    def denied(self) -> bool:
        return self.ok and self._decision >= pb.DECISION_DENIED_INSUFFICIENT_CREDITS

    @property
    def _decision(self) -> int:
        return getattr(self.message, "decision", pb.DECISION_UNSPECIFIED)

    @property
    def seconds(self) -> float:
        return self.ended - self.started

    @property
    def verdict(self) -> str:
        """What is counted in figures: the decision, OK, or the reason of the error."""
        if self.ok and hasattr(self.message, "decision"):
            return pb.Decision.Name(self.message.decision).removeprefix("DECISION_")
        return self.reason or self.code


class Caller:
    """One connection to one server, with one API key."""

    def __init__(self, target: str, api_key: str) -> None:
        self.target = target
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        self._channel = grpc.aio.insecure_channel(
            target,
            options=(
                # A connection of its own, as a client on another machine would have.
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.enable_retries", 0),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 500),
            ),
        )
        self._methods = {
            **vars(CreditAuthorizationServiceStub(self._channel)),
            **vars(AccountServiceStub(self._channel)),
        }

    async def send(
        self, request: Any, *, timeout_seconds: float | None = PATIENCE_SECONDS
    ) -> Reply:
        """Sends one request once; the method goes by the request's type."""
        method = self._methods[type(request).__name__.removesuffix("Request")]
        started = time.monotonic()
        call = method(request, timeout=timeout_seconds, metadata=self._metadata)
        try:
            message = await call
        except grpc.aio.AioRpcError as error:
            return _failure(error, started)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # gRPC cancels what is under way when a connection ends in the middle of it.
            return Reply("CANCELLED", "", None, started, time.monotonic())
        return Reply("OK", "", message, started, time.monotonic())

    async def ask(self, request: Any) -> Any:
        """The answer of a request that is expected to succeed."""
        reply = await self.send(request)
        assert reply.ok, f"{type(request).__name__}: {reply.code} {reply.reason} {reply.details}"
        return reply.message

    async def insist(self, request: Any, *, seconds: float = 60.0) -> Reply:
        """Sends the same request until it is answered or refused, as a caller in doubt does."""
        until = time.monotonic() + seconds
        while True:
            reply = await self.send(request, timeout_seconds=5.0)
            if reply.ok or reply.refused or time.monotonic() > until:
                return reply
            await asyncio.sleep(0.1)

    async def open_account(
        self, account_id: str, *, credit_micros: int, overdraft_micros: int = 0
    ) -> None:
        """Opens an account with one grant that never expires."""
        await self.ask(
            admin.CreateAccountRequest(
                account_id=account_id, overdraft_limit_micros=overdraft_micros
            )
        )
        if credit_micros:
            await self.ask(grant(account_id, "opening", credit_micros))

    async def balance(self, account_id: str) -> Any:
        answer = await self.ask(pb.GetBalanceRequest(account_id=account_id))
        return answer.balance

    async def close(self) -> None:
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def grant(account_id: str, grant_id: str, micros: int) -> admin.AddGrantRequest:
    return admin.AddGrantRequest(
        account_id=account_id,
        grant_id=grant_id,
        kind=accounts.GRANT_KIND_PURCHASED,
        amount_micros=micros,
    )


def reserve(
    account_id: str, hold_id: str, micros: int, *, ttl_ms: int = 600_000
) -> pb.ReserveRequest:
    request = pb.ReserveRequest(account_id=account_id, hold_id=hold_id, amount_micros=micros)
    request.ttl.FromMilliseconds(ttl_ms)
    return request


def extend(
    account_id: str, hold_id: str, micros: int, *, used_micros: int, ttl_ms: int = 600_000
) -> pb.ExtendRequest:
    request = pb.ExtendRequest(
        account_id=account_id, hold_id=hold_id, amount_micros=micros, used_micros=used_micros
    )
    request.ttl.FromMilliseconds(ttl_ms)
    return request


def commit(
    account_id: str, hold_id: str, used_micros: int, *, keep_open: bool = False
) -> pb.CommitRequest:
    return pb.CommitRequest(
        account_id=account_id, hold_id=hold_id, used_micros=used_micros, keep_open=keep_open
    )


def release(account_id: str, hold_id: str) -> pb.ReleaseRequest:
    return pb.ReleaseRequest(account_id=account_id, hold_id=hold_id)


def charge(account_id: str, hold_id: str, micros: int) -> pb.ChargeRequest:
    return pb.ChargeRequest(account_id=account_id, hold_id=hold_id, amount_micros=micros)


async def spread(callers: Sequence[Caller], requests: Iterable[Any]) -> list[Reply]:
    """Sends requests, each caller one at a time, all callers at once. Replies are in any order."""
    waiting = iter(requests)

    async def one(caller: Caller) -> list[Reply]:
        return [await caller.send(request) for request in waiting]

    parts = await asyncio.gather(*map(one, callers))
    return [reply for part in parts for reply in part]


async def at_once(work: Iterable[Coroutine[Any, Any, _Item]]) -> list[_Item]:
    """Runs everything at the same time and answers in order."""
    return list(await asyncio.gather(*work))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _failure(error: grpc.aio.AioRpcError, started: float) -> Reply:
    reason = ""
    trailing: Iterable[Any] = error.trailing_metadata() or ()
    for name, value in trailing:
        if name == "grpc-status-details-bin":
            reason = _reason(value)
    details = error.details() or ""
    return Reply(error.code().name, reason, None, started, time.monotonic(), details)


def _reason(written: bytes) -> str:
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(written).details:
        if detail.Unpack(info):
            return str(info.reason)
    return ""
