"""The requests of the hot path: how each is built from Python values and its answer read.

A `Call` is all a client needs to know to send one, and the same for both clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

from creditgate._messages.call import leg_message, read_leg, read_quota
from creditgate._messages.convert import duration, instant, optional_instant, optional_seconds, word
from creditgate._types.amount import Amount, to_micros
from creditgate._types.balance import Balance
from creditgate._types.call import CallLeg
from creditgate._types.decision import Decision, Extension, HoldStatus, Reservation, Settlement
from creditgate._types.hold import Attributes, Hold, HoldState
from creditgate._types.rate import HoldLine, Quote, Rate, RateTier, ReplacedHold, Usage
from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import authorization_service_pb2 as messages

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One request: the method that takes it, how its response is read, whether it may write."""

    method: str
    request: Message
    read: Callable[[Any], Answer]
    writes: bool = True


def reserve(
    account_id: str,
    *,
    hold_id: str,
    amount: Amount | None,
    usage: Usage | None,
    usages: Iterable[Usage] | None,
    quote: Quote | str | None = None,
    replaces: ReplacedHold | None = None,
    minimum: Amount | None,
    ttl_seconds: float,
    attributes: Attributes | None,
    labels: Mapping[str, str] | None,
    call: CallLeg | None,
) -> Call[Reservation]:
    request = messages.ReserveRequest(
        account_id=account_id,
        hold_id=hold_id,
        minimum_micros=to_micros(minimum or 0, name="minimum"),
        ttl=duration(ttl_seconds),
        attributes=_attributes(attributes),
        labels=labels,
        call=leg_message(call),
    )
    _price(request, amount, usage, usages)
    _pin(request, quote)
    if replaces is not None:
        _replace(request, replaces)
    return Call("Reserve", request, read_reservation)


def charge(
    account_id: str,
    *,
    hold_id: str,
    amount: Amount | None,
    usage: Usage | None,
    usages: Iterable[Usage] | None,
    quote: Quote | str | None = None,
    minimum: Amount | None,
    attributes: Attributes | None,
    labels: Mapping[str, str] | None,
) -> Call[Reservation]:
    request = messages.ChargeRequest(
        account_id=account_id,
        hold_id=hold_id,
        minimum_micros=to_micros(minimum or 0, name="minimum"),
        attributes=_attributes(attributes),
        labels=labels,
    )
    _price(request, amount, usage, usages)
    _pin(request, quote)
    return Call("Charge", request, read_reservation)


def extend(
    account_id: str,
    *,
    hold_id: str,
    total: Amount | None,
    quantity: int | None,
    quantities: Iterable[Usage] | None,
    used: Amount | None,
    used_quantity: int | None,
    used_quantities: Iterable[Usage] | None,
    minimum: Amount | None,
    ttl_seconds: float,
) -> Call[Extension]:
    _at_most_one(total=total, quantity=quantity, quantities=quantities)
    _at_most_one(used=used, used_quantity=used_quantity, used_quantities=used_quantities)
    request = messages.ExtendRequest(
        account_id=account_id,
        hold_id=hold_id,
        minimum_micros=to_micros(minimum or 0, name="minimum"),
        ttl=duration(ttl_seconds),
    )
    if total is not None:
        request.amount_micros = to_micros(total, name="total")
    if quantity is not None:
        request.quantity = quantity
    if quantities is not None:
        request.quantities.CopyFrom(usages_message(quantities))
    _used(request, used, used_quantity, used_quantities)
    return Call("Extend", request, read_extension)


def commit(
    account_id: str,
    *,
    hold_id: str,
    used: Amount | None,
    used_quantity: int | None,
    used_quantities: Iterable[Usage] | None,
    keep_open: bool,
    termination_cause: str,
) -> Call[Settlement]:
    _exactly_one(used, used_quantity, used_quantities)
    request = messages.CommitRequest(
        account_id=account_id,
        hold_id=hold_id,
        keep_open=keep_open,
        termination_cause=termination_cause,
    )
    _used(request, used, used_quantity, used_quantities)
    return Call("Commit", request, read_settlement)


def release(account_id: str, *, hold_id: str, termination_cause: str) -> Call[HoldStatus]:
    request = messages.ReleaseRequest(
        account_id=account_id, hold_id=hold_id, termination_cause=termination_cause
    )
    return Call("Release", request, read_hold_status)


def get_hold(account_id: str, *, hold_id: str) -> Call[HoldStatus]:
    request = messages.GetHoldRequest(account_id=account_id, hold_id=hold_id)
    return Call("GetHold", request, read_hold_status, writes=False)


def get_balance(account_id: str) -> Call[Balance]:
    request = messages.GetBalanceRequest(account_id=account_id)
    return Call("GetBalance", request, lambda answer: read_balance(answer.balance), writes=False)


def read_reservation(answer: messages.ReserveResponse | messages.ChargeResponse) -> Reservation:
    return Reservation(
        decision=Decision(word(messages.Decision, answer.decision)),
        hold=read_hold(answer.hold) if answer.HasField("hold") else None,
        balance=read_balance(answer.balance),
        asked_micros=answer.asked_micros,
        shortfall_micros=answer.shortfall_micros,
        retry_after_seconds=optional_seconds(answer, "retry_after"),
        limit=answer.limit,
        affordable_quantity=answer.affordable_quantity,
        replayed=answer.replayed,
        quota=read_quota(answer) if isinstance(answer, messages.ReserveResponse) else None,
        replaced=_read_replaced(answer) if isinstance(answer, messages.ReserveResponse) else None,
    )


def _read_replaced(answer: messages.ReserveResponse) -> Settlement | None:
    replaced = answer.replaced
    if not answer.HasField("replaced"):
        return None
    return Settlement(
        hold=read_hold(replaced.hold),
        balance=read_balance(answer.balance),
        charged_micros=replaced.charged_micros,
        uncollected_micros=replaced.uncollected_micros,
        late=replaced.late,
    )


def read_extension(answer: messages.ExtendResponse) -> Extension:
    return Extension(
        decision=Decision(word(messages.Decision, answer.decision)),
        hold=read_hold(answer.hold),
        balance=read_balance(answer.balance),
        asked_micros=answer.asked_micros,
        shortfall_micros=answer.shortfall_micros,
        retry_after_seconds=optional_seconds(answer, "retry_after"),
        limit=answer.limit,
        affordable_quantity=answer.affordable_quantity,
        charged_micros=answer.charged_micros,
        uncollected_micros=answer.uncollected_micros,
        quota=read_quota(answer),
    )


def read_settlement(answer: messages.CommitResponse) -> Settlement:
    return Settlement(
        hold=read_hold(answer.hold),
        balance=read_balance(answer.balance),
        charged_micros=answer.charged_micros,
        uncollected_micros=answer.uncollected_micros,
        late=answer.late,
    )


def read_hold_status(answer: messages.ReleaseResponse | messages.GetHoldResponse) -> HoldStatus:
    return HoldStatus(hold=read_hold(answer.hold), balance=read_balance(answer.balance))


def read_balance(balance: account_pb2.Balance) -> Balance:
    return Balance(
        settled_micros=balance.settled_micros,
        held_micros=balance.held_micros,
        available_micros=balance.available_micros,
        overdraft_limit_micros=balance.overdraft_limit_micros,
        version=balance.version,
        as_of=instant(balance.as_of),
    )


def read_hold(hold: hold_pb2.Hold) -> Hold:
    described = hold.attributes
    return Hold(
        account_id=hold.account_id,
        hold_id=hold.hold_id,
        state=HoldState(word(hold_pb2.HoldState, hold.state)),
        granted_micros=hold.granted_micros,
        held_micros=hold.held_micros,
        used_micros=hold.used_micros,
        charged_micros=hold.charged_micros,
        uncollected_micros=hold.uncollected_micros,
        refunded_micros=hold.refunded_micros,
        created_at=instant(hold.created_at),
        expires_at=instant(hold.expires_at),
        settled_at=optional_instant(hold, "settled_at"),
        late=hold.late,
        termination_cause=hold.termination_cause,
        attributes=Attributes(
            agent=described.agent,
            model=described.model,
            conversation_id=described.conversation_id,
            call_id=described.call_id,
            user=described.user,
            topic=described.topic,
        ),
        labels=dict(hold.labels),
        granted_quantity=hold.granted_quantity,
        used_quantity=hold.used_quantity,
        rate=read_rate(hold.rate) if hold.HasField("rate") else None,
        lines=tuple(map(read_line, hold.lines)),
        call=read_leg(hold),
    )


def read_line(line: hold_pb2.HoldLine) -> HoldLine:
    return HoldLine(
        rate=read_rate(line.rate),
        quantity=line.quantity,
        used_quantity=line.used_quantity,
        affordable_quantity=line.affordable_quantity,
        model=line.model,
    )


def read_rate(rate: hold_pb2.Rate) -> Rate:
    return Rate(
        meter=rate.meter,
        model=rate.model,
        unit_price_micros=rate.unit_price_micros,
        unit_size=rate.unit_size,
        connection_fee_micros=rate.connection_fee_micros,
        minimum=rate.minimum,
        initial=rate.initial,
        increment=rate.increment,
        tiers=tuple(
            RateTier(from_quantity=tier.from_quantity, unit_price_micros=tier.unit_price_micros)
            for tier in rate.tiers
        ),
    )


def usage_message(usage: Usage) -> hold_pb2.Usage:
    return hold_pb2.Usage(meter=usage.meter, model=usage.model, quantity=usage.quantity)


def usages_message(usages: Iterable[Usage]) -> hold_pb2.Usages:
    return hold_pb2.Usages(usages=map(usage_message, usages))


def _attributes(attributes: Attributes | None) -> hold_pb2.Attributes | None:
    return None if attributes is None else hold_pb2.Attributes(**asdict(attributes))


def _price(
    request: messages.ReserveRequest | messages.ChargeRequest,
    amount: Amount | None,
    usage: Usage | None,
    usages: Iterable[Usage] | None,
) -> None:
    """Say what a request is for. Raises TypeError unless it is exactly one of them."""
    if (amount, usage, usages).count(None) != 2:  # noqa: PLR2004 - all but one
        raise TypeError("what is to be held or charged is either an amount, a usage or usages")
    if amount is not None:
        request.amount_micros = to_micros(amount)
    if usage is not None:
        request.usage.CopyFrom(usage_message(usage))
    if usages is not None:
        request.usages.CopyFrom(usages_message(usages))


def _pin(
    request: messages.ReserveRequest | messages.ChargeRequest, quote: Quote | str | None
) -> None:
    """Have a request priced as it was quoted. Raises ValueError for what promised nothing."""
    token = quote.token if isinstance(quote, Quote) else quote
    if token == "":
        raise ValueError("the quote promised nothing: ask for it with pin_for_seconds")
    request.quote_token = token or ""


def _replace(request: messages.ReserveRequest, replaces: ReplacedHold) -> None:
    used = (replaces.used, replaces.used_quantity, replaces.used_quantities)
    _exactly_one(*used)
    request.replaces.hold_id = replaces.hold_id
    request.replaces.termination_cause = replaces.termination_cause
    _used(request.replaces, *used)


def _exactly_one(*used: object) -> None:
    if sum(each is not None for each in used) != 1:
        raise TypeError("a commit takes either used, used_quantity or used_quantities")


def _used(
    request: messages.ExtendRequest | messages.CommitRequest | messages.ReplacedHold,
    used: Amount | None,
    used_quantity: int | None,
    used_quantities: Iterable[Usage] | None,
) -> None:
    """Say what was used so far, where something is said of it."""
    if used is not None:
        request.used_micros = to_micros(used, name="used")
    if used_quantity is not None:
        request.used_quantity = used_quantity
    if used_quantities is not None:
        request.used_quantities.CopyFrom(usages_message(used_quantities))


def _at_most_one(**given: object) -> None:
    if sum(each is not None for each in given.values()) > 1:
        raise TypeError(f"give one of {' and '.join(given)}, not more")
