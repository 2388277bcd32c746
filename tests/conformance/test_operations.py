from __future__ import annotations

import re
import time
import urllib.request
from random import Random
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate.v1 import account_pb2
from creditgate.v1 import account_service_pb2 as accounts
from tests.conformance.waiting import together
from tests.conformance.wallet import COMMITTED, CREDIT, OPEN, rate, usage
from tests.conformance.world import World, assert_that_it_adds_up, wait_until

COUNTED = {
    "creditgate_holds_open",
    "creditgate_held_micros",
    "creditgate_oldest_open_hold_seconds",
    "creditgate_swept_total",
    "creditgate_late_commits_total",
    "creditgate_uncollected_micros_total",
    "creditgate_replays_total",
}
SETTLE_SECONDS_MAX = 40


def figures(url: str) -> dict[str, float]:
    """What a server says of itself, summed up over labels."""
    with urllib.request.urlopen(url, timeout=10) as page:  # noqa: S310 - the tester's own
        text = page.read().decode()
    found: dict[str, float] = {}
    for name, value in re.findall(r"^(\w+)(?:\{.*\})? (\S+)", text, re.MULTILINE):
        found[name] = found.get(name, 0) + float(value)
    return found


@together
def test_v55_what_is_open_late_and_swept_is_counted(world: World) -> None:
    url = world.service.metrics_url
    if not url:
        pytest.skip("needs --metrics-url, of a server that does background work")
    wallet = world.wallet(10 * CREDIT)
    before = figures(url)
    hold = wallet.reserve("call", amount_micros=CREDIT, ttl=1).hold
    wallet.reserve("call", amount_micros=CREDIT, ttl=1)
    wait_until(hold.expires_at, wallet)
    assert wallet.commit("call", used_micros=20 * CREDIT).late
    until = time.monotonic() + SETTLE_SECONDS_MAX
    while not _grown(before, now := figures(url)):
        assert time.monotonic() < until, now
        time.sleep(0.5)
    assert now.keys() >= COUNTED


def _grown(before: dict[str, float], now: dict[str, float]) -> bool:
    grown = {name: now.get(name, 0) - before.get(name, 0) for name in COUNTED}
    return (
        grown["creditgate_late_commits_total"] >= 1
        and grown["creditgate_replays_total"] >= 1
        and grown["creditgate_uncollected_micros_total"] >= 10 * CREDIT
    )


def test_v57_after_any_work_the_books_add_up(world: World) -> None:
    random = Random(57)
    debt = account_pb2.OVERAGE_POLICY_DEBT
    wallet = world.wallet(200 * CREDIT, rates=[rate(increment=6)], overage_policy=debt)
    for round_ in range(12):
        requests: list[Any] = []
        for _ in range(25):
            name, quantity = f"h-{random.randrange(40)}", random.randint(1, 40)
            kinds = (
                wallet.to_reserve(name, usage=usage(quantity), ttl=random.choice((0.05, 60))),
                wallet.to_reserve(name, amount_micros=quantity, minimum_micros=1),
                wallet.to_extend(name, quantity=quantity, used_quantity=quantity // 2),
                wallet.to_commit(name, used_quantity=quantity, keep_open=random.random() < 0.5),
                wallet.to_release(name),
                wallet.to_charge(f"t-{name}", amount_micros=random.randint(1, CREDIT)),
            )
            requests.append(random.choice(kinds))
        wallet.batch(*requests)
        wallet.grant(f"g-{round_}", random.randint(1, 20 * CREDIT), priority=random.randint(0, 3))
        assert_that_it_adds_up(wallet)
    assert len(wallet.entries()) > 30


@together
def test_v58_credits_that_end_during_a_call_still_pay_for_it(world: World) -> None:
    wallet = world.wallet()
    ends_at = Timestamp()
    ends_at.FromNanoseconds(wallet.balance().as_of.ToNanoseconds() + 4_000_000_000)
    promotion = account_pb2.GRANT_KIND_PROMOTIONAL
    wallet.grant("promotion", 10 * CREDIT, kind=promotion, expires_at=ends_at)
    wallet.grant("paid", 5 * CREDIT, priority=10)
    wallet.reserve("call", amount_micros=4 * CREDIT)
    wait_until(ends_at, wallet)
    # What no hold covers has ended; the call goes on with what it was given.
    assert wallet.charge("other", amount_micros=CREDIT).balance.settled_micros == 8 * CREDIT
    assert wallet.hold("call").state == OPEN
    final = wallet.commit("call", used_micros=3 * CREDIT)
    assert (final.hold.state, final.charged_micros) == (COMMITTED, 3 * CREDIT)
    assert final.balance.settled_micros == 4 * CREDIT
    drawn = {
        entry.hold_id: [(draw.grant_id, draw.amount_micros) for draw in entry.draws]
        for entry in wallet.entries()
        if entry.kind == accounts.ENTRY_KIND_CHARGE
    }
    assert drawn == {"other": [("paid", CREDIT)], "call": [("promotion", 3 * CREDIT)]}
