"""However a usage is reported, it costs what its total costs; and walks beside the oracle."""

from __future__ import annotations

import itertools
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contract.drivers import START, ModelDriver
from tests.contract.wire import Operation
from tests.oracle.answers import RateView
from tests.oracle.prices import RateCard, price
from tests.oracle.subscriber import Plan
from tests.property.operations import CREDIT
from tests.support.stage import Stage

WALKS, STEPS = 6, 150
SECOND = 1_000_000
QUANTITIES = (0, 1, 5, 6, 7, 29, 30, 31, 59, 60, 61, 78)
_numbers = itertools.count()

_tiers = st.lists(
    st.tuples(st.integers(1, 100), st.integers(0, 2 * CREDIT)), max_size=2, unique_by=lambda t: t[0]
).map(lambda tiers: tuple(sorted(tiers)))
_rates = st.builds(
    RateView,
    meter=st.just("work"),
    unit_price=st.integers(0, 2 * CREDIT),
    unit_size=st.sampled_from((0, 1, 3, 7, 60, 1000)),
    fee=st.sampled_from((0, 1, CREDIT)),
    minimum=st.sampled_from((0, 10, 45)),
    initial=st.sampled_from((0, 6, 30, 60)),
    increment=st.sampled_from((0, 1, 6, 60)),
    tiers=_tiers,
)
_quantities = st.one_of(st.sampled_from(QUANTITIES), st.integers(0, 200))


def priced_by(*rates: RateView, account: str, stage: Stage, allowance: int) -> None:
    """Open an account on a plan with these rates."""
    for request in (
        Operation("create_account"),
        Operation("put_rate_card", {"card": RateCard("card", 1, rates)}),
        Operation("put_plan", {"plan": Plan("plan", 1, allowance, "YEAR", card=("card", 1))}),
        Operation("update_account", {"plan": ("plan", 1)}),
    ):
        assert stage.run(stage.driver.run(account, request)).outcome == "ACCEPTED"


def reports(totals: list[int]) -> list[Operation]:
    """Interim reports of these totals: by Commit, and by Extend that also raises the hold."""
    hold = {"hold_id": "work"}
    return [
        Operation("commit", {**hold, "used_quantity": total, "keep_open": True})
        if place % 2
        else Operation("extend", {**hold, "quantity": total + 9, "used_quantity": total})
        for place, total in enumerate(totals)
    ]


def test_any_split_costs_the_price_of_the_total(stage: Stage) -> None:
    stage.run(stage.driver.set_time(START))

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=set(Phase) - {Phase.explain},
    )
    @given(_rates, st.lists(_quantities, max_size=6), st.integers(0, 200), st.randoms())
    def check(rate: RateView, interim: list[int], final: int, random: Random) -> None:
        account = f"split-{next(_numbers)}"
        priced_by(rate, account=account, stage=stage, allowance=10**6 * CREDIT)
        sent = reports([min(total, final) for total in interim])
        # Some are lost, some come again, and all of them in any order.
        sent = [random.choice(sent) for _ in sent] if sent else []
        usage = {"hold_id": "work", "usage": ("work", "", 10)}
        last = Operation("commit", {"hold_id": "work", "used_quantity": final})
        charged = 0
        for request in (Operation("reserve", usage), *sent, last, *sent[:1], last):
            answer = stage.run(stage.driver.run(account, request))
            charged += answer.charged
        held = stage.run(stage.driver.run(account, Operation("get_hold", {"hold_id": "work"})))
        assert held.hold is not None
        assert charged == held.hold.charged == price(rate, final)
        assert held.hold.used_quantity == final
        assert stage.run(stage.violations(account)) == []

    check()


SPLIT = ("in", "out")


def mixed_reports(totals: list[tuple[int, int]]) -> list[Operation]:
    """Interim reports of totals of two lines, some of one of them: by Commit, and by Extend."""
    sent = []
    for place, each in enumerate(totals):
        said = tuple((meter, "", total) for meter, total in zip(SPLIT, each, strict=True))
        said = said[place % 3 - 1 :] or said
        more = tuple((meter, model, total + 9) for meter, model, total in said[:1])
        sent.append(
            Operation("commit", {"hold_id": "work", "used_quantities": said, "keep_open": True})
            if place % 2
            else Operation(
                "extend", {"hold_id": "work", "quantities": more, "used_quantities": said}
            )
        )
    return sent


def test_any_split_of_several_meters_costs_the_prices_of_the_totals(stage: Stage) -> None:
    stage.run(stage.driver.set_time(START))
    pairs = st.tuples(_quantities, _quantities)

    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=set(Phase) - {Phase.explain},
    )
    @given(_rates, _rates, st.lists(pairs, max_size=6), pairs, st.randoms())
    def check(
        first: RateView,
        second: RateView,
        interim: list[tuple[int, int]],
        final: tuple[int, int],
        random: Random,
    ) -> None:
        account = f"split-{next(_numbers)}"
        rates = (replace(first, meter="in"), replace(second, meter="out"))
        priced_by(*rates, account=account, stage=stage, allowance=10**6 * CREDIT)
        sent = mixed_reports([(min(a, final[0]), min(b, final[1])) for a, b in interim])
        sent = [random.choice(sent) for _ in sent] if sent else []
        usages = (("in", "", 10), ("out", "", 0))
        said = tuple((meter, "", total) for meter, total in zip(SPLIT, final, strict=True))
        last = Operation("commit", {"hold_id": "work", "used_quantities": said})
        opening = Operation("reserve", {"hold_id": "work", "usages": usages})
        charged = 0
        for request in (opening, *sent, last, *sent[:1], last):
            charged += stage.run(stage.driver.run(account, request)).charged
        held = stage.run(stage.driver.run(account, Operation("get_hold", {"hold_id": "work"})))
        assert held.hold is not None
        wanted = sum(price(rate, total) for rate, total in zip(rates, final, strict=True))
        assert charged == held.hold.charged == wanted
        assert tuple(line.used_quantity for line in held.hold.lines) == final
        assert stage.run(stage.violations(account)) == []

    check()


class Chooser:
    """Chooses what to ask next of one account."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.quotes = 0

    def step(self) -> Operation:
        pick = self._random.choice
        hold = {"hold_id": pick("abcdefghijkl")}
        quantity = pick((*QUANTITIES[1:], self._random.randint(1, 300)))
        usage = {"usage": (pick(("call", "call", "text", "none")), pick(("", "small")), quantity)}
        minimum = {"minimum": pick((0, 0, 1, 5 * CREDIT))}
        ttl = {"ttl_ms": pick((5_000, 60_000))}
        amount = self._random.randint(1, 40 * CREDIT)
        mixed = (("call", "", quantity // 3), ("text", pick(("", "small")), quantity // 9))
        some = pick((mixed, mixed[:1], mixed[1:], (("call", "small", quantity),)))
        pinned: dict[str, Any] = {}
        if self.quotes and pick((0, 1, 1)):
            fresh = f"pinned-{self._random.randint(1, 40)}"
            pinned = {"pinned": pick((1, self.quotes)), "hold_id": fresh}
        pin = {"pin_for_ms": pick((0, 2_000, 60_000))}
        several = {"hold_id": pick("mnopqrstuvwxyz" if pick((1, 0)) else "amn")}
        old = pick("abcdefghijklmnopq")
        used = pick(({"used": amount}, {"used_quantity": quantity}, {"used_quantities": some}))
        fresh = f"moved-{self._random.randint(1, 60)}"
        replaces = {"hold_id": fresh, "replaces": (old, used)}
        return pick(
            (
                Operation("reserve", {**hold, **usage, **minimum, **ttl}),
                Operation("reserve", {**hold, **usage, **ttl, **pinned}),
                Operation("reserve", {**hold, "amount": amount, **ttl}),
                Operation("reserve", {"amount": amount // 9 + 1, **replaces}),
                Operation("reserve", {"usages": mixed, **minimum, **replaces}),
                Operation("charge", {**hold, **usage, **minimum, **pinned}),
                Operation("extend", {**hold, "quantity": quantity, **minimum, **ttl}),
                Operation("extend", {**hold, "quantity": quantity, "used_quantity": quantity // 2}),
                Operation("extend", {**hold, "total": amount, "used_quantity": quantity}),
                Operation("commit", {**hold, "used_quantity": quantity, "keep_open": True}),
                Operation("commit", {**hold, "used_quantity": quantity}),
                Operation("commit", {**hold, "used": amount, "keep_open": pick((True, False))}),
                Operation("reserve", {**several, "usages": mixed, **minimum, **ttl, **pinned}),
                Operation("reserve", {**several, "usages": mixed, **ttl}),
                Operation("charge", {**several, "usages": pick((mixed, some)), **minimum}),
                Operation("extend", {**several, "quantities": some, "used_quantities": mixed}),
                Operation("extend", {**several, "quantities": mixed, **minimum, **ttl}),
                Operation("commit", {**several, "used_quantities": some, "keep_open": True}),
                Operation("commit", {**several, "used_quantities": mixed}),
                Operation("release", hold),
                Operation("quote", {**usage, **pin}),
                Operation("quote", {"usages": mixed, **pin}),
                Operation("update_account", {"plan": ("plan", pick((1, 2)))}),
                Operation("update_account", {"policy": pick(("CAP", "DEBT", "DENY"))}),
                Operation(
                    "add_grant", {"grant_id": str(amount), "amount": amount, "kind": "PURCHASED"}
                ),
            )
        )


def test_walks_in_quantities_are_the_oracles(stage: Stage) -> None:
    priced: dict[str, int] = {}
    lined = moved = 0
    for walk in range(WALKS):
        random, account, oracle = Random(walk), f"metered-walk-{walk}", ModelDriver()
        rates = [
            RateView("call", unit_price=2 * CREDIT, unit_size=7, fee=5, initial=30, increment=6),
            RateView("call", "small", unit_price=CREDIT // 9, tiers=((20, CREDIT),)),
            RateView("text", unit_price=CREDIT * walk, minimum=3),
        ]
        plans: dict[str, Any] = {"allowance": 500 * CREDIT, "unit": "WEEK", "hold_max": 40 * CREDIT}
        opening = [
            Operation("create_account"),
            Operation("put_rate_card", {"card": RateCard("card", 1, tuple(rates))}),
            Operation("put_rate_card", {"card": RateCard("card", 2, tuple(rates[:2]))}),
            Operation("put_plan", {"plan": Plan("plan", 1, **plans, card=("card", 1))}),
            Operation("put_plan", {"plan": Plan("plan", 2, **plans, card=("card", 0))}),
            Operation("update_account", {"plan": ("plan", 1)}),
        ]
        chooser, now = Chooser(random), START
        for asked in itertools.chain(opening, (chooser.step() for _ in range(STEPS))):
            now += random.choice((0, 0, SECOND, 4 * SECOND))
            for driver in (stage.driver, oracle):
                stage.run(driver.set_time(now))
            answer = stage.run(stage.driver.run(account, asked))
            assert answer == stage.run(oracle.run(account, asked)), asked
            name = f"{asked.verb} {answer.outcome}"
            priced[name] = priced.get(name, 0) + (answer.affordable > 0 or answer.charged > 0)
            moved += answer.replaced is not None
            chooser.quotes += answer.pinned_until is not None
            lined += answer.hold is not None and len(answer.hold.lines) > 0
        assert stage.run(stage.violations(account)) == []
    assert not {"reserve QUOTE_EXPIRED", "charge QUOTE_EXPIRED"}.isdisjoint(priced)
    for seen in (
        "reserve GRANTED",
        "reserve GRANTED_PARTIAL",
        "extend GRANTED",
        "quote ACCEPTED",
    ):
        assert priced[seen] > 0, "the walks went where they were to go"
    assert moved >= WALKS // 2, "and holds were replaced"
    assert lined > WALKS * STEPS // 40, "and several meters were on their way"
