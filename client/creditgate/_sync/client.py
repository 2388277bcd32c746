"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from creditgate._base import CHANNEL_OPTIONS, BaseClient, methods_of
from creditgate._failures import read_failure
from creditgate._hold import HoldOptions, OnError
from creditgate._messages import work as calls
from creditgate._messages.activity import read_chunk
from creditgate._messages.work import Call
from creditgate._sync.conversations import SyncConversing
from creditgate._sync.hold import SyncHold
from creditgate._types.activity import ActivityChunk
from creditgate._types.amount import Amount
from creditgate._types.balance import Balance
from creditgate._types.call import CallLeg
from creditgate._types.decision import Extension, HoldStatus, Reservation, Settlement
from creditgate._types.hold import Attributes
from creditgate._types.rate import Quote, ReplacedHold, Usage
from creditgate._watch import ENDED, Change, Place
from creditgate.v1.usage_service_pb2 import ExportActivityRequest

Answer = TypeVar("Answer")


class Client(SyncConversing, BaseClient):
    """A connection to Creditgate that blocks; `AsyncClient` is the same for asyncio.

    Threads may share one.

    Every call may raise any `creditgate.CreditgateError`: a `Refused` was not done and never will
    be, a `NotExecuted` was not done, an `OutcomeUnknown` may have been. Until that is raised, calls
    are sent again by themselves, with the same names, for up to `patience_seconds`.
    """

    _channel: grpc.Channel | None = None
    _methods: Mapping[str, Any]

    def __enter__(self) -> Self:
        self._connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls still under way fail."""
        self._outbox.stop()
        self._closed = True
        if self._channel is not None:
            self._channel.close()
        self._outbox.close()

    def hold(
        self,
        account_id: str,
        *,
        amount: Amount | None = None,
        usage: Usage | None = None,
        usages: Iterable[Usage] | None = None,
        quote: Quote | str | None = None,
        hold_id: str | None = None,
        minimum: Amount | None = None,
        ttl_seconds: float = 60.0,
        attributes: Attributes | None = None,
        labels: Mapping[str, str] | None = None,
        on_error: OnError = "release",
        lifetime_seconds_max: float = 86_400.0,
    ) -> SyncHold:
        """Hold credits while the body of an `with` runs, then charge what it used.

        Entering reserves `amount` credits, or what a `usage` or several `usages` cost, or what is
        there down to `minimum`, and raises `Denied` when they are not available. Inside,
        `affordable()` says how much of the unit that buys, and `use()` what was used. Leaving
        commits that and frees the rest; without any use, or by an exception, it releases
        (`on_error="commit"` charges what was used even then). A heartbeat keeps the hold from
        expiring while the body runs, for at most `lifetime_seconds_max`. Leaving is safe against
        cancellation.

        `hold_id` names the work, and makes it safe to start again after a crash; None makes one up.
        """
        options = HoldOptions(
            ttl_seconds=ttl_seconds, on_error=on_error, lifetime_seconds_max=lifetime_seconds_max
        )
        name = options.name(hold_id)
        request = calls.reserve(
            account_id,
            hold_id=name,
            amount=amount,
            usage=usage,
            usages=usages,
            quote=quote,
            minimum=minimum,
            ttl_seconds=ttl_seconds,
            attributes=attributes,
            labels=labels,
            call=None,
        )
        return SyncHold(
            self._send, account_id=account_id, hold_id=name, request=request, options=options
        )

    def reserve(
        self,
        account_id: str,
        *,
        hold_id: str,
        amount: Amount | None = None,
        usage: Usage | None = None,
        usages: Iterable[Usage] | None = None,
        quote: Quote | str | None = None,
        replaces: ReplacedHold | None = None,
        minimum: Amount | None = None,
        ttl_seconds: float = 60.0,
        attributes: Attributes | None = None,
        labels: Mapping[str, str] | None = None,
        call: CallLeg | None = None,
    ) -> Reservation:
        """Set credits aside, by `amount` or for a `usage` that the account's rate card prices.

        `usages` is work on several meters, held and charged together. With a `quote` that was
        pinned, or its token, it costs what was quoted. `call` makes it a call's: its usage counts
        seconds, and the answer has a quota.

        `replaces` commits another hold finally first, in the same transaction, so that its credits
        are free for this one.

        A denial is an answer, not an exception; see `raise_if_denied`.
        """
        return self._send(
            calls.reserve(
                account_id,
                hold_id=hold_id,
                amount=amount,
                usage=usage,
                usages=usages,
                quote=quote,
                replaces=replaces,
                minimum=minimum,
                ttl_seconds=ttl_seconds,
                attributes=attributes,
                labels=labels,
                call=call,
            )
        )

    def extend(
        self,
        account_id: str,
        *,
        hold_id: str,
        total: Amount | None = None,
        quantity: int | None = None,
        quantities: Iterable[Usage] | None = None,
        used: Amount | None = None,
        used_quantity: int | None = None,
        used_quantities: Iterable[Usage] | None = None,
        minimum: Amount | None = None,
        ttl_seconds: float = 60.0,
    ) -> Extension:
        """Raise an open hold to a total, renew its expiry, and report usage so far.

        `minimum` is the least raise that is still useful. A denied raise still charges `used`.
        `quantity` and `used_quantity` say the same in the unit of the hold's rate, `quantities` and
        `used_quantities` of lines of a hold made by usages.
        """
        return self._send(
            calls.extend(
                account_id,
                hold_id=hold_id,
                total=total,
                quantity=quantity,
                quantities=quantities,
                used=used,
                used_quantity=used_quantity,
                used_quantities=used_quantities,
                minimum=minimum,
                ttl_seconds=ttl_seconds,
            )
        )

    def commit(
        self,
        account_id: str,
        *,
        hold_id: str,
        used: Amount | None = None,
        used_quantity: int | None = None,
        used_quantities: Iterable[Usage] | None = None,
        keep_open: bool = False,
        termination_cause: str = "",
    ) -> Settlement:
        """Charge what the work has used so far in all; ends the hold unless `keep_open`.

        `used` is credits; `used_quantity` is in the unit of the hold's rate, which prices it, and
        `used_quantities` are in those of lines: what is not named stays as it was reported.
        """
        return self._send(
            calls.commit(
                account_id,
                hold_id=hold_id,
                used=used,
                used_quantity=used_quantity,
                used_quantities=used_quantities,
                keep_open=keep_open,
                termination_cause=termination_cause,
            )
        )

    def release(self, account_id: str, *, hold_id: str, termination_cause: str = "") -> HoldStatus:
        """End a hold without further usage. Released before it was reserved, the name is spent."""
        return self._send(
            calls.release(account_id, hold_id=hold_id, termination_cause=termination_cause)
        )

    def charge(
        self,
        account_id: str,
        *,
        hold_id: str,
        amount: Amount | None = None,
        usage: Usage | None = None,
        usages: Iterable[Usage] | None = None,
        quote: Quote | str | None = None,
        minimum: Amount | None = None,
        attributes: Attributes | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Reservation:
        """Spend credits at once, by `amount` or for a `usage` priced by the account's rate card.

        `usages` is work on several meters. With a `quote` that was pinned it costs what was quoted.

        A denial is an answer, not an exception; see `raise_if_denied`.
        """
        return self._send(
            calls.charge(
                account_id,
                hold_id=hold_id,
                amount=amount,
                usage=usage,
                usages=usages,
                quote=quote,
                minimum=minimum,
                attributes=attributes,
                labels=labels,
            )
        )

    def get_hold(self, account_id: str, *, hold_id: str) -> HoldStatus:
        """Read a hold and its account's balance."""
        return self._send(calls.get_hold(account_id, hold_id=hold_id))

    def get_balance(self, account_id: str) -> Balance:
        """Read an account's balance."""
        return self._send(calls.get_balance(account_id))

    def watch(
        self, account_id: str, *, after_version: int = 0, warn_before_seconds: float = 10.0
    ) -> Iterator[Change]:
        """Tell what happens to an account, as it happens, for as long as the loop runs.

        First the account as it stands, then each change of it, though only the newest where the
        loop is slow; each event, before the state it led to; and holds that are about to expire,
        `warn_before_seconds` (up to 600) before. Interruptions are bridged, and no event is left
        out or told twice. `after_version` is the last version that was told when an earlier watch
        ended: the events from that version on come first.
        Raises when it is refused, or when nothing has been heard for `patience_seconds` after an
        interruption.
        """
        place = Place(
            account_id, after_version=after_version, warn_before_seconds=warn_before_seconds
        )
        attempts = None
        while True:
            self._connect()
            call = self._methods["WatchAccount"](place.request(), metadata=self._metadata())
            failure = ENDED
            try:
                for answer in call:
                    attempts = None
                    self._throttle.succeed()
                    if (change := place.read(answer)) is not None:
                        yield change
            except grpc.RpcError as error:
                failure = read_failure(error)
            finally:
                call.cancel()
            attempts = attempts or self._attempts(
                "WatchAccount", writes=False, patience_seconds=None, clock=time.monotonic
            )
            if not self._closed:
                time.sleep(attempts.delay_after(failure))
            if self._closed:
                raise attempts.give_up(failure)

    def _export(
        self, request: Callable[[str], ExportActivityRequest], cursor: str
    ) -> Iterator[ActivityChunk]:
        attempts = None
        while True:
            self._connect()
            call = self._methods["ExportActivity"](request(cursor), metadata=self._metadata())
            try:
                for answer in call:
                    attempts, cursor = None, answer.cursor
                    self._throttle.succeed()
                    yield read_chunk(answer)
            except grpc.RpcError as error:
                failure = read_failure(error)
            else:
                return  # it has sent all
            finally:
                call.cancel()
            attempts = attempts or self._attempts(
                "ExportActivity", writes=False, patience_seconds=None, clock=time.monotonic
            )
            if not self._closed:
                time.sleep(attempts.delay_after(failure))
            if self._closed:
                raise attempts.give_up(failure)

    def _connect(self) -> None:
        """Make the channel, on first use: a process that forks before that has none to share."""
        if self._closed:
            raise RuntimeError("this client has been closed")
        with self._connecting_lock:
            if self._channel is not None:
                return
            self._outbox.open()
            if self._tls is None:
                channel = grpc.insecure_channel(self.target, options=CHANNEL_OPTIONS)
            else:
                credentials = self._tls.credentials()
                channel = grpc.secure_channel(self.target, credentials, options=CHANNEL_OPTIONS)
            self._methods = methods_of(channel)
            self._channel = channel

    def _send(self, call: Call[Answer], *, patience_seconds: float | None = None) -> Answer:
        """Send a request until it is answered, refused, or patience ends."""
        self._connect()
        attempts = self._attempts(
            call.method,
            writes=call.writes,
            patience_seconds=patience_seconds,
            clock=time.monotonic,
        )
        while True:
            timeout = attempts.timeout_seconds(self._attempt_seconds(call.method))
            try:
                response = self._methods[call.method](
                    call.request, timeout=timeout, metadata=self._metadata()
                )
            except grpc.RpcError as error:
                failure = read_failure(error)
                if not self._closed:
                    time.sleep(attempts.delay_after(failure))
                if self._closed:  # before the failure, or while it was waited
                    raise attempts.give_up(failure) from error
            else:
                self._throttle.succeed()
                return call.read(response)
