"""Usage and distributions with both clients."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import creditgate
from creditgate import Attributes, CallLeg, Usage, UsageGrouping, UsageMeasure, UsageUnit
from creditgate.v1 import usage_service_pb2 as messages
from tests.client.conftest import Fake

BEGAN = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def used(fake: Fake) -> Fake:
    """An account that was used on three days: 7 for ann, 2 for bob, and 3 given back."""
    with fake.client() as client:
        red, blue = {"team": "red"}, {"team": "blue"}
        client.charge("acme", hold_id="a", amount=5, attributes=Attributes(agent="ann"), labels=red)
        client.charge(
            "acme", hold_id="b", amount=2, attributes=Attributes(agent="ann"), labels=blue
        )
        fake.advance(seconds=86_400)
        client.charge("acme", hold_id="c", amount=2, attributes=Attributes(agent="bob", model="m"))
        fake.advance(seconds=86_400)
        client.refund("acme", refund_id="r", hold_id="a", amount=3)
    return fake


async def read(fake: Fake, asked: dict[str, Any]) -> list[creditgate.UsageRow]:
    async with fake.async_client() as client:
        return [row async for row in client.query_usage("acme", **asked)]


def test_both_clients_read_what_was_consumed(used: Fake) -> None:
    by_agent = {"by": [UsageGrouping.AGENT]}
    wanted: list[tuple[dict[str, Any], list[tuple[str, Decimal | int, int]]]] = [
        ({}, [("", 6, 3)]),
        (by_agent, [("ann", 4, 2), ("bob", 2, 1)]),
        (
            {"by": ["LABEL"], "label_key": "team", "dearest_first": True},
            [*(("", 2, 1), ("blue", 2, 1), ("red", 2, 1))],
        ),
        ({"model": "m"} | by_agent, [("bob", 2, 1)]),
        ({"label": "red", "label_key": "team"}, [("", 2, 1)]),
        ({"since": BEGAN + timedelta(days=1), "until": BEGAN + timedelta(days=2)}, [("", 2, 1)]),
        ({"days": 1.5} | by_agent, [("ann", -3, 0), ("bob", 2, 1)]),
        ({"agent": "nobody"}, []),
    ]
    with used.client() as client:
        for asked, told in wanted:
            found = list(client.query_usage("acme", page_size=1, **asked))
            assert [(row.value, row.consumed, row.holds) for row in found] == told, asked
            assert asyncio.run(read(used, asked)) == found
        (row,) = client.query_usage("acme")
        assert (row.starts_at, row.refunded, row.consumed_micros) == (None, Decimal(3), 6_000_000)


def test_groups_and_units_are_asked_for_by_words_too(used: Fake) -> None:
    with used.client() as client:
        days = list(client.query_usage("acme", per=UsageUnit.DAY))
        assert list(client.query_usage("acme", per="DAY")) == days  # type: ignore[arg-type]
        starts = [BEGAN + timedelta(days=each) for each in range(3)]
        assert [row.starts_at for row in days] == starts
        assert [row.consumed for row in days] == [7, 2, -3]
        dearest = next(
            client.query_usage("acme", per=UsageUnit.DAY, dearest_first=True, page_size=1)
        )
        assert dearest == days[0]


def test_a_groups_generator_is_read_once_for_all_pages(used: Fake) -> None:
    with used.client() as client:
        used.requests.clear()
        found = client.query_usage("acme", by=(each for each in ["AGENT"]), page_size=1)  # type: ignore[misc]
        assert [row.value for row in found] == ["ann", "bob"]
    sent = [each for each in used.requests if isinstance(each, messages.QueryUsageRequest)]
    assert [len(each.by) for each in sent] == [1, 1]
    assert [bool(each.page_token) for each in sent] == [False, True]


def test_what_does_not_go_together_is_refused_by_name(used: Fake) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"by": ["AGENT", "USER"]}, "by[1]"),
        ({"by": ["AGENT"], "topic": "t"}, "filter.topic"),
        ({"by": ["LABEL"]}, "label_key"),
        ({"days": 1, "since": BEGAN}, "range.last"),
    ]
    with used.client() as client:
        for asked, field in wrong:
            with pytest.raises(creditgate.InvalidRequest) as caught:
                list(client.query_usage("acme", **asked))
            assert caught.value.field == field
        with pytest.raises(creditgate.NotFound):
            list(client.query_usage("nobody"))
        with pytest.raises(ValueError, match="time zone"):
            list(client.query_usage("acme", since=datetime(2030, 1, 1)))  # noqa: DTZ001
        with pytest.raises(creditgate.NotFound):
            client.distribution("nobody", measure=UsageMeasure.CALL_SECONDS)


def test_distributions_say_how_long_calls_and_sessions_were(fake: Fake) -> None:
    with fake.client() as client:
        rates = [
            creditgate.Rate(meter=meter, unit_price_micros=1_000)
            for meter in ("voice.call", "chat.message")
        ]
        client.put_rate_card("std", version=1, rates=rates)
        client.put_plan("pro", version=1, rate_card_id="std")
        client.update_account("acme", plan="pro@1")
        for seconds in (20, 45, 100):
            name, usage = f"c-{seconds}", Usage(meter="voice.call", quantity=120)
            leg = CallLeg(gateway_id="gw", epoch=1)
            client.reserve("acme", hold_id=name, usage=usage, call=leg)
            client.commit("acme", hold_id=name, used_quantity=seconds)
            fake.advance(seconds=60)
        found = client.distribution("acme", measure=UsageMeasure.CALL_SECONDS, bounds=[30, 60])
        assert found.bins == (
            creditgate.UsageBin(low=0, high=30, count=1),
            creditgate.UsageBin(low=30, high=60, count=1),
            creditgate.UsageBin(low=60, high=None, count=1),
        )
        assert (found.count, found.maximum, found.p50, found.p90) == (3, 100, 45, 100)
        last = client.distribution("acme", measure="CALL_SECONDS", days=1 / 1440)  # type: ignore[arg-type]
        assert (last.count, last.maximum) == (1, 100)
        assert len(last.bins) == 10

        for message in ("m1", "m2"):
            client.reserve_message("acme", conversation_id="c", message_id=message)
            client.commit_message("acme", conversation_id="c", message_id=message)
        spread = asyncio.run(messages_of(fake))
        assert spread == client.distribution("acme", measure=UsageMeasure.SESSION_MESSAGES)
        assert [(each.low, each.count) for each in spread.bins if each.count] == [(2, 1)]


async def messages_of(fake: Fake) -> creditgate.Distribution:
    async with fake.async_client() as client:
        return await client.distribution("acme", measure=UsageMeasure.SESSION_MESSAGES)
