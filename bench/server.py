"""The process of one server: Creditgate as it is, or with one part of it exchanged.

It prints the address it listens on once it serves, and ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from creditgate_server import logs
from creditgate_server.app import App, serve
from creditgate_server.domain.balances import Balance
from creditgate_server.domain.holds import Hold, HoldState
from creditgate_server.domain.operations import Operation
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.results import Result
from creditgate_server.lanes import Lanes
from creditgate_server.postgres.ledger import PostgresLedger
from creditgate_server.postgres.pool import open_pool
from creditgate_server.settings import Settings
from creditgate_server.telemetry import Options, Telemetry, current_ids


class Direct(Lanes[Operation, Result]):
    """No lanes: each operation is a batch of its own, and a transaction of its own."""

    def __init__(self, ledger: PostgresLedger) -> None:
        super().__init__(ledger.apply, lanes=1, batch_max=1, queue_max=1, reserve_queue_max=1)
        self._ledger = ledger

    def submit(
        self, bucket: int, operation: Operation, *, urgent: bool, owner: Hashable = None
    ) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().create_task(self._apply(operation))

    async def _apply(self, operation: Operation) -> Result:
        return (await self._ledger.apply([operation]))[0]


class Memory(Lanes[Operation, Result]):
    """No ledger: every Reserve is granted from memory."""

    def __init__(self, ledger: PostgresLedger) -> None:
        super().__init__(ledger.apply, lanes=1, batch_max=1, queue_max=1, reserve_queue_max=1)

    def submit(
        self, bucket: int, operation: Operation, *, urgent: bool, owner: Hashable = None
    ) -> asyncio.Future[Result]:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        future.set_result(granted(operation, datetime.now(UTC)))
        return future


def granted(operation: Operation, now: datetime) -> Result:
    """What a ledger with credits in plenty would answer to a Reserve."""
    amount = operation.amount_micros
    hold = Hold(
        operation.hold_id, HoldState.OPEN, amount, amount, 0, 0, 0, 0, now,
        now + timedelta(milliseconds=operation.ttl_ms), None, False, "", operation.details,  # noqa: FBT003 - as the ledger builds them
    )  # fmt: skip
    balance = Balance(10**12, amount, 0, 1, now)
    return Result(Outcome.GRANTED, amount, 0, None, False, 0, 0, hold, balance)  # noqa: FBT003 - as above


class DirectApp(App):
    """Creditgate without lanes."""

    def _make_lanes(self, ledger: PostgresLedger, telemetry: Telemetry) -> Lanes[Operation, Result]:
        return Direct(ledger)


class EchoApp(App):
    """Creditgate without lanes and ledger: keys, deadlines, telemetry and messages remain."""

    def _make_lanes(self, ledger: PostgresLedger, telemetry: Telemetry) -> Lanes[Operation, Result]:
        return Memory(ledger)


async def _lanes(settings: Settings, telemetry: Telemetry, ready: Callable[[str], None]) -> None:
    await serve(settings, telemetry=telemetry, ready=ready)


async def _direct(settings: Settings, telemetry: Telemetry, ready: Callable[[str], None]) -> None:
    await _serve(DirectApp(settings, telemetry, await open_pool(settings)), ready)


async def _echo(settings: Settings, telemetry: Telemetry, ready: Callable[[str], None]) -> None:
    await _serve(EchoApp(settings, telemetry, await open_pool(settings)), ready)


async def _bare(settings: Settings, _: Telemetry, ready: Callable[[str], None]) -> None:
    """Serve what grpcio does in the least case: bytes, handed back."""

    async def handle(request: bytes, _: Any) -> bytes:
        return request

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((_Always(grpc.unary_unary_rpc_method_handler(handle)),))
    port = server.add_insecure_port(settings.listen)
    await server.start()
    ready(f"{settings.listen.rpartition(':')[0]}:{port}")
    await _stopped()
    await server.stop(0)


class _Always(grpc.GenericRpcHandler):
    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._handler


VARIANTS = {"lanes": _lanes, "direct": _direct, "echo": _echo, "bare": _bare}


async def _serve(app: App, ready: Callable[[str], None]) -> None:
    try:
        await app.start()
        ready(app.address)
        await _stopped()
        await app.drain()
    finally:
        await app.close()


async def _stopped() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def main(arguments: Sequence[str]) -> None:
    """Run the variant that is named, with the settings of the environment."""
    settings = Settings.from_env(os.environ)
    logs.configure(level=settings.log_level, form=settings.log_format, trace_ids=current_ids)
    telemetry = Telemetry(Options.resolve(settings, environ=os.environ))
    variant = VARIANTS[arguments[0]]
    try:
        asyncio.run(variant(settings, telemetry, lambda address: print(address, flush=True)))
    finally:
        telemetry.close()


if __name__ == "__main__":
    main(sys.argv[1:])
