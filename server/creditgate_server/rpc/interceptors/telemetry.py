"""Tells the observer of calls about each call: when it came, how it ended, what was decided."""

from __future__ import annotations

from time import perf_counter
from typing import Any, Protocol

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate_server.rpc.call import Call, Handler, Metadata
from creditgate_server.rpc.method import Method
from creditgate_server.rpc.status import RpcError

DECISIONS = {number: name.removeprefix("DECISION_").lower() for name, number in pb.Decision.items()}
"""Decisions as observers are told them."""


class CallObserver(Protocol):
    """Who is told of calls. Both methods must be cheap: they are on the way of every call."""

    def start(self, method: str, metadata: Metadata) -> Any:
        """Note that a call has come; the answer is handed to `finish`."""
        ...

    def finish(self, span: Any, method: str, code: str, decision: str, seconds: float) -> None:
        """Note how a call ended."""
        ...


def observed(method: Method, proceed: Handler, *, observer: CallObserver) -> Handler:
    """Tell the observer of each call."""
    path, decides = method.path, method.decides

    async def step(request: Any, call: Call) -> Any:
        started = perf_counter()
        span = observer.start(path, call.metadata)
        code, decision = "CANCELLED", ""
        try:
            response = await proceed(request, call)
        except RpcError as error:
            code = error.code.name
            raise
        else:
            code = "OK"
            if decides:
                decision = DECISIONS[response.decision]
            return response
        finally:
            observer.finish(span, path, code, decision, perf_counter() - started)

    return step
