"""The methods of the API: what they take and answer, and who may call them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import ModuleType

from google.protobuf.message import Message

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate.v1 import conversation_service_pb2 as conversations_pb
from creditgate.v1 import event_service_pb2 as events_pb
from creditgate.v1 import usage_service_pb2 as usage_pb
from creditgate_server.domain.keys import Scope

AUTHORIZATION = "creditgate.v1.CreditAuthorizationService"
ACCOUNTS = "creditgate.v1.AccountService"
CATALOG = "creditgate.v1.CatalogService"
EVENTS = "creditgate.v1.EventService"
CONVERSATIONS = "creditgate.v1.ConversationService"
USAGE = "creditgate.v1.UsageService"
API_SERVICES = (AUTHORIZATION, ACCOUNTS, CATALOG, EVENTS, CONVERSATIONS, USAGE)

REQUEST_BYTES_MAX = 65_536
BATCH_BYTES_MAX = 1_048_576


@dataclass(frozen=True, kw_only=True)
class Method:
    """One method.

    Any one of `scopes` allows it; the first is named when all are missing. `request_bytes_max`
    bounds each of its requests.
    """

    service: str
    name: str
    request: type[Message]
    response: type[Message]
    scopes: tuple[Scope, ...]
    streams: bool = False
    request_bytes_max: int = REQUEST_BYTES_MAX

    @property
    def path(self) -> str:
        """The method as gRPC calls it."""
        return f"/{self.service}/{self.name}"

    @property
    def snake(self) -> str:
        """The name of its handler, and of its field in AuthorizeRequest."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.name).lower()

    @property
    def admin(self) -> bool:
        """True when the method belongs to administration."""
        return self.service not in {AUTHORIZATION, CONVERSATIONS}

    @property
    def decides(self) -> bool:
        """True when the answer carries a decision."""
        return "decision" in self.response.DESCRIPTOR.fields_by_name


def _hot(name: str, *scopes: Scope) -> Method:
    return _method(AUTHORIZATION, pb, name, scopes or (Scope.AUTHORIZE,))


def _admin(name: str, *scopes: Scope) -> Method:
    return _method(ACCOUNTS, accounts_pb, name, scopes or (Scope.ADMIN,))


def _catalog(name: str, *scopes: Scope) -> Method:
    return _method(CATALOG, catalog_pb, name, scopes or (Scope.ADMIN,))


def _event(name: str, *scopes: Scope) -> Method:
    return _method(EVENTS, events_pb, name, scopes or (Scope.ADMIN,))


def _conversation(name: str, *scopes: Scope) -> Method:
    return _method(CONVERSATIONS, conversations_pb, name, scopes or (Scope.AUTHORIZE,))


def _usage(name: str) -> Method:
    return _method(USAGE, usage_pb, name, (Scope.READ, Scope.ADMIN))


def _method(service: str, messages: ModuleType, name: str, scopes: tuple[Scope, ...]) -> Method:
    return Method(
        service=service,
        name=name,
        request=getattr(messages, f"{name}Request"),
        response=getattr(messages, f"{name}Response"),
        scopes=scopes,
    )


OPERATIONS = (
    _hot("Reserve"),
    _hot("Extend"),
    _hot("Commit"),
    _hot("Release"),
    _hot("Charge"),
    _hot("Quote", Scope.READ, Scope.AUTHORIZE),
    _hot("GetHold", Scope.READ, Scope.AUTHORIZE),
    _hot("GetBalance", Scope.READ, Scope.AUTHORIZE),
)
"""What can be asked alone, in a batch and on a stream."""

BATCH = Method(
    service=AUTHORIZATION,
    name="BatchAuthorize",
    request=pb.BatchAuthorizeRequest,
    response=pb.BatchAuthorizeResponse,
    scopes=(Scope.AUTHORIZE,),
    request_bytes_max=BATCH_BYTES_MAX,
)

STREAM = Method(
    service=AUTHORIZATION,
    name="Authorize",
    request=pb.AuthorizeRequest,
    response=pb.AuthorizeResponse,
    scopes=(Scope.AUTHORIZE,),
    streams=True,
)

ADMINISTRATION = (
    _admin("CreateAccount"),
    _admin("GetAccount", Scope.READ, Scope.ADMIN),
    _admin("ListAccounts", Scope.READ, Scope.ADMIN),
    _admin("UpdateAccount"),
    _admin("AddGrant"),
    _admin("ConfirmGrant"),
    _admin("RefuseTopup"),
    _admin("ListTopups", Scope.READ, Scope.ADMIN),
    _admin("ListGrants", Scope.READ, Scope.ADMIN),
    _admin("RevokeGrant"),
    _admin("Refund"),
    _admin("AddAddon"),
    _admin("CancelAddon"),
    _admin("ListAddons", Scope.READ, Scope.ADMIN),
    _admin("PutBudget"),
    _admin("DeleteBudget"),
    _admin("ListBudgets", Scope.READ, Scope.ADMIN),
    _admin("GetStatement", Scope.READ, Scope.ADMIN),
    _admin("ListHolds", Scope.READ, Scope.ADMIN, Scope.AUTHORIZE),  # the last by gateway only
)
"""What AccountService has."""

SELLING = (
    _catalog("PutPlan"),
    _catalog("GetPlan", Scope.READ, Scope.ADMIN),
    _catalog("ListPlans", Scope.READ, Scope.ADMIN),
    _catalog("PutPackage"),
    _catalog("GetPackage", Scope.READ, Scope.ADMIN),
    _catalog("ListPackages", Scope.READ, Scope.ADMIN),
    _catalog("PutRateCard"),
    _catalog("GetRateCard", Scope.READ, Scope.ADMIN),
    _catalog("ListRateCards", Scope.READ, Scope.ADMIN),
)
"""What CatalogService has."""

WATCH = Method(
    service=EVENTS,
    name="WatchAccount",
    request=events_pb.WatchAccountRequest,
    response=events_pb.WatchAccountResponse,
    scopes=(Scope.READ, Scope.AUTHORIZE),
    streams=True,
)

TELLING = (
    _event("ListEvents", Scope.READ, Scope.ADMIN),
    _event("PutEndpoint"),
    _event("ListEndpoints"),
    _event("RotateEndpointSecret"),
    _event("DeleteEndpoint"),
    _event("ListDeliveries", Scope.READ, Scope.ADMIN),
    _event("RetryDelivery"),
)
"""What EventService has, but for streams."""

CONVERSING = (
    _conversation("ReserveMessage"),
    _conversation("CommitMessage"),
    _conversation("ReleaseMessage"),
    _conversation("CloseConversation"),
    _conversation("GetConversation", Scope.READ, Scope.AUTHORIZE),
)
"""What ConversationService has."""

REPORTING = (
    _usage("CreateUsageLink"),
    _usage("GetSummary"),
    _usage("ListConversations"),
    _usage("ListActivity"),
    _usage("QueryUsage"),
    _usage("GetDistribution"),
)
"""What UsageService has, but for streams."""

EXPORT = replace(_usage("ExportActivity"), streams=True)

METHODS = (
    *OPERATIONS,
    BATCH,
    STREAM,
    *ADMINISTRATION,
    *SELLING,
    *TELLING,
    WATCH,
    *CONVERSING,
    *REPORTING,
    EXPORT,
)
"""Every method of the API."""
