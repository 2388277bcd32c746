"""An export of activity for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from creditgate._types.activity import Activity, ActivityChunk

Chunks = Callable[[str], AsyncIterator[ActivityChunk]]


class AsyncExport:
    """An account's activity as a whole, oldest first; `AsyncClient.export_activity` makes it.

    Iterating reads it from where `cursor` is to the end of what there was when it was begun, and
    keeps one chunk in memory. Interruptions are bridged. `cursor` moves when a chunk has been taken
    whole: an export of the same account and filter that is given it goes on there.
    """

    def __init__(self, read: Chunks, *, cursor: str) -> None:
        self._read, self.cursor = read, cursor

    async def __aiter__(self) -> AsyncIterator[Activity]:
        async for chunk in self.chunks():
            for activity in chunk.activities:
                yield activity

    async def chunks(self) -> AsyncIterator[ActivityChunk]:
        """Read it chunk by chunk, each with the cursor after it; a chunk may be empty."""
        async for chunk in self._read(self.cursor):
            yield chunk
            self.cursor = chunk.cursor
