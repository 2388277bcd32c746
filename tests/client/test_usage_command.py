"""What was consumed, row by row, on the command line."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

import creditgate
from creditgate import Attributes, Usage
from tests.client.conftest import Fake, Shell, answer

MONTH_BEFORE = datetime(2029, 12, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def used(fake: Fake) -> None:
    """An account in Kathmandu, used for calls and by two agents, also in the month before."""
    fake.set_time(MONTH_BEFORE)
    with fake.client() as client:
        client.create_account("far")
        client.update_account("far", time_zone="Asia/Kathmandu")
        client.add_grant("far", grant_id="g", amount=100, kind=creditgate.GrantKind.PURCHASED)
        client.charge("far", hold_id="old", amount=50)
        rates = [
            creditgate.Rate(meter="voice.call", unit_price_micros=600_000, unit_size=60),
            creditgate.Rate(meter="chat.message", model="large", unit_price_micros=2_000_000),
        ]
        client.put_rate_card("std", version=1, rates=rates)
        client.put_plan("pro", version=1, rate_card_id="std")
        client.update_account("far", plan="pro@1")
        fake.set_time(datetime(2030, 1, 5, 18, tzinfo=UTC))
        red = {"team": "red"}
        client.charge("far", hold_id="a", amount=3, attributes=Attributes(agent="ann"), labels=red)
        fake.advance(seconds=1_800)  # and so past midnight there
        client.charge("far", hold_id="b", amount=1, attributes=Attributes(agent="=bob\n"))
        large = Usage(meter="chat.message", model="large", quantity=2)
        client.charge("far", hold_id="c", usage=large, attributes=Attributes(agent="ann"))
        leg = creditgate.CallLeg(gateway_id="gw", epoch=1)
        minute = Usage(meter="voice.call", quantity=60)
        client.reserve("far", hold_id="d", usage=minute, call=leg)
        client.commit("far", hold_id="d", used_quantity=90)


def cells(text: str) -> list[list[str]]:
    """The words of each line, without its bar."""
    blocks = "▏▎▍▌▋▊▉█#"
    return [[w for w in line.split() if w.strip(blocks)] for line in text.splitlines()]


def test_by_groups_the_running_month(shell: Shell) -> None:
    assert cells(shell("usage", "far", "--by", "agent").stdout) == [
        ["-", "0.9", "in", "1"],
        ["=bob\N{REPLACEMENT CHARACTER}", "1", "in", "1"],
        ["ann", "7", "in", "2"],
    ]
    dearest = shell("usage", "far", "--by", "type", "--by", "model", "--top", "2").stdout
    assert cells(dearest) == [["-", "-", "4", "in", "2"], ["chat", "large", "4", "in", "1"]]
    metered = shell("usage", "far", "--by", "meter", "--type", "call").stdout
    assert cells(metered) == [["voice.call", "0.9", "in", "1", "quantity", "90"]]
    assert shell("usage", "far", "--agent", "nobody").stdout == "no usage\n"


def test_per_day_and_hour_go_by_the_clock_of_the_account(shell: Shell) -> None:
    days = shell("usage", "far", "--per", "day").stdout
    assert cells(days) == [
        ["Sat", "2030-01-05", "3", "in", "1"],
        ["Sun", "2030-01-06", "5.9", "in", "3"],
    ]
    hours = shell("usage", "far", "--per", "hour", "--agent", "ann", "--days", "1").stdout
    assert [line[1:4] for line in cells(hours)] == [
        ["2030-01-05", "23:00", "3"],
        ["2030-01-06", "00:00", "4"],
    ]
    months = shell("usage", "far", "--per", "month", "--from", "2029-01-01").stdout
    assert [line[:2] for line in cells(months)] == [["2029-12", "50"], ["2030-01", "8.9"]]


def test_labels_are_asked_about_by_key(shell: Shell) -> None:
    by_label = shell("usage", "far", "--by", "label", "--label-key", "team").stdout
    assert [line[:2] for line in cells(by_label)] == [["-", "5.9"], ["red", "3"]]
    assert cells(shell("usage", "far", "--label", "team=red").stdout) == [["3", "in", "1"]]
    assert shell("usage", "far", "--label", "a=b", "--label-key", "c").exit_code == 2
    refused = shell("usage", "far", "--by", "agent", "--by", "user")
    assert refused.exit_code == 1


def test_rows_as_csv_and_json(shell: Shell) -> None:
    wanted = ("usage", "far", "--per", "day", "--by", "agent")
    rows = list(csv.reader(io.StringIO(shell(*wanted, "--csv").stdout)))
    assert rows[0] == ["time", "agent", "consumed", "refunded", "quantity", "holds"]
    assert rows[1] == ["2030-01-05T00:00:00+05:45", "ann", "3", "0", "0", "1"]
    assert "'=bob\n" in [row[1] for row in rows]
    found = answer(shell(*wanted, "--json"))
    assert (found[0]["value"], found[0]["consumed"]) == ("ann", "3")


def test_how_long_calls_were(shell: Shell) -> None:
    lines = shell("usage", "far", "--spread", "calls").stdout.splitlines()
    assert lines[0].startswith("1 measured  half up to 1 min 30 s")
    assert next(line.split()[-1] for line in lines[1:] if line.startswith("1 min to")) == "1"
    assert shell("usage", "far", "--spread", "sessions").stdout == "nothing measured\n"
    assert answer(shell("usage", "far", "--spread", "calls", "--json"))["p50"] == 90
    assert shell("usage", "far", "--spread", "calls", "--by", "agent").exit_code == 2
