"""Calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from creditgate._call.base import CallOptions, first_request
from creditgate._call.clock import Clock
from creditgate._call.journal import Entry
from creditgate._call.reconcile import Reconciliation, closings, conclude
from creditgate._sync.call import SyncCall
from creditgate._sync.outbox import SyncOutbox
from creditgate._sync.rates import SyncRates
from creditgate._types.amount import Amount
from creditgate._types.call import CallLeg, Quota
from creditgate._types.hold import Attributes, Hold, HoldState
from creditgate._types.rate import Usage


class SyncGateway(SyncRates):
    """What `Client` does for gateways that carry calls."""

    _journal_folder: Path | None
    _quotas: dict[str, Quota]
    _leg: CallLeg

    @cached_property
    def _outbox(self) -> SyncOutbox:
        return SyncOutbox(self._send, folder=self._journal_folder)

    def call(
        self,
        account_id: str,
        *,
        call_id: str,
        meter: str,
        model: str = "",
        slice_seconds: int = 60,
        minimum: Amount | None = None,
        ttl_seconds: float | None = None,
        gateway_id: str = "",
        epoch: int = 0,
        attributes: Attributes | None = None,
        labels: Mapping[str, str] | None = None,
        on_warning: Callable[[SyncCall], object] | None = None,
        on_cut: Callable[[SyncCall], object] | None = None,
        clock: Clock | None = None,
    ) -> SyncCall:
        """Pay for a call while the body of an `with` runs, by the second from its answer on.

        Entering holds the first `slice_seconds` (10 or more) of the `meter`, or what is there down
        to `minimum` credits, and raises as `hold` does: connect the call inside. Tell it what
        happens: `answered`, `on_hold`, `resumed`, `hung_up`. It asks for more by itself, before the
        funds end, and sets `cut` exactly when they do, also while nobody answers. Leaving charges
        the seconds, each that has begun, and releases a call that was never answered.

        `call_id` names the call and its hold. `gateway_id` and `epoch`, a number that grows with
        each start of the gateway, are what `reconcile` finds it by; without them they are made up.
        `ttl_seconds` is how long the hold lives if this process dies: three slices, unless said.
        `on_warning` is called once when the end is near, `on_cut` when it has come; both with the
        call. `clock` is for tests.
        """
        options = CallOptions(
            slice_seconds=slice_seconds,
            ttl_seconds=ttl_seconds,
            leg=CallLeg(gateway_id or self._leg.gateway_id, epoch or self._leg.epoch),
            clock=clock or Clock(),
            on_warning=on_warning,
            on_cut=on_cut,
        )
        request = first_request(
            account_id,
            call_id=call_id,
            usage=Usage(meter, slice_seconds, model),
            minimum=minimum,
            attributes=attributes,
            labels=labels,
            options=options,
        )
        return SyncCall(
            self._send,
            outbox=self._outbox,
            quotas=self._quotas,
            account_id=account_id,
            call_id=call_id,
            request=request,
            options=options,
        )

    def reconcile(self, *, gateway_id: str, epoch: int) -> Reconciliation:
        """End the calls that earlier starts of a gateway left open, when it comes back.

        Of all its open holds with an epoch below this one, those that the journal knows are charged
        with what it knows, and the rest are released: what was reported stays charged. May be
        called again. Raises as other calls do, ValueError where `epoch` is below 1.
        """
        if epoch < 1:
            raise ValueError("epoch is 1 or more")
        holds = list(
            self.list_holds(state=HoldState.OPEN, gateway_id=gateway_id, epoch_below=epoch)
        )
        entries = closings(holds, self._outbox.left(gateway_id, epoch))
        return conclude([self._close(entry) for entry in entries])

    def _close(self, entry: Entry) -> tuple[Entry, Hold | None]:
        answer = self._outbox.settle(entry)
        return entry, None if answer is None else answer.hold
