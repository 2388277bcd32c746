"""What calls have used, on its way to the service; for threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
from creditgate._sync.hold import Send
from creditgate._types.decision import HoldStatus, Settlement


class SyncOutbox:
    """Delivers the totals of calls. With a journal it never gives one up that may be delivered yet.

    Threads may share one.
    """

    def __init__(self, send: Send, *, folder: Path | None) -> None:
        self._send = send
        self._journal = None if folder is None else Journal(folder)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._waiting: dict[tuple[str, str], Entry] = {}
        self._left: list[Entry] = []
        self._resending: threading.Thread | None = None

    def open(self) -> None:
        """Take the journal, and begin to deliver what is in it. Raises RuntimeError, OSError."""
        if self._journal is None:
            return
        self._journal.open()
        for entry in self._journal.read():
            if entry.is_final or entry.gateway_id.startswith(UNNAMED):
                self._later(entry)
            else:
                self._left.append(entry)

    def stop(self) -> None:
        """Deliver no more; what is not delivered stays in the journal."""
        self._closed.set()

    def close(self) -> None:
        """Stop, and give the journal back; the connection is closed already."""
        self.stop()
        if self._resending is not None:
            self._resending.join()
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
        """Keep a total in the journal, if there is one; that the disk fails ends no call."""
        if self._journal is not None and entry.commit.used_quantity:
            self._on_disk(self._journal.write, entry)

    def settle(self, entry: Entry) -> Settlement | HoldStatus | None:
        """Charge a total, and end its hold; None where that is left to the journal.

        Raises `Unavailable` without a journal, and whatever else there is to raise.
        """
        if self._journal is not None:
            self._on_disk(self._journal.write, entry)
        try:
            settlement = self._deliver(entry)
        except CreditgateError as failure:
            if self._journal is None:
                raise
            if not may_come_later(failure):
                self._refused(entry, failure)
                raise
            log.warning("call %s of %s stays in the journal: %s", *entry.name[::-1], failure)
            self._later(entry)
            return None
        self.forget(entry)
        return settlement

    def forget(self, entry: Entry) -> None:
        """Take a call that is settled out of the journal."""
        self._left = [each for each in self._left if each.name != entry.name]
        if self._journal is not None:
            self._on_disk(self._journal.remove, entry)

    def _later(self, entry: Entry) -> None:
        with self._lock:
            self._waiting[entry.name] = entry
            if self._resending is None:
                name = "creditgate-journal"
                self._resending = threading.Thread(target=self._resend, name=name, daemon=True)
                self._resending.start()

    def _resend(self) -> None:
        """Deliver what waits, one after the other, for as long as that takes."""
        backoff = Backoff()
        while not self._closed.is_set():
            with self._lock:
                if not self._waiting:
                    self._resending = None
                    return
                name, entry = next(iter(self._waiting.items()))
            try:
                self._deliver(entry, patience_seconds=RESEND_PATIENCE_SECONDS)
            except RuntimeError:
                if not self._closed.is_set():
                    raise
                return
            except CreditgateError as failure:
                if may_come_later(failure):
                    # The others first: it may be that only this one cannot be delivered.
                    with self._lock:
                        self._waiting[name] = self._waiting.pop(name)
                    self._closed.wait(backoff.seconds())
                    continue
                self._refused(entry, failure)
            else:
                self.forget(entry)
            backoff = Backoff()
            with self._lock:
                self._waiting.pop(name, None)

    def _deliver(
        self, entry: Entry, *, patience_seconds: float | None = None
    ) -> Settlement | HoldStatus:
        if (reserve := reserve_of(entry)) is not None:
            reservation = self._send(reserve, patience_seconds=patience_seconds)
            reservation.raise_if_denied()
        request: Call[Any] = closing_of(entry)
        answer = self._send(request, patience_seconds=patience_seconds)
        assert isinstance(answer, Settlement | HoldStatus)
        return answer

    def _refused(self, entry: Entry, failure: CreditgateError) -> None:
        log.error("the usage of call %s of %s is refused: %s", *entry.name[::-1], failure)
        if self._journal is not None:
            self._on_disk(self._journal.set_aside, entry)

    def _on_disk(self, work: Callable[[Entry], None], entry: Entry) -> None:
        try:
            work(entry)
        except OSError as error:
            log.error("the journal fails: %s", error)
