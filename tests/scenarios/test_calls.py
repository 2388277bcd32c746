"""The worked example of docs/calls.md, and every number in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from creditgate import CallLeg, Extension, Reservation, Usage
from creditgate._commands.call import TERMS
from creditgate._types.rate import Rate
from tests.scenarios.world import BEGINNING, World, instant

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "calls.md").read_text()


@dataclass(frozen=True)
class Row:
    """A line of the page's example."""

    at: int
    happens: str
    quantity: str
    used: str
    answer: str
    seconds: str
    until: str
    final: str


def example() -> Iterator[Row]:
    (table,) = re.findall(r"(?:^\|.*\n)+", TEXT[TEXT.index("| at |") :], re.MULTILINE)[:1]
    for line in table.splitlines()[2:]:
        at, *cells = (cell.strip() for cell in line.split("|")[1:-1])
        yield Row(int(at), *cells)


async def prepare(world: World) -> None:
    """The card of docs/rates.md, the plan that the page puts, and an account of 1 credit."""
    (card,) = re.findall(r"```json\n(.*?)```", (DOCS / "rates.md").read_text(), re.DOTALL)
    rates = [Rate.parse(each) for each in json.loads(card)["rates"]]
    (calls,) = re.findall(r"--calls (\S+)", TEXT)
    terms = TERMS.convert(calls, None, None)
    await world.client.put_rate_card("standard", version=1, rates=rates)
    await world.client.put_plan("voice", version=1, rate_card_id="standard", call_terms=terms)
    await world.client.create_account("acme")
    await world.client.update_account("acme", plan="voice@1")
    await world.client.add_grant("acme", grant_id="first", amount=1)


def check(row: Row, answer: Reservation | Extension) -> None:
    """Compare a decision and its quota with a line of the example."""
    assert answer.hold is not None
    assert answer.quota is not None
    outcome, granted = row.answer.split()
    assert (answer.decision.value, answer.hold.granted) == (outcome, Decimal(granted)), row
    assert str(answer.quota.granted_quantity) == row.seconds, row
    until = instant(BEGINNING) + timedelta(seconds=int(row.until))
    assert answer.quota.funded_until == until, row
    final = answer.quota.final
    assert (final.reason.value if final else "") == row.final, row
    assert final is None or (final.action.value, final.redirect_target) == ("REDIRECT", "desk")


async def test_every_row_is_what_the_server_answers(world: World) -> None:
    await prepare(world)
    asked = []
    for row in example():
        await world.at(instant(BEGINNING) + timedelta(seconds=row.at))
        asked.append(row.happens)
        if row.happens == "Reserve":
            usage, leg = Usage("voice.call", int(row.quantity)), CallLeg("gw-7", 1)
            check(row, await world.client.reserve("acme", hold_id="call", usage=usage, call=leg))
        elif row.happens == "Extend":
            raised = await world.client.extend(
                "acme",
                hold_id="call",
                quantity=int(row.quantity),
                used_quantity=int(row.used),
                minimum="0.000001",
            )
            check(row, raised)
        elif row.happens == "Commit":
            done = await world.client.commit("acme", hold_id="call", used_quantity=int(row.used))
            assert row.answer == f"charged {done.hold.charged}"
        elif "bought" in row.happens:
            await world.client.add_grant("acme", grant_id="second", amount=1)
    assert [each for each in asked if each.istitle() or "bought" in each] == [
        *("Reserve", "Extend", "a credit is bought", "Extend", "Commit"),
    ]
