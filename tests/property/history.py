"""One history of two accounts, each step on the real server and on the oracle."""

from __future__ import annotations

import itertools
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from tests.contract.drivers import START, Addressed, Driver, ModelDriver
from tests.contract.wire import Operation
from tests.property.operations import CREDIT, Chooser, Pick, instants

ACCOUNTS = ("left", "right")
Result = TypeVar("Result")

_numbers = itertools.count()


class Staged(Protocol):
    """Where a history takes place: a server, real or fake, whose clock stands still."""

    @property
    def driver(self) -> Driver:
        """Who answers."""
        ...

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end."""
        ...

    async def violations(self, account_id: str) -> list[str]:
        """The rules of the ledger that do not hold now."""
        ...


class History:
    """Whatever is asked, the real server answers what the oracle answers."""

    def __init__(self, stage: Staged) -> None:
        self._stage, self._oracle = stage, ModelDriver()
        self._number, self._now = next(_numbers), START
        self.sent: list[Addressed] = []
        self._set_time(START)

    def open(self, *, policy: str, credits_: int) -> None:
        """Open both accounts, each with a little overdraft and a grant."""
        opened = Operation("create_account", {"overdraft": 5 * CREDIT, "policy": policy})
        gift = {"grant_id": "grant-0", "amount": credits_ * CREDIT, "kind": "PLAN"}
        for account in ACCOUNTS:
            self.ask((account, opened))
            self.ask((account, Operation("add_grant", gift)))

    def chooser(self, account: str, pick: Pick) -> Chooser:
        """Chance for an account as it stands."""
        return Chooser(pick, self._oracle.model.accounts[self._name(account)], now=self._now)

    def ask(self, asked: Addressed) -> None:
        """Ask both, and compare."""
        account, operation = asked
        self.sent.append(asked)
        wanted = self._stage.run(self._oracle.run(self._name(account), operation))
        got = self._stage.run(self._stage.driver.run(self._name(account), operation))
        assert got == wanted, asked

    def ask_together(self, asked: Sequence[Addressed]) -> None:
        """Ask for several things in one request."""
        self.sent += asked
        named = [(self._name(account), operation) for account, operation in asked]
        wanted = self._stage.run(self._oracle.run_batch(named))
        assert self._stage.run(self._stage.driver.run_batch(named)) == wanted, asked

    def wait(self, pick: Pick) -> None:
        """Let time pass until something is, or is about to be, due."""
        accounts = self._oracle.model.accounts.values()
        self._set_time(pick(instants(accounts, self._now)))

    def sweep(self) -> None:
        """Let everything due happen."""
        self._stage.run(self._oracle.sweep())
        self._stage.run(self._stage.driver.sweep())

    def check(self) -> None:
        """Prove the ledger's rules in SQL."""
        for account in ACCOUNTS:
            assert self._stage.run(self._stage.violations(self._name(account))) == []

    def compare(self) -> None:
        """Compare all that both know."""
        for account in ACCOUNTS:
            for verb in ("get_account", "list_holds", "list_grants"):
                self.ask((account, Operation(verb)))

    def _name(self, account: str) -> str:
        return f"{account}-{self._number}"

    def _set_time(self, now: int) -> None:
        self._now = now
        self._stage.run(self._oracle.set_time(now))
        self._stage.run(self._stage.driver.set_time(now))
