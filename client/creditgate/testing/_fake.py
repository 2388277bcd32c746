"""The fake as a server: gRPC in front of the ledger, a clock to move, replies to lose."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, NoReturn, Self

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from creditgate._async.client import AsyncClient
from creditgate._failures import DETAILS_KEY, DOMAIN
from creditgate._sync.client import Client
from creditgate._types.amount import Amount, to_micros
from creditgate.testing._summary import Summaries
from creditgate.testing._wallet import RefusalError
from creditgate.testing._watch import Watch
from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import catalog_service_pb2 as catalog
from creditgate.v1 import conversation_service_pb2 as conversations
from creditgate.v1 import event_service_pb2 as events
from creditgate.v1 import usage_service_pb2 as usage

START = datetime(2030, 1, 1, tzinfo=UTC)
# Each watch keeps one for itself.
THREADS = 64
_LOOK_SECONDS = 0.05

_CODES = {
    "INVALID_FIELD": code_pb2.INVALID_ARGUMENT,
    "OUT_OF_RANGE": code_pb2.INVALID_ARGUMENT,
    "QUOTE_EXPIRED": code_pb2.INVALID_ARGUMENT,
    "ACCOUNT_NOT_FOUND": code_pb2.NOT_FOUND,
    "HOLD_NOT_FOUND": code_pb2.NOT_FOUND,
    "GRANT_NOT_FOUND": code_pb2.NOT_FOUND,
    "PLAN_NOT_FOUND": code_pb2.NOT_FOUND,
    "ADDON_NOT_FOUND": code_pb2.NOT_FOUND,
    "RATE_CARD_NOT_FOUND": code_pb2.NOT_FOUND,
    "CONVERSATION_NOT_FOUND": code_pb2.NOT_FOUND,
    "MESSAGE_NOT_FOUND": code_pb2.NOT_FOUND,
    "ENDPOINT_NOT_FOUND": code_pb2.NOT_FOUND,
    "DELIVERY_NOT_FOUND": code_pb2.NOT_FOUND,
    "NAME_REUSED": code_pb2.ALREADY_EXISTS,
    "KEY_INVALID": code_pb2.UNAUTHENTICATED,
    "NOT_EXECUTED": code_pb2.UNAVAILABLE,
    "OUTCOME_UNKNOWN": code_pb2.UNAVAILABLE,
}
_STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


class FakeCreditgate:
    """A Creditgate in this process, for tests.

    Args:
        api_key: the only key it accepts; None accepts any, and none.
        now: what its clock says; it stands still until `advance` or `set_time`.
    """

    def __init__(self, *, api_key: str | None = None, now: datetime = START) -> None:
        self._api_key, self._now = api_key, _micros(now)
        self._ledger, self._lock = Summaries(), threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._server: grpc.Server | None = None
        self._faults: deque[str] = deque()
        self._port = 0
        self.requests: list[Message] = []
        """Every request that came, in order; cleared at will."""

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen: on a free port, or again on the one it had."""
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fake-creditgate")
        self._server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        for module, service in (
            (messages, "CreditAuthorizationService"),
            (accounts, "AccountService"),
            (catalog, "CatalogService"),
            (events, "EventService"),
            (conversations, "ConversationService"),
            (usage, "UsageService"),
        ):
            described = module.DESCRIPTOR.services_by_name[service]
            handlers = {m.name: self._handler(m.name, m) for m in described.methods}
            generic = grpc.method_handlers_generic_handler(described.full_name, handlers)
            self._server.add_generic_rpc_handlers((generic,))
        self._port = self._server.add_insecure_port(self.target)
        self._server.start()

    def stop(self) -> None:
        """Stop at once; what it knows stays, for `start` to serve again."""
        if self._server is not None:
            self._server.stop(grace=None).wait()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def client(self, **options: Any) -> Client:
        """A blocking client of this fake; `options` as for `Client`."""
        return Client(self.target, **{"api_key": self._api_key, **options})

    def async_client(self, **options: Any) -> AsyncClient:
        """A client of this fake for asyncio; `options` as for `AsyncClient`."""
        return AsyncClient(self.target, **{"api_key": self._api_key, **options})

    def add_account(self, account_id: str, *, credits: Amount = 0) -> None:  # noqa: A002 - the word
        """Open an account, with a grant of so many credits that never expires."""
        self.answer(accounts.CreateAccountRequest(account_id=account_id))
        if to_micros(credits):
            grant = accounts.AddGrantRequest(
                account_id=account_id,
                grant_id="initial",
                kind=account_pb2.GRANT_KIND_PURCHASED,
                amount_micros=to_micros(credits),
            )
            self.answer(grant)

    def advance(self, *, seconds: float) -> None:
        """Move the clock forward."""
        self.set_time(self.now() + timedelta(seconds=seconds))

    def now(self) -> datetime:
        """What the clock says."""
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self._now)

    def set_time(self, now: datetime) -> None:
        """Set the clock; backwards too, which the rules do not expect."""
        with self._changed:
            self._now = _micros(now)
            self._changed.notify_all()

    def sweep(self) -> None:
        """Let everything due happen now, as a server's background work does."""
        with self._changed:
            self._ledger.sweep(self._now)
            self._changed.notify_all()

    def lose_replies(self, count: int = 1) -> None:
        """Carry out the next `count` requests, but answer OUTCOME_UNKNOWN."""
        self._faults.extend(["OUTCOME_UNKNOWN"] * count)

    def refuse(self, count: int = 1) -> None:
        """Answer the next `count` requests NOT_EXECUTED, and do nothing."""
        self._faults.extend(["NOT_EXECUTED"] * count)

    def clear_faults(self) -> None:
        """Forget the faults that were asked for and have not come yet."""
        self._faults.clear()

    def answer(self, request: Message) -> Any:
        """Answer one request as the service would, without gRPC.

        Raises:
            RefusalError: it was refused.
        """
        with self._changed:
            self._changed.notify_all()
            return self._ledger.answer(request, self._now)

    def _handler(self, name: str, method: Any) -> grpc.RpcMethodHandler[Any, Any]:
        decode = _class_of(method.input_type).FromString
        encode = _class_of(method.output_type).SerializeToString
        if name == "Authorize":
            return grpc.stream_stream_rpc_method_handler(self._stream, decode, encode)
        if name == "WatchAccount":
            return grpc.unary_stream_rpc_method_handler(self._watch, decode, encode)
        if name == "ExportActivity":
            return grpc.unary_stream_rpc_method_handler(self._export, decode, encode)
        serve = self._batch if name == "BatchAuthorize" else self.answer
        return grpc.unary_unary_rpc_method_handler(self._serving(serve), decode, encode)

    def _serving(self, serve: Callable[[Message], Any]) -> Callable[[Message, Any], Any]:
        """Serve a call: the key, the faults that were asked for, then the answer or the refusal."""

        def served(request: Message, context: grpc.ServicerContext) -> Any:
            self.requests.append(request)
            self._authenticate(context)
            fault = self._next_fault()
            if fault == "NOT_EXECUTED":
                _abort(context, RefusalError(fault))
            try:
                answer = serve(request)
            except RefusalError as refusal:
                _abort(context, refusal)
            if fault:
                _abort(context, RefusalError(fault))
            return answer

        return served

    def _next_fault(self) -> str:
        with self._lock:
            return self._faults.popleft() if self._faults else ""

    def _authenticate(self, context: grpc.ServicerContext) -> None:
        given = dict(context.invocation_metadata()).get("authorization")
        if self._api_key is not None and given != f"Bearer {self._api_key}":
            _abort(context, RefusalError("KEY_INVALID"))

    def _batch(self, request: Any) -> messages.BatchAuthorizeResponse:
        answers = [self._one(operation) for operation in request.operations]
        return messages.BatchAuthorizeResponse(results=answers)

    def _stream(
        self, requests: Iterator[messages.AuthorizeRequest], context: grpc.ServicerContext
    ) -> Iterator[messages.AuthorizeResponse]:
        self._authenticate(context)
        for request in requests:
            yield self._streamed(request)

    def _streamed(self, request: messages.AuthorizeRequest) -> messages.AuthorizeResponse:
        """Answer one operation of a stream, with the faults that were asked for."""
        if name := request.WhichOneof("operation"):
            self.requests.append(getattr(request, name))
        fault = self._next_fault()
        if fault != "NOT_EXECUTED":
            answer = self._one(request)
            if not fault:
                return answer
        error = _status(RefusalError(fault))
        return messages.AuthorizeResponse(request_id=request.request_id, error=error)

    def _watch(
        self, request: events.WatchAccountRequest, context: grpc.ServicerContext
    ) -> Iterator[events.WatchAccountResponse]:
        self.requests.append(request)
        self._authenticate(context)
        if fault := self._next_fault():
            _abort(context, RefusalError(fault))
        watch = Watch(request)
        try:
            while context.is_active():
                with self._changed:
                    news = list(watch.news(self._ledger.watched(request), self._now))
                    if not news:
                        self._changed.wait(_LOOK_SECONDS)
                yield from news
        except RefusalError as refusal:
            _abort(context, refusal)

    def _export(
        self, request: usage.ExportActivityRequest, context: grpc.ServicerContext
    ) -> Iterator[usage.ExportActivityResponse]:
        """Send an export; of one whose reply is lost, the first chunk alone."""
        self.requests.append(request)
        self._authenticate(context)
        fault = self._next_fault()
        if fault == "NOT_EXECUTED":
            _abort(context, RefusalError(fault))
        try:
            chunks = self.answer(request)
        except RefusalError as refusal:
            _abort(context, refusal)
        for chunk in chunks:
            yield chunk
            if fault:
                _abort(context, RefusalError("NOT_EXECUTED"))

    def _one(self, request: messages.AuthorizeRequest) -> messages.AuthorizeResponse:
        """Answer one operation of a batch or a stream; its error concerns it alone."""
        answer = messages.AuthorizeResponse(request_id=request.request_id)
        name = request.WhichOneof("operation")
        if name is None:
            answer.error.CopyFrom(_status(RefusalError("INVALID_FIELD", "operation")))
            return answer
        try:
            getattr(answer, name).CopyFrom(self.answer(getattr(request, name)))
        except RefusalError as refusal:
            answer.error.CopyFrom(_status(refusal))
        return answer


def _status(refusal: RefusalError) -> status_pb2.Status:
    """A refusal as the status details of the API."""
    code = _CODES.get(refusal.reason, code_pb2.FAILED_PRECONDITION)
    info = error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN)
    details: list[Message] = [info]
    if refusal.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=refusal.field)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if refusal.reason == "NOT_EXECUTED":
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(50)
        details.append(retry)
    status = status_pb2.Status(code=code, message=f"fake: {refusal.reason} {refusal.field}".strip())
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _abort(context: grpc.ServicerContext, refusal: RefusalError) -> NoReturn:
    status = _status(refusal)
    context.set_trailing_metadata(((DETAILS_KEY, status.SerializeToString()),))
    context.abort(_STATUS_CODES[status.code], status.message)


def _class_of(described: Any) -> Any:
    return next(
        getattr(module, described.name)
        for module in (messages, accounts, catalog, events, conversations, usage)
        if hasattr(module, described.name)
    )


def _micros(instant: datetime) -> int:
    return (instant - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
