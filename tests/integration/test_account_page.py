"""The page of an account in a real browser: what it shows, and how it is used."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, Page, expect

from creditgate import AccountStatus, Usage
from tests.support.browser import DESKTOP, PHONE, chromium, opened
from tests.support.database import Database
from tests.support.website import CHAT, SITE, Website, open_site, website, weeks

NOW = datetime(2026, 11, 22, 10, 42, tzinfo=UTC)
CREDIT = 1_000_000
# Half a year before and half a year after a change of clocks; on some days there is nothing.
DAYS = 366

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(module_database: Database) -> AsyncIterator[Website]:
    async with website(module_database) as site:
        await weeks(site, now=NOW, days=DAYS, each=1)
        await open_site(site, "nothing-yet")
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


async def loaded(page: Page, url: str) -> None:
    """Open a page, and wait until all of it is there."""
    await page.goto(url)
    await settled(page)


async def settled(page: Page) -> None:
    await expect(page.locator(".waiting")).to_have_count(0)
    await expect(page.locator("[aria-busy]")).to_have_count(0)


def figure(page: Page, name: str) -> Locator:
    return page.locator(f"[data-figure={name}] data")


async def amounts(found: Locator) -> list[int]:
    """The micro-credits of all amounts that were found."""
    return [int(await each.get_attribute("value") or "") for each in await found.all()]


async def test_figures_move_while_an_agent_works(site: Website, browser: Browser) -> None:
    async with opened(browser) as (page, seen):
        await loaded(page, await site.url())
        await page.evaluate("document.body.dataset.mark = 'the same'")
        [consumed], [remaining] = [
            await amounts(figure(page, name)) for name in ("consumed", "remaining")
        ]
        await expect(page.locator(".donut-slice.held")).to_have_count(0)
        await expect(page.locator("#holds .nothing")).to_be_visible()

        reply = {"hold_id": "reply", "usage": Usage(CHAT, 4, "large"), "ttl_seconds": 300}
        await site.client.reserve(SITE, **reply)  # type: ignore[arg-type]
        await expect(figure(page, "held")).to_have_attribute("value", str(12 * CREDIT))
        await expect(figure(page, "remaining")).to_have_attribute(
            "value", str(remaining - 12 * CREDIT)
        )
        await expect(page.locator(".donut-slice.held")).to_have_count(1)
        age = page.locator("[data-hold=reply] time")
        await expect(age).not_to_have_text("0 s")  # it goes on by itself

        await site.client.commit(SITE, hold_id="reply", used_quantity=3)
        await expect(figure(page, "held")).to_have_attribute("value", "0")
        await expect(figure(page, "consumed")).to_have_attribute(
            "value", str(consumed + 9 * CREDIT)
        )
        await expect(page.locator(".log tbody tr").first).to_contain_text("reply")
        await expect(page.locator("#holds .nothing")).to_be_visible()
        assert await page.evaluate("document.body.dataset.mark") == "the same"
        await expect(page.locator("body")).to_have_attribute("data-live-state", "live")
        assert (seen.errors, seen.hosts) == ([], {site.dashboard.web.address})


async def test_the_log_is_filtered_and_walked_to_its_end(site: Website, browser: Browser) -> None:
    async with opened(browser) as (page, seen):
        await loaded(page, await site.url())
        rows = page.locator(".log tbody tr")
        await page.get_by_text("Filters").click()

        await page.get_by_label("Kind").select_option("refund")
        await page.locator("label", has_text="All").last.click()
        await expect(rows).to_have_count(1)
        assert await amounts(page.locator(".log .amount data")) == [CREDIT // 2]
        # Who comes back by this address sees the same.
        assert "kind=refund" in page.url
        await loaded(page, page.url)
        await expect(rows).to_have_count(1)

        await page.get_by_label("Kind").select_option("")
        await page.get_by_label("Work").fill("call")
        await page.get_by_role("button", name="Show").click()
        await settled(page)
        assert set(await page.locator(".log .what b").all_inner_texts()) == {"Call"}
        await page.get_by_label("Work").fill("")
        await page.get_by_label("Model", exact=True).fill("small")
        await page.get_by_role("button", name="Show").click()
        await expect(rows.first).to_contain_text("small")
        await settled(page)
        models = page.locator(".log [title=Model]")
        await expect(models).to_have_count(await rows.count())
        assert set(await models.all_inner_texts()) == {"Model\nsmall"}

        async with page.expect_navigation():
            await page.get_by_role("link", name="Clear").click()
        await settled(page)
        await page.locator("#activity label", has_text="All").click()
        await settled(page)
        changes = await amounts(page.locator(".log .amount data"))
        newest = (await amounts(page.locator(".log .balance data")))[0]
        while await page.locator("#activity-next").count():
            await page.locator("#activity-next").click()
            await settled(page)
            changes += await amounts(page.locator(".log .amount data"))
        assert sum(changes) == newest
        assert newest == (await site.client.get_balance(SITE)).settled * CREDIT
        assert len(changes) > DAYS

        async with page.expect_download() as download:
            await page.get_by_text("Download as CSV").click()
        with (await (await download.value).path()).open(encoding="utf-8", newline="") as file:
            kept = [Decimal(row["amount"]) for row in csv.DictReader(file)]
        assert [int(each * CREDIT) for each in kept] == changes[::-1]
        assert seen.errors == []


async def test_days_of_a_range_are_the_accounts(site: Website, browser: Browser) -> None:
    async with opened(browser) as (page, _):
        await loaded(page, await site.url())
        await page.locator("#activity label", has_text="Range").click()
        first, last = page.get_by_label("From", exact=True), page.get_by_label("To", exact=True)
        await first.fill("2026-11-20")
        await last.fill("2026-11-20")
        await settled(page)
        await page.get_by_text("Filters").click()
        await page.get_by_role("button", name="Show").click()
        await settled(page)
        times = [
            datetime.fromisoformat(await each.get_attribute("datetime") or "")
            for each in await page.locator(".log time").all()
        ]
        assert times
        midnight = datetime(2026, 11, 19, 23, tzinfo=UTC)  # in Berlin
        assert all(midnight <= each < midnight + timedelta(days=1) for each in times)
        await last.fill("2026-11-19")
        await expect(page.locator("#activity .problem")).to_contain_text("ends before it begins")


async def test_a_part_of_usage_leads_to_its_entries(site: Website, browser: Browser) -> None:
    async with opened(browser) as (page, seen):
        await loaded(page, await site.url())
        spent: list[int] = []
        for chosen, columns in (("7 days", 7), ("A year", 13), ("All", 13), ("90 days", 90)):
            choice = page.locator("#spending .choices a", has_text=chosen)
            await choice.click()
            await expect(choice).to_have_attribute("aria-current", "true")
            await expect(page.locator("#spending .column")).to_have_count(columns)
            spent = await amounts(page.locator("[data-stat=spent] data"))
            drawn = await amounts(page.locator("[data-bucket] td:nth-child(2) data"))
            assert (len(drawn), [sum(drawn)]) == (columns, spent)
        models = page.locator("[data-breakdown=Models] [data-part] .much data")
        assert [sum(await amounts(models))] == spent
        async with page.expect_navigation():
            await page.locator("[data-breakdown=Agents] a", has_text="otto").click()
        await settled(page)
        await expect(page.locator("#activity-filters")).to_have_attribute("open", "")
        agents = await page.locator(".log [title=Agent]").all_inner_texts()
        assert set(agents) == {"Agent\notto"}
        assert seen.errors == []


async def test_the_keyboard_is_enough(site: Website, browser: Browser) -> None:
    async with opened(browser) as (page, _):
        await loaded(page, await site.url())
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to content"
        week = page.locator("#activity input[value='7']")
        await page.locator("#activity input[value='30']").focus()
        before = await page.locator(".log tbody tr").count()
        await page.keyboard.press("ArrowLeft")
        await expect(week).to_be_checked()
        await settled(page)
        assert await page.locator(".log tbody tr").count() < before
        # The column of figures that scrolls can be reached and moved, too.
        table = page.locator("#overview details summary")
        await table.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#overview details tbody tr").first).to_be_visible()
        # What is open stays open when its figures are refreshed.
        await site.client.charge(SITE, hold_id="while-open", usage=Usage(CHAT, 1, "small"))
        await expect(page.locator(".log tbody tr").first).to_contain_text("while-open")
        await expect(page.locator("#overview details tbody tr").first).to_be_visible()


# How many parts of the page have nothing to show.
EMPTY = {SITE: 2, "nothing-yet": 3, "paused": 2}


@pytest.mark.parametrize("account", EMPTY)
async def test_everybody_can_read_it(site: Website, browser: Browser, account: str) -> None:
    if account == "paused":
        await open_site(site, account)
        await site.client.charge(account, hold_id="all", amount=500)
        await site.client.update_account(account, status=AccountStatus.SUSPENDED)
    looks = [(DESKTOP, "light"), (PHONE, "dark")]
    if account == SITE:
        looks += [(DESKTOP, "dark"), (PHONE, "light")]
    for size, scheme in looks:
        async with opened(browser, **size, color_scheme=scheme) as (page, seen):
            await loaded(page, await site.url(account))
            found = await Axe().run(page)
            grave = [
                f"{each['id']}: {node['html']}"
                for each in found.response["violations"]
                if each["impact"] in {"serious", "critical"}
                for node in each["nodes"][:2]
            ]
            assert grave == []
            width = await page.evaluate("document.documentElement.scrollWidth")
            assert width == size["viewport"]["width"]
            assert (seen.errors, seen.hosts) == ([], {site.dashboard.web.address})
            await expect(page.locator(".nothing")).to_have_count(EMPTY[account])
            if account == "paused":
                await expect(page.locator(".notice")).to_contain_text("is suspended")


async def test_what_is_read_or_away_is_said(site: Website, browser: Browser) -> None:
    async with opened(browser) as (page, _):
        answered = page.url
        await page.route("**/sections/spending*", lambda route: route.abort())
        await page.goto(await site.url() + "?last=30")
        assert answered != page.url
        await expect(page.locator("#spending .waiting")).to_be_visible()
        await expect(page.locator("#spending .section")).to_have_class("section stale")
        await expect(page.locator(".log")).to_be_visible()
        await page.goto(await site.url() + "?over=yesterday&last=12")
        await page.unroute_all()
        await page.reload()
        for part in ("spending", "activity"):
            await expect(page.locator(f"#{part} .problem")).to_contain_text("Choose one of")
