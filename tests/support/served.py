"""Whoever speaks the API, asked as the ledger is asked directly: beside the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from creditgate.v1 import account_service_pb2 as accounts
from creditgate_server.domain.account_keys import AccountKey, account_key
from tests.contract.drivers import GrpcDriver
from tests.contract.wire import Operation, to_answer
from tests.oracle.answers import Answer, EventView, GrantView
from tests.oracle.subscriber import Plan
from tests.support.clock import DatabaseClock
from tests.support.pair import REST, Pair, Request
from tests.support.stage import Stage

PAGE = 1_000


class ServedLedger:
    """One tenant's ledger behind the API."""

    def __init__(
        self, driver: GrpcDriver, *, accounts: Sequence[str], tenant_id: UUID | None = None
    ) -> None:
        self._driver, self._accounts, self._tenant_id = driver, accounts, tenant_id

    def key(self, account_id: str) -> AccountKey:
        assert self._tenant_id, "only what is in a database has a key"
        return account_key(self._tenant_id, account_id)

    async def ask(self, verb: str, account_id: str, arguments: dict[str, Any]) -> Answer:
        page = {"page_size": PAGE} if verb.startswith("list_") else {}
        return await self._driver.run(account_id, Operation(verb, {**page, **arguments}))

    async def apply(self, requests: Sequence[Request]) -> list[Answer]:
        return await self._driver.run_batch(
            [(account_id, Operation(verb, arguments)) for verb, account_id, arguments in requests]
        )

    async def put_plan(self, plan: Plan) -> Answer:
        # On the wire, a plan is of the account it is named after.
        operation = Operation("put_plan", {"plan": plan})
        *_, last = [await self._driver.run(each, operation) for each in self._accounts]
        return last

    async def list_grants(self, account_id: str) -> Answer:
        request = accounts.ListGrantsRequest(account_id=account_id, page_size=PAGE)
        grants: tuple[GrantView, ...] = ()
        while True:
            page = await self._driver._call("ListGrants", request)
            grants += to_answer(page).grants
            request.page_token = page.next_page_token
            if not request.page_token:
                return Answer("ACCEPTED", grants=grants)

    async def list_events(self, account_id: str) -> Answer:
        events: tuple[EventView, ...] = ()
        while True:
            page = await self.ask("list_events", account_id, {"after": len(events)})
            events += page.events
            if len(page.events) < PAGE:
                return replace(page, events=events)


class ServedPair(Pair):
    """What speaks the API, and the oracle."""

    def __init__(self, ledger: ServedLedger, connection: Any = None, clock: Any = None) -> None:
        asked: Any = ledger
        super().__init__(asked, connection, clock)

    def _asked(self, request: Request) -> Answer:
        answer = super()._asked(request)
        # The API does not show it.
        return replace(answer, balance=None) if request[0] == "cancel_addon" else answer


async def new_staged_pair(stage: Stage, *, accounts: Sequence[str]) -> ServedPair:
    """A pair of a stage's server and an oracle that is empty; the accounts are to be new.

    What is due on the accounts that were there before is left undone: sweeps have none of them.
    """
    await stage.connection.execute(REST)
    ledger = ServedLedger(stage.driver, accounts=accounts, tenant_id=stage.tenant_id)
    return ServedPair(ledger, stage.connection, DatabaseClock(stage.connection))
