"""What calls have used, on its way to the service; for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from creditgate._async.hold import Send
from creditgate._call.journal import Entry, Journal
from creditgate._call.outbox import (
    RESEND_PATIENCE_SECONDS,
    UNNAMED,
    Backoff,
    closing_of,
    may_come_later,
    reserve_of,
)
from creditgate._errors import CreditgateError
from creditgate._hold import log
from creditgate._messages.work import Call
from creditgate._types.decision import HoldStatus, Settlement


class AsyncOutbox:
    """Delivers the totals of calls. With a journal it never gives one up that may be delivered yet.

    Files are written one after the other, in a thread of their own, so that an older total never
    takes the place of a newer one.
    """

    def __init__(self, send: Send, *, folder: Path | None) -> None:
        self._send = send
        self._journal = None if folder is None else Journal(folder)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="creditgate-journal")
        self._waiting: dict[tuple[str, str], Entry] = {}
        self._left: list[Entry] = []
        self._unwritten: dict[tuple[str, str], Entry] = {}
        self._is_open = False
        self._resending: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Take the journal, and begin to deliver what is in it. Raises RuntimeError, OSError."""
        if self._journal is None or self._is_open:
            return
        self._journal.open()
        self._is_open = True
        for entry in self._journal.read():
            if entry.is_final or entry.gateway_id.startswith(UNNAMED):
                self._later(entry)
            else:
                self._left.append(entry)

    async def close(self) -> None:
        """Stop; what is not delivered stays in the journal."""
        if self._resending is not None:
            self._resending.cancel()
            await asyncio.wait([self._resending])
        self._disk.shutdown()
        if self._journal is not None:
            self._journal.close()

    def left(self, gateway_id: str, epoch: int) -> dict[tuple[str, str], Entry]:
        """What the journal knows of calls that earlier starts of a gateway left unfinished."""
        return {
            entry.name: entry
            for entry in self._left
            if entry.gateway_id == gateway_id and entry.epoch < epoch
        }

    def note(self, entry: Entry) -> None:
        """Keep a total in the journal, if there is one, as soon as the disk has the time.

        A call waits for no disk, and of several totals of a call that wait only the newest counts.
        """
        if self._journal is not None and entry.commit.used_quantity:
            self._unwritten[entry.name] = entry
            self._disk.submit(self._write_newest, entry.name)

    async def settle(self, entry: Entry) -> Settlement | HoldStatus | None:
        """Charge a total, and end its hold; None where that is left to the journal.

        Raises `Unavailable` without a journal, and whatever else there is to raise.
        """
        if self._journal is not None:
            await self._on_disk(self._journal.write, entry)
        try:
            settlement = await self._deliver(entry)
        except CreditgateError as failure:
            if self._journal is None:
                raise
            if not may_come_later(failure):
                await self._refused(entry, failure)
                raise
            log.warning("call %s of %s stays in the journal: %s", *entry.name[::-1], failure)
            self._later(entry)
            return None
        await self.forget(entry)
        return settlement

    async def forget(self, entry: Entry) -> None:
        """Take a call that is settled out of the journal."""
        self._left = [each for each in self._left if each.name != entry.name]
        if self._journal is not None:
            await self._on_disk(self._journal.remove, entry)

    def _later(self, entry: Entry) -> None:
        self._waiting[entry.name] = entry
        if self._resending is None or self._resending.done():
            self._resending = asyncio.create_task(self._resend())

    async def _resend(self) -> None:
        """Deliver what waits, one after the other, for as long as that takes."""
        backoff = Backoff()
        while self._waiting:
            name, entry = next(iter(self._waiting.items()))
            try:
                await self._deliver(entry, patience_seconds=RESEND_PATIENCE_SECONDS)
            except CreditgateError as failure:
                if may_come_later(failure):
                    # The others first: it may be that only this one cannot be delivered.
                    self._waiting[name] = self._waiting.pop(name)
                    await asyncio.sleep(backoff.seconds())
                    continue
                await self._refused(entry, failure)
            else:
                await self.forget(entry)
            backoff = Backoff()
            self._waiting.pop(name, None)

    async def _deliver(
        self, entry: Entry, *, patience_seconds: float | None = None
    ) -> Settlement | HoldStatus:
        if (reserve := reserve_of(entry)) is not None:
            reservation = await self._send(reserve, patience_seconds=patience_seconds)
            reservation.raise_if_denied()
        request: Call[Any] = closing_of(entry)
        answer = await self._send(request, patience_seconds=patience_seconds)
        assert isinstance(answer, Settlement | HoldStatus)
        return answer

    async def _refused(self, entry: Entry, failure: CreditgateError) -> None:
        log.error("the usage of call %s of %s is refused: %s", *entry.name[::-1], failure)
        if self._journal is not None:
            await self._on_disk(self._journal.set_aside, entry)

    def _write_newest(self, name: tuple[str, str]) -> None:
        entry = self._unwritten.pop(name, None)
        if entry is not None and self._journal is not None:
            try:
                self._journal.write(entry)
            except OSError as error:
                log.error("the journal fails: %s", error)

    async def _on_disk(self, work: Callable[[Entry], None], entry: Entry) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._disk, work, entry)
        except OSError as error:
            log.error("the journal fails: %s", error)
