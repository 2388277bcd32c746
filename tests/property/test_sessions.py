"""A session's requests lost, repeated and out of order end in the same ledger as a tidy session.

What a caller does about unknown outcomes is sending its requests again; so every delivery here ends
with the session once more in its order. What came before it, in whatever order and however often,
must make no difference.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contract.drivers import START
from tests.contract.wire import Operation
from tests.oracle.answers import Answer
from tests.property.operations import CREDIT
from tests.support.stage import Stage

Session = tuple[Operation, ...]
_numbers = itertools.count()


def committed(*totals: int, final: int, raised: int) -> Session:
    """Reserve, report some totals on the way, raise, and commit at the end."""
    reports = [
        Operation("commit", {"hold_id": "work", "used": total * CREDIT, "keep_open": True})
        for total in totals
    ]
    return (
        Operation("reserve", {"hold_id": "work", "amount": 10 * CREDIT}),
        *reports,
        Operation(
            "extend", {"hold_id": "work", "total": raised * CREDIT, "used": totals[-1] * CREDIT}
        ),
        Operation("commit", {"hold_id": "work", "used": final * CREDIT}),
    )


SESSIONS = {
    "within the hold": committed(2, 5, final=8, raised=20),
    "beyond the hold": committed(4, 12, final=25, raised=15),
    "nothing more at the end": committed(3, 6, final=6, raised=12),
    "charged at once": (Operation("charge", {"hold_id": "work", "amount": 7 * CREDIT}),),
    "credits given and taken back": (
        Operation("add_grant", {"grant_id": "g", "amount": 5 * CREDIT, "kind": "PURCHASED"}),
        Operation("charge", {"hold_id": "work", "amount": 7 * CREDIT}),
        Operation("refund", {"refund_id": "r", "hold_id": "work", "amount": 4 * CREDIT}),
    ),
}


def deliver(stage: Stage, requests: list[Operation]) -> tuple[object, ...]:
    """Deliver requests to a new account of 100 credits; answer the ledger they end in."""
    account = f"session-{next(_numbers)}"
    gift = {"grant_id": "gift", "amount": 100 * CREDIT, "kind": "PLAN"}
    for request in (Operation("create_account"), Operation("add_grant", gift), *requests):
        stage.run(stage.driver.run(account, request))
    assert stage.run(stage.violations(account)) == []
    return ledger(stage.run(stage.driver.run(account, Operation("get_hold", {"hold_id": "work"}))))


def ledger(answer: Answer) -> tuple[object, ...]:
    """All that the account and the hold came to; `granted` is what was set aside on the way."""
    assert answer.balance is not None
    assert answer.hold is not None
    return replace(answer.balance, version=0), replace(answer.hold, granted=0)


@pytest.mark.parametrize("name", SESSIONS)
def test_any_delivery_ends_in_the_same_ledger(name: str, stage: Stage) -> None:
    stage.run(stage.driver.set_time(START))
    session = list(SESSIONS[name])
    tidy = deliver(stage, session)

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=set(Phase) - {Phase.explain},
    )
    @given(st.lists(st.sampled_from(session), max_size=12))
    def check(before: list[Operation]) -> None:
        assert deliver(stage, [*before, *session]) == tidy

    check()


@pytest.mark.parametrize("name", ["within the hold", "beyond the hold", "nothing more at the end"])
def test_a_final_commit_makes_up_for_every_report_that_was_lost(name: str, stage: Stage) -> None:
    stage.run(stage.driver.set_time(START))
    first, *middle, last = SESSIONS[name]
    tidy = deliver(stage, [first, *middle, last])
    for count in range(len(middle) + 1):
        for kept in itertools.permutations(middle, count):
            assert deliver(stage, [first, *kept, last, *reversed(middle), first]) == tidy


def test_a_release_before_its_reserve_wins_in_any_order(stage: Stage) -> None:
    stage.run(stage.driver.set_time(START))
    reserve = Operation("reserve", {"hold_id": "work", "amount": 10 * CREDIT})
    release = Operation("release", {"hold_id": "work"})
    for requests in itertools.product((reserve, release), repeat=4):
        balance, hold = deliver(stage, [*requests, release])
        assert (balance.held, balance.settled) == (0, 100 * CREDIT)  # type: ignore[attr-defined]
        assert hold.state == "RELEASED"  # type: ignore[attr-defined]
