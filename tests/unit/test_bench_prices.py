"""The benchmark's own prices, which totals are checked against, and what it reserves by usage."""

from __future__ import annotations

from random import Random

from bench.job import Job
from bench.prices import CARD, Price, find
from bench.work import WORKS
from creditgate.v1 import authorization_service_pb2 as pb
from tests.oracle.answers import RateView
from tests.oracle.prices import price


def test_the_benchmarks_prices_are_those_of_the_design() -> None:
    draw = Random(1)
    for each in (*CARD, *(a_price(draw) for _ in range(300))):
        quantities = [0, 1, *(draw.randrange(1, 300) for _ in range(20)), 10**6]
        assert [each.of(q) for q in quantities] == [
            price(as_the_oracle(each), q) for q in quantities
        ]


def test_a_model_without_a_price_of_its_own_costs_what_all_models_do() -> None:
    assert find("tokens.output", "large").unit_price == 7_000_003
    assert find("tokens.output", "small") == find("tokens.output", "*")


def test_reserves_by_usage_differ_from_those_by_amount_in_the_price_alone() -> None:
    job = Job(host="", port=0, api_key="", work="", names="x", accounts=5)
    by_amount, by_usage = (
        pb.ReserveRequest.FromString(next(WORKS[work](job, 0)).message)
        for work in ("reserves", "metered")
    )
    assert by_usage.usage.quantity
    by_usage.amount_micros = by_amount.amount_micros
    assert by_usage == by_amount


def a_price(draw: Random) -> Price:
    starts = sorted(draw.sample(range(1, 200), draw.randrange(4)))
    return Price(
        "meter",
        "*",
        draw.randrange(10**6),
        unit_size=draw.choice([1, 7, 60, 1_000]),
        fee=draw.randrange(3),
        minimum=draw.randrange(40),
        initial=draw.randrange(40),
        increment=draw.randrange(1, 30),
        tiers=tuple((each, draw.randrange(10**6)) for each in starts),
    )


def as_the_oracle(of: Price) -> RateView:
    return RateView(**of._asdict())
