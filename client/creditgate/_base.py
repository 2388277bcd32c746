"""What both clients share: where to connect, how, and what each request carries with it."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc

from creditgate._call.outbox import UNNAMED
from creditgate._environment import find_connection
from creditgate._failures import Attempts
from creditgate._policy import new_throttle, retry_policy
from creditgate._types.call import CallLeg, Quota
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as authorization
from creditgate.v1 import catalog_service_pb2 as catalog
from creditgate.v1 import conversation_service_pb2 as conversations
from creditgate.v1 import event_service_pb2 as events
from creditgate.v1 import usage_service_pb2 as usage
from creditgate.v1.account_service_pb2_grpc import AccountServiceStub
from creditgate.v1.authorization_service_pb2_grpc import CreditAuthorizationServiceStub
from creditgate.v1.catalog_service_pb2_grpc import CatalogServiceStub
from creditgate.v1.conversation_service_pb2_grpc import ConversationServiceStub
from creditgate.v1.event_service_pb2_grpc import EventServiceStub
from creditgate.v1.usage_service_pb2_grpc import UsageServiceStub

_SERVICES = (
    authorization.DESCRIPTOR.services_by_name["CreditAuthorizationService"],
    accounts.DESCRIPTOR.services_by_name["AccountService"],
    catalog.DESCRIPTOR.services_by_name["CatalogService"],
    events.DESCRIPTOR.services_by_name["EventService"],
    conversations.DESCRIPTOR.services_by_name["ConversationService"],
    usage.DESCRIPTOR.services_by_name["UsageService"],
)
_STUBS = (
    CreditAuthorizationServiceStub,
    AccountServiceStub,
    CatalogServiceStub,
    EventServiceStub,
    ConversationServiceStub,
    UsageServiceStub,
)

CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    # Retries are this package's own: see creditgate/_policy.py.
    ("grpc.enable_retries", 0),
    # A server that comes back is found again within a call's patience.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Silent connections are noticed; the interval is one every Creditgate server permits.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # The answer to a batch may be larger than the 4 MiB that are usual.
    ("grpc.max_receive_message_length", 8 * 1_048_576),
    ("grpc.primary_user_agent", f"creditgate-python/{version('creditgate')}"),
)

Carrier = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class TLS:
    """How to trust the server, and how to be trusted. All parts are PEM; unset, the system decides.

    `root_certificates` says whose servers to trust; `certificate_chain` with `private_key` is the
    client certificate, for servers that ask for one.
    """

    root_certificates: bytes | None = None
    certificate_chain: bytes | None = None
    private_key: bytes | None = None

    @classmethod
    def from_files(
        cls,
        *,
        root_certificates: Path | str | None = None,
        certificate_chain: Path | str | None = None,
        private_key: Path | str | None = None,
    ) -> TLS:
        """Read the parts from PEM files."""
        paths = (root_certificates, certificate_chain, private_key)
        roots, chain, key = (None if p is None else Path(p).read_bytes() for p in paths)
        return cls(root_certificates=roots, certificate_chain=chain, private_key=key)

    def credentials(self) -> grpc.ChannelCredentials:
        """The same as gRPC wants it."""
        return grpc.ssl_channel_credentials(
            self.root_certificates, self.private_key, self.certificate_chain
        )


class BaseClient:
    """Settings and rules of a client; `AsyncClient` and `Client` add sending.

    Args:
        target: where the service is, as gRPC writes it (`host:port`, `dns:///name:port`). None
            takes CREDITGATE_TARGET and CREDITGATE_API_KEY, else the `.creditgate/env` that a local
            `creditgate-server dev` wrote in the working directory or a parent.
        api_key: the key, `cg_...`.
        tls: None connects without encryption; `TLS()` with it, trusting what the system trusts.
        timeout_seconds: how long one attempt may take; None takes the service config's.
        patience_seconds: how long a call may take with all its attempts, before its outcome is
            reported as not executed or unknown.
        journal: a folder, made where there is none, in which what calls have used is kept until the
            service has it, also when this process dies. One client at a time may have it. None
            keeps nothing.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        api_key: str | None = None,
        tls: TLS | None = None,
        timeout_seconds: float | None = None,
        patience_seconds: float = 15.0,
        journal: Path | str | None = None,
    ) -> None:
        if target is None:
            found = find_connection(os.environ, cwd=Path.cwd())
            target, api_key = found.target, api_key or found.api_key
        if not target:
            raise ValueError(
                "no target: pass one, set CREDITGATE_TARGET, or run below a directory where "
                "`creditgate-server dev` has been started"
            )
        self.target = target
        self._api_key, self._tls = api_key, tls
        self._timeout_seconds, self._patience_seconds = timeout_seconds, patience_seconds
        self._throttle = new_throttle()
        self._closed = False
        self._connecting_lock = threading.Lock()
        self._journal_folder = None if journal is None else Path(journal)
        self._quotas: dict[str, Quota] = {}
        self._leg = CallLeg(f"{UNNAMED}{uuid.uuid4()}", time.time_ns() // 1_000_000)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        """The API key and, where OpenTelemetry is installed, the caller's trace."""
        carrier: Carrier = {}
        _trace_injector()(carrier)
        if self._api_key:
            carrier["authorization"] = f"Bearer {self._api_key}"
        return tuple(carrier.items())

    def _attempts(
        self,
        method: str,
        *,
        writes: bool,
        patience_seconds: float | None,
        clock: Callable[[], float],
    ) -> Attempts:
        patience = self._patience_seconds if patience_seconds is None else patience_seconds
        return Attempts(
            writes=writes,
            policy=retry_policy(_service(method)),
            throttle=self._throttle,
            until=clock() + patience,
            clock=clock,
        )

    def _attempt_seconds(self, method: str) -> float:
        return self._timeout_seconds or retry_policy(_service(method)).timeout_seconds


def methods_of(channel: Any) -> dict[str, Any]:
    """The methods of all services on a channel, by name, but for the one that streams requests."""
    methods: dict[str, Any] = {}
    for stub in _STUBS:
        methods |= vars(stub(channel))
    del methods["Authorize"]
    return methods


def _service(method: str) -> str:
    """The full name of the service a method belongs to; no two services share a method's name."""
    for service in _SERVICES:
        if method in service.methods_by_name:
            return str(service.full_name)
    raise LookupError(method)


@cache
def _trace_injector() -> Callable[[Carrier], None]:
    """OpenTelemetry's injector where its API is installed, else one that does nothing."""
    try:
        from opentelemetry.propagate import inject
    except ModuleNotFoundError:
        return lambda _: None
    return inject
