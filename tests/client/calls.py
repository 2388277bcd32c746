"""Calls of a fake, by the minute of a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import creditgate
from creditgate import Rate
from creditgate.testing import FakeClock
from tests.client.awaits import until
from tests.client.conftest import Fake

RATE = Rate.of("voice.call", unit_price="0.6", unit_size=60, connection_fee="0.05")
FEE, SECOND = 50_000, 10_000


def priced(fake: Fake, *, others: Iterable[Rate] = (), **plan: Any) -> None:
    """Let `acme` make calls for a fee of 0.05 and 0.01 a second."""
    with fake.client() as client:
        client.put_rate_card("voice", version=1, rates=[RATE, *others])
        client.put_plan("calls", version=1, rate_card_id="voice", **plan)
        client.update_account("acme", plan="calls@1")
    fake.requests.clear()


def price(seconds: int) -> int:
    """What that many seconds cost, in micro-credits."""
    return FEE + SECOND * seconds if seconds else 0


class Minutes:
    """Moves the clock of calls and that of the fake together."""

    def __init__(self, fake: Fake) -> None:
        self._fake, self.clock = fake, FakeClock()

    def pass_(self, seconds: float) -> None:
        """Let time pass, whatever is under way."""
        self._fake.advance(seconds=seconds)
        self.clock.advance(seconds=seconds)

    async def go_on(self, seconds: float, *calls: creditgate.AsyncCall) -> None:
        """Let time pass as it does: whatever is asked is answered before more of it has passed."""
        for _ in range(int(seconds)):
            self.pass_(1)
            for call in calls:
                await answered(call)


async def answered(call: creditgate.AsyncCall) -> None:
    """Wait for the answer to what a call has asked, if anything."""
    asking = call._asking
    if asking is not None and not asking.done():
        await until(asking.done)


def calling(
    client: creditgate.AsyncClient, clock: FakeClock, **options: Any
) -> creditgate.AsyncCall:
    return client.call("acme", call_id="work", meter="voice.call", clock=clock, **options)


def settled(fake: Fake) -> tuple[str, int, str]:
    """How the call's hold ended: its state, what was charged, why."""
    hold = fake.hold()
    assert hold is not None
    assert hold.held_micros == 0
    return fake.state(), hold.charged_micros, hold.termination_cause


def entries(folder: Path, pattern: str = "*.json") -> list[Path]:
    """The files of a journal."""
    return list(folder.glob(pattern))
