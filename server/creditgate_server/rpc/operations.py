"""Operations as parts of a stream or a batch: each is answered, an error is an answer too."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

from creditgate.v1 import authorization_service_pb2 as pb

from . import fields
from .call import Call, Handler
from .interceptors.rate import Rates
from .status import RpcError

OPERATIONS_MAX = 1000
_READS = frozenset({"quote", "get_hold", "get_balance"})


class Operations:
    """Answers the operations of AuthorizeRequest; `handlers` are named as its fields are."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    async def answer(
        self, request: pb.AuthorizeRequest, call: Call
    ) -> tuple[pb.AuthorizeResponse, RpcError | None]:
        """Answer one operation, and the error that the answer holds, if it does."""
        response = pb.AuthorizeResponse(request_id=request.request_id)
        try:
            fields.identifier(request, "request_id", request.request_id)
            name = request.WhichOneof("operation")
            if name is None:
                raise fields.bad(request, "operation", "must be set")
            result = await self._handlers[name](getattr(request, name), call)
            getattr(response, name).CopyFrom(result)
        except RpcError as error:
            response.error.CopyFrom(error.status())
            return response, error
        return response, None


class Batch:
    """BatchAuthorize: many operations at once, those of one account in their order."""

    def __init__(self, operations: Operations, rates: Rates) -> None:
        self._operations = operations
        self._rates = rates

    async def batch_authorize(
        self, request: pb.BatchAuthorizeRequest, call: Call
    ) -> pb.BatchAuthorizeResponse:
        """Answer each operation, in order."""
        count = len(request.operations)
        if not 1 <= count <= OPERATIONS_MAX:
            problem = f"must be 1 to {OPERATIONS_MAX}, got {count}"
            raise fields.bad(request, "operations", problem)
        self._rates.take(call.tenant_id, count - 1)
        answers: list[pb.AuthorizeResponse] = [pb.AuthorizeResponse()] * count
        walks = (
            self._walk(indexes, request, call, answers)
            for indexes in _by_account(request.operations)
        )
        await asyncio.gather(*walks)
        return pb.BatchAuthorizeResponse(results=answers)

    async def _walk(
        self,
        indexes: list[int],
        request: pb.BatchAuthorizeRequest,
        call: Call,
        answers: list[pb.AuthorizeResponse],
    ) -> None:
        """Carry out one account's operations.

        Writes are started one after the other, since their lane keeps their order; a read waits
        for the writes before it, and what follows waits for the read.
        """

        async def one(index: int) -> None:
            answers[index], _ = await self._operations.answer(request.operations[index], call)

        writes: list[asyncio.Task[None]] = []
        try:
            for index in indexes:
                if request.operations[index].WhichOneof("operation") in _READS:
                    await asyncio.gather(*writes)
                    await one(index)
                else:
                    writes.append(asyncio.create_task(one(index)))
            await asyncio.gather(*writes)
        finally:
            for write in writes:
                write.cancel()


def _by_account(operations: Iterable[pb.AuthorizeRequest]) -> Iterable[list[int]]:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, operation in enumerate(operations):
        name = operation.WhichOneof("operation")
        account_id = "" if name is None else getattr(operation, name).account_id
        groups[account_id].append(index)
    return groups.values()
