"""What leaving the body of a hold does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

import creditgate
from tests.client.conftest import Fake


@pytest.fixture
async def credits_(fake: Fake) -> AsyncIterator[creditgate.AsyncClient]:
    async with fake.async_client(patience_seconds=2) as client:
        yield client


class WorkFailedError(Exception):
    pass


async def fail(client: creditgate.AsyncClient, *, report: bool = False, **options: Any) -> None:
    """Use two credits, perhaps report them, and fail."""
    async with client.hold("acme", amount=5, hold_id="work", **options) as hold:
        hold.use(2)
        if report:
            await hold.report()
            hold.use(1)
        raise WorkFailedError


async def test_what_was_used_is_charged_and_the_rest_freed(
    fake: Fake, credits_: creditgate.AsyncClient
) -> None:
    async with credits_.hold("acme", amount="5", hold_id="work") as hold:
        assert (hold.granted, hold.remaining) == (Decimal(5), Decimal(5))
        assert hold.balance.held == 5
        hold.use("3.2")
        assert (hold.used, hold.remaining) == (Decimal("3.2"), Decimal("1.8"))
    assert hold.hold.state is creditgate.HoldState.COMMITTED
    assert (hold.hold.charged, hold.balance.settled) == (Decimal("3.2"), Decimal("96.8"))
    assert fake.sent() == ["Reserve", "Commit"]


async def test_use_adds_and_totals_replace(credits_: creditgate.AsyncClient) -> None:
    async with credits_.hold("acme", amount=5) as hold:
        hold.use(1)
        hold.use("0.5")
        hold.use(total=3)
        hold.use(total=2)
        assert hold.used == 3
        with pytest.raises(TypeError):
            hold.use()
        with pytest.raises(TypeError):
            hold.use(1, total=2)
        with pytest.raises(TypeError):
            hold.use(0.5)  # type: ignore[arg-type]
        hold.use(4)
    assert hold.hold.charged == 7


async def test_without_any_use_it_releases(fake: Fake, credits_: creditgate.AsyncClient) -> None:
    async with credits_.hold("acme", amount=5, hold_id="work"):
        pass
    assert fake.state() == "RELEASED"


async def test_an_exception_releases(fake: Fake, credits_: creditgate.AsyncClient) -> None:
    with pytest.raises(WorkFailedError):
        await fail(credits_)
    found = fake.hold()
    assert found is not None
    assert (fake.state(), found.charged_micros) == ("RELEASED", 0)
    assert found.termination_cause == "error:WorkFailedError"


async def test_an_exception_commits_where_that_is_asked_for(
    fake: Fake, credits_: creditgate.AsyncClient
) -> None:
    with pytest.raises(WorkFailedError):
        await fail(credits_, on_error="commit")
    found = fake.hold()
    assert found is not None
    assert (fake.state(), found.charged_micros) == ("COMMITTED", 2_000_000)


async def test_what_was_reported_stays_charged_after_an_exception(
    fake: Fake, credits_: creditgate.AsyncClient
) -> None:
    with pytest.raises(WorkFailedError):
        await fail(credits_, report=True)
    found = fake.hold()
    assert found is not None
    assert (fake.state(), found.charged_micros) == ("RELEASED", 2_000_000)


async def test_a_denial_is_raised_and_leaves_nothing(
    fake: Fake, credits_: creditgate.AsyncClient
) -> None:
    with pytest.raises(creditgate.InsufficientCredits) as caught:
        async with credits_.hold("acme", amount=101, hold_id="work"):
            pytest.fail("the body must not run")
    assert type(caught.value) is creditgate.InsufficientCredits
    assert caught.value.answer.shortfall == 1
    assert caught.value.answer.asked == 101
    assert fake.sent() == ["Reserve"]
    assert fake.state() == "NONE"


async def test_credits_held_by_others_say_when_to_retry(credits_: creditgate.AsyncClient) -> None:
    async with credits_.hold("acme", amount=60, ttl_seconds=30):
        with pytest.raises(creditgate.CreditsHeld) as caught:
            async with credits_.hold("acme", amount=60):
                pytest.fail("the body must not run")
    assert caught.value.retry_after_seconds == 30


async def test_an_inactive_account_is_no_want_of_credits(credits_: creditgate.AsyncClient) -> None:
    await credits_.update_account("acme", status=creditgate.AccountStatus.SUSPENDED)
    with pytest.raises(creditgate.AccountInactive):
        async with credits_.hold("acme", amount=1):
            pytest.fail("the body must not run")


async def test_less_may_be_granted(credits_: creditgate.AsyncClient) -> None:
    async with credits_.hold("acme", amount=150, minimum=50) as hold:
        assert hold.granted == 100


async def test_work_that_was_done_is_not_done_again(credits_: creditgate.AsyncClient) -> None:
    async with credits_.hold("acme", amount=5, hold_id="work") as hold:
        hold.use(1)
    with pytest.raises(creditgate.HoldCommitted, match="was committed before"):
        async with credits_.hold("acme", amount=5, hold_id="work"):
            pytest.fail("the body must not run")


async def test_work_that_was_interrupted_goes_on(credits_: creditgate.AsyncClient) -> None:
    await credits_.reserve("acme", hold_id="work", amount=5)
    await credits_.commit("acme", hold_id="work", used=2, keep_open=True)
    async with credits_.hold("acme", amount=5, hold_id="work") as hold:
        assert hold.used == 2
        hold.use(1)
    assert hold.hold.charged == 3


async def test_a_name_is_made_up(credits_: creditgate.AsyncClient) -> None:
    async with credits_.hold("acme", amount=1) as one, credits_.hold("acme", amount=1) as two:
        assert one.hold_id != two.hold_id


async def test_a_hold_can_be_raised(credits_: creditgate.AsyncClient) -> None:
    async with credits_.hold("acme", amount=5) as hold:
        hold.use(4)
        extension = await hold.extend(20)
        assert [extension.charged, hold.granted, hold.remaining] == [4, 20, 16]
        with pytest.raises(creditgate.InsufficientCredits):
            await hold.extend(200)
        assert hold.granted == 20
        hold.use(1)
    assert hold.hold.charged == 5


async def test_a_hold_ended_inside_is_left_alone(
    fake: Fake, credits_: creditgate.AsyncClient
) -> None:
    async with credits_.hold("acme", amount=5, hold_id="work") as hold:
        hold.use(2)
        settlement = await hold.commit(termination_cause="stop")
        assert settlement.charged == 2
    async with credits_.hold("acme", amount=5) as hold:
        hold.use(2)
        await hold.release()
    assert fake.sent() == ["Reserve", "Commit", "Reserve", "Release"]


async def test_a_failed_end_is_raised(fake: Fake, credits_: creditgate.AsyncClient) -> None:
    async def work() -> None:
        async with credits_.hold("acme", amount=5, hold_id="work") as hold:
            hold.use(2)
            await credits_.release("acme", hold_id="work")

    with pytest.raises(creditgate.HoldReleased):
        await work()
    assert fake.state() == "RELEASED"


async def test_a_failed_end_never_hides_why_the_body_failed(
    fake: Fake, credits_: creditgate.AsyncClient
) -> None:
    async def work() -> None:
        async with credits_.hold("acme", amount=5, hold_id="work"):
            fake.refuse(1_000)
            raise WorkFailedError

    with pytest.raises(WorkFailedError) as caught:
        await work()
    assert "hold work of acme was not ended" in caught.value.__notes__[0]


async def test_attributes_and_labels_are_kept(credits_: creditgate.AsyncClient) -> None:
    attributes = creditgate.Attributes(agent="bot", conversation_id="c-1")
    async with credits_.hold(
        "acme", amount=5, hold_id="work", attributes=attributes, labels={"team": "a"}
    ) as hold:
        assert hold.hold.attributes == attributes
        assert hold.hold.labels == {"team": "a"}


async def test_many_holds_live_beside_each_other(credits_: creditgate.AsyncClient) -> None:
    async def work(number: int) -> None:
        async with credits_.hold("acme", amount=2, hold_id=f"work-{number}") as hold:
            hold.use(1)

    await asyncio.gather(*(work(number) for number in range(40)))
    balance = await credits_.get_balance("acme")
    assert [balance.settled, balance.held] == [60, 0]
