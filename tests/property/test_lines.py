"""Work on several meters costs what each of them costs for its total, however it is reported."""

from __future__ import annotations

import itertools
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import hold_pb2
from tests.contract.drivers import START
from tests.contract.wire import Operation
from tests.oracle.answers import RateView
from tests.oracle.prices import price
from tests.property.operations import CREDIT
from tests.property.test_rates import priced_by
from tests.support.stage import Stage

METERS = ("tokens.input", "tokens.cached", "tokens.output", "tool.search")
# Rounds up to a micro-credit, to a thousand tokens, and to blocks with a minimum and a fee.
ROUNDINGS: tuple[dict[str, Any], ...] = (
    {"unit_price": 7, "unit_size": 3},
    {"unit_price": 2 * CREDIT, "unit_size": 1_000, "increment": 1_000},
    {"unit_price": 1, "unit_size": 60, "initial": 30, "increment": 6, "minimum": 40, "fee": 11},
    {"unit_price": CREDIT // 3, "tiers": ((10, 1), (20, CREDIT))},
)
_numbers = itertools.count()
_totals = st.lists(st.integers(0, 120), min_size=len(METERS), max_size=len(METERS))
# What one report says: of some meters, how much of their final totals, in tenths.
_report = st.dictionaries(st.sampled_from(range(len(METERS))), st.integers(0, 10), min_size=1)


def usages(quantities: dict[int, int]) -> hold_pb2.Usages:
    return hold_pb2.Usages(
        usages=[hold_pb2.Usage(meter=METERS[it], quantity=each) for it, each in quantities.items()]
    )


def told(account: str, *, used: dict[int, int], by_extend: bool) -> Any:
    """One report on the way: by Commit, or by Extend that also raises the hold."""
    name: dict[str, Any] = {"account_id": account, "hold_id": "reply"}
    if by_extend:
        raised = usages({it: each + 9 for it, each in used.items()})
        extend = pb.ExtendRequest(**name, quantities=raised, used_quantities=usages(used))
        return pb.AuthorizeRequest(request_id="extend", extend=extend)
    commit = pb.CommitRequest(**name, used_quantities=usages(used), keep_open=True)
    return pb.AuthorizeRequest(request_id="commit", commit=commit)


def test_any_split_over_several_meters_costs_the_prices_of_the_totals(stage: Stage) -> None:
    stage.run(stage.driver.set_time(START))
    rates = tuple(RateView(meter, **terms) for meter, terms in zip(METERS, ROUNDINGS, strict=True))

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=set(Phase) - {Phase.explain},
    )
    @given(_totals, st.lists(_report, max_size=8), _report, st.sampled_from((0, 5)), st.randoms())
    def check(
        final: list[int],
        reports: list[dict[int, int]],
        last: dict[int, int],
        asked: int,
        random: Random,
    ) -> None:
        account = f"lines-{next(_numbers)}"
        priced_by(*rates, account=account, stage=stage, allowance=10**6 * CREDIT)
        # Some are lost, some come again, and all of them in any order.
        used = [{it: final[it] * tenths // 10 for it, tenths in each.items()} for each in reports]
        used = [random.choice(used) for _ in used]
        sent = [told(account, used=each, by_extend=it % 3 == 0) for it, each in enumerate(used)]
        # The last report may leave meters out: what was said of them before stands.
        used.append({it: final[it] for it in last})
        name: dict[str, Any] = {"account_id": account, "hold_id": "reply"}
        begun = usages(dict.fromkeys(range(len(METERS)), asked))
        reserve = pb.ReserveRequest(**name, usages=begun)
        commit = pb.CommitRequest(**name, used_quantities=usages(used[-1]))
        begin = pb.AuthorizeRequest(request_id="begin", reserve=reserve)
        end = pb.AuthorizeRequest(request_id="end", commit=commit)
        batch = pb.BatchAuthorizeRequest(operations=[begin, *sent, end, *sent[:1], end])
        answers = stage.run(stage.driver._call("BatchAuthorize", batch)).results
        charged = sum(
            getattr(each, each.WhichOneof("result")).charged_micros
            for each in answers[1:]
            if not each.HasField("error")
        )
        totals = [max(each.get(it, 0) for each in used) for it in range(len(METERS))]
        wanted = sum(price(rate, each) for rate, each in zip(rates, totals, strict=True))
        hold = answers[-1].commit.hold
        assert charged == hold.charged_micros == wanted
        assert [(each.rate.meter, each.used_quantity) for each in hold.lines] == list(
            zip(METERS, totals, strict=True)
        )
        assert stage.run(stage.violations(account)) == []

    check()


def test_the_meters_of_a_hold_are_those_it_was_made_with(stage: Stage) -> None:
    stage.run(stage.driver.set_time(START))
    rates = [RateView(meter, unit_price=CREDIT) for meter in METERS[:3]]
    priced_by(*rates, account="foreign", stage=stage, allowance=10**6 * CREDIT)
    name: dict[str, Any] = {"account_id": "foreign", "hold_id": "reply"}
    reserve = pb.ReserveRequest(**name, usages=usages({0: 5, 1: 0}))
    assert stage.run(stage.driver._call("Reserve", reserve)).hold.granted_micros == 5 * CREDIT
    foreign = pb.CommitRequest(**name, used_quantities=usages({0: 5, 2: 1}))
    batch = pb.BatchAuthorizeRequest(
        operations=[pb.AuthorizeRequest(request_id="1", commit=foreign)]
    )
    (answer,) = stage.run(stage.driver._call("BatchAuthorize", batch)).results
    assert "rate" in answer.error.message
    held = stage.run(stage.driver.run("foreign", Operation("get_hold", {"hold_id": "reply"})))
    assert held.hold is not None
    assert (held.hold.charged, held.hold.used) == (0, 0)
