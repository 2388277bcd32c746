"""Whoever carries out operations: the oracle, or anything that speaks the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import grpc
import grpc.aio

from creditgate._base import CHANNEL_OPTIONS, methods_of
from creditgate._failures import Failure, failure_of_status, read_failure
from creditgate.v1 import authorization_service_pb2 as messages
from tests.contract.wire import HOT_VERBS, Operation, method_name, to_answer, to_request
from tests.oracle.answers import Answer
from tests.oracle.usage import ReportingModel

# 2030-01-01 00:00 UTC: the instant at which every story begins.
START = 1_893_456_000_000_000


Addressed = tuple[str, Operation]
"""An operation and the id of its account."""


class Driver(Protocol):
    """Carries out operations at an instant of its choosing."""

    async def set_time(self, now: int) -> None:
        """Let it be this instant, in microseconds since 1970."""
        ...

    async def run(self, account_id: str, operation: Operation) -> Answer:
        """Carry out one operation."""
        ...

    async def run_batch(self, operations: Sequence[Addressed]) -> list[Answer]:
        """Carry out operations of the hot path in one request."""
        ...

    async def sweep(self) -> None:
        """Let everything due happen."""
        ...


class ModelDriver:
    """The oracle, with its rules checked after every step."""

    def __init__(self) -> None:
        self.model = ReportingModel()
        self._now = START

    async def set_time(self, now: int) -> None:
        self._now = now

    async def run(self, account_id: str, operation: Operation) -> Answer:
        # A statement is the one answer whose method has another name in the oracle.
        verb = (
            operation.verb.removeprefix("get_") if "statement" in operation.verb else operation.verb
        )
        method: Callable[..., Answer] = getattr(self.model, verb)
        named = () if verb in {"put_plan", "put_package", "put_rate_card"} else (account_id,)
        answer = method(self._now, *named, **operation.arguments)
        if verb == "cancel_addon":
            answer = replace(answer, balance=None)  # which the API does not show
        self.model.look(self._now)
        for account in self.model.accounts.values():
            account.check()
        return answer

    async def run_batch(self, operations: Sequence[Addressed]) -> list[Answer]:
        return [await self.run(account_id, operation) for account_id, operation in operations]

    async def sweep(self) -> None:
        self.model.sweep(self._now)


class GrpcDriver:
    """Anything that speaks the API. How its clock is set and its sweep begun differs."""

    def __init__(
        self,
        target: str,
        *,
        api_key: str,
        set_time: Callable[[int], Awaitable[None]],
        sweep: Callable[[], Awaitable[None]],
    ) -> None:
        self._channel = grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
        self._methods = methods_of(self._channel)
        self._metadata = (("authorization", f"Bearer {api_key}"),)
        self._set_time, self._sweep = set_time, sweep
        self._tokens: dict[str, list[str]] = {}

    async def close(self) -> None:
        await self._channel.close()

    async def set_time(self, now: int) -> None:
        await self._set_time(now)

    async def sweep(self) -> None:
        await self._sweep()

    async def run(self, account_id: str, operation: Operation) -> Answer:
        request = self._request(operation, account_id)
        try:
            response = await self._call(method_name(operation), request)
            if token := getattr(response, "quote_token", ""):
                self._tokens.setdefault(account_id, []).append(token)
            return to_answer(response)
        except grpc.aio.AioRpcError as error:
            return refusal(read_failure(error))

    async def run_batch(self, operations: Sequence[Addressed]) -> list[Answer]:
        batch = messages.BatchAuthorizeRequest()
        for place, (account_id, operation) in enumerate(operations):
            assert operation.verb in HOT_VERBS, "batches carry operations of the hot path"
            wrapped = batch.operations.add(request_id=str(place))
            getattr(wrapped, operation.verb).CopyFrom(self._request(operation, account_id))
        response = await self._call("BatchAuthorize", batch)
        assert [answer.request_id for answer in response.results] == [
            operation.request_id for operation in batch.operations
        ]
        return [_one(answer) for answer in response.results]

    def _request(self, operation: Operation, account_id: str) -> Any:
        """The message of an operation; what was pinned comes as the token it was answered with."""
        request: Any = to_request(operation, account_id)
        if pinned := operation.arguments.get("pinned"):
            request.quote_token = self._tokens[account_id][-pinned]
        return request

    async def _call(self, method: str, request: Any) -> Any:
        return await self._methods[method](request, metadata=self._metadata, timeout=10)


def refusal(failure: Failure) -> Answer:
    """A refusal as an Answer; anything that is no definite refusal fails the test."""
    assert failure.refusal is not None, failure
    return Answer(outcome=failure.reason)


def _one(answer: messages.AuthorizeResponse) -> Answer:
    kind = answer.WhichOneof("result")
    if kind == "error":
        code = next(code for code in grpc.StatusCode if code.value[0] == answer.error.code)
        return refusal(failure_of_status(answer.error, code=code))
    return to_answer(getattr(answer, kind or "result"))
