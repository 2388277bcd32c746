"""Where a test finds its accounts: new ones of random names, proved to add up when it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from google.protobuf.timestamp_pb2 import Timestamp

from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import catalog_service_pb2 as catalog
from tests.conformance.caller import Caller
from tests.conformance.wallet import CREDIT, OPEN, Wallet

UNSPENDABLE = {account_pb2.GRANT_STATE_PENDING, account_pb2.GRANT_STATE_UNPAID}


@dataclass
class Replica:
    """Another server of the same service, which may be killed."""

    target: str
    kill: Callable[[], None]


@dataclass
class Service:
    """What is tested: servers of one service, and keys of two tenants."""

    targets: Sequence[str]
    key: str = field(repr=False)
    other_key: str = field(default="", repr=False)
    metrics_url: str = ""
    tls: bool = False
    # Starts one more server, where the service is ours to disturb.
    start_replica: Callable[[], Replica] | None = None


class World:
    """Makes callers and accounts, and remembers them."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._callers: list[Caller] = []
        self._wallets: list[Wallet] = []
        self.caller = self.another_caller()

    def another_caller(self, *, target: str = "", key: str = "") -> Caller:
        """Somebody with a connection of their own; to the next server, where there are several."""
        targets = self.service.targets
        caller = Caller(
            target or targets[len(self._callers) % len(targets)],
            key or self.service.key,
            tls=self.service.tls,
        )
        self._callers.append(caller)
        return caller

    def wallet(
        self,
        micros: int = 0,
        *,
        rates: Sequence[hold_pb2.Rate] = (),
        account_id: str = "",
        caller: Caller | None = None,
        plan: dict[str, Any] | None = None,
        **terms: Any,
    ) -> Wallet:
        """Open an account with so many credits, on a plan of its own where it needs one."""
        caller = caller or self.caller
        account_id = account_id or f"kit/{uuid4()}"
        caller.ask(accounts.CreateAccountRequest(account_id=account_id, **terms))
        wallet = Wallet(caller, account_id)
        self._wallets.append(wallet)
        if rates or plan:
            self.put_plan(wallet, 1, rates=rates, **(plan or {}))
        if micros:
            wallet.grant("first", micros)
        return wallet

    def put_plan(
        self, wallet: Wallet, version: int, *, rates: Sequence[hold_pb2.Rate] = (), **terms: Any
    ) -> None:
        """Put an account on the next version of its own plan, with a card of these rates."""
        name, ask = wallet.account_id, wallet.caller.ask
        if rates:
            card = catalog.RateCard(rate_card_id=name, version=version, name="kit", rates=rates)
            ask(catalog.PutRateCardRequest(rate_card=card))
            terms["rate_card_id"] = name
        terms = {"plan_id": name, "version": version, "name": "kit", **terms}
        ask(catalog.PutPlanRequest(plan=catalog.Plan(**terms)))
        wallet.update(plan=accounts.PlanChange(plan_id=name, version=version))

    def close(self) -> None:
        """Prove that the books of all accounts add up, and hang up."""
        try:
            for wallet in self._wallets:
                assert_that_it_adds_up(wallet)
        finally:
            for caller in self._callers:
                caller.close()


def assert_that_it_adds_up(wallet: Wallet) -> None:
    """Settled is the sum of entries, and of grants less debt; held is the sum of the holds."""
    for _ in range(20):
        account = wallet.account()
        entries, grants, holds = wallet.entries(), wallet.grants(), wallet.holds()
        if wallet.balance().version == account.balance.version:
            break
    else:
        raise AssertionError("the account never stood still")
    it = account.balance
    assert it.settled_micros == sum(each.amount_micros for each in entries)
    remaining = sum(each.remaining_micros for each in grants if each.state not in UNSPENDABLE)
    assert it.settled_micros == remaining - account.debt_micros
    assert it.held_micros == sum(each.held_micros for each in holds)
    assert account.open_holds == sum(each.state == OPEN for each in holds)
    assert it.available_micros == it.settled_micros + it.overdraft_limit_micros - it.held_micros
    for each in holds:
        assert each.used_micros == each.charged_micros + each.uncollected_micros
        assert each.charged_micros == -sum(
            entry.amount_micros
            for entry in entries
            if entry.hold_id == each.hold_id and entry.kind == accounts.ENTRY_KIND_CHARGE
        )


def wait_until(instant: Timestamp, wallet: Wallet, *, more_seconds: float = 0) -> None:
    """Wait until the service's own clock has reached an instant; the tester's may be wrong."""
    while True:
        now = wallet.balance().as_of
        left = (instant.ToNanoseconds() - now.ToNanoseconds()) / 1e9 + more_seconds
        if left <= 0:
            return
        time.sleep(min(left, 1) + 0.005)


def credits_(number: float) -> int:
    """So many credits, in micro-credits."""
    return round(number * CREDIT)
