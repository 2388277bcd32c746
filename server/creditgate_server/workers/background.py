"""All background work of a server, as loops ready to start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from creditgate_server.domain.deliveries import Outbox
from creditgate_server.domain.figures import Archived, OpenHolds
from creditgate_server.settings import Settings
from creditgate_server.workers.archive import Archive
from creditgate_server.workers.deliver_events import DeliverEvents, Sender
from creditgate_server.workers.expire_holds import ExpireHolds
from creditgate_server.workers.forget_events import ForgetEvents
from creditgate_server.workers.loop import Loop
from creditgate_server.workers.measure_deliveries import MeasureDeliveries
from creditgate_server.workers.measure_holds import MeasureHolds
from creditgate_server.workers.reconcile import Reconcile, Violation
from creditgate_server.workers.roll_up import RollUp, Sums

_MEASURE_INTERVAL_SECONDS = 15.0
_FORGET_INTERVAL_SECONDS = 600.0
_ARCHIVE_INTERVAL_SECONDS = 600.0
# Proving the rules reads everything. It never takes more than a tenth of one core from the calls.
_VERIFY_REST = 9.0
# What has expired is to be swept within 5 s, also when the database comes back after an outage.
_SWEEP_BACKOFF_SECONDS_MAX = 2.0
_DAY_SECONDS = 86_400.0
_BACKOFF_SECONDS_MAX = 60.0


class Store(Protocol):
    """What background work needs of the database. Raises `domain.errors`."""

    async def due_buckets(self, buckets: Sequence[int]) -> Sequence[int]:
        """Answer those of the buckets in which something is due."""
        ...

    async def expire_due(self, bucket: int, *, limit: int) -> int:
        """End up to `limit` due things of one bucket; answers how many."""
        ...

    async def open_holds(self, bucket: int) -> OpenHolds:
        """Measure the open holds of one bucket."""
        ...

    async def forget_events(self, bucket: int, *, days: int, limit: int) -> int:
        """Forget up to `limit` of a bucket's dispatched events that are older than `days`."""
        ...

    async def archive(self, bucket: int, *, days: int, limit: int) -> Archived:
        """Go on archiving what ended more than `days` ago in a bucket: look at `limit` rows."""
        ...

    async def verify(self, *, rest: float) -> Sequence[Violation]:
        """Prove every rule on every account; answers what is broken.

        It rests `rest` times as long as it works.
        """
        ...


class Observer(Protocol):
    """Whom background work tells what it did and found."""

    def swept(self, count: int) -> None:
        """Note how much was ended because its time was over."""
        ...

    def archived(self, found: Archived) -> None:
        """Note what was moved into the archive."""
        ...

    def violations(self, accounts_by_rule: Mapping[str, int]) -> None:
        """Note how many accounts break each rule."""
        ...

    def holds(
        self,
        *,
        open_count: int,
        held_micros: int,
        oldest_seconds: float,
        overdue_seconds: float,
        offline_micros: int,
        unbounded_calls: int,
    ) -> None:
        """Note what the database holds."""
        ...

    def delivered(self, result: str, *, seconds: float) -> None:
        """Note an attempt to deliver an event and how it ended."""
        ...

    def backlog(self, *, pending: int, oldest_seconds: float, dead: int) -> None:
        """Note what waits to be delivered."""
        ...

    def rolled_up(self, entries: int) -> None:
        """Note how many entries were summed up."""
        ...

    def unsummed(self, *, accounts: int, changes: int) -> None:
        """Note how many accounts are behind, and how many changes are summed up nowhere yet."""
        ...

    def round_finished(self, loop: str, *, seconds: float, at_seconds: float) -> None:
        """Note a round that ended well."""
        ...

    def round_failed(self, loop: str) -> None:
        """Note a round that ended in an error."""
        ...


def background(
    settings: Settings,
    *,
    store: Store,
    outbox: Outbox,
    sender: Sender,
    sums: Sums,
    rules: Sequence[str],
    observer: Observer,
) -> Sequence[Loop]:
    """Make the loops: the sweep, the deliveries, the sums, the proof of `rules`, the figures."""
    sweep = ExpireHolds(store, limit=settings.sweep_batch_max, swept=observer.swept)
    reconcile = Reconcile(
        lambda: store.verify(rest=_VERIFY_REST), rules=rules, found=observer.violations
    )
    deliver = _deliver(settings, outbox, sender, observer=observer)
    measure_holds = MeasureHolds(store.open_holds, observer=observer)
    measure_deliveries = MeasureDeliveries(outbox.backlog, observer=observer)

    async def measure() -> bool:
        # One after the other, with one connection.
        return await measure_holds() | await measure_deliveries()

    forget = ForgetEvents(store, days=settings.event_retention_days)
    archive = Archive(store, days=settings.retention_days, archived=observer.archived)

    def loop(
        work: Callable[[], Awaitable[bool]],
        name: str,
        *,
        every_seconds: float,
        backoff_seconds_max: float = _BACKOFF_SECONDS_MAX,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> Loop:
        return Loop(
            work,
            name=name,
            interval_seconds=every_seconds,
            backoff_seconds_max=backoff_seconds_max,
            observer=observer,
            close=close,
        )

    return (
        loop(
            sweep,
            "expire_holds",
            every_seconds=settings.sweep_interval_ms / 1_000,
            backoff_seconds_max=_SWEEP_BACKOFF_SECONDS_MAX,
        ),
        loop(
            deliver,
            "deliver_events",
            every_seconds=settings.delivery_interval_ms / 1_000,
            backoff_seconds_max=_SWEEP_BACKOFF_SECONDS_MAX,
            close=deliver.close,
        ),
        loop(
            RollUp(sums, observer=observer),
            "roll_up",
            every_seconds=settings.usage_interval_ms / 1_000,
        ),
        loop(reconcile, "reconcile", every_seconds=settings.reconcile_interval_ms / 1_000),
        loop(measure, "measure", every_seconds=_MEASURE_INTERVAL_SECONDS),
        loop(forget, "forget_events", every_seconds=_FORGET_INTERVAL_SECONDS),
        loop(archive, "archive", every_seconds=_ARCHIVE_INTERVAL_SECONDS),
    )


def _deliver(
    settings: Settings, outbox: Outbox, sender: Sender, *, observer: Observer
) -> DeliverEvents:
    return DeliverEvents(
        outbox,
        sender,
        at_once=settings.deliveries_at_once,
        timeout_seconds=settings.delivery_timeout_ms / 1_000,
        pause_seconds=settings.delivery_interval_ms / 1_000,
        retention_seconds=settings.delivery_retention_days * _DAY_SECONDS,
        observer=observer,
    )
