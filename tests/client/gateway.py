"""A gateway with one call, as a process of its own: `python -m tests.client.gateway`.

It tells on its output what has happened, and goes on until it is told to end, or killed.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import creditgate
from creditgate import Clock, Timer
from tests.client.awaits import until

FACTOR = 20


class FastClock(Clock):
    """A clock that runs twenty times as fast as others."""

    def now_ns(self) -> int:
        return time.monotonic_ns() * FACTOR

    def call_later(self, seconds: float, *, callback: Callable[[], None]) -> Timer:
        return super().call_later(seconds / FACTOR, callback=callback)


def tell(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def talk(target: str, key: str, journal: Path) -> None:
    """Hold one call until it is cut or cancelled."""
    async with (
        creditgate.AsyncClient(target, api_key=key, journal=journal, stream=True) as client,
        client.call(
            "acme",
            call_id="work",
            meter="voice.call",
            gateway_id="edge",
            epoch=1,
            clock=FastClock(),
        ) as call,
    ):
        call.answered()
        tell("answered")
        await until(lambda: call.quota.granted_quantity > 60 and any(journal.glob("*.json")))
        tell("renewed")
        await call.wait_cut()


async def main() -> None:
    """End the call when this process is told to, as a service manager does."""
    target, key, journal = sys.argv[1:]
    task = asyncio.create_task(talk(target, key, Path(journal)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.wait([task])
    tell("ended")


if __name__ == "__main__":
    asyncio.run(main())
