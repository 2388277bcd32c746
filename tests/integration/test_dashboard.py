"""The dashboard's doors: who is let in, to what, for how long, and what browsers are told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from creditgate.v1 import account_service_pb2 as accounts_pb
from creditgate.v1.account_pb2 import GRANT_KIND_PURCHASED
from creditgate_server.domain.keys import Scope, key_id_of
from tests.support.dashboard import Dashboard, running_dashboard
from tests.support.database import Database
from tests.support.server import Caller, Running, keys_in, new_key, new_tenant, running_server

SOON = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
async def server(module_database: Database) -> AsyncIterator[Running]:
    async with running_server(module_database.url) as server:
        yield server


@pytest.fixture
async def dashboard(server: Running) -> AsyncIterator[Dashboard]:
    async with running_dashboard(server) as dashboard:
        yield dashboard


@pytest.fixture
async def caller(server: Running) -> AsyncIterator[Caller]:
    async with server.caller() as caller:
        yield caller


async def test_staff_log_in_look_around_and_out(dashboard: Dashboard, caller: Caller) -> None:
    account = await caller.account(credits_=42)
    async with dashboard.browser() as browser:
        away = await browser.get("/accounts")
        assert (away.status_code, away.headers["location"]) == (303, "/login")
        form = await browser.get("/login")
        assert form.status_code == 200
        assert "API key" in form.text
        entered = await browser.post("/login", data={"key": dashboard.key})
        assert (entered.status_code, entered.headers["location"]) == (303, "/accounts")
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert dashboard.key not in cookie
        listed = await browser.get("/accounts")
        assert account in listed.text
        page = await browser.get("/account", params={"id": account})
        assert page.status_code == 200
        token = re.search(r'name="token" value="([^"]+)"', listed.text)
        assert token
        kept = dict(browser.cookies)
        left = await browser.post("/logout", data={"token": token[1]})
        assert (left.status_code, left.headers["location"]) == (303, "/login")
    async with dashboard.browser(cookies=kept) as thief:
        assert (await thief.get("/accounts")).status_code == 303


async def test_who_has_no_key_that_may_read_stays_outside(
    dashboard: Dashboard, server: Running
) -> None:
    url = server.settings.database_url
    writer = await new_key(url, server.tenant_id, Scope.AUTHORIZE)
    async with dashboard.browser() as browser:
        for key, status in (("", 401), ("nonsense", 401), (dashboard.key[:-1] + "x", 401)):
            assert (await browser.post("/login", data={"key": key})).status_code == status
        assert (await browser.post("/login", data={"key": writer})).status_code == 403
        assert not browser.cookies


async def test_a_session_ends_with_its_key(dashboard: Dashboard, server: Running) -> None:
    url = server.settings.database_url
    key = await new_key(url, server.tenant_id, Scope.READ)
    async with dashboard.staff(key) as browser:
        assert (await browser.get("/accounts")).status_code == 200
        async with keys_in(url) as keys:
            await keys.revoke_key(key_id_of(key) or "")
        assert (await browser.get("/accounts")).status_code == 303


async def test_a_foreign_page_can_neither_log_in_nor_out(dashboard: Dashboard) -> None:
    async with dashboard.staff() as browser:
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
        ):
            for path in ("/login", "/logout"):
                answer = await browser.post(path, data={"key": dashboard.key}, headers=headers)
                assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
        # From our own origin, but without the session's own token.
        assert (await browser.post("/logout", data={"token": "x"})).status_code == 403
        assert (await browser.get("/accounts")).status_code == 200


async def test_another_tenants_account_is_as_absent_as_none(
    dashboard: Dashboard, server: Running, caller: Caller
) -> None:
    account = await caller.account()
    _, stranger = await new_tenant(server.settings.database_url)
    async with dashboard.staff(stranger) as browser:
        foreign = await browser.get("/account", params={"id": account})
        absent = await browser.get("/account", params={"id": "nobody"})
        assert (foreign.status_code, foreign.text) == (absent.status_code, absent.text)
        assert foreign.status_code == 404
        assert account not in (await browser.get("/accounts")).text


async def test_a_link_shows_its_account_alone_until_it_expires(
    dashboard: Dashboard, caller: Caller
) -> None:
    account, other = await caller.account(), await caller.account()
    async with dashboard.browser() as browser:
        path = dashboard.link(account, expires_at=SOON)
        page = await browser.get(path)
        assert (page.status_code, account in page.text) == (200, True)
        assert "set-cookie" not in page.headers
        assert page.headers["referrer-policy"] == "no-referrer"
        # Naming another account changes nothing.
        page = await browser.get(path, params={"id": other})
        assert (account in page.text, other in page.text) == (True, False)
        section = await browser.get(f"{path}/sections/overview")
        assert section.status_code == 200
        past = dashboard.link(account, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        for place in ("", "/sections/overview", "/live"):
            ended = await browser.get(past + place)
            assert (ended.status_code, account in ended.text) == (403, False)
        for wrong in (path[:-1], path + "x", "/u/x", path.replace("/u/", "/u/A")):
            assert (await browser.get(wrong)).status_code == 404


async def test_an_open_page_is_told_within_seconds_and_until_its_link_ends(
    dashboard: Dashboard, server: Running, caller: Caller
) -> None:
    account = await caller.account()
    key = await new_key(server.settings.database_url, server.tenant_id, Scope.READ)
    path = dashboard.link(account, expires_at=SOON, key_id=key_id_of(key))
    async with (
        asyncio.timeout(30),
        dashboard.browser() as browser,
        browser.stream("GET", f"{path}/live") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        first = await _event(lines)
        assert first[0] == "changed"
        await _grant(caller, account, "more")
        second = await _event(lines)
        assert second[0] == "changed"
        assert second[1] != first[1]
        async with keys_in(server.settings.database_url) as keys:
            await keys.revoke_key(key_id_of(key) or "")
        await _grant(caller, account, "unseen")
        assert (await _event(lines))[0] == "ended"


async def _grant(caller: Caller, account: str, name: str) -> None:
    await caller.accounts.AddGrant(
        accounts_pb.AddGrantRequest(
            account_id=account, grant_id=name, kind=GRANT_KIND_PURCHASED, amount_micros=1
        )
    )


async def _event(lines: AsyncIterator[str]) -> tuple[str, str]:
    name = ""
    async for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif name and field.startswith("data"):
            return name, value
    raise AssertionError("the stream has ended")


async def test_who_leaves_in_the_middle_of_a_file_gives_the_place_back(
    dashboard: Dashboard, caller: Caller
) -> None:
    account = await caller.account()
    path = dashboard.link(account, expires_at=SOON)
    async with asyncio.timeout(30), dashboard.browser() as browser:
        for _ in range(8):  # more than may read at once
            async with browser.stream("GET", f"{path}/files/activity.csv") as file:
                assert file.status_code == 200
        whole = await browser.get(f"{path}/files/activity.csv")
        assert whole.text.count("\n") == 2
