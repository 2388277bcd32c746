"""Gateways that lose their connection, or come back after a crash."""

from __future__ import annotations

import queue
import time
from uuid import uuid4

import pytest

from creditgate.v1 import account_pb2, hold_pb2
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import authorization_service_pb2 as pb
from tests.conformance.caller import Caller
from tests.conformance.test_operations import SETTLE_SECONDS_MAX, figures
from tests.conformance.waiting import together
from tests.conformance.wallet import CREDIT, OPEN, rate, seconds, usage
from tests.conformance.world import World

EXPOSURE = "creditgate_offline_exposure_micros"


def calls_of(caller: Caller, gateway_id: str, *, epoch_below: int = 0) -> set[str]:
    """The open calls of a gateway over all accounts, page by page."""
    request = accounts.ListHoldsRequest(gateway_id=gateway_id, epoch_below=epoch_below, page_size=2)
    found: set[str] = set()
    while True:
        page = caller.ask(request)
        assert {each.state for each in page.holds} <= {OPEN}
        assert {each.call.gateway_id for each in page.holds} <= {gateway_id}
        found |= {each.hold_id for each in page.holds}
        request.page_token = page.next_page_token
        if not request.page_token:
            return found


@together
def test_v35_a_gateway_whose_connection_drops_keeps_its_calls(world: World) -> None:
    gateway_id = f"gw-{uuid4()}"
    wallet = world.wallet(100 * CREDIT, rates=[rate()])
    names = {f"call-{number}" for number in range(5)}
    with world.caller.again() as gateway:
        asked: queue.SimpleQueue[pb.AuthorizeRequest | None] = queue.SimpleQueue()
        answers = gateway.converse(iter(asked.get, None))
        for name in names:
            call = hold_pb2.Call(gateway_id=gateway_id, gateway_epoch=1)
            reserve = wallet.to_reserve(name, usage=usage(10), call=call)
            asked.put(pb.AuthorizeRequest(request_id=name, reserve=reserve))
        assert {next(answers).request_id for _ in names} == names
    asked.put(None)
    time.sleep(2)
    assert calls_of(world.caller, gateway_id) == names
    assert wallet.balance().held_micros == 50 * CREDIT


def test_v36_a_gateway_that_comes_back_finds_its_calls_and_no_others(world: World) -> None:
    mine, other = f"gw-{uuid4()}", f"gw-{uuid4()}"
    wallets = [world.wallet(100 * CREDIT, rates=[rate()]) for _ in range(3)]
    for number, wallet in enumerate(wallets):
        for gateway_id, epoch in ((mine, 7), (mine, 8), (other, 7)):
            name = f"{number}/{gateway_id[:6]}/{epoch}"
            call = hold_pb2.Call(gateway_id=gateway_id, gateway_epoch=epoch)
            wallet.reserve(name, usage=usage(10), call=call)
            wallet.report(name, used_quantity=3)
        wallet.reserve(f"{number}/chat", amount_micros=CREDIT)
    old = {f"{number}/{mine[:6]}/7" for number in range(3)}
    new = {f"{number}/{mine[:6]}/8" for number in range(3)}
    assert calls_of(world.caller, mine) == old | new
    assert calls_of(world.caller, mine, epoch_below=8) == old
    # It ends what it has lost, and nothing else ends by it.
    for number, wallet in enumerate(wallets):
        wallet.release(f"{number}/{mine[:6]}/7", termination_cause="gateway-restart")
    assert calls_of(world.caller, mine, epoch_below=8) == set()
    assert calls_of(world.caller, mine) == new
    assert len(calls_of(world.caller, other)) == 3
    for wallet in wallets:
        balance = wallet.balance()
        assert (balance.settled_micros, balance.held_micros) == (91 * CREDIT, 15 * CREDIT)


@together
def test_v39_what_may_be_spent_while_the_service_is_away_is_shown(world: World) -> None:
    url = world.service.metrics_url
    if not url:
        pytest.skip("needs --metrics-url, of a server that does background work")
    # More than all other tests have open: what they do meanwhile does not hide it.
    allowed = 80_000
    terms = account_pb2.CallTerms(offline_allowance=seconds(allowed))
    wallet = world.wallet(100 * CREDIT, rates=[rate()], plan={"call_terms": terms})
    before = figures(url).get(EXPOSURE, 0)
    call = hold_pb2.Call(gateway_id=f"gw-{uuid4()}", gateway_epoch=1)
    wallet.reserve("call", usage=usage(10), call=call)
    until = time.monotonic() + SETTLE_SECONDS_MAX
    while (now := figures(url).get(EXPOSURE, 0)) < before + allowed * CREDIT // 2:
        assert time.monotonic() < until, now
        time.sleep(0.5)
