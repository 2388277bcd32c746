from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import grpc
import pytest

from creditgate.v1 import authorization_service_pb2 as pb
from tests.conformance.caller import Refusal, at_once, ends
from tests.conformance.waiting import together
from tests.conformance.wallet import (
    COMMITTED,
    CREDIT,
    EXPIRED,
    GRANTED,
    HELD,
    OPEN,
    rate,
    usage,
)
from tests.conformance.world import World, wait_until

# What a caller does not know the end of.
UNKNOWN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.INTERNAL,
}


@together
def test_v32_a_gateway_that_crashed_pays_what_it_reported(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[rate()])
    hold = wallet.reserve("call", usage=usage(10), ttl=1.5).hold
    wallet.report("call", used_quantity=3)
    # Who needs the credits gets them from that instant on, swept or not, and no sooner.
    while True:
        needy = wallet.reserve("next", amount_micros=7 * CREDIT)
        over = needy.balance.as_of.ToNanoseconds() >= hold.expires_at.ToNanoseconds()
        assert needy.decision == (GRANTED if over else HELD)
        if over:
            break
        time.sleep(0.02)
    ended = wallet.hold("call")
    assert (ended.state, ended.charged_micros, ended.held_micros) == (EXPIRED, 3 * CREDIT, 0)
    assert ended.settled_at == ended.expires_at == hold.expires_at


@together
def test_v33_usage_reported_at_the_instant_of_expiry_is_charged_once(world: World) -> None:
    count = 150
    wallet = world.wallet(2 * count * CREDIT)
    names = [f"h-{number}" for number in range(count)]
    reserves = [wallet.to_reserve(name, amount_micros=CREDIT, ttl=1.5) for name in names]
    holds = [each.hold for each in wallet.batch(*reserves)]
    wait_until(holds[0].expires_at, wallet, more_seconds=-0.02)
    calls: list[Any] = []
    for name in names:
        # Each is sent twice, beside others who take back what has expired.
        commit = wallet.to_commit(name, used_micros=CREDIT)
        calls += [wallet.caller.send(commit), wallet.caller.send(commit)]
        calls.append(wallet.caller.send(wallet.to_reserve(f"{name}/next", amount_micros=1, ttl=1)))
    answers = ends(calls)
    once = [first.charged_micros + second.charged_micros for first, second in _pairs(answers)]
    assert once == [CREDIT] * count
    ended = {each.hold_id: each for each in wallet.holds()}
    for name in names:
        assert ended[name].charged_micros == CREDIT
        assert (ended[name].state, ended[name].late) in {(COMMITTED, False), (EXPIRED, True)}
    assert wallet.balance().settled_micros == count * CREDIT


def _pairs(answers: list[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(answers[::3], answers[1::3], strict=True)


@together
def test_v34_a_hold_that_is_renewed_in_time_never_ends(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[rate()])
    expires = wallet.reserve("call", usage=usage(1), ttl=4).hold.expires_at
    begun = time.monotonic()
    renewals = 0
    while time.monotonic() - begun < 8:
        time.sleep(1.2)
        renewals += 1
        answer = wallet.extend("call", quantity=renewals + 1, used_quantity=renewals, ttl=4)
        assert (answer.decision, answer.charged_micros) == (GRANTED, CREDIT)
        assert answer.hold.expires_at.ToNanoseconds() > expires.ToNanoseconds()
        expires = answer.hold.expires_at
        assert wallet.hold("call").state == OPEN
    final = wallet.commit("call", used_quantity=renewals)
    assert (final.charged_micros, final.late) == (0, False)


@together
def test_v35_a_lost_connection_ends_no_work(world: World) -> None:
    wallet = world.wallet(100 * CREDIT)
    names = [f"call-{number}" for number in range(20)]
    with world.caller.again() as gateway:
        asked: queue.SimpleQueue[pb.AuthorizeRequest | None] = queue.SimpleQueue()
        answers = gateway.converse(iter(asked.get, None))
        for name in names:
            reserve = wallet.to_reserve(name, amount_micros=CREDIT)
            asked.put(pb.AuthorizeRequest(request_id=name, reserve=reserve))
        granted = {next(answers).request_id for _ in names}
    asked.put(None)
    assert granted == set(names)
    time.sleep(2)
    assert {each.hold_id for each in wallet.holds() if each.state == OPEN} == granted
    assert wallet.balance().held_micros == 20 * CREDIT
    again = wallet.commit(names[0], used_micros=CREDIT)
    assert (again.charged_micros, again.late) == (CREDIT, False)


@together
def test_v37_a_killed_server_is_stood_in_for_by_another(world: World) -> None:
    if world.service.start_replica is None:
        pytest.skip("only servers of the kit's own are killed")
    wallet = world.wallet(1_000 * CREDIT)
    victim = world.service.start_replica()
    other = world.another_caller(target=victim.target)
    requests = [wallet.to_reserve(f"h-{number}", amount_micros=CREDIT) for number in range(300)]
    calls = [other.send(each) for each in requests]
    calls[100].result()
    victim.kill()
    answers = ends(calls)
    lost = [each for each in answers if isinstance(each, Refusal)]
    assert {each.code for each in lost} <= UNKNOWN
    for request, answer in zip(requests, answers, strict=True):
        again = wallet.caller.ask(request)
        assert again.decision == GRANTED
        if not isinstance(answer, Refusal):
            assert again.replayed
            assert again.hold == answer.hold
    assert wallet.balance().held_micros == 300 * CREDIT


@together
def test_v41_what_its_caller_gave_up_is_done_at_once_or_never(world: World) -> None:
    wallet = world.wallet(1_000 * CREDIT)
    requests = [wallet.to_reserve(f"h-{number}", amount_micros=CREDIT) for number in range(120)]
    random = Random(41)
    calls = [
        wallet.caller.send(each, timeout_seconds=random.uniform(0.001, 0.03)) for each in requests
    ]
    answers = ends(calls)
    time.sleep(2.5)
    done = {each.hold_id for each in wallet.holds()}
    time.sleep(2)
    assert {each.hold_id for each in wallet.holds()} == done
    for request, answer in zip(requests, answers, strict=True):
        assert request.hold_id in done or isinstance(answer, Refusal)
        again = wallet.caller.ask(request)
        assert (again.decision, again.replayed) == (GRANTED, request.hold_id in done)
    assert wallet.balance().held_micros == 120 * CREDIT


def test_v42_reports_kept_during_an_outage_end_in_one_ledger_in_any_order(world: World) -> None:
    random = Random(42)
    wallet = world.wallet(10_000 * CREDIT, rates=[rate(increment=6)])
    for number in range(25):
        name = f"call-{number}"
        kept: list[Any] = [
            wallet.to_commit(name, used_quantity=total, keep_open=True) for total in range(5, 40, 5)
        ]
        kept += [wallet.to_extend(name, quantity=50, used_quantity=33)]
        kept += [wallet.to_commit(name, used_quantity=43)]
        kept += random.choices(kept, k=6)
        random.shuffle(kept)
        wallet.batch(wallet.to_reserve(name, usage=usage(10)), *kept)
        hold = wallet.hold(name)
        assert (hold.state, hold.charged_micros) == (COMMITTED, 48 * CREDIT)
        assert (hold.held_micros, hold.used_quantity) == (0, 43)


def test_v42_a_backlog_sent_all_at_once_ends_in_the_same_ledger(world: World) -> None:
    random = Random(4242)
    wallet = world.wallet(10_000 * CREDIT, rates=[rate()])
    names = [f"call-{number}" for number in range(20)]
    wallet.batch(*(wallet.to_reserve(name, usage=usage(10)) for name in names))
    backlog = [
        wallet.to_commit(name, used_quantity=total, keep_open=total < 30)
        for name in names
        for total in (10, 10, 20, 30, 30)
    ]
    random.shuffle(backlog)
    at_once(backlog, world.caller, world.another_caller())
    assert {each.charged_micros for each in wallet.holds()} == {30 * CREDIT}
    assert wallet.balance().held_micros == 0
