from __future__ import annotations

import time

from creditgate.v1 import account_pb2
from creditgate.v1 import catalog_service_pb2 as catalog
from tests.conformance.caller import at_once, ends, refused
from tests.conformance.waiting import together
from tests.conformance.wallet import (
    COMMITTED,
    CREDIT,
    EXPIRED,
    GRANTED,
    HELD,
    INSUFFICIENT,
    LIMIT,
    OPEN,
    PARTIAL,
    Wallet,
    rate,
    usage,
)
from tests.conformance.world import World, wait_until

# Two credits a thousand tokens.
TOKENS = rate("tokens.output", unit_price_micros=2 * CREDIT, unit_size=1_000)


def tokens(quantity: int) -> object:
    return usage(quantity, meter="tokens.output")


def test_c01_a_hold_is_capped_and_the_ceiling_of_tokens_is_another_number(world: World) -> None:
    limits = catalog.PlanLimits(hold_max_micros=8 * CREDIT)
    wallet = world.wallet(100 * CREDIT, rates=[TOKENS], plan={"limits": limits})
    denied = wallet.reserve("reply", usage=tokens(128_000))
    assert (denied.decision, denied.limit) == (LIMIT, "hold_max_micros")
    capped = wallet.reserve("reply", usage=tokens(128_000), minimum_micros=CREDIT)
    assert (capped.decision, capped.hold.granted_quantity) == (PARTIAL, 4_000)
    # The limit is one of holds; what the credits buy is more.
    assert capped.affordable_quantity == 50_000


def test_c02_part_of_a_grant_says_how_many_tokens_it_buys(world: World) -> None:
    wallet = world.wallet(5 * CREDIT, rates=[TOKENS])
    some = wallet.reserve("reply", usage=tokens(8_000), minimum_micros=CREDIT)
    assert (some.decision, some.hold.granted_quantity) == (PARTIAL, 2_500)
    assert some.affordable_quantity == 2_500
    assert wallet.commit("reply", used_quantity=2_500).uncollected_micros == 0


def test_c03_who_is_held_up_by_others_is_told_to_come_again(world: World) -> None:
    wallet = world.wallet(5 * CREDIT, rates=[TOKENS])
    wallet.reserve("one", usage=tokens(2_000), ttl=20)
    denied = wallet.reserve("two", usage=tokens(1_000))
    assert denied.decision == HELD
    assert 0 < denied.retry_after.ToNanoseconds() <= 20e9
    wallet.commit("one", used_quantity=1_500)
    assert wallet.reserve("two", usage=tokens(1_000)).decision == GRANTED
    hopeless = wallet.reserve("three", usage=tokens(10_000))
    assert (hopeless.decision, hopeless.HasField("retry_after")) == (INSUFFICIENT, False)


def test_c04_less_frees_the_rest_and_more_is_charged_as_far_as_there_is(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[TOKENS])
    wallet.reserve("less", usage=tokens(3_000))
    less = wallet.commit("less", used_quantity=1_000)
    assert (less.charged_micros, less.balance.held_micros) == (2 * CREDIT, 0)
    assert less.balance.available_micros == 8 * CREDIT
    wallet.reserve("more", usage=tokens(1_000))
    more = wallet.commit("more", used_quantity=5_000)
    assert (more.charged_micros, more.uncollected_micros) == (8 * CREDIT, 2 * CREDIT)
    assert more.hold.used_micros == 10 * CREDIT


@together
def test_c05_a_long_answer_keeps_its_hold_by_its_heartbeat(world: World) -> None:
    wallet = world.wallet(100 * CREDIT, rates=[TOKENS])
    wallet.reserve("reply", usage=tokens(4_000), ttl=4)
    for beat in range(1, 7):
        time.sleep(1.2)
        # It grants nothing more and charges nothing: it only lives on.
        answer = wallet.extend("reply", ttl=4)
        assert (answer.hold.state, answer.hold.granted_quantity) == (OPEN, 4_000), beat
    final = wallet.commit("reply", used_quantity=3_500)
    assert (final.charged_micros, final.late) == (7 * CREDIT, False)


@together
def test_c06_what_a_caller_abandons_is_free_when_its_time_is_over(world: World) -> None:
    wallet = world.wallet(10 * CREDIT)
    requests = [wallet.to_reserve(f"r-{n}", amount_micros=CREDIT, ttl=1) for n in range(10)]
    calls = [wallet.caller.send(each) for each in requests]
    for number, call in enumerate(calls):
        time.sleep(0.002 * number)
        call.cancel()
    ends(calls)
    time.sleep(1.2)
    assert wallet.reserve("next", amount_micros=10 * CREDIT).decision == GRANTED
    wallet.release("next")
    assert {each.state for each in wallet.holds()} <= {EXPIRED, 3}


def test_c07_one_message_is_charged_once_however_often_it_is_tried(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[TOKENS])
    for _ in range(4):
        assert wallet.reserve("msg-1", usage=tokens(1_000)).decision == GRANTED
    for _ in range(4):
        assert wallet.commit("msg-1", used_quantity=500).hold.charged_micros == CREDIT
    # Names of each attempt are the mistake that this shows.
    for attempt in range(2):
        wallet.charge(f"msg-2/{attempt}", usage=tokens(500))
    assert wallet.balance().settled_micros == 7 * CREDIT


@together
def test_c08_usage_that_becomes_known_late_is_charged_then_and_once(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[TOKENS])
    hold = wallet.reserve("reply", usage=tokens(2_000), ttl=1.5).hold
    wallet.report("reply", used_quantity=500)
    wait_until(hold.expires_at, wallet)
    for charged in (2 * CREDIT, 0):
        late = wallet.commit("reply", used_quantity=1_500)
        assert (late.late, late.charged_micros) == (True, charged)
        assert (late.hold.state, late.hold.charged_micros) == (EXPIRED, 3 * CREDIT)


def test_c09_a_tool_is_charged_in_one_step_and_refunded_up_to_its_price(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[rate("tool.search", unit_price_micros=3 * CREDIT)])
    charged = wallet.charge("tool", usage=usage(2, meter="tool.search"))
    assert (charged.hold.state, charged.hold.charged_micros) == (COMMITTED, 6 * CREDIT)
    for _ in range(2):
        back = wallet.refund("back-1", "tool", 4 * CREDIT)
        assert back.balance.settled_micros == 8 * CREDIT
    with refused("REFUND_EXCEEDS_CHARGE"):
        wallet.refund("back-2", "tool", 3 * CREDIT)
    with refused("NAME_REUSED"):
        wallet.refund("back-1", "tool", CREDIT)
    assert wallet.refund("back-3", "tool", 2 * CREDIT).hold.refunded_micros == 6 * CREDIT


def budget(attribute: str, spend_max: int) -> account_pb2.Budget:
    return account_pb2.Budget(
        budget_id=attribute, attribute=attribute, spend_max_micros=spend_max * CREDIT
    )


def test_c10_limits_of_user_agent_and_conversation_are_judged_together(world: World) -> None:
    budgets = [budget("user", 6), budget("agent", 8), budget("conversation_id", 4)]
    wallet = world.wallet(100 * CREDIT, plan={"budgets": budgets})

    def reserve(name: str, amount: int, user: str, agent: str, conversation: str) -> str:
        attributes = {"user": user, "agent": agent, "conversation_id": conversation}
        answer = wallet.reserve(name, amount_micros=amount * CREDIT, attributes=attributes)
        return answer.limit or str(answer.decision == GRANTED)

    assert reserve("1", 4, "ann", "bot", "c-1") == "True"
    assert reserve("2", 1, "ann", "bot", "c-1") == "budget/conversation_id"
    assert reserve("3", 3, "ann", "bot", "c-2") == "budget/user"
    assert reserve("4", 4, "bob", "bot", "c-3") == "True"
    assert reserve("5", 1, "cid", "bot", "c-4") == "budget/agent"
    raised = wallet.extend("4", amount_micros=5 * CREDIT)
    assert (raised.decision, raised.limit) == (LIMIT, "budget/agent")
    # What was denied counts on none of them.
    held = {(each.budget_id, each.value): each.held_micros for each in wallet.counters()}
    assert held[("user", "ann")] == held[("conversation_id", "c-1")] == 4 * CREDIT
    assert ("user", "cid") not in held
    assert ("conversation_id", "c-2") not in held


def test_c11_what_is_settled_held_and_available_is_told_apart(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, overdraft_limit_micros=2 * CREDIT)

    def shown(wallet: Wallet) -> tuple[int, ...]:
        it = wallet.balance()
        every = (it.settled_micros, it.held_micros, it.available_micros)
        return tuple(each // CREDIT for each in every)

    assert shown(wallet) == (10, 0, 12)
    wallet.reserve("reply", amount_micros=7 * CREDIT)
    assert shown(wallet) == (10, 7, 5)
    wallet.report("reply", used_micros=3 * CREDIT)
    assert shown(wallet) == (7, 4, 5)
    wallet.commit("reply", used_micros=3 * CREDIT)
    assert shown(wallet) == (7, 0, 9)


def test_c14_two_workers_with_one_message_make_one_hold(world: World) -> None:
    wallet = world.wallet(10 * CREDIT, rates=[TOKENS])
    workers = world.another_caller(), world.another_caller()
    for number in range(10):
        request = wallet.to_reserve(f"msg-{number}", usage=tokens(500))
        first, second = at_once([request, request], *workers)
        assert first.hold == second.hold
        assert {first.replayed, second.replayed} == {True, False}
    assert wallet.balance().held_micros == 10 * CREDIT


def test_c15_a_quote_touches_nothing(world: World) -> None:
    wallet = world.wallet(5 * CREDIT, rates=[TOKENS])
    before = wallet.balance().version
    quoted = wallet.quote(usage=tokens(10_000))
    assert (quoted.price_micros, quoted.affordable_quantity) == (20 * CREDIT, 2_500)
    assert quoted.rate.unit_size == 1_000
    assert wallet.balance().version == before
    assert wallet.holds() == []
