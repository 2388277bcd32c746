"""Events and thresholds with both clients, and on the command line."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

import creditgate
from creditgate import AutoTopup, CycleUnit, Event, EventKind, Threshold
from tests.client.conftest import Fake

DAY = 86_400


def make_events(fake: Fake, client: creditgate.Client) -> None:
    """Have one of every kind happen to `acme`, which has 100 credits."""
    client.put_plan("pro", version=1, allowance=10, cycle=CycleUnit.MONTH)
    client.update_account("acme", plan="pro@1", overdraft_limit=1)
    client.reserve("acme", hold_id="late", amount=1, ttl_seconds=1)
    ends = fake.now() + timedelta(days=9)
    client.add_grant("acme", grant_id="short", amount=5, expires_at=ends)
    fake.advance(seconds=3 * DAY)
    client.commit("acme", hold_id="late", used="0.5")
    client.charge("acme", hold_id="c", amount="115.5")
    client.update_account("acme", auto_topup=AutoTopup.of(below=0, amount=1))
    name = client.get_account("acme").topup_request_id
    client.refuse_topup("acme", request_id=name)
    client.add_grant("acme", grant_id=name, amount="0.5")
    fake.advance(seconds=40 * DAY)
    client.update_account("acme")


def test_what_happened_is_listed_with_its_details(fake: Fake) -> None:
    with fake.client() as client:
        make_events(fake, client)
        found = list(client.list_events("acme", page_size=3))
        assert [event.number for event in found] == list(range(1, len(found) + 1))
        assert list(client.list_events("acme", after=2)) == found[2:]
        last = {event.kind: event for event in found}
        assert set(last) == set(EventKind) - {EventKind.UNKNOWN}
        check_details(last)
        with pytest.raises(creditgate.NotFound):
            list(client.list_events("nobody"))

    async def read() -> list[Event]:
        async with fake.async_client() as waiting:
            return [event async for event in waiting.list_events("acme")]

    assert asyncio.run(read()) == found


def check_details(last: dict[EventKind, Event]) -> None:
    low = last[EventKind.BALANCE_LOW]
    assert low.details == creditgate.BalanceLow(threshold_micros=0, percent=0)
    assert low.event_id == f"acme/{low.number}"
    assert low.balance.settled == -1
    assert last[EventKind.CREDITS_EXHAUSTED].details is None
    assert last[EventKind.HOLD_LATE].details == creditgate.HoldLate(
        hold_id="late", charged_micros=500_000, uncollected_micros=0
    )
    expiring = last[EventKind.GRANT_EXPIRING].details
    assert isinstance(expiring, creditgate.GrantExpiring)
    assert expiring.grant_id == "short"
    assert expiring.remaining == 5
    reset = last[EventKind.CYCLE_RESET].details
    assert isinstance(reset, creditgate.CycleReset)
    assert (reset.cycle.number, reset.cycle.starts_at) == (1, datetime(2030, 2, 1, tzinfo=UTC))


def test_thresholds_are_set_and_shown(fake: Fake) -> None:
    with fake.client() as client:
        plain = client.get_account("acme")
        assert (plain.thresholds, plain.own_thresholds) == ((Threshold(amount_micros=0),), False)
        account = client.update_account("acme", thresholds=["5.5", "20%", Threshold(percent=1)])
        assert [str(each) for each in account.thresholds] == ["5.5", "20%", "1%"]
        assert account.own_thresholds
        assert client.update_account("acme", thresholds=[]).thresholds == ()
        assert client.update_account("acme", plan_thresholds=True).thresholds == plain.thresholds

        usual = client.put_plan("usual", version=1).plan
        assert [str(each) for each in usual.thresholds] == ["20%", "0"]
        assert usual.expiry_notice_seconds == 7 * DAY
        own = client.put_plan("own", version=1, thresholds=[3, "50%"], expiry_notice_seconds=0).plan
        assert [str(each) for each in own.thresholds] == ["50%", "3"]
        assert own.expiry_notice_seconds == 0
        assert client.put_plan("none", version=1, thresholds=()).plan.thresholds == ()


@pytest.mark.parametrize("text", ["-5%", "5.5%", "%", "much", "1e2%"])
def test_what_is_no_threshold_is_refused_before_it_is_sent(text: str) -> None:
    with pytest.raises(ValueError, match="threshold"):
        Threshold.parse(text)
