"""From the messages of AccountService to the values of the domain."""

from __future__ import annotations

from creditgate.v1 import account_service_pb2 as pb
from creditgate_server.domain.accounts import (
    AccountChange,
    AccountStatus,
    NewAccount,
    OveragePolicy,
)
from creditgate_server.domain.grants import GrantKind, NewGrant
from creditgate_server.domain.holds import HoldState

from . import decode_plans, fields, thresholds
from .decode_plans import VERSION_MAX
from .fingerprint import fingerprint
from .topups import auto_topup

CYCLE_PREFIX = "cycle/"
REFERENCE_MAX = 256
QUANTITY_MAX = 10**9

_STATUSES = frozenset(map(int, AccountStatus))
_POLICIES = frozenset(map(int, OveragePolicy))
# What has rolled over, only cycles give.
_KINDS = frozenset(map(int, GrantKind)) - {GrantKind.ROLLOVER}
_STATES = frozenset(map(int, HoldState))


def new_account(request: pb.CreateAccountRequest) -> NewAccount:
    """Decode a CreateAccount."""
    return NewAccount(
        fields.identifier(request, "account_id", request.account_id),
        fields.amount(request, "overdraft_limit_micros", request.overdraft_limit_micros, low=0),
        _policy(request, request.overage_policy or OveragePolicy.CAP),
        fields.canonical_json(fields.labels(request, request.labels)),
    )


def account_change(request: pb.UpdateAccountRequest) -> AccountChange:
    """Decode what an UpdateAccount changes."""
    limit = policy = status = time_zone = anchor_at = None
    if request.HasField("overdraft_limit_micros"):
        given = request.overdraft_limit_micros
        limit = fields.amount(request, "overdraft_limit_micros", given, low=0)
    if request.HasField("overage_policy"):
        policy = _policy(request, request.overage_policy)
    if request.HasField("status"):
        status = fields.choice(request, "status", request.status, _STATUSES)
    plan = decode_plans.plan_change(request)
    if request.HasField("time_zone"):
        time_zone = fields.time_zone(request, "time_zone", request.time_zone)
    if request.HasField("billing_anchor"):
        anchor_at = fields.moment(request, "billing_anchor", request.billing_anchor)
    own = _own_thresholds(request)
    reset = request.thresholds.reset
    return AccountChange(
        limit, policy, status, *plan, time_zone, anchor_at, own, reset, auto_topup(request)
    )


def _own_thresholds(request: pb.UpdateAccountRequest) -> tuple[int, ...] | None:
    """Decode the thresholds an account is to have of its own; None changes nothing."""
    if not request.HasField("thresholds"):
        return None
    given, field = request.thresholds.thresholds, "thresholds.thresholds"
    if not request.thresholds.reset:
        return thresholds.decode(request, field, given)
    if given:
        raise fields.bad(request, field, "must be empty where reset is set")
    return None


def new_grant(request: pb.AddGrantRequest) -> NewGrant:
    """Decode an AddGrant."""
    name = fields.identifier(request, "grant_id", request.grant_id)
    if name.startswith(CYCLE_PREFIX):
        problem = f"must not begin with {CYCLE_PREFIX}, as the grants of cycles do"
        raise fields.bad(request, "grant_id", problem)
    kind = fields.choice(request, "kind", request.kind, _KINDS)
    effective_at = expires_at = None
    if request.HasField("effective_at"):
        effective_at = fields.moment(request, "effective_at", request.effective_at)
    reference = fields.text(request, "reference", request.reference, high=REFERENCE_MAX)
    grant = NewGrant(name, kind, 0, 0, effective_at, None, reference, unpaid=request.unpaid)
    if request.HasField("package"):
        grant = _of_package(request, grant)
        return grant._replace(fingerprint=_fingerprint(grant))
    amount_micros = fields.amount(request, "amount_micros", request.amount_micros)
    priority = fields.number(request, "priority", request.priority, high=fields.PRIORITY_MAX)
    if request.HasField("expires_at"):
        expires_at = fields.moment(request, "expires_at", request.expires_at)
    if effective_at and expires_at and expires_at <= effective_at:
        raise fields.bad(request, "expires_at", "must be after effective_at")
    grant = grant._replace(amount_micros=amount_micros, priority=priority, expires_at=expires_at)
    return grant._replace(fingerprint=_fingerprint(grant))


def _of_package(request: pb.AddGrantRequest, grant: NewGrant) -> NewGrant:
    """Decode which package is given; it says what else a grant has."""
    order = request.package
    package_id = fields.identifier(request, "package.package_id", order.package_id)
    version = fields.number(request, "package.version", order.version, high=VERSION_MAX)
    quantity = fields.number(request, "package.quantity", order.quantity, low=1, high=QUANTITY_MAX)
    for field, _ in request.ListFields():
        if field.name in {"amount_micros", "priority", "expires_at"}:
            raise fields.bad(request, field.name, "must not be set with a package, which says it")
    return grant._replace(package_id=package_id, package_version=version, quantity=quantity)


def list_state(request: pb.ListHoldsRequest) -> int | None:
    """Decode the filter of a ListHolds; None keeps all."""
    if request.state == 0:
        return None
    return fields.choice(request, "state", request.state, _STATES)


def _policy(request: pb.CreateAccountRequest | pb.UpdateAccountRequest, value: int) -> int:
    return fields.choice(request, "overage_policy", value, _POLICIES)


def _fingerprint(grant: NewGrant) -> bytes:
    parts = [f"kind={grant.kind}", f"amount_micros={grant.amount_micros}"]
    if grant.priority:
        parts.append(f"priority={grant.priority}")
    if grant.effective_at:
        parts.append(f"effective_at={grant.effective_at.isoformat()}")
    if grant.expires_at:
        parts.append(f"expires_at={grant.expires_at.isoformat()}")
    if grant.reference:
        parts.append(f"reference={grant.reference}")
    if grant.unpaid:
        parts.append("unpaid=true")
    if grant.package_id:
        parts.append(f"package={grant.package_id}@{grant.package_version}")
        parts.append(f"quantity={grant.quantity}")
    return fingerprint("grant", parts)
