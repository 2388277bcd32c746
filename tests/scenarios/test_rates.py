"""The worked example of docs/rates.md, and every number in it."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

from creditgate import AsyncClient, Usage
from creditgate._rate_types import Rate
from tests.oracle.answers import RateView
from tests.oracle.prices import billed
from tests.scenarios.world import World

TEXT = (Path(__file__).parents[2] / "docs" / "rates.md").read_text()


def table() -> list[dict[str, str]]:
    """The rows of the page's first table, by the heads of their columns."""
    lines = re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE)[0].splitlines()
    heads, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    return [dict(zip(heads, row, strict=True)) for row in rows]


async def test_every_row_is_what_the_server_answers(world: World) -> None:
    (text,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    card = json.loads(text)
    rates = [Rate.parse(each) for each in card["rates"]]
    client: AsyncClient = world.client
    await client.put_rate_card(card["rate_card_id"], version=1, rates=rates, name=card["name"])
    await client.put_plan("pro", version=1, rate_card_id=card["rate_card_id"])
    await client.create_account("acme")
    await client.update_account("acme", plan="pro@1")
    await client.add_grant("acme", grant_id="credits", amount=100)
    for row in table():
        quantity = int(row["quantity"])
        quote = await client.quote("acme", usage=Usage(row["meter"], quantity, model=row["model"]))
        assert quote.price == Decimal(row["price"]), row
        assert str(quote.affordable_quantity) == row["100 credits buy"], row
        shown = RateView(
            quote.rate.meter,
            minimum=quote.rate.minimum,
            initial=quote.rate.initial,
            increment=quote.rate.increment,
        )
        assert str(billed(shown, quantity)) == row["charged for"], row
