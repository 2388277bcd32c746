"""What the pages of S2, S3 and S5 show their customers, read off the pages themselves.

How they look and move in a browser is told in `tests/integration/test_account_page.py`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from html import unescape

from creditgate import (
    ConversationPricing,
    ConversationTerms,
    CycleUnit,
    OveragePolicy,
    Rate,
    Usage,
    to_credits,
)
from tests.scenarios.world import World
from tests.support.database import Database
from tests.support.website import Website, website


class Page:
    """An account's page, as text and by the figures in it."""

    def __init__(self, site: Website, account_id: str) -> None:
        self._site, self._account_id = site, account_id
        self.text = ""

    async def look(self, section: str = "overview") -> None:
        """Read a section of it anew."""
        path = (await self._site.url(self._account_id)).removeprefix(self._site.dashboard.url)
        async with self._site.dashboard.browser() as browser:
            answer = await browser.get(f"{path}/sections/{section}")
        assert answer.status_code == 200, answer.text
        self.text = answer.text

    def figures(self, *names: str) -> list[Decimal]:
        """The credits that are shown beside names."""
        return [self._credits(rf'data-\w+="{name}".*?value="(-?\d+)"') for name in names]

    def parts(self, title: str) -> dict[str, Decimal]:
        """The credits of each part of a breakdown."""
        rest = self._find(rf'data-breakdown="{title}"(.*?)</ul>')
        found = re.findall(r'data-part="([^"]+)".*?value="(-?\d+)"', rest, re.DOTALL)
        return {unescape(name): to_credits(int(micros)) for name, micros in found}

    def _credits(self, pattern: str) -> Decimal:
        return to_credits(int(self._find(pattern)))

    def _find(self, pattern: str) -> str:
        found = re.search(pattern, self.text, re.DOTALL)
        assert found is not None, (pattern, self.text)
        return found[1]


@asynccontextmanager
async def pages(database: Database) -> AsyncIterator[tuple[World, Website]]:
    async with website(database) as site:
        world = World(site.client, site.clock.set_time)
        await world.at("2030-01-01T09:00")
        yield world, site


async def subscribe(world: World, name: str, *rates: Rate, **terms: object) -> None:
    """Open an account on a plan of its own name with a month's credits."""
    await world.client.put_rate_card(name, version=1, rates=rates)
    plan = {"cycle": CycleUnit.MONTH, "allowance": 100, "rate_card_id": name} | terms
    await world.client.put_plan(name, version=1, **plan)  # type: ignore[arg-type]
    await world.client.create_account(name)
    await world.client.update_account(name, plan=f"{name}@1")


async def test_s5_the_donut_and_the_breakdown_by_model(database: Database) -> None:
    async with pages(database) as (world, site):
        small = Rate.of("chat.message", model="small", unit_price=1)
        large = Rate.of("chat.message", model="large", unit_price=3)
        await subscribe(world, "lodge", small, large)
        await world.client.add_grant("lodge", grant_id="order-1", amount=50)
        page = Page(site, "lodge")
        shown = ("package", "consumed", "remaining", "purchased", "held")
        await page.look()
        assert page.figures(*shown) == [100, 0, 150, 50, 0]
        said = Usage("chat.message", 4, "large")
        await world.client.reserve("lodge", hold_id="m-1", usage=said)
        await page.look()
        assert page.figures(*shown) == [100, 0, 138, 50, 12]
        await world.client.commit("lodge", hold_id="m-1", used_quantity=3)
        for number, model in enumerate(("small", "small", "large")):
            usage = Usage("chat.message", 1, model)
            await world.client.charge("lodge", hold_id=f"m-1{number}", usage=usage)
        await page.look()
        assert page.figures(*shown) == [100, 14, 136, 50, 0]
        await page.look("spending")
        assert page.parts("Models") == {"large": 12, "small": 2}


async def test_s3_the_billing_page(database: Database) -> None:
    async with pages(database) as (world, site):
        minutes = Rate.of("voice.call", unit_price=1, unit_size=60)
        debt = {"overdraft_limit": 30, "overage_policy": OveragePolicy.DEBT}
        await subscribe(world, "clinic", minutes, **debt)
        for day, talked in ((2, 30), (3, 60), (5, 20)):
            await world.at(f"2030-01-{day:02}T12:00")
            usage = Usage("voice.call", 60 * talked)
            await world.client.charge("clinic", hold_id=f"call-{day}", usage=usage)
        await world.at("2030-01-06T09:00")
        page = Page(site, "clinic")
        await page.look()
        assert page.figures("package", "consumed", "overage") == [100, 110, 10]
        # In five days of a cycle that has thirty-one, the last of them until nine in the morning.
        assert page.figures("average", "peak", "projected") == [22, 60, 22 * 31]
        assert "110 %" in page.text
        assert "27 days to reset" in page.text


async def test_s2_conversations_and_what_a_message_of_them_costs(database: Database) -> None:
    async with pages(database) as (world, site):
        terms = ConversationTerms(pricing=ConversationPricing.CONVERSATION)
        rate = Rate.of("chat.conversation", unit_price=1)
        await subscribe(world, "shop", rate, conversation_terms=terms)
        for visitor, messages in (("ann", 7), ("bob", 1)):
            talk = world.client.conversation("shop", conversation_id=visitor)
            for number in range(messages):
                async with talk.message(f"m-{number}"):
                    pass
        page = Page(site, "shop")
        await page.look("conversations")
        assert page.figures("per-message") == [Decimal("0.25")]
        assert "7 messages" in page.text
        assert "1 message<" in page.text
