"""From the messages of CreditAuthorizationService to operations of the ledger."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.message import Message

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import conversation_service_pb2 as conversations_pb
from creditgate.v1 import hold_pb2
from creditgate_server.domain.account_keys import AccountKey, account_key
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.rates import Usage

from . import decode_calls, decode_usages, fields
from .fingerprint import fingerprint
from .pins import Pins
from .status import RpcError

ATTRIBUTES = ("agent", "call_id", "conversation_id", "model", "topic", "user")

_RESERVE, _EXTEND, _COMMIT = int(Verb.RESERVE), int(Verb.EXTEND), int(Verb.COMMIT)
_RELEASE, _CHARGE = int(Verb.RELEASE), int(Verb.CHARGE)

AccountRequest = pb.QuoteRequest | pb.GetBalanceRequest | pb.GetHoldRequest
HoldRequest = (
    pb.ReserveRequest | pb.ExtendRequest | pb.CommitRequest | pb.ReleaseRequest | pb.ChargeRequest
)


def account(request: AccountRequest | HoldRequest, tenant_id: UUID) -> AccountKey:
    """Check the account's name and answer where it lives."""
    return account_key(tenant_id, fields.identifier(request, "account_id", request.account_id))


def hold_id(request: HoldRequest) -> str:
    """Check and answer the hold's name."""
    return fields.identifier(request, "hold_id", request.hold_id)


def reserve(request: pb.ReserveRequest, tenant_id: UUID, pins: Pins) -> Operation:
    """Decode a Reserve; its amount is 0 where usage is to be priced."""
    bucket, key = account(request, tenant_id)
    name = hold_id(request)
    amount_micros, works = _price(request)
    works = pins.applied(request, tenant_id, works)
    if request.HasField("call"):
        works = decode_calls.of_gateway(request, tenant_id, works)
    minimum_micros = _minimum(request, amount_micros or fields.AMOUNT_MAX)
    lives_ms = ttl_ms(request)
    details = _details(request)
    before = None
    if request.HasField("replaces"):
        before, works = _replaced(request, tenant_id), decode_usages.depending(works)
    digest = fingerprint(
        "reserve",
        (
            *_meaning(amount_micros, minimum_micros, details),
            f"ttl_ms={lives_ms}",
            *decode_usages.meaning(works),
            *([] if before is None else [f"replaces={before.hold_id}"]),
        ),
    )
    return Operation(
        _RESERVE, bucket, key, name, amount_micros, minimum_micros, None, lives_ms,
        False, digest, "", details, works, before,  # noqa: FBT003 - by position: half the cost of names
    )  # fmt: skip


def charge(request: pb.ChargeRequest, tenant_id: UUID, pins: Pins) -> Operation:
    """Decode a Charge; its amount is 0 where usage is to be priced."""
    bucket, key = account(request, tenant_id)
    name = hold_id(request)
    amount_micros, works = _price(request)
    works = pins.applied(request, tenant_id, works)
    minimum_micros = _minimum(request, amount_micros or fields.AMOUNT_MAX)
    details = _details(request)
    meaning = (*_meaning(amount_micros, minimum_micros, details), *decode_usages.meaning(works))
    digest = fingerprint("charge", meaning)
    return Operation(
        _CHARGE, bucket, key, name, amount_micros, minimum_micros,
        fingerprint=digest, details=details, usages=works,
    )  # fmt: skip


def extend(request: pb.ExtendRequest, tenant_id: UUID) -> Operation:
    """Decode an Extend; its amounts are left out where there are quantities to be priced."""
    bucket, key = account(request, tenant_id)
    name = hold_id(request)
    asked, works = decode_usages.reported(request)
    minimum_micros = _minimum(request, fields.AMOUNT_MAX)
    return Operation(
        _EXTEND, bucket, key, name, asked.get("amount_micros", 0), minimum_micros,
        asked.get("used_micros"), ttl_ms(request), usages=works,
    )  # fmt: skip


def commit(request: pb.CommitRequest, tenant_id: UUID) -> Operation:
    """Decode a Commit; its amount is left out where there is a quantity to be priced."""
    bucket, key = account(request, tenant_id)
    name = hold_id(request)
    asked, works = decode_usages.reported(request)
    if not asked and not works:
        raise fields.bad(request, "used_micros", "must be set, or a quantity or more")
    return Operation(
        _COMMIT, bucket, key, name, 0, 0, asked.get("used_micros"), 0, request.keep_open,
        None, _termination_cause(request), None, works,
    )  # fmt: skip


def replaced_commit(request: pb.ReserveRequest) -> pb.CommitRequest:
    """Answer the Commit of the hold that a Reserve replaces."""
    given = request.replaces
    commit = pb.CommitRequest(
        account_id=request.account_id,
        hold_id=given.hold_id,
        termination_cause=given.termination_cause,
    )
    used = given.WhichOneof("used")
    if used == "used_quantities":
        commit.used_quantities.CopyFrom(given.used_quantities)
    elif used is not None:
        setattr(commit, used, getattr(given, used))
    return commit


def _replaced(request: pb.ReserveRequest, tenant_id: UUID) -> Operation:
    """Check and answer the Commit that comes before a Reserve; its fields are those of replaces."""
    try:
        operation = commit(replaced_commit(request), tenant_id)
    except RpcError as error:
        ((field, problem),) = error.violations
        raise fields.bad(request, f"replaces.{field}", problem) from None
    if operation.hold_id == request.hold_id:
        raise fields.bad(request, "replaces.hold_id", "must be another hold than hold_id")
    return operation


def release(request: pb.ReleaseRequest, tenant_id: UUID) -> Operation:
    """Decode a Release."""
    bucket, key = account(request, tenant_id)
    name = hold_id(request)
    return Operation(_RELEASE, bucket, key, name, termination_cause=_termination_cause(request))


def _price(request: pb.ReserveRequest | pb.ChargeRequest) -> tuple[int, tuple[Usage, ...]]:
    price = request.WhichOneof("price")
    if price == "amount_micros":
        return fields.amount(request, "amount_micros", request.amount_micros), ()
    if price == "usage":
        return 0, (decode_usages.usage(request),)
    if price == "usages":
        return 0, decode_usages.usages(request)
    raise fields.bad(request, "amount_micros", "must be set, or usage or usages")


def _minimum(request: pb.ReserveRequest | pb.ChargeRequest | pb.ExtendRequest, high: int) -> int:
    minimum = request.minimum_micros
    if not 0 <= minimum <= high:
        problem = f"must be 0 to what is asked, {high}, got {minimum}"
        raise fields.bad(request, "minimum_micros", problem)
    return minimum


def ttl_ms(
    request: pb.ReserveRequest | pb.ExtendRequest | conversations_pb.ReserveMessageRequest,
) -> int:
    """Check and answer how long a hold is to live."""
    if not request.HasField("ttl"):
        return fields.TTL_MS_DEFAULT
    return fields.ttl_ms(request, request.ttl)


def _termination_cause(request: pb.CommitRequest | pb.ReleaseRequest) -> str:
    return fields.identifier_or_empty(request, "termination_cause", request.termination_cause)


def _details(request: pb.ReserveRequest | pb.ChargeRequest) -> str | None:
    """Write attributes and labels as JSON text; None when there are none."""
    read = attributes(request, request.attributes) if request.HasField("attributes") else {}
    labels = fields.labels(request, request.labels) if request.labels else {}
    if not read and not labels:
        return None
    return fields.canonical_json({"attributes": read, "labels": labels})


def attributes(
    request: Message, given: hold_pb2.Attributes, *, path: str = "attributes"
) -> dict[str, str]:
    """Check and answer the attributes of a request that are set."""
    pairs = ((name, getattr(given, name)) for name in ATTRIBUTES)
    return {name: fields.text(request, f"{path}.{name}", value) for name, value in pairs if value}


def _meaning(amount_micros: int, minimum_micros: int, details: str | None) -> list[str]:
    parts = [f"amount_micros={amount_micros}"]
    if minimum_micros:
        parts.append(f"minimum_micros={minimum_micros}")
    if details is not None:
        parts.append(f"details={details}")
    return parts
