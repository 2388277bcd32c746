"""Between the oracle's words and the messages of the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from creditgate._calls import number, word
from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as messages
from tests.oracle.answers import AccountView, Answer, BalanceView, GrantView, HoldView


@dataclass(frozen=True)
class Operation:
    """One request: the oracle's method, and its arguments but for time and account."""

    verb: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


# What the oracle calls differently than the API does.
_FIELDS = {
    "reserve": {"amount": "amount_micros", "minimum": "minimum_micros"},
    "charge": {"amount": "amount_micros", "minimum": "minimum_micros"},
    "extend": {"total": "amount_micros", "used": "used_micros", "minimum": "minimum_micros"},
    "commit": {"used": "used_micros", "cause": "termination_cause"},
    "release": {"cause": "termination_cause"},
    "add_grant": {"amount": "amount_micros"},
    "refund": {"amount": "amount_micros"},
    "create_account": {"overdraft": "overdraft_limit_micros", "policy": "overage_policy"},
    "update_account": {"overdraft": "overdraft_limit_micros", "policy": "overage_policy"},
}
_ENUMERATIONS = {
    "kind": account_pb2.GrantKind,
    "overage_policy": account_pb2.OveragePolicy,
    "status": account_pb2.AccountStatus,
    "state": hold_pb2.HoldState,
}
HOT_VERBS = frozenset({"reserve", "extend", "commit", "release", "charge"})


def method_name(operation: Operation) -> str:
    """The RPC of an operation."""
    return "".join(part.capitalize() for part in operation.verb.split("_"))


def to_request(operation: Operation, account_id: str) -> Message:
    """The message of an operation."""
    name = f"{method_name(operation)}Request"
    kind = getattr(messages, name, None) or getattr(accounts, name)
    request: Message = kind(account_id=account_id)
    renamed = _FIELDS.get(operation.verb, {})
    for argument, value in operation.arguments.items():
        if value is not None:
            _set(request, renamed.get(argument, argument), value)
    return request


def _set(request: Any, name: str, value: Any) -> None:
    if name == "ttl_ms":
        request.ttl.FromMilliseconds(value)
    elif name in {"effective_at", "expires_at"}:
        getattr(request, name).FromMicroseconds(value)
    elif name == "attributes":
        for key, text in value:
            setattr(request.attributes, key, text)
    elif name == "labels":
        request.labels.update(value)
    elif name in _ENUMERATIONS:
        setattr(request, name, number(_ENUMERATIONS[name], value))
    else:
        setattr(request, name, value)


def to_answer(response: Any) -> Answer:
    """The oracle's form of a response."""
    given: dict[str, Any] = {"outcome": "ACCEPTED"}
    for name, shown in (("asked", "asked_micros"), ("shortfall", "shortfall_micros")):
        given[name] = getattr(response, shown, 0)
    for name, shown in (("charged", "charged_micros"), ("uncollected", "uncollected_micros")):
        given[name] = getattr(response, shown, 0)
    for name, shown in (("revoked", "revoked_micros"), ("lapsed", "expired_micros")):
        given[name] = getattr(response, shown, 0)
    given["replayed"] = getattr(response, "replayed", False)
    given["late"] = getattr(response, "late", False)
    if hasattr(response, "decision"):
        given["outcome"] = word(messages.Decision, response.decision)
        if response.HasField("retry_after"):
            given["retry_after"] = response.retry_after.ToMicroseconds()
    if hasattr(response, "balance"):
        given["balance"] = to_balance(response.balance)
    if hasattr(response, "hold") and response.HasField("hold"):
        given["hold"] = to_hold(response.hold)
    if hasattr(response, "grant"):
        given["grant"] = to_grant(response.grant)
    if hasattr(response, "account"):
        given["account"] = to_account(response.account)
        given["balance"] = to_balance(response.account.balance)
    given["holds"] = tuple(map(to_hold, getattr(response, "holds", ())))
    given["grants"] = tuple(map(to_grant, getattr(response, "grants", ())))
    return Answer(**given)


def to_balance(balance: account_pb2.Balance) -> BalanceView:
    return BalanceView(
        balance.settled_micros,
        balance.held_micros,
        balance.available_micros,
        balance.overdraft_limit_micros,
        balance.version,
        balance.as_of.ToMicroseconds(),
    )


def to_hold(hold: hold_pb2.Hold) -> HoldView:
    described = ((each.name, text) for each, text in hold.attributes.ListFields())
    return HoldView(
        hold_id=hold.hold_id,
        state=word(hold_pb2.HoldState, hold.state),
        granted=hold.granted_micros,
        held=hold.held_micros,
        used=hold.used_micros,
        charged=hold.charged_micros,
        uncollected=hold.uncollected_micros,
        refunded=hold.refunded_micros,
        created_at=hold.created_at.ToMicroseconds(),
        expires_at=hold.expires_at.ToMicroseconds(),
        settled_at=hold.settled_at.ToMicroseconds() if hold.HasField("settled_at") else None,
        late=hold.late,
        cause=hold.termination_cause,
        attributes=tuple(sorted(described)),
        labels=tuple(sorted(hold.labels.items())),
    )


def to_grant(grant: account_pb2.Grant) -> GrantView:
    return GrantView(
        grant_id=grant.grant_id,
        kind=word(account_pb2.GrantKind, grant.kind),
        amount=grant.amount_micros,
        remaining=grant.remaining_micros,
        priority=grant.priority,
        effective_at=grant.effective_at.ToMicroseconds(),
        expires_at=grant.expires_at.ToMicroseconds() if grant.HasField("expires_at") else None,
        state=word(account_pb2.GrantState, grant.state),
        reference=grant.reference,
        created_at=grant.created_at.ToMicroseconds(),
    )


def to_account(account: account_pb2.Account) -> AccountView:
    return AccountView(
        account_id=account.account_id,
        status=word(account_pb2.AccountStatus, account.status),
        policy=word(account_pb2.OveragePolicy, account.overage_policy),
        debt=account.debt_micros,
        open_holds=account.open_holds,
        labels=tuple(sorted(account.labels.items())),
        created_at=account.created_at.ToMicroseconds(),
    )
