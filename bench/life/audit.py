"""Compares what a story came to with holds and statements, line by line."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from time import monotonic

from bench.life import plot
from bench.life.book import SESSION, Book, Work
from bench.life.story import Lived, Story
from creditgate import AsyncClient, EntryKind, Hold

_PAGE = 1_000
_SHOWN = 10
_LOOK_SECONDS = 0.5
_SESSION = re.compile(r".+#\d+#(?=\d+$)")


class DifferenceError(Exception):
    """Totals differ: what a hold or an account was to come to, and what it came to."""


async def settle(client: AsyncClient, accounts: Mapping[str, int], *, seconds: float) -> None:
    """Wait until nothing is held, which may take as long as the last hold lives."""
    until = monotonic() + seconds
    for account_id in accounts:
        while (balance := await client.get_balance(account_id)).held_micros:
            if monotonic() > until:
                raise DifferenceError(f"{account_id} still holds {balance.held_micros}")
            await asyncio.sleep(_LOOK_SECONDS)


async def audit(
    client: AsyncClient, story: Story, lived: Lived, given: Mapping[str, int]
) -> dict[str, int]:
    """Compare all that can be compared; answer how much that was. Raises `DifferenceError`."""
    book = Book.read(lived.works, lived.granted)
    wrong = [*lived.wrong, *_against_plot(story, book)]
    counts: Counter[str] = Counter(accounts=len(given))
    by_account: dict[str, dict[str, Work]] = {each: {} for each in given}
    for work in book.works.values():
        by_account[work.account_id][work.hold_id] = work
    for account_id, works in by_account.items():
        total = given[account_id] + book.granted.get(account_id, 0)
        wrong += await _holds(client, account_id, works)
        wrong += await _statement(client, account_id, works, total, counts)
    if wrong:
        raise DifferenceError(f"{len(wrong)} differences, the first: {wrong[:_SHOWN]}")
    counts["holds"] = len(book.works)
    counts["charged_micros"] = sum(each.cost for each in book.works.values())
    return dict(counts)


def _against_plot(story: Story, book: Book) -> Iterator[str]:
    """What callers say they used must be what the seed says, where credits never lack."""
    meant = plot.works(story)
    for name in meant.keys() | {each for each in book.works if each[0].startswith("rich")}:
        ours, theirs = meant.get(name), book.works.get(name)
        if ours is None or theirs is None or not _alike(ours, theirs, by=story.tolerance):
            yield f"{name}: meant {ours}, lived {theirs}"


def _alike(one: Work, other: Work, *, by: int) -> bool:
    names = one.used.keys() | other.used.keys()
    near = all(abs(one.used.get(each, 0) - other.used.get(each, 0)) <= by for each in names)
    return near and one.state == other.state


async def _holds(client: AsyncClient, account_id: str, works: Mapping[str, Work]) -> list[str]:
    """Compare each hold of an account; answer the differences."""
    there: dict[str, Hold] = {}
    async for hold in client.list_holds(account_id, page_size=_PAGE):
        # What the holds of a session come to is seen in the statement.
        if _name(hold.hold_id) == hold.hold_id:
            there[hold.hold_id] = hold
    works = {name: work for name, work in works.items() if work.state != SESSION}
    wrong = [f"{account_id}: {name} in one place only" for name in there.keys() ^ works.keys()]
    for name in there.keys() & works.keys():
        hold, work = there[name], works[name]
        found = (hold.state.name, hold.charged_micros, hold.uncollected_micros, hold.held_micros)
        if found != (work.state, work.cost, 0, 0):
            wrong.append(f"{account_id}: {found}, not {work}")
        lines = {(each.meter, each.model): each.used_quantity for each in hold.lines}
        used = sorted(lines.values()) if lines else [hold.used_quantity]
        if used != (sorted(work.used.values()) or [0] * len(used)):
            wrong.append(f"{account_id}: {used} used, not {work}")
    return wrong


async def _statement(
    client: AsyncClient, account_id: str, works: Mapping[str, Work], given: int,
    counts: Counter[str],
) -> list[str]:  # fmt: skip
    """Add up an account's statement, hold by hold; answer the differences."""
    statement = await client.get_statement(account_id, page_size=_PAGE)
    charged: Counter[str] = Counter()
    granted = 0
    async for entry in statement:
        counts["entries"] += 1
        if entry.kind is EntryKind.CHARGE:
            charged[_name(entry.hold_id)] -= entry.amount_micros
        elif entry.kind is EntryKind.GRANT:
            granted += entry.amount_micros
    costs = {name: work.cost for name, work in works.items() if work.cost}
    wrong = [
        f"{account_id}: {name} was charged {charged[name]}, not {costs.get(name, 0)}"
        for name in charged.keys() | costs.keys()
        if charged[name] != costs.get(name, 0)
    ]
    left = given - sum(costs.values())
    if (granted, statement.closing_micros) != (given, left):
        wrong.append(f"{account_id}: {granted} given, {statement.closing_micros} left, not {left}")
    return wrong


def _name(hold_id: str) -> str:
    """The name of a hold, or of the session that it is one of."""
    begins = _SESSION.match(hold_id)
    return begins[0] if begins else hold_id
