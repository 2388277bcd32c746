"""How long sessions last, how often one may fail, and what browsers are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from unittest.mock import Mock
from uuid import UUID, uuid4

import httpx
import pytest

from creditgate_server.dashboard.app import create_app
from creditgate_server.dashboard.dependencies import Dependencies, Rules
from creditgate_server.dashboard.keyholders import Keyholders
from creditgate_server.dashboard.section import BadQueryError, Download, Section
from creditgate_server.domain.accounts import Account, Standing
from creditgate_server.domain.balances import Balance
from creditgate_server.domain.directory import Listing
from creditgate_server.domain.errors import BatchRefusedError, NotExecutedError
from creditgate_server.domain.keys import KeyRecord, Scope, digest_of, key_id_of, new_key
from creditgate_server.domain.links import Links, UsageLink

PEPPER = "a pepper for tests, long enough to be one"
TENANT = uuid4()
KEY = new_key().text
HERE = "http://dashboard.test"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
RULES = Rules(base_url=HERE, session_idle_seconds=1_800, session_max_seconds=7_200)
NOWHERE = Standing(None, None, None, None, "UTC", None, 0, None, None)


@dataclass
class Store:
    """What the dashboard reads, all of it here; `away` and `refused` let it fail."""

    records: dict[str, KeyRecord] = field(default_factory=dict)
    now: datetime = NOW
    seconds: float = 1_000.0
    away: bool = False
    refused: bool = False

    async def find_key(self, key_id: str) -> KeyRecord | None:
        self._answer()
        return self.records.get(key_id)

    async def get_account(self, tenant_id: UUID, account_id: str) -> Account | None:
        self._answer()
        return account(account_id, self.now) if (tenant_id, account_id) == (TENANT, "a") else None

    async def tenant_name(self, tenant_id: UUID) -> str:
        return "Acme & Sons" if tenant_id == TENANT else ""

    async def find(self, tenant_id: UUID, *, prefix: str, after: str, limit: int) -> Listing:
        self._answer()
        assert "\0" not in prefix + after
        found: Sequence[Account] = [account("<script>", self.now)] if tenant_id == TENANT else []
        return Listing(found, more=False)

    def clock(self) -> float:
        return self.seconds

    def put(self, text: str, *scopes: Scope, tenant_id: UUID = TENANT) -> str:
        key_id = key_id_of(text) or ""
        digest = digest_of(text, pepper=PEPPER)
        self.records[key_id] = KeyRecord(key_id, tenant_id, digest, frozenset(scopes), None, None)
        return key_id

    def _answer(self) -> None:
        if self.refused:
            raise BatchRefusedError("there is no such function")
        if self.away:
            raise NotExecutedError("the database is away")


def account(account_id: str, now: datetime) -> Account:
    balance = Balance(5_000_000, 0, 0, 7, now)
    return Account(account_id, 1, 1, balance, 0, 0, "{}", NOW, NOWHERE, (), False, 0)


async def _plain(_deps: Dependencies, _visit: Any) -> dict[str, Any]:
    return {}


async def _bad(_deps: Dependencies, _visit: Any) -> dict[str, Any]:
    raise BadQueryError("no such <month>")


async def _file(_deps: Dependencies, visit: Any) -> AsyncIterator[bytes]:
    if visit.query.get("bad"):
        raise BadQueryError("no such month")
    yield b"a,b\n"
    yield b"1,2\n"


async def _empty(_deps: Dependencies, _visit: Any) -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for each in nothing:
        yield each


async def _broken(_deps: Dependencies, _visit: Any) -> dict[str, Any]:
    raise ZeroDivisionError


# Any template that wants nothing stands for a section's.
PLAIN = "_staff_header.html"
SECTIONS = (Section("plain", PLAIN, _plain), Section("bad", PLAIN, _bad))
DOWNLOADS = (
    Download("a.csv", "text/csv", "a.csv", _file),
    Download("empty.csv", "text/csv", "empty.csv", _empty),
)


@pytest.fixture
def store() -> Store:
    store = Store()
    store.put(KEY, Scope.READ)
    return store


def browser(store: Store, *, rules: Rules = RULES, url: str = HERE) -> httpx.AsyncClient:
    anything: Any = cast("Any", Mock())
    others = dict.fromkeys(
        ("activities", "budgets", "calls", "catalog", "conversations", "events"), anything
    )
    more = {
        name: anything
        for name in Dependencies.__dataclass_fields__
        if name not in {*others, "accounts", "directory", "keys", "links", "pepper", "clock"}
    }
    deps = Dependencies(
        accounts=cast("Any", store),
        directory=store,
        keys=store,
        links=Links(PEPPER, base_url=HERE),
        pepper=PEPPER,
        clock=store.clock,
        **others,
        **more,
    )
    app = create_app(
        deps,
        rules=rules,
        page=Section("page", PLAIN, _plain),
        sections=(*SECTIONS, Section("broken", PLAIN, _broken)),
        downloads=DOWNLOADS,
    )
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url=url, headers={"origin": url})


async def log_in(client: httpx.AsyncClient, key: str = KEY, **more: str) -> httpx.Response:
    return await client.post("/login", data={"key": key, **more})


def link(**changes: Any) -> str:
    made = UsageLink(TENANT, "a", key_id_of(KEY) or "", NOW + timedelta(hours=1))
    return f"/u/{Links(PEPPER, base_url=HERE).token(made._replace(**changes))}"


async def test_a_session_ends_when_nothing_is_done_and_some_day_anyway(store: Store) -> None:
    async with browser(store) as client:
        await log_in(client)
        for _ in range(4):
            store.seconds += 1_799
            assert (await client.get("/accounts")).status_code == 200
        store.seconds += 3  # two hours are almost over
        assert (await client.get("/accounts")).status_code == 200
        store.seconds += 1
        assert (await client.get("/accounts")).status_code == 303
    async with browser(store) as client:
        await log_in(client)
        store.seconds += 1_800
        assert (await client.get("/accounts")).status_code == 303


async def test_what_a_page_does_by_itself_keeps_no_session_alive(store: Store) -> None:
    async with browser(store) as client:
        await log_in(client)
        for headers, status in (({}, 401), ({"x-by-hand": "1"}, 200)):
            await log_in(client)
            store.seconds += 900
            url = "/account/sections/plain?id=a"
            assert (await client.get(url, headers=headers)).status_code == 200
            store.seconds += 900
            assert (await client.get(url, headers=headers)).status_code == status


async def test_a_form_is_short(store: Store) -> None:
    async with browser(store) as client:
        assert (await log_in(client, "k" * 8_192)).status_code == 413
        assert (await client.post("/login", content=b"\xff=1")).status_code == 403
        fields = {f"f{number}": "" for number in range(21)}
        assert (await client.post("/login", data=fields)).status_code == 403


async def test_cookies_keep_to_tls_where_there_is_tls(store: Store) -> None:
    rules = Rules(base_url="https://credits.example")
    async with browser(store, rules=rules, url="https://credits.example") as client:
        cookie = (await log_in(client)).headers["set-cookie"]
        assert cookie.startswith("__Host-creditgate=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        page = await client.get("/accounts")
        assert page.headers["strict-transport-security"] == "max-age=31536000"
    async with browser(store) as client:
        assert "Secure" not in (await log_in(client)).headers["set-cookie"]


async def test_who_fails_often_waits_and_who_has_a_key_does_not(store: Store) -> None:
    async with browser(store) as client:
        for _ in range(30):
            assert (await log_in(client)).status_code == 303
        for _ in range(20):
            assert (await log_in(client, "wrong")).status_code == 401
        refused = await log_in(client)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        store.seconds += 3
        assert (await log_in(client)).status_code == 303


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": HERE}, 303),
        ({"origin": HERE, "sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://dashboard.test.evil.example"}, 403),
        ({"origin": HERE, "sec-fetch-site": "same-site"}, 403),
        ({"origin": HERE, "sec-fetch-site": "none"}, 403),
        # Through a proxy that asks for another host.
        ({"origin": HERE, "host": "127.0.0.1:8080"}, 303),
        ({"origin": "http://evil.example", "host": "127.0.0.1:8080"}, 403),
    ],
)
async def test_forms_are_taken_from_pages_of_ours_alone(
    store: Store, headers: dict[str, str], status: int
) -> None:
    async with browser(store) as client:
        del client.headers["origin"]
        answer = await client.post("/login", data={"key": KEY}, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("/account?id=a", "/account?id=a"),
        ("/accounts?prefix=x", "/accounts?prefix=x"),
        ("", "/accounts"),
        ("//evil.example", "/accounts"),
        ("https://evil.example/accounts", "/accounts"),
        ("/accounts/../x", "/accounts"),
        ("/\\evil.example", "/accounts"),
        ("/logout", "/accounts"),
        ("/account?id=" + "a" * 2_000, "/accounts"),
    ],
)
async def test_after_logging_in_one_stays_here(store: Store, asked: str, place: str) -> None:
    async with browser(store) as client:
        answer = await log_in(client, next=asked)
        assert answer.headers["location"] == place


async def test_what_is_shown_is_escaped_and_nothing_else_may_run(store: Store) -> None:
    async with browser(store) as client:
        await log_in(client)
        page = await client.get("/accounts")
        assert "&lt;script&gt;" in page.text
        assert "Acme &amp; Sons" in page.text
        assert page.headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
            " font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none';"
            " frame-ancestors 'none'"
        )
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert (await client.get("/accounts?prefix=%00a&after=%00")).status_code == 200
        assert (await client.get("/account?id=%00")).status_code == 404


async def test_a_link_is_embedded_where_it_says_also_once_it_has_ended(store: Store) -> None:
    shop = "https://shop.example.com"
    async with browser(store) as client:
        for expires_at, status in ((NOW + timedelta(seconds=1), 200), (NOW, 403)):
            page = await client.get(link(origins=(shop,), expires_at=expires_at))
            assert page.status_code == status
            assert page.headers["content-security-policy"].endswith(f" frame-ancestors {shop}")
            assert "x-frame-options" not in page.headers
            assert page.headers["referrer-policy"] == "no-referrer"
        closed = await client.get(link())
        assert closed.headers["content-security-policy"].endswith("frame-ancestors 'none'")


async def test_a_link_ends_with_its_key_and_with_what_that_may_do(store: Store) -> None:
    key_id = key_id_of(KEY) or ""
    async with browser(store) as client:
        for tenant, scope, status in (
            (TENANT, Scope.READ, 200),
            (TENANT, Scope.ADMIN, 200),
            (TENANT, Scope.AUTHORIZE, 403),
            (uuid4(), Scope.READ, 403),
        ):
            store.put(KEY, scope, tenant_id=tenant)
            store.seconds += 5
            assert (await client.get(link())).status_code == status
        store.put(KEY, Scope.READ)
        store.records[key_id] = store.records[key_id]._replace(revoked_at=NOW)
        store.seconds += 5
        assert (await client.get(link())).status_code == 403
        assert (await log_in(client)).status_code == 401


async def test_what_goes_wrong_is_shown_where_it_was_asked_for(store: Store) -> None:
    async with browser(store) as client:
        bad = await client.get(f"{link()}/sections/bad")
        assert (bad.status_code, "no such &lt;month&gt;" in bad.text) == (400, True)
        assert "<html" not in bad.text
        for place in ("/sections/none", "/files/none", "/none"):
            assert (await client.get(link() + place)).status_code == 404
        assert (await client.post(link())).status_code == 405
        broken = await client.get(f"{link()}/sections/broken")
        assert (broken.status_code, "Zero" in broken.text) == (500, False)
        assert broken.headers["content-security-policy"].startswith("default-src 'none'")
        store.away = True
        away = await client.get(f"{link()}/sections/plain")
        assert (away.status_code, away.headers["retry-after"]) == (503, "5")
        whole = await client.get(link())
        assert (whole.status_code, "<html" in whole.text) == (503, True)
        assert (await client.get("/health")).status_code == 503
        store.refused = True
        bug = await client.get(link())
        assert (bug.status_code, "function" in bug.text) == (500, False)


async def test_files_are_sent_as_they_are_read(store: Store) -> None:
    async with browser(store) as client:
        file = await client.get(f"{link()}/files/a.csv")
        assert (file.status_code, file.text) == (200, "a,b\n1,2\n")
        assert file.headers["content-disposition"] == 'attachment; filename="a.csv"'
        assert (await client.get(f"{link()}/files/a.csv?bad=1")).status_code == 400
        assert (await client.get(f"{link()}/files/empty.csv")).text == ""


async def test_what_never_changes_under_its_name_is_kept(store: Store) -> None:
    async with browser(store) as client:
        login = await client.get("/login")
        url = login.text.partition('href="/static/icon.svg')[2].partition('"')[0]
        kept = await client.get(f"/static/icon.svg{url}")
        assert "immutable" in kept.headers["cache-control"]
        assert (await client.get("/static/icon.svg")).headers["cache-control"] == "no-cache"
        assert (await client.get("/static/../app.py")).status_code == 404


async def test_keys_are_believed_for_a_while_and_no_longer(store: Store) -> None:
    holders = Keyholders(store, pepper=PEPPER, ttl_seconds=5, clock=store.clock)
    key_id = key_id_of(KEY) or ""
    assert await holders.holding(key_id)
    del store.records[key_id]
    store.seconds += 4.9
    assert await holders.holding(key_id)
    store.seconds += 0.1
    assert await holders.holding(key_id) is None
    store.put(KEY, Scope.READ)
    assert await holders.with_text(KEY)
    other = new_key().text
    store.records[key_id] = store.records[key_id]._replace(digest=digest_of(other, pepper=PEPPER))
    assert await holders.with_text(KEY) is None
