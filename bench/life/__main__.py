"""The process of a story's callers: reads a `Story` from its input, writes what was `Lived`.

The lines `begin` and `end` before it say when the measured time begins and ends.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter
from contextlib import AsyncExitStack

from bench.life.book import Book
from bench.life.chat import Chat
from bench.life.clients import Clients, Timed
from bench.life.clock import Clock
from bench.life.gateway import Gateways
from bench.life.lines import Stream, Unary, stream, unary
from bench.life.notes import Notes
from bench.life.story import Lived, Story
from creditgate import AsyncClient
from creditgate._types.amount import to_credits

_CONNECTIONS = 4


async def live(story: Story) -> Lived:
    """Live through a story."""
    clock, book = Clock(story.factor), Book()
    notes = Notes(clock, since=story.warm_until, until=story.ends_at)
    counts: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        lines: list[Stream | Unary] = []
        cast: Gateways | Chat | Clients
        if story.kind == "calls":
            streamed = await stack.enter_async_context(stream(story.target, story.api_key))
            lines, cast = [streamed], Gateways(story, clock, book, notes, streamed)
        elif story.kind == "chat":
            unaries = [
                await stack.enter_async_context(unary(story.target, story.api_key))
                for _ in range(_CONNECTIONS)
            ]
            lines, cast = [*unaries], Chat(story, clock, book, notes, unaries)
        else:
            client = Timed(story.target, api_key=story.api_key, stream=True)
            await stack.enter_async_context(client)
            client.clock, client.notes = clock, notes
            cast = Clients(story, clock, book, notes, client)
        await asyncio.gather(
            cast.run(), _mark(clock, story), _top_up(clock, story, book), _cut(clock, story, lines)
        )
    for each in (cast, *lines):
        counts += each.counts
    return Lived(
        seconds=(story.ends_at - story.warm_until) / story.factor,
        calls=notes.calls,
        latency_ms=notes.latencies_ms(),
        counts=dict(sorted(counts.items())),
        under_way_max=max((each.under_way_max for each in lines), default=0),
        works=book.lines(),
        granted=book.granted,
        wrong=notes.wrongs,
    )


async def _mark(clock: Clock, story: Story) -> None:
    for at, what in ((story.warm_until, "begin"), (story.ends_at, "end")):
        await clock.until(at)
        print(what, flush=True)


async def _top_up(clock: Clock, story: Story, book: Book) -> None:
    if not story.topup_at:
        return
    await clock.until(story.topup_at)
    async with AsyncClient(story.target, api_key=story.api_key) as client:
        for number in range(0, story.poor, 2):
            account_id, amount = story.account(story.rich + number), story.topup_micros
            await client.add_grant(account_id, grant_id="top-up", amount=to_credits(amount))
            book.granted[account_id] = amount


async def _cut(clock: Clock, story: Story, lines: list[Stream | Unary]) -> None:
    for at in story.cuts:
        await clock.until(at)
        for each in lines:
            if isinstance(each, Stream):
                each.cut()


def main() -> None:
    """Live through the story that comes as a line."""
    story = Story.from_json(sys.stdin.readline())
    gc.freeze()
    print(asyncio.run(live(story)).to_json(), flush=True)
    # Whoever started this looks at what it has used before it is gone.
    sys.stdin.read()


if __name__ == "__main__":
    main()
