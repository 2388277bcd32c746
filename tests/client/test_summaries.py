"""Summaries with both clients, and on the command line."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import date, timedelta
from decimal import Decimal

import pytest

import creditgate
from creditgate import CycleUnit, GrantKind, Usage
from creditgate._commands.chart import bars, of_credits, of_days, share
from creditgate._commands.figures import lasting
from creditgate._types.summary import DayUsage
from tests.client.conftest import Fake, Shell, answer


@pytest.fixture
def used(fake: Fake) -> Fake:
    """An account on a plan, that was used for three days: 7, then 2 of which 3 were refunded."""
    with fake.client() as client:
        rate = creditgate.Rate(meter="voice.call", unit_price_micros=600_000, unit_size=60)
        client.put_rate_card("std", version=1, rates=[rate])
        client.put_plan("pro", version=1, allowance=20, cycle=CycleUnit.MONTH, rate_card_id="std")
        client.update_account("acme", plan="pro@1")
        client.charge("acme", hold_id="a", amount=7)
        fake.advance(seconds=86_400)
        client.charge("acme", hold_id="b", amount=2)
        client.refund("acme", refund_id="r", hold_id="a", amount=3)
        fake.advance(seconds=43_200)
    return fake


def test_both_clients_read_it(used: Fake) -> None:
    with used.client() as client:
        found = client.get_summary("acme")
        assert found == asyncio.run(read(used))
        assert found.period.kind is creditgate.SummaryPeriodKind.CYCLE
        assert (found.allowance, found.consumed, found.holds) == (Decimal(20), Decimal(6), 2)
        assert [(day.date, day.consumed) for day in found.days] == [
            (date(2030, 1, 1), Decimal(7)),
            (date(2030, 1, 2), Decimal(-1)),
        ]
        assert found.trend.peak == found.days[0]
        assert found.trend.average == 4
        assert found.trend.projected == Decimal(6) + 4 * Decimal("29.5")
        assert found.trend.run_out_at == used.now() + timedelta(days=114 / 4)
        given = {source.kind: (source.given, source.remaining) for source in found.sources}
        assert given[GrantKind.PLAN] == (Decimal(20), Decimal(14))
        assert given[GrantKind.PURCHASED] == (Decimal(100), Decimal(100))
        assert found.balance == client.get_balance("acme")

        last = client.get_summary("acme", days=1)
        assert last.period.kind is creditgate.SummaryPeriodKind.RANGE
        assert (last.consumed, last.period.days_left) == (Decimal(-1), 0)
        start, middle = found.period.starts_at, found.period.starts_at + timedelta(hours=1)
        assert client.get_summary("acme", since=start, until=middle).consumed == 7
        with pytest.raises(creditgate.NotFound):
            client.get_summary("nobody")
        with pytest.raises(creditgate.InvalidRequest):
            client.get_summary("acme", days=1, since=start)


async def read(fake: Fake) -> creditgate.Summary:
    async with fake.async_client() as client:
        return await client.get_summary("acme")


def test_the_command_shows_figures_and_a_chart(used: Fake, shell: Shell) -> None:
    with used.client() as client:
        leg = creditgate.CallLeg(gateway_id="gw", epoch=1)
        call = Usage(meter="voice.call", quantity=600)
        client.reserve("acme", hold_id="call", usage=call, call=leg)
    lines = shell("usage", "acme").stdout.splitlines()
    figures = {line[:14].strip(): line[14:].split() for line in lines[2:] if line[:14].strip()}
    assert lines[0].split()[:2] == ["acme", "cycle"]
    assert "30 days left" in lines[0]
    assert figures["available"] == ["108", "settled", "114"]
    assert figures["held"] == ["6", "open", "holds", "1", "calls", "1"]
    assert figures["consumed"] == ["6", "holds", "2"]
    assert figures["allowance"][::2] == ["20", "30"]
    assert figures["plan"][:4] == ["left", "14", "given", "20"]
    assert figures["average"] == ["4", "a", "day"]
    assert figures["peak"] == ["7", "on", "Tue", "2030-01-01"]
    assert figures["projected"][0] == "124"
    assert figures["calls run out"] == ["in", "3", "h", "10", "min"]
    assert [line.split()[1] for line in lines[-2:]] == ["2030-01-01", "2030-01-02"]
    assert lines[-2].split()[-3:] == ["7", "in", "1"]


@pytest.mark.usefixtures("used")
def test_the_command_writes_json_and_csv(shell: Shell) -> None:
    found = answer(shell("usage", "acme", "--json"))
    assert (found["consumed"], found["consumed_micros"]) == ("6", 6_000_000)
    assert found["days"][0]["date"] == "2030-01-01"
    rows = list(csv.reader(io.StringIO(shell("usage", "acme", "--csv", "--days", "9").stdout)))
    assert rows == [
        ["date", "consumed", "holds"],
        ["2030-01-01", "7", "1"],
        ["2030-01-02", "-1", "1"],
    ]
    assert shell("usage", "acme", "--csv", "--json").exit_code == 2


def test_bars_are_in_proportion_and_none_is_lost() -> None:
    sizes = (("a", 64, ""), ("bb", 32, "in 2"), ("c", 1e-6, ""), ("d", -1, ""), ("e", 0, ""))
    rows = [of_credits(name, int(size * 1_000_000), note) for name, size, note in sizes]
    drawn = list(bars(rows, encoding="ascii"))
    assert drawn[0] == f"a   {'#' * 32}        64"
    assert drawn[1] == f"bb  {'#' * 16}{' ' * 16}        32  in 2"
    assert [line.count("#") for line in drawn[2:]] == [1, 0, 0]
    smooth = list(bars(rows, encoding="utf-8"))
    assert [line.count("█") for line in smooth[:2]] == [32, 16]
    assert "▏" in smooth[2]
    assert list(bars([], encoding="utf-8")) == []
    assert [line.split() for line in bars(rows[-1:], encoding="utf-8")] == [["e", "0"]]


def test_a_share_is_never_more_than_the_whole() -> None:
    shares = [share(part, 8, encoding="ascii").count("#") for part in (-1, 0, 4, 8, 9)]
    assert shares == [0, 0, 16, 32, 32]
    assert len(share(1, 0, encoding="utf-8")) == 32


@pytest.mark.parametrize(("count", "rows"), [(31, 31), (32, 5), (217, 31), (218, 8), (365, 12)])
def test_long_times_are_shown_in_weeks_and_months(count: int, rows: int) -> None:
    first = date(2030, 1, 1)
    days = [
        DayUsage(date=first + timedelta(days=day), consumed_micros=day, holds=1)
        for day in range(count)
    ]
    shown = of_days(days)
    assert len(shown) == rows
    assert sum(row.size for row in shown) == sum(range(count))
    assert sum(int(row.note.removeprefix("in ")) for row in shown) == count


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_661, "1 h 1 min"), (90_061, "1 d 1 h")],
)
def test_lengths_of_time(seconds: float, told: str) -> None:
    assert lasting(seconds) == told
