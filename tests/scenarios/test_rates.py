"""The worked example of docs/rates.md, and every number in it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

from creditgate import AsyncClient, Usage
from creditgate._types.rate import Rate
from tests.oracle.answers import RateView
from tests.oracle.prices import billed
from tests.scenarios.world import World

TEXT = (Path(__file__).parents[2] / "docs" / "rates.md").read_text()


def table(*, with_column: str) -> list[dict[str, str]]:
    """The rows of the page's first table with a column, by the heads of their columns."""
    tables = re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE)
    lines = next(each for each in tables if f" {with_column} |" in each).splitlines()
    heads, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    return [dict(zip(heads, row, strict=True)) for row in rows]


async def priced(client: AsyncClient) -> None:
    """An account with 100 credits, priced by the page's card."""
    (text,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    card = json.loads(text)
    rates = [Rate.parse(each) for each in card["rates"]]
    await client.put_rate_card(card["rate_card_id"], version=1, rates=rates, name=card["name"])
    await client.put_plan("pro", version=1, rate_card_id=card["rate_card_id"])
    await client.create_account("acme")
    await client.update_account("acme", plan="pro@1")
    await client.add_grant("acme", grant_id="credits", amount=100)


async def test_every_row_is_what_the_server_answers(world: World) -> None:
    client: AsyncClient = world.client
    await priced(client)
    for row in table(with_column="charged for"):
        quantity = int(row["quantity"])
        quote = await client.quote("acme", usage=Usage(row["meter"], quantity, model=row["model"]))
        assert quote.price == Decimal(row["price"]), row
        assert str(quote.affordable_quantity) == row["100 credits buy"], row
        assert quote.rate is not None
        shown = RateView(
            quote.rate.meter,
            minimum=quote.rate.minimum,
            initial=quote.rate.initial,
            increment=quote.rate.increment,
        )
        assert str(billed(shown, quantity)) == row["charged for"], row


async def test_a_reply_on_several_meters_costs_what_the_page_says(world: World) -> None:
    client: AsyncClient = world.client
    await priced(client)
    first, *reports = table(with_column="tool.call")
    held = await client.reserve("acme", hold_id="reply", usages=usages(first))
    assert held.raise_if_denied().granted == Decimal("15.5")
    for row in reports:
        said = await client.commit(
            "acme",
            hold_id="reply",
            used_quantities=usages(row),
            keep_open="kept open" in row["call"],
        )
        assert (said.charged, said.hold.charged) == (
            Decimal(row["charged"]),
            Decimal(row["in all"]),
        )
    balance = await client.get_balance("acme")
    assert (balance.available, balance.held) == (Decimal("87.65"), Decimal(0))


def usages(row: dict[str, str]) -> list[Usage]:
    return [Usage(name, int(cell)) for name, cell in row.items() if "." in name and cell]
