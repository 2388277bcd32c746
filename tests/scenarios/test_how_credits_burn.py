"""The worked example of docs/how-credits-burn.md, and every number in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from creditgate import AsyncClient, CycleUnit, Grant, GrantKind, OveragePolicy
from creditgate.cli import load
from creditgate.testing import FakeCreditgate
from tests.scenarios.world import World, instant

TEXT = (Path(__file__).parents[2] / "docs" / "how-credits-burn.md").read_text()
NAMES = {
    "cycle/2030-01-10T09:00:00.000000Z/allowance/0": "January",
    "cycle/2030-02-10T09:00:00.000000Z/allowance": "February",
    "cycle/2030-02-10T09:00:00.000000Z/rollover": "rolled over",
    "cycle/2030-03-10T09:00:00.000000Z/allowance": "March",
    "cycle/welcome": "welcome",
    "bought-more": "bought more",
}
PLAN: dict[str, Any] = {
    "version": 1,
    "allowance": 100,
    "cycle": CycleUnit.MONTH,
    "rollover_max": 15,
    "welcome": 8,
    "overdraft_limit": 10,
    "overage_policy": OveragePolicy.DEBT,
}
FREE = GrantKind.PROMOTIONAL

Row = dict[str, str]
Step = Callable[[AsyncClient], Awaitable[object]]


def table(number: int) -> list[Row]:
    """The rows of a table of the page, by the heads of their columns."""
    lines = re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE)[number].splitlines()
    heads, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    return [dict(zip(heads, row, strict=True)) for row in rows]


def when(text: str) -> datetime:
    return instant(datetime.strptime(f"2030 {text} +0000", "%Y %d %b %H:%M %z"))


async def put_on_a_plan(client: AsyncClient) -> None:
    await client.put_plan("studio", **PLAN)
    await client.create_account("maria")
    await client.update_account("maria", plan="studio@1")


async def buy_and_get(client: AsyncClient) -> None:
    await client.add_grant("maria", grant_id="bought", amount=40)
    ends = instant("2030-01-20")
    await client.add_grant("maria", grant_id="campaign", amount=20, kind=FREE, expires_at=ends)
    await client.add_grant("maria", grant_id="courtesy", amount=12, kind=FREE, priority=50)


async def look(client: AsyncClient) -> None:
    """A change of nothing lets happen what is due, as the server's worker does by itself."""
    await client.update_account("maria")


async def hold_for_a_job(client: AsyncClient) -> None:
    await client.reserve("maria", hold_id="job-1", amount=170, ttl_seconds=3_600)


STORY: list[Step] = [
    put_on_a_plan,
    buy_and_get,
    lambda client: client.charge("maria", hold_id="a", amount=12),
    look,
    lambda client: client.charge("maria", hold_id="b", amount=70),
    lambda client: client.reserve("maria", hold_id="call-1", amount=25, ttl_seconds=3_600),
    look,
    lambda client: client.commit("maria", hold_id="call-1", used=32),
    lambda client: client.refund("maria", refund_id="r", hold_id="call-1", amount=10),
    hold_for_a_job,
    lambda client: client.commit("maria", hold_id="job-1", used=185),
    lambda client: client.add_grant("maria", grant_id="bought-more", amount=50),
    look,
]


async def tell(world: World) -> AsyncIterator[Row]:
    """Let the story happen, row by row."""
    for step, row in zip(STORY, table(0), strict=True):
        await world.at(when(row["when"]))
        await step(world.client)
        yield row


def place(grant: Grant, age: int) -> tuple[object, ...]:
    """Where a grant stands in the burn order, in the words of the page."""
    never = grant.expires_at is None
    expires = grant.expires_at.timestamp() if grant.expires_at else 0
    return grant.priority, never, expires, grant.kind is not FREE, age


async def left(client: AsyncClient) -> str:
    oldest_first = [grant async for grant in client.list_grants("maria")][::-1]
    burning = sorted((place(grant, age), age) for age, grant in enumerate(oldest_first))
    grants = [oldest_first[age] for _, age in burning]
    shown = [f"{name(g.grant_id)} {g.remaining:f}" for g in grants if g.remaining]
    return ", ".join(shown) or "nothing"


def name(grant_id: str) -> str:
    return NAMES.get(grant_id, grant_id)


async def test_every_row_is_what_the_server_answers(world: World) -> None:
    async for row in tell(world):
        balance = await world.client.get_balance("maria")
        said = [row[head] for head in ("what is left, in burn order", "settled", "held")]
        answered = [await left(world.client), f"{balance.settled:f}", f"{balance.held:f}"]
        assert (row[""], answered) == (row[""], said)
        assert f"{balance.available:f}" == row["available"], row[""]


async def test_the_statement_is_what_the_server_answers(world: World) -> None:
    async for _ in tell(world):
        pass
    since, until = instant("2030-02-10"), instant("2030-03-02")
    statement = await world.client.get_statement("maria", since=since, until=until, page_size=3)
    rows = [
        {
            "when": f"{entry.created_at:%-d %b %H:%M}",
            "what": entry.kind.value.lower(),
            "amount": f"{entry.amount:f}",
            "settled": f"{entry.settled:f}",
            "drawn from, or given to": ", ".join(
                f"{name(draw.grant_id)} {draw.amount:f}" for draw in entry.draws
            ),
        }
        async for entry in statement
    ]
    assert rows == table(1)
    amounts = sum(Decimal(row["amount"]) for row in rows)
    assert statement.opening + amounts == statement.closing == 30


async def test_under_cap_what_is_not_there_is_recorded(world: World) -> None:
    async for row in tell(world):
        if row[""] == "10":
            break
    await world.client.update_account("maria", overage_policy=OveragePolicy.CAP)
    job = await world.client.commit("maria", hold_id="job-1", used=185)
    assert (job.charged, job.uncollected) == (Decimal(170 + 5), Decimal(10))


def test_the_commands_write_the_plan_of_the_story() -> None:
    commands = re.findall(r"^creditgate (plan|account)( .*)$", TEXT, re.MULTILINE)
    with FakeCreditgate() as fake:
        fake.add_account("maria")
        for group, rest in commands:
            words = [group, *shlex.split(rest)]
            result = CliRunner().invoke(load(), words, env={"CREDITGATE_TARGET": fake.target})
            assert result.exit_code == 0, result.stderr
        with fake.client() as client:
            assert client.put_plan("studio", **PLAN).replayed
            assert str(client.get_account("maria").plan) == "studio@1"
