"""Each number on an account's page against the ledger's own rows, over random histories.

What is expected is worked out here from entries, holds and grants as they lie in their tables: from
nothing that sums up, and with fractions that stay exact until they are shown.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from html.parser import HTMLParser
from math import floor
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from creditgate import Attributes, GrantKind, Usage
from creditgate_server.domain.account_keys import account_key
from tests.support.database import Database
from tests.support.website import CHAT, VOICE, Website, answer, open_site, sell, website

WEEK = timedelta(days=7)
GRANT, CHARGE, REFUND = 1, 2, 3
ZONES = ("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana")
BEGINNING = datetime(2026, 1, 31, 17, tzinfo=UTC)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(module_database: Database) -> AsyncIterator[Website]:
    async with website(module_database) as site:
        await site.at(BEGINNING)
        await sell(site, allowance=200)
        yield site


@dataclass
class Ledger:
    """The rows of one account, as they lie in their tables."""

    now: datetime
    zone: ZoneInfo
    account: Any
    entries: list[Any]
    holds: dict[str, Any]
    grants: list[Any]

    def consumed(self, start: datetime | None = None, until: datetime | None = None) -> int:
        return sum(amount for _, amount, _ in self.spent(start, until))

    def spent(
        self, start: datetime | None = None, until: datetime | None = None
    ) -> Iterator[tuple[datetime, int, Any]]:
        """When, how much, and of which hold; refunds count as negative."""
        for entry in self.entries:
            at = entry["created_at"]
            inside = (start is None or at >= start) and (until is None or at < until)
            if entry["kind"] in {CHARGE, REFUND} and inside:
                yield at, -entry["amount_micros"], self.holds[entry["hold_id"]]

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def by_day(self, start: datetime) -> dict[date, int]:
        days: defaultdict[date, int] = defaultdict(int)
        for at, amount, _ in self.spent(start):
            days[self.day(at)] += amount
        return days

    def by(self, start: datetime, name: Callable[[Any], str]) -> dict[str, int]:
        parts: Counter[str] = Counter()
        for _, amount, hold in self.spent(start):
            parts[name(hold)] += amount
        return {key: amount for key, amount in parts.items() if amount}


KINDS = {1: "PLAN", 2: "PURCHASED", 3: "PROMOTIONAL", 4: "ADJUSTMENT", 5: "ROLLOVER"}


async def read(site: Website, account_id: str, zone: str) -> Ledger:
    key = account_key(site.server.tenant_id, account_id)

    async def rows(table: str) -> list[Any]:
        text = f"SELECT * FROM creditgate.{table} WHERE bucket = $1 AND account_key = $2"
        return list(await site.connection.fetch(text, *key))

    [account] = await rows("accounts")
    entries = sorted(await rows("entries"), key=lambda each: (each["version"], each["line"]))
    holds = {each["hold_id"]: each for each in await rows("holds")}
    grants = await rows("grants")
    return Ledger(await site.clock.read(), ZoneInfo(zone), account, entries, holds, grants)


async def live(site: Website, account_id: str, zone: str, random: Random) -> None:
    """Let an account be used, also at midnights, at the edges of cycles, and just before them."""
    now = BEGINNING + timedelta(seconds=random.randint(0, 86_400))
    await site.at(now)
    await open_site(site, account_id, time_zone=zone, anchor=now if random.random() < 0.7 else None)
    edges = [now + timedelta(days=28 * month) for month in range(1, 3)]
    times = [now + timedelta(seconds=random.randint(0, 70 * 86_400)) for _ in range(36)]
    for place in random.sample(range(len(times)), 8):
        local = times[place].astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0)
        times[place] = max(
            now, local.astimezone(UTC) - timedelta(microseconds=random.choice((0, 1)))
        )
    done: list[str] = []
    for number, at in enumerate(sorted([*times, *edges])):
        await site.at(at)
        name = f"work-{number}"
        if random.random() < 0.1:
            kind = random.choice((GrantKind.PURCHASED, GrantKind.PROMOTIONAL))
            ends = at + timedelta(days=random.randint(5, 50))
            await site.client.add_grant(
                account_id, grant_id=name, kind=kind, amount=random.randint(1, 90), expires_at=ends
            )
        else:
            await answer(site, name, random, account_id=account_id)
            done.append(name)
        if done and random.random() < 0.15:
            status = await site.client.get_hold(account_id, hold_id=random.choice(done))
            if status.hold.charged - status.hold.refunded >= 1:
                await site.client.refund(
                    account_id, refund_id=name, hold_id=status.hold.hold_id, amount=1
                )
    await site.at(max(times) + timedelta(seconds=random.randint(1, 9 * 86_400)))
    for name, usage in (("talk", Usage(VOICE, 7, "small")), ("chat", Usage(CHAT, 1, "large"))):
        await site.client.reserve(
            account_id, hold_id=name, usage=usage, attributes=Attributes(agent="ann")
        )


class Page(HTMLParser):
    """The amounts of a page, by the attributes of what they stand in."""

    _NAMES = ("data-figure", "data-slice", "data-stat", "data-day", "data-bucket", "data-part")
    _EMPTY = frozenset({"input", "br", "meta", "link", "img", "option"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        self._within: list[tuple[str, ...]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._EMPTY:
            return
        given = dict(attrs)
        within = self._within[-1] if self._within else ()
        for name in ("data-breakdown", *self._NAMES):
            if name in given:
                within = (*within, given[name] or "")
        self._within.append(within)
        if tag == "data":
            self.found[within].append(int(given["value"] or ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self._EMPTY:
            self._within.pop()


@asynccontextmanager
async def sections(site: Website, account_id: str) -> AsyncIterator[Callable[..., Any]]:
    path = (await site.url(account_id)).removeprefix(site.dashboard.url)
    async with site.dashboard.browser(timeout=30) as browser:

        async def section(name: str, **query: str) -> Page:
            answer = await browser.get(f"{path}/sections/{name}", params=query)
            assert answer.status_code == 200, answer.text
            return Page(answer.text)

        yield section


@pytest.mark.parametrize(("zone", "seed"), list(zip(ZONES * 2, range(8), strict=True)))
async def test_every_number_is_the_ledgers(site: Website, zone: str, seed: int) -> None:
    account_id = f"site-{seed}"
    await live(site, account_id, zone, Random(seed))
    async with sections(site, account_id) as section:
        overview, spending = await section("overview"), await section("spending", over="30")
        months = await section("spending", over="365")
        ledger = await read(site, account_id, zone)
        _months_agree(months, ledger)
        _figures_agree(overview, ledger)
        _pace_agrees(overview, ledger)
        _days_agree(overview, ledger)
        _parts_agree(spending, ledger)


def _cycle(ledger: Ledger) -> tuple[datetime, datetime]:
    return ledger.account["cycle_starts_at"], ledger.account["cycle_ends_at"]


def _figures_agree(page: Page, ledger: Ledger) -> None:
    start, _ = _cycle(ledger)
    settled = sum(each["amount_micros"] for each in ledger.entries)
    held = sum(each["held_micros"] for each in ledger.holds.values() if each["state"] == 1)
    given = {
        kind: sum(each["remaining_micros"] for each in ledger.grants if KINDS[each["kind"]] == kind)
        for kind in KINDS.values()
    }
    package = sum(
        each["amount_micros"]
        for each in ledger.grants
        if KINDS[each["kind"]] in {"PLAN", "ROLLOVER"} and each["effective_at"] >= start
    )
    consumed = ledger.consumed(start)
    expected = {
        "package": package,
        "consumed": consumed,
        "remaining": settled - held,
        "purchased": given["PURCHASED"],
        "promotional": given["PROMOTIONAL"],
        "held": held,
    }
    assert {name: page.found[name,] for name in expected} == {
        name: [amount] if name not in {"held", "remaining"} else [amount, amount]
        for name, amount in expected.items()
    }
    assert page.found["used",] == [consumed]
    assert held > 0
    over = consumed - package
    assert page.found.get(("overage",), []) == ([over] if over > 0 else [])


def _pace_agrees(page: Page, ledger: Ledger) -> None:
    start, end = _cycle(ledger)
    now = ledger.now
    consumed = ledger.consumed(start)
    elapsed = max(now - start, timedelta(days=1))
    assert page.found["average",] == [
        _nearest(Fraction(consumed * _micros(timedelta(1)), _micros(elapsed)))
    ]
    seen = min(WEEK, max(now - ledger.account["created_at"], timedelta(days=1)))
    pace = Fraction(ledger.consumed(now - WEEK), _micros(seen))
    projected = consumed + _nearest(max(pace, Fraction(0)) * _micros(end - now))
    assert page.found["projected",] == [projected]
    days = ledger.by_day(start)
    peak = max(days.values(), default=0)
    assert page.found["peak",] == ([peak] if peak > 0 else [])


def _days_agree(page: Page, ledger: Ledger) -> None:
    start, end = _cycle(ledger)
    days = ledger.by_day(start)
    shown = {key[0]: value for key, value in page.found.items() if key and key[0][:2] == "20"}
    last = ledger.day(end - timedelta(microseconds=1))
    today = ledger.day(ledger.now)
    wanted = [
        ledger.day(start) + timedelta(each) for each in range((last - ledger.day(start)).days + 1)
    ]
    [projected] = page.found["projected",]
    ahead = projected - ledger.consumed(start)
    assert [value[0] for day, value in shown.items() if date.fromisoformat(day) <= today] == [
        days.get(day, 0) for day in wanted if day <= today
    ]
    rest = [
        sum(value[1:]) if date.fromisoformat(day) <= today else sum(value)
        for day, value in shown.items()
    ]
    assert sum(rest) == ahead
    if ahead:
        assert [date.fromisoformat(day) for day in shown] == wanted


def _parts_agree(page: Page, ledger: Ledger) -> None:
    first = ledger.day(ledger.now) - timedelta(days=29)
    start = datetime(first.year, first.month, first.day, tzinfo=ledger.zone).astimezone(UTC)
    assert page.found["spent",] == [ledger.consumed(start)]
    days = ledger.by_day(start)
    wanted = [days.get(first + timedelta(each), 0) for each in range(30)]
    shown = [value for key, value in page.found.items() if key and key[0][:2] == "20"]
    assert [value[0] for value in shown] == wanted

    def attribute(name: str) -> Callable[[Any], str]:
        return lambda hold: _attributes(hold).get(name, "")

    ways: dict[str, Callable[[Any], str]] = {
        "Models": lambda hold: hold["rate"]["model"],
        "Kinds of work": lambda hold: "call" if hold["rate"]["meter"] == VOICE else "chat",
        "Agents": attribute("agent"),
        "Topics": attribute("topic"),
    }
    for title, way in ways.items():
        parts = {key[1]: value for key, value in page.found.items() if key[:1] == (title,)}
        assert {name: value[0] for name, value in parts.items()} == ledger.by(start, way), title
    dearest = sorted(ledger.by(start, attribute("conversation_id")).values(), reverse=True)[:6]
    title = "Dearest conversations"
    assert [value[0] for key, value in page.found.items() if key[:1] == (title,)] == dearest


def _months_agree(page: Page, ledger: Ledger) -> None:
    start = ledger.now - timedelta(days=400)
    months: Counter[str] = Counter()
    for day, amount in ledger.by_day(start).items():
        months[day.replace(day=1).isoformat()] += amount
    shown = {key[0]: value[0] for key, value in page.found.items() if key and key[0][:2] == "20"}
    assert len(shown) == 13
    assert {month: amount for month, amount in shown.items() if amount} == {
        month: amount for month, amount in months.items() if amount
    }


def _attributes(hold: Any) -> dict[str, str]:
    read: dict[str, str] = json.loads(hold["details"] or "{}").get("attributes", {})
    return read


def _micros(of: timedelta) -> int:
    return of // timedelta(microseconds=1)


def _nearest(number: Fraction) -> int:
    return floor(number + Fraction(1, 2))
