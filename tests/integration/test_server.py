from __future__ import annotations

from creditgate.v1 import authorization_service_pb2 as pb
from tests.support.database import Database
from tests.support.server import CREDIT, running_server


async def test_the_life_of_a_hold(database: Database) -> None:
    async with running_server(database.url) as server, server.caller() as caller:
        account = await caller.account(credits_=100)
        reserved = await caller.authorization.Reserve(
            pb.ReserveRequest(account_id=account, hold_id="msg-1", amount_micros=5 * CREDIT)
        )
        assert reserved.decision == pb.DECISION_GRANTED
        committed = await caller.authorization.Commit(
            pb.CommitRequest(account_id=account, hold_id="msg-1", used_micros=3_200_000)
        )
        assert committed.charged_micros == 3_200_000
        balance = await caller.authorization.GetBalance(pb.GetBalanceRequest(account_id=account))
        assert (balance.balance.settled_micros, balance.balance.held_micros) == (96_800_000, 0)
