"""The fake's operations on several meters, and the lines of holds they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from creditgate.testing._prices import QUANTITY_MAX, affordable, price
from creditgate.testing._wallet import FakeHold, RefusalError, takes
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import hold_pb2

Find = Callable[[hold_pb2.Usage], hold_pb2.Rate | None]


class Lines:
    """An operation on several meters: what it asks for in amounts, and what is kept of it."""

    def __init__(self, request: Any, hold: FakeHold | None, find: Find) -> None:
        self.request, self.hold = request, hold
        self.amounts = type(request)()
        self.amounts.CopyFrom(request)
        self.reported = hold is not None and request.HasField("used_quantities")
        if hold is None:
            self.lines = [_line(find(usage), usage) for usage in request.usages.usages]
            cost = _sum(self.lines, "quantity")
            self.amounts.amount_micros = cost
            self.amounts.minimum_micros = min(request.minimum_micros, cost)
            return
        self.lines = [_copy(line) for line in hold.message.lines]
        raises = isinstance(request, messages.ExtendRequest) and request.HasField("quantities")
        if raises:
            self._raise("quantity", request.quantities)
        if self.reported:
            self._raise("used_quantity", request.used_quantities)
        if not {"quantity", "used_quantity"}.isdisjoint(_said(request)):
            raise RefusalError("UNPRICED")
        if raises:
            self.amounts.amount_micros = _sum(self.lines, "quantity")
        if self.reported:
            self.amounts.used_micros = _sum(self.lines, "used_quantity")
        self.takes = takes(hold, self.amounts)

    def keep(self, hold: FakeHold, body: Any, answer: Any) -> None:
        """Keep the lines with a new hold, and what a Charge has used."""
        hold.body = body
        left = hold.message.granted_micros
        for line in self.lines if isinstance(self.request, messages.ChargeRequest) else ():
            line.used_quantity = min(line.quantity, affordable(line.rate, left))
            left -= price(line.rate, line.used_quantity)
        hold.message.lines.extend(self.lines)
        answer.hold.CopyFrom(hold.stand())

    def count(self, answer: Any) -> None:
        """Keep with the hold that is there what was asked and reported."""
        assert self.hold is not None, "it is there"
        granted = {messages.DECISION_GRANTED, messages.DECISION_GRANTED_PARTIAL}
        extends = isinstance(self.request, messages.ExtendRequest)
        for line, now in zip(self.hold.message.lines, self.lines, strict=True):
            if extends and answer.decision in granted:
                line.quantity = now.quantity
            if self.reported and self.takes:
                line.used_quantity = now.used_quantity
        answer.hold.CopyFrom(self.hold.stand())

    def _raise(self, name: str, given: hold_pb2.Usages) -> None:
        """Take lines to the totals given, where these are higher."""
        known = {(line.rate.meter, line.model): line for line in self.lines}
        for usage in given.usages:
            line = known.get((usage.meter, usage.model))
            if line is None:
                raise RefusalError("UNPRICED")
            setattr(line, name, max(getattr(line, name), usage.quantity))


def speaks_of_lines(request: Any) -> bool:
    """Tell whether a request is about several meters."""
    return not {"usages", "quantities", "used_quantities"}.isdisjoint(_said(request))


def replaced_commit(request: messages.ReserveRequest) -> messages.CommitRequest:
    """The Commit of the hold that a Reserve replaces."""
    given = request.replaces
    commit = messages.CommitRequest(
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


def _said(request: Any) -> set[str]:
    """The fields that are set, those of a choice also where they are zero."""
    return {field.name for field, _ in request.ListFields()}


def _line(rate: hold_pb2.Rate | None, usage: hold_pb2.Usage) -> hold_pb2.HoldLine:
    if rate is None:
        raise RefusalError("UNPRICED")
    return hold_pb2.HoldLine(rate=rate, quantity=usage.quantity, model=usage.model)


def _copy(line: hold_pb2.HoldLine) -> hold_pb2.HoldLine:
    copied = hold_pb2.HoldLine()
    copied.CopyFrom(line)
    return copied


def _sum(lines: Iterable[hold_pb2.HoldLine], name: str) -> int:
    """What lines cost together."""
    cost = sum(price(line.rate, getattr(line, name)) for line in lines)
    if cost > QUANTITY_MAX:
        raise RefusalError("OUT_OF_RANGE")
    return cost
