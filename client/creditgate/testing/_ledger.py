"""The rules of Creditgate over messages: one request in, one response out, or a refusal."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

from google.protobuf.message import Message

from creditgate.testing._administration import find_hold
from creditgate.testing._calls import cap_call, show_quota
from creditgate.testing._checks import check
from creditgate.testing._lines import Lines, replaced_commit, speaks_of_lines
from creditgate.testing._rate_cards import Meter, RateCards, show_reach, speaks_of_quantities
from creditgate.testing._subscriber import Subscriber
from creditgate.testing._wallet import (
    COMMITTED,
    EXPIRED,
    OPEN,
    RELEASED,
    FakeHold,
    RefusalError,
)
from creditgate.v1 import account_pb2, event_pb2, hold_pb2
from creditgate.v1 import authorization_service_pb2 as messages
from creditgate.v1 import event_service_pb2 as events

TTL_MS_DEFAULT = 60_000

_STATE_REFUSALS = {
    COMMITTED: "HOLD_COMMITTED",
    RELEASED: "HOLD_RELEASED",
    EXPIRED: "HOLD_EXPIRED",
}


class Ledger(RateCards):
    """The accounts of one tenant, and what each request does to them. `now` is microseconds."""

    def answer(self, request: Any, now: int) -> Any:
        """Carry out a request. Raises RefusalError."""
        field = check(request)
        if field:
            raise RefusalError("INVALID_FIELD", field)
        if isinstance(request, messages.ReserveRequest | messages.ChargeRequest):
            self.check_token(request)
        if isinstance(request, messages.ReserveRequest) and request.HasField("replaces"):
            answer = self._transfer(request, now)
        else:
            answer = self._carry_out(request, now)
        changed = self.wallets.get(getattr(request, "account_id", ""))
        if isinstance(request, messages.ReserveRequest | messages.ExtendRequest) and changed:
            show_quota(answer, request, changed, now)
        if changed is not None:
            changed.tell()
        return answer

    def _carry_out(self, request: Any, now: int) -> Any:
        """Carry out a request that was checked, or is our own."""
        if speaks_of_quantities(request):
            return self._meter(request, now)
        return self._method(request)(request, now)

    def _transfer(self, request: messages.ReserveRequest, now: int) -> messages.ReserveResponse:
        """Commit the hold that is replaced and reserve, or neither."""
        as_it_was = deepcopy(self._wallet(request, now))
        try:
            done = self._carry_out(replaced_commit(request), now)
            self._wallet(request).tell()
            answer: messages.ReserveResponse = self._carry_out(request, now)
        except RefusalError:
            self.wallets[request.account_id] = as_it_was
            raise
        answer.replaced.hold.CopyFrom(done.hold)
        answer.replaced.charged_micros = done.charged_micros
        answer.replaced.uncollected_micros = done.uncollected_micros
        answer.replaced.late = done.late
        return answer

    def _method(self, request: Any) -> Callable[[Any, int], Any]:
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(request).__name__.removesuffix("Request"))
        method: Callable[[Any, int], Any] = getattr(self, f"_{name.lower()}")
        return method

    def _meter(self, request: Any, now: int) -> Any:
        """Carry out a request that speaks of quantities."""
        wallet = self._wallet(request, now)
        hold = wallet.holds.get(request.hold_id)
        if isinstance(request, messages.ReserveRequest | messages.ChargeRequest):
            return self._meter_new(wallet, hold, request, now)
        hold = find_hold(wallet, request)
        it = hold.stand()
        if isinstance(request, messages.ExtendRequest) and it.state != OPEN:
            raise RefusalError(_STATE_REFUSALS[it.state])
        meter = self._meter_of(request, wallet, hold)
        answer = self._method(request)(meter.amounts, now)
        meter.count(answer)
        return show_reach(answer, wallet, it.rate, hold)

    def _meter_of(self, request: Any, wallet: Subscriber, hold: FakeHold | None) -> Meter | Lines:
        """What a request asks for in amounts. Raises RefusalError."""
        request = cap_call(wallet, request, hold)
        if hold is None:
            find = partial(self._rate, wallet, token=request.quote_token)
            if speaks_of_lines(request):
                return Lines(request, None, find)
            return Meter(request, None, find(request.usage))
        if speaks_of_lines(request):
            return Lines(request, hold, partial(self._rate, wallet))
        it = hold.message
        return Meter(request, hold, it.rate if it.HasField("rate") else None)

    def _meter_new(self, wallet: Subscriber, hold: FakeHold | None, request: Any, now: int) -> Any:
        if hold is not None:
            answer = _replay(wallet, hold, request, now)
            return show_reach(answer, wallet, hold.message.rate, hold)
        meter = self._meter_of(request, wallet, None)
        answer = self._method(request)(meter.amounts, now)
        hold = wallet.holds.get(request.hold_id)
        if hold is not None:
            meter.keep(hold, _body(request), answer)
        rate = meter.rate if isinstance(meter, Meter) else hold_pb2.Rate()
        return show_reach(answer, wallet, rate, hold)

    def watched(self, request: events.WatchAccountRequest) -> Subscriber:
        """The account that a request wants to watch. Raises RefusalError."""
        if field := check(request):
            raise RefusalError("INVALID_FIELD", field)
        return self._wallet(request)

    def _reserve(self, request: messages.ReserveRequest, now: int) -> messages.ReserveResponse:
        answer: messages.ReserveResponse = self._open(request, messages.ReserveResponse, now)
        return answer

    def _charge(self, request: messages.ChargeRequest, now: int) -> messages.ChargeResponse:
        answer: messages.ChargeResponse = self._open(request, messages.ChargeResponse, now)
        return answer

    def _open(self, request: Any, response: type[Any], now: int) -> Any:
        wallet = self._wallet(request, now)
        hold = wallet.holds.get(request.hold_id)
        if hold is not None:
            return _replay(wallet, hold, request, now)
        answer = response(asked_micros=request.amount_micros)
        granted = self._grant(wallet, request, answer)
        if granted is not None:
            hold = _new_hold(request, granted, now)
            before = wallet.numbers()
            hold.counters = [counter for _, counter in wallet.stakes(request.attributes)]
            wallet.holds[request.hold_id] = hold
            if isinstance(request, messages.ChargeRequest):
                hold.message.used_micros = granted
                wallet.draw(hold, granted)
                wallet.end_hold(hold, COMMITTED, now)
            wallet.version += before != wallet.numbers()
            hold.answer = response()
            hold.answer.CopyFrom(answer)
            answer.hold.CopyFrom(hold.stand())
        answer.balance.CopyFrom(wallet.balance(now))
        return answer

    def _grant(self, wallet: Subscriber, request: Any, answer: Any) -> int | None:
        """Decide on a new hold or charge; answers how much it gets, or None."""
        amount, limits = request.amount_micros, wallet.limits
        need = request.minimum_micros or amount
        limit = "hold_max_micros" if 0 < limits.hold_max_micros < need else ""
        if isinstance(request, messages.ReserveRequest):
            limit = limit or _ttl_limit(wallet, request)
            if not limit and 0 < limits.open_holds_max <= wallet.open_holds:
                limit = "open_holds_max"
        wanted = min(amount, limits.hold_max_micros or amount)
        stakes = wallet.stakes(request.attributes)
        opens = isinstance(request, messages.ReserveRequest)
        limit = limit or wallet.denial(stakes, need, opens=opens)
        left = wallet.left(stakes)
        wanted = wanted if left is None else min(wanted, left)
        granted = _decide(wallet, None, answer, amount=wanted, need=need, limit=limit)
        if granted is not None:
            _cap(answer, amount - wanted)
        return granted

    def _extend(self, request: messages.ExtendRequest, now: int) -> messages.ExtendResponse:
        wallet = self._wallet(request, now)
        hold = find_hold(wallet, request)
        it = hold.stand()
        if it.state != OPEN:
            raise RefusalError(_STATE_REFUSALS[it.state])
        request = cap_call(wallet, request, hold)
        before = wallet.numbers()
        charged, uncollected = wallet.spend(hold, request.used_micros)
        answer = messages.ExtendResponse(
            decision=messages.DECISION_GRANTED,
            asked_micros=request.amount_micros,
            charged_micros=charged,
            uncollected_micros=uncollected,
        )
        granted = self._raise(wallet, hold, request, answer)
        if granted is not None:
            it.granted_micros = granted
            hold.expires = max(hold.expires, now + _ttl_micros(request))
        wallet.version += before != wallet.numbers()
        answer.hold.CopyFrom(hold.stand())
        answer.balance.CopyFrom(wallet.balance(now))
        return answer

    def _raise(
        self,
        wallet: Subscriber,
        hold: FakeHold,
        request: messages.ExtendRequest,
        answer: messages.ExtendResponse,
    ) -> int | None:
        """Decide on the total of an open hold; answers it, or None."""
        it = hold.stand()
        limit = _ttl_limit(wallet, request)
        if request.amount_micros <= it.granted_micros:
            if not limit:
                return it.granted_micros
            _decide(wallet, hold, answer, amount=0, need=0, limit=limit, raises=False)
            return None
        most = wallet.limits.hold_max_micros or request.amount_micros
        least = it.granted_micros + (request.minimum_micros or request.amount_micros)
        if not limit and min(request.amount_micros, least) > most:
            limit = "hold_max_micros"
        total = min(request.amount_micros, most)
        # What it takes from others is less than the raise where more was used than granted.
        wanted = max(total - it.used_micros, 0) - it.held_micros
        need = wanted
        if request.minimum_micros:
            need = min(wanted, max(least - it.used_micros, 0) - it.held_micros)
        stakes = wallet.stakes_of(hold)
        if not limit and need > 0:
            limit = wallet.denial(stakes, need, opens=False)
        left = wallet.left(stakes)
        if left is not None and max(left, 0) < wanted:
            total -= wanted - max(left, 0)
            wanted = max(left, 0)
        got = _decide(wallet, hold, answer, amount=wanted, need=need, limit=limit)
        if got is None:
            return None
        _cap(answer, request.amount_micros - total)
        return total - (wanted - got)

    def _commit(self, request: messages.CommitRequest, now: int) -> messages.CommitResponse:
        wallet = self._wallet(request, now)
        hold = find_hold(wallet, request)
        it, final = hold.message, not request.keep_open
        more = request.used_micros > it.used_micros
        if more and (hold.closed or it.state in {COMMITTED, RELEASED}):
            reason = "HOLD_RELEASED" if it.state == RELEASED else "HOLD_COMMITTED"
            raise RefusalError(reason)
        before = wallet.numbers()
        charged, uncollected = wallet.spend(hold, request.used_micros)
        if final and not hold.closed and it.state in {OPEN, EXPIRED}:
            it.termination_cause = request.termination_cause
        if it.state == EXPIRED and not hold.closed and (more or final):
            it.late, hold.closed = True, final
            late = event_pb2.HoldLate(
                hold_id=it.hold_id, charged_micros=charged, uncollected_micros=uncollected
            )
            kind = event_pb2.EVENT_KIND_HOLD_LATE
            wallet.news.append(event_pb2.Event(kind=kind, hold_late=late))
            before = ()  # what is told is a change
        if it.state == OPEN and final:
            wallet.end_hold(hold, COMMITTED, now)
        wallet.version += before != wallet.numbers()
        return messages.CommitResponse(
            hold=hold.stand(),
            balance=wallet.balance(now),
            charged_micros=charged,
            uncollected_micros=uncollected,
            late=it.late,
        )

    def _release(self, request: messages.ReleaseRequest, now: int) -> messages.ReleaseResponse:
        wallet = self._wallet(request, now)
        hold = wallet.holds.get(request.hold_id)
        if hold is None:
            # Remembered, so that a Reserve of this name that arrives late finds it released.
            message = hold_pb2.Hold(account_id=request.account_id, hold_id=request.hold_id)
            hold = FakeHold(message, None, now, now)
        if hold.message.state not in _STATE_REFUSALS:
            before = wallet.numbers()
            wallet.holds[request.hold_id] = hold
            hold.message.termination_cause = request.termination_cause
            wallet.end_hold(hold, RELEASED, now)
            wallet.version += before != wallet.numbers()
        return messages.ReleaseResponse(hold=hold.stand(), balance=wallet.balance(now))

    def _get_hold(self, request: messages.GetHoldRequest, now: int) -> messages.GetHoldResponse:
        wallet = self._wallet(request)
        hold = find_hold(wallet, request)
        return messages.GetHoldResponse(hold=hold.stand(), balance=wallet.balance(now))

    def _get_balance(
        self, request: messages.GetBalanceRequest, now: int
    ) -> messages.GetBalanceResponse:
        return messages.GetBalanceResponse(balance=self._wallet(request).balance(now))


def _replay(wallet: Subscriber, hold: FakeHold, request: Message, now: int) -> Any:
    """The decision a name was given, with the hold as it stands now."""
    if hold.body is None:
        raise RefusalError("HOLD_RELEASED")
    if hold.body != _body(request):
        raise RefusalError("NAME_REUSED")
    answer = type(hold.answer)()
    answer.CopyFrom(hold.answer)
    answer.hold.CopyFrom(hold.stand())
    answer.balance.CopyFrom(wallet.balance(now))
    answer.replayed = True
    return answer


def _ttl_limit(wallet: Subscriber, request: Any) -> str:
    longest = wallet.limits.hold_ttl_max.ToMicroseconds()
    return "hold_ttl_max" if 0 < longest < _ttl_micros(request) else ""


def _decide(
    wallet: Subscriber,
    hold: FakeHold | None,
    answer: Any,
    *,
    amount: int,
    need: int,
    limit: str,
    raises: bool = True,
) -> int | None:
    """Write the decision on `amount`, at least `need`, into an answer; None when it is a denial."""
    available = wallet.available
    answer.decision = messages.DECISION_GRANTED
    if raises and wallet.message.status != account_pb2.ACCOUNT_STATUS_ACTIVE:
        answer.decision = messages.DECISION_DENIED_ACCOUNT_INACTIVE
        return None
    if limit:
        answer.decision, answer.limit = messages.DECISION_DENIED_LIMIT, limit
        return None
    if amount <= max(available, 0):
        return amount
    if need <= max(available, 0):
        answer.decision = messages.DECISION_GRANTED_PARTIAL
        answer.shortfall_micros = amount - available
        return max(available, 0)
    answer.shortfall_micros = need - available
    answer.decision = messages.DECISION_DENIED_INSUFFICIENT_CREDITS
    others = [h for h in wallet.holds.values() if h is not hold and h.message.state == OPEN]
    if available + sum(h.stand().held_micros for h in others) >= need:
        answer.decision = messages.DECISION_DENIED_CREDITS_HELD
        answer.retry_after.FromMicroseconds(min(h.expires for h in others) - wallet.now)
    return None


def _cap(answer: Any, by: int) -> None:
    """Write into an answer that a limit has made it less than was asked."""
    if by:
        answer.decision = messages.DECISION_GRANTED_PARTIAL
        answer.shortfall_micros += by


def _body(request: Message) -> tuple[str, bytes]:
    """What tells one request of a name from another: its kind and what it means."""
    plain = type(request)()
    plain.CopyFrom(request)
    if isinstance(plain, messages.ReserveRequest):
        plain.ttl.FromMilliseconds(_ttl_micros(plain) // 1000)
    if isinstance(plain, messages.ReserveRequest | messages.ChargeRequest):
        plain.usages.usages.sort(key=lambda usage: (usage.meter, usage.model))
        plain.quote_token = plain.quote_token.partition("|")[2]
    if isinstance(plain, messages.ReserveRequest) and plain.HasField("replaces"):
        plain.replaces.CopyFrom(messages.ReplacedHold(hold_id=plain.replaces.hold_id))
    return type(plain).__name__, plain.SerializeToString(deterministic=True)


def _new_hold(request: Any, granted: int, now: int) -> FakeHold:
    message = hold_pb2.Hold(
        account_id=request.account_id,
        hold_id=request.hold_id,
        state=OPEN,
        granted_micros=granted,
        attributes=request.attributes,
        labels=request.labels,
    )
    if isinstance(request, messages.ReserveRequest) and request.HasField("call"):
        message.call.CopyFrom(request.call)
    lives = _ttl_micros(request) if isinstance(request, messages.ReserveRequest) else 0
    return FakeHold(message, _body(request), now, now + lives)


def _ttl_micros(request: Any) -> int:
    milliseconds = request.ttl.ToMilliseconds() if request.HasField("ttl") else TTL_MS_DEFAULT
    return int(milliseconds) * 1000
