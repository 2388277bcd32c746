"""Requests for credits with both clients, and on the command line."""

from __future__ import annotations

import asyncio

import pytest

import creditgate
from creditgate import AutoTopup, EventKind, TopupState
from tests.client.conftest import Fake, Shell, answer


def test_a_low_balance_asks_and_is_answered(fake: Fake) -> None:
    with fake.client() as client:
        wish = AutoTopup.of(below=100, amount="50.5", month_max=500)
        account = client.update_account("acme", auto_topup=wish)
        assert account.auto_topup == wish
        (asked,) = client.list_topups("acme")
        assert account.topup_request_id == asked.request_id
        assert (asked.state, asked.amount_micros) == (TopupState.REQUESTED, 50_500_000)
        event = [*client.list_events("acme")][-1]
        assert event.kind is EventKind.TOPUP_REQUESTED
        assert event.details == creditgate.TopupRequested(
            request_id=asked.request_id, amount_micros=50_500_000
        )

        refusal = client.refuse_topup("acme", request_id=asked.request_id, reason="card")
        assert (refusal.topup.state, refusal.replayed) == (TopupState.REFUSED, False)
        assert client.refuse_topup("acme", request_id=asked.request_id).replayed
        refused = [*client.list_events("acme")][-1].details
        assert isinstance(refused, creditgate.TopupRefused)
        assert (refused.reason, refused.retry_at) == ("card", fake.now().replace(hour=1))

        client.add_grant("acme", grant_id=asked.request_id, amount="50.5")
        assert [*client.list_events("acme")][-1].details == creditgate.TopupCompleted(
            request_id=asked.request_id, amount_micros=50_500_000
        )
        with pytest.raises(creditgate.TopupIsCompleted):
            client.refuse_topup("acme", request_id=asked.request_id)
        with pytest.raises(creditgate.NotFound):
            client.refuse_topup("acme", request_id="none")

    async def read() -> list[TopupState]:
        async with fake.async_client() as waiting:
            return [topup.state async for topup in waiting.list_topups("acme")]

    assert asyncio.run(read()) == [TopupState.COMPLETED]


def test_on_the_command_line(shell: Shell, fake: Fake) -> None:
    shown = shell("topup", "auto", "acme", "100", "50", "--month-max", "200").stdout.splitlines()
    (asked,) = answer(shell("topup", "list", "acme", "--json"))
    name = asked["request_id"]
    assert f"tops up 50 at 100, asked as {name}" in shown
    assert f"topup.requested  {name}  amount 50" in shell("events", "acme").stdout
    refused = shell("topup", "refuse", "acme", name, "--reason", "card").stdout
    assert refused.rstrip().endswith(f"{name}  refused  amount 50  card")
    assert f"topup.refused  {name}  card" in shell("events", "acme").stdout
    shell("grant", "acme", "5", "--grant", name)
    assert f"topup.completed  {name}  amount 5" in shell("events", "acme").stdout
    off = answer(shell("topup", "auto", "acme", "100", "50", "--off", "--json"))
    assert off["auto_topup"]["enabled"] is False
    assert fake.requests
