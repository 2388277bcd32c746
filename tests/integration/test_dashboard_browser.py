"""The dashboard's doors and its live pages, in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Frame, Page

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1.account_pb2 import GRANT_KIND_PURCHASED
from creditgate_server.domain.keys import Scope, key_id_of
from tests.support.browser import PHONE, chromium, opened
from tests.support.dashboard import Dashboard, running_dashboard
from tests.support.database import Database
from tests.support.server import (
    Caller,
    Running,
    free_port,
    keys_in,
    new_key,
    new_tenant,
    running_server,
    until,
)

# One browser and one server for all: their contexts and accounts keep the tests apart.
pytestmark = pytest.mark.asyncio(loop_scope="module")
FITS = """
    [document.documentElement, document.querySelector(".table-scroll")]
        .every(each => each.scrollWidth <= each.clientWidth)
"""
SOON = datetime.now(UTC) + timedelta(hours=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(module_database: Database) -> AsyncIterator[Running]:
    async with running_server(module_database.url) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dashboard(server: Running) -> AsyncIterator[Dashboard]:
    async with running_dashboard(server) as dashboard:
        yield dashboard


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def caller(server: Running) -> AsyncIterator[Caller]:
    async with server.caller() as caller:
        yield caller


async def serious(page: Page) -> list[str]:
    """What a screen reader, a keyboard or weak eyes would stumble over."""
    found = (await Axe().run(page)).response["violations"]
    return [f"{each['id']}: {each['help']}" for each in found if each["impact"] != "minor"]


async def live(page: Page) -> None:
    await page.wait_for_selector("body[data-live-state=live]")


async def grant(caller: Caller, account: str, name: str) -> None:
    request = accounts_pb.AddGrantRequest(
        account_id=account, grant_id=name, kind=GRANT_KIND_PURCHASED, amount_micros=10**6
    )
    await caller.accounts.AddGrant(request)


async def log_in(page: Page, dashboard: Dashboard, key: str) -> None:
    await page.goto(dashboard.url)
    await page.get_by_label("API key").fill(key)
    await page.keyboard.press("Enter")


@pytest.mark.parametrize("looks", [{}, PHONE | {"color_scheme": "dark"}], ids=["desktop", "phone"])
async def test_staff_come_in_search_and_leave(
    browser: Browser, dashboard: Dashboard, server: Running, looks: dict[str, Any]
) -> None:
    _, key = await new_tenant(server.settings.database_url)
    async with server.caller(key) as caller, opened(browser, **looks) as (page, seen):
        longest = f"{'department-' * 11}7"
        for name in ("acme/eu", "acme/us", "zeta", longest, *(f"site-{n:02}" for n in range(59))):
            await caller.account(account_id=name, credits_=0)
        await log_in(page, dashboard, "cg_no_key")
        await page.get_by_role("alert").wait_for()
        assert await serious(page) == []
        seen.errors.clear()  # a browser writes down that it was answered 401
        await log_in(page, dashboard, key)
        await page.get_by_role("heading", name="Accounts").wait_for()
        assert await serious(page) == []
        rows = page.locator("tbody tr")
        assert await rows.count() == 50
        # However long an id is and however small the screen: all columns are to be seen.
        assert await page.evaluate(FITS)
        await page.get_by_role("link", name="Next page").click()
        await page.get_by_role("link", name="zeta").wait_for()
        assert await rows.count() == 13
        search = page.get_by_role("searchbox")
        await search.fill("acme/")
        await search.press("Enter")
        await page.wait_for_url("**/accounts?prefix=acme%2F")
        assert await rows.count() == 2
        await page.get_by_role("link", name="acme/eu").click()
        await page.get_by_role("heading", name="acme/eu").wait_for()
        await live(page)
        await page.get_by_role("button", name="Log out").click()
        await page.get_by_label("API key").wait_for()
        await page.goto(f"{dashboard.url}/account?id=zeta")
        # What was asked for is shown once the key is given.
        await page.get_by_label("API key").fill(key)
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="zeta").wait_for()
        assert seen.errors == []
        assert seen.hosts == {dashboard.url.removeprefix("http://")}


async def test_the_first_stop_of_the_keyboard_leads_past_the_header(
    browser: Browser, dashboard: Dashboard
) -> None:
    async with opened(browser) as (page, _):
        await log_in(page, dashboard, dashboard.key)
        await page.get_by_role("heading", name="Accounts").wait_for()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "content"


async def test_a_customers_page_follows_what_happens_without_reloading(
    browser: Browser, dashboard: Dashboard, caller: Caller
) -> None:
    account = await caller.account()
    async with opened(browser) as (page, seen):
        await page.goto(dashboard.url + dashboard.link(account, expires_at=SOON))
        await live(page)
        await page.wait_for_load_state("networkidle")
        await page.evaluate("window.stayed = true")
        async with page.expect_response(lambda answer: "/sections/" in answer.url):
            await grant(caller, account, "while-open")
        # Nobody sees a hidden page, and it keeps no connection.
        await _hide(page, hidden=True)
        await until(lambda: dashboard.web.app.state.lives.count == 0)
        await grant(caller, account, "while-hidden")
        async with page.expect_response(lambda answer: "/sections/" in answer.url):
            await _hide(page, hidden=False)
        assert await page.evaluate("window.stayed")
        assert await page.context.cookies() == []
        assert seen.errors == []


async def _hide(page: Page, *, hidden: bool) -> None:
    await page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


async def test_a_page_that_may_no_longer_be_seen_says_so(
    browser: Browser, server: Running, caller: Caller
) -> None:
    account, url = await caller.account(), server.settings.database_url
    key = await new_key(url, server.tenant_id, Scope.READ)
    async with running_dashboard(server) as dashboard, opened(browser) as (page, _):
        link = dashboard.link(account, expires_at=SOON, key_id=key_id_of(key))
        await page.goto(dashboard.url + link)
        await live(page)
        async with keys_in(url) as keys:
            await keys.revoke_key(key_id_of(key) or "")
        await grant(caller, account, "unseen")
        await page.wait_for_selector("body[data-live-state=ended]")
        assert "no longer live" in await page.locator("#live-state").inner_text()
        assert await serious(page) == []


async def test_pages_come_back_by_themselves_when_the_dashboard_does(
    browser: Browser, server: Running, caller: Caller
) -> None:
    account, listen = await caller.account(), f"127.0.0.1:{free_port()}"
    async with opened(browser) as (page, _):
        async with running_dashboard(server, dashboard_listen=listen) as dashboard:
            await page.goto(dashboard.url + dashboard.link(account, expires_at=SOON))
            await live(page)
            await page.evaluate("window.stayed = true")
        await page.wait_for_selector("body[data-live-state=waiting]")
        async with running_dashboard(server, dashboard_listen=listen):
            await live(page)
            assert await page.evaluate("window.stayed")


async def test_links_that_do_not_work_say_so_and_no_more(
    browser: Browser, dashboard: Dashboard, server: Running, caller: Caller
) -> None:
    account = await caller.account()
    foreign, _ = await new_tenant(server.settings.database_url)
    past = datetime.now(UTC) - timedelta(seconds=1)
    links = {
        dashboard.link(account, expires_at=past): "This link has expired",
        dashboard.link(account, expires_at=SOON)[:-2]: "This link does not work",
        # Signed by us, but with a key that is not that tenant's.
        dashboard.link(account, expires_at=SOON, tenant_id=foreign): "This link has expired",
        dashboard.link("nobody", expires_at=SOON): "This link has expired",
    }
    async with opened(browser) as (page, _):
        for link, title in links.items():
            await page.goto(dashboard.url + link)
            await page.get_by_role("heading", name=title).wait_for()
            assert account not in await page.content()
            assert await serious(page) == []


async def test_a_page_is_embedded_where_its_link_allows_and_nowhere_else(
    browser: Browser, dashboard: Dashboard, caller: Caller
) -> None:
    account = await caller.account()
    async with (
        opened(browser) as (page, _),
        _site(dashboard.url) as (shop, shown),
        _site(dashboard.url) as (other, shown_by_other),
    ):
        allowed = dashboard.link(account, expires_at=SOON, origins=(shop,))
        closed = dashboard.link(account, expires_at=SOON)
        shown[:] = [allowed, closed, "/login"]
        shown_by_other[:] = [allowed]
        await page.goto(shop)
        assert [await _heading(frame) for frame in page.main_frame.child_frames] == [
            account,
            "",
            "",
        ]
        await page.goto(other)
        assert [await _heading(frame) for frame in page.main_frame.child_frames] == [""]


@asynccontextmanager
async def _site(dashboard_url: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Somebody's site that shows pages of ours in frames."""
    shown: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        frames = "".join(f'<iframe src="{dashboard_url}{path}"></iframe>' for path in shown)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n")
        writer.write(f"<!doctype html><title>Shop</title>{frames}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}", shown


async def _heading(frame: Frame) -> str:
    """The heading that visitors see in a frame; empty when the browser shows nothing in it."""
    await frame.wait_for_load_state()
    if frame.url.startswith("chrome-error:"):
        return ""
    heading = await frame.wait_for_selector("h1")
    assert heading is not None
    return (await heading.inner_text()).strip()


@asynccontextmanager
async def _counting(page: Page, wanted: Callable[[str], bool]) -> AsyncIterator[list[str]]:
    found: list[str] = []
    page.on("response", lambda answer: found.append(answer.url) if wanted(answer.url) else None)
    yield found


async def test_however_much_happens_a_page_asks_about_once_a_second(
    browser: Browser, dashboard: Dashboard, caller: Caller
) -> None:
    account = await caller.account()
    async with opened(browser) as (page, seen):
        await page.goto(dashboard.url + dashboard.link(account, expires_at=SOON))
        await live(page)
        await page.wait_for_load_state("networkidle")
        src = await page.locator("[data-live]").first.get_attribute("data-src")
        assert src
        async with _counting(page, lambda url: url.endswith(src)) as asked:
            for number in range(30):
                await grant(caller, account, f"g-{number}")
                await asyncio.sleep(0.1)
            assert 1 <= len(asked) <= 6
        assert seen.errors == []
