"""The blocking twin: the same ends, and interrupts instead of cancellation."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

import creditgate
from tests.client.conftest import Fake


@pytest.fixture
def credits_(fake: Fake) -> Iterator[creditgate.Client]:
    with fake.client(patience_seconds=2) as client:
        yield client


class WorkFailedError(Exception):
    pass


def work(client: creditgate.Client, *, error: type[BaseException] | None, **options: Any) -> None:
    """Use two credits, and perhaps fail."""
    with client.hold("acme", amount=5, hold_id="work", **options) as hold:
        hold.use(2)
        if error is not None:
            raise error


def test_what_was_used_is_charged_and_the_rest_freed(credits_: creditgate.Client) -> None:
    with credits_.hold("acme", amount="5") as hold:
        hold.use("3.2")
    assert hold.hold.charged == Decimal("3.2")
    assert credits_.get_balance("acme").settled == Decimal("96.8")


@pytest.mark.parametrize("error", [WorkFailedError, KeyboardInterrupt, SystemExit])
def test_whatever_fails_releases(
    fake: Fake, credits_: creditgate.Client, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        work(credits_, error=error)
    assert fake.state() == "RELEASED"


def test_an_exception_commits_where_that_is_asked_for(
    fake: Fake, credits_: creditgate.Client
) -> None:
    with pytest.raises(WorkFailedError):
        work(credits_, error=WorkFailedError, on_error="commit")
    assert fake.state() == "COMMITTED"


def test_a_denial_is_raised(fake: Fake, credits_: creditgate.Client) -> None:
    with pytest.raises(creditgate.InsufficientCredits), credits_.hold("acme", amount=101):
        pytest.fail("the body must not run")
    assert fake.sent() == ["Reserve"]


class Interrupted(creditgate.Client):
    """A client whose user presses Ctrl-C while a request is on its way."""

    interrupt: str = ""

    def _send(self, call: Any, **options: Any) -> Any:
        answer = super()._send(call, **options)
        if call.method == self.interrupt:
            self.interrupt = ""
            raise KeyboardInterrupt
        return answer


def test_an_interrupt_while_entering_releases(fake: Fake) -> None:
    with Interrupted(fake.target, api_key="key") as client:
        client.interrupt = "Reserve"
        with pytest.raises(KeyboardInterrupt):
            work(client, error=None)
    assert fake.state() == "RELEASED"


def test_an_interrupt_while_leaving_still_commits(fake: Fake) -> None:
    with Interrupted(fake.target, api_key="key") as client:
        client.interrupt = "Commit"
        with pytest.raises(KeyboardInterrupt):
            work(client, error=None)
    found = fake.hold()
    assert found is not None
    assert (fake.state(), found.charged_micros) == ("COMMITTED", 2_000_000)


def test_an_unknown_reserve_is_released(fake: Fake) -> None:
    with fake.client(patience_seconds=0.2) as client:
        fake.lose_replies(1_000)
        with (
            pytest.raises(creditgate.OutcomeUnknown),
            client.hold("acme", amount=5, hold_id="work"),
        ):
            pytest.fail("the body must not run")
    assert fake.state() == "RELEASED"


def test_a_failed_end_never_hides_why_the_body_failed(
    fake: Fake, credits_: creditgate.Client
) -> None:
    def fail() -> None:
        with credits_.hold("acme", amount=5, hold_id="work"):
            fake.refuse(1_000)
            raise WorkFailedError

    with pytest.raises(WorkFailedError) as caught:
        fail()
    assert "was not ended" in caught.value.__notes__[0]


def test_threads_may_share_a_client(credits_: creditgate.Client) -> None:
    def one(number: int) -> None:
        with credits_.hold("acme", amount=2, hold_id=f"work-{number}") as hold:
            hold.use(1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(40)))
    balance = credits_.get_balance("acme")
    assert [balance.settled, balance.held] == [60, 0]


def test_no_heartbeat_outlives_its_hold(credits_: creditgate.Client) -> None:
    with credits_.hold("acme", amount=5):
        assert heartbeats() == 1
    deadline = time.monotonic() + 5
    while heartbeats() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert heartbeats() == 0


def heartbeats() -> int:
    return sum(thread.name == "creditgate-heartbeat" for thread in threading.enumerate())
