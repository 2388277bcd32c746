"""An export of activity, blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from creditgate._types.activity import Activity, ActivityChunk

Chunks = Callable[[str], Iterator[ActivityChunk]]


class SyncExport:
    """An account's activity as a whole, oldest first; `Client.export_activity` makes it.

    Iterating reads it from where `cursor` is to the end of what there was when it was begun, and
    keeps one chunk in memory. Interruptions are bridged. `cursor` moves when a chunk has been taken
    whole: an export of the same account and filter that is given it goes on there.
    """

    def __init__(self, read: Chunks, *, cursor: str) -> None:
        self._read, self.cursor = read, cursor

    def __iter__(self) -> Iterator[Activity]:
        for chunk in self.chunks():
            yield from chunk.activities

    def chunks(self) -> Iterator[ActivityChunk]:
        """Read it chunk by chunk, each with the cursor after it; a chunk may be empty."""
        for chunk in self._read(self.cursor):
            yield chunk
            self.cursor = chunk.cursor
