"""Events on their way to those who asked for them, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.deliveries import (
    RETRY_SECONDS,
    Answer,
    DeliveryName,
    DeliveryState,
    EndpointKind,
    Places,
    Task,
    Verdict,
    settled,
)
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.postgres.endpoints import PostgresEndpoints
from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.outbox import PostgresOutbox
from creditgate_server.postgres.pool import Pool
from tests.support.clock import DatabaseClock
from tests.support.database import Connection
from tests.support.deliveries import DAY, Post, Told, account, listed, put, work, worker
from tests.support.happenings import happen


async def test_each_event_goes_to_each_endpoint_that_wants_it_in_order(
    pool: Pool, connection: Connection, tenant: UUID
) -> None:
    first, second = await account(pool, tenant, "a"), await account(pool, tenant, "b")
    await put(pool, tenant, "all")
    await put(pool, tenant, "low", kinds=(1,))
    await put(pool, tenant, "of-b", account_id="b", kind=EndpointKind.EMAIL, address="b@x.de")
    other, _ = await PostgresKeys(pool).ensure_tenant("other")
    await put(pool, other.tenant_id, "all")
    for kind in (1, 2, 1):
        await happen(connection, first, kind=kind)
        await happen(connection, second, kind=kind)
    post, told = Post(), Told()
    await work(worker(pool, post, told))
    expected = [("all", name, number) for name in "ab" for number in (1, 2, 3)]
    expected += [("low", name, number) for name in "ab" for number in (1, 3)]
    expected += [("of-b", "b", number) for number in (1, 2, 3)]
    assert sorted(post.names) == sorted(expected)
    for line in {name[:2] for name in post.names}:
        numbers = [number for *of, number in post.names if tuple(of) == line]
        assert numbers == sorted(numbers)
    assert told.results == ["delivered"] * len(expected)
    assert {delivery.state for delivery in await listed(pool, tenant)} == {DeliveryState.DONE}
    assert await connection.fetchval("SELECT count(*) FROM creditgate.delivery_queues") == 0
    assert await PostgresOutbox(pool).due_buckets() == []


async def test_what_is_sent_says_all_there_is_to_say(
    pool: Pool, connection: Connection, tenant: UUID
) -> None:
    key = await account(pool, tenant, "a")
    await put(pool, tenant)
    await happen(connection, key, kind=1, threshold_micros=5)
    post = Post()
    await work(worker(pool, post))
    (task,) = post.sent
    assert (task.bucket, task.account_key, task.tenant_id) == (*key, tenant)
    assert (task.endpoint_kind, task.address) == (1, "https://example.com/hook")
    assert (task.event_kind, task.attempts, task.generation, task.rotated) == (1, 1, 1, False)
    assert task.body == '{"threshold_micros": 5}'
    assert task.message_id == f"evt_{key.account_key.hex}_1"
    assert task.created_at <= task.sent_at


async def test_an_endpoint_hears_of_what_happens_from_then_on(
    pool: Pool, connection: Connection, tenant: UUID
) -> None:
    key = await account(pool, tenant, "a")
    await happen(connection, key)
    await put(pool, tenant)
    await happen(connection, key)
    post = Post()
    await work(worker(pool, post))
    assert post.names == [("main", "a", 2)]


async def test_a_failure_is_tried_again_and_holds_up_what_comes_after_it(
    pool: Pool, clock: DatabaseClock, connection: Connection, tenant: UUID
) -> None:
    key, other = await account(pool, tenant, "a"), await account(pool, tenant, "b")
    await put(pool, tenant)
    await happen(connection, key, count=2)
    post = Post(Verdict.FAILED, Verdict.FAILED)
    deliver = worker(pool, post)
    await work(deliver)
    assert post.names == [("main", "a", 1)]
    await happen(connection, other)
    await work(deliver)
    assert post.names[1:] == [("main", "b", 1)], "another account does not wait"
    assert post.answers == []
    pending = await listed(pool, tenant, state=DeliveryState.PENDING)
    assert [(each.account_id, each.event_no, each.attempts) for each in pending] == sorted(
        [("a", 1, 1), ("a", 2, 0), ("b", 1, 1)], key=lambda of: account_key(tenant, of[0])[1]
    )
    assert pending[0].last_error == "words"
    assert pending[0].next_at is not None

    await clock.advance(seconds=RETRY_SECONDS[0] - 1)
    await work(deliver)
    assert len(post.sent) == 2, "not yet"
    await clock.advance(seconds=3)
    await work(deliver)
    assert sorted(post.names[2:]) == [("main", "a", 1), ("main", "a", 2), ("main", "b", 1)]
    assert [task.attempts for task in post.sent if task.event_no == 1] == [1, 1, 2, 2]
    assert len({task.message_id for task in post.sent if task.event_no == 1}) == 2


async def test_after_a_day_of_failures_a_delivery_is_dead_and_the_next_one_has_its_turn(
    pool: Pool, clock: DatabaseClock, connection: Connection, tenant: UUID
) -> None:
    key = await account(pool, tenant, "a")
    await put(pool, tenant)
    await happen(connection, key, count=2)
    attempts = len(RETRY_SECONDS) + 1
    post, told = Post(*[Verdict.FAILED] * attempts), Told()
    deliver = worker(pool, post, told)
    started = last = await clock.read()
    for _ in range(attempts):
        await work(deliver)
        last = await clock.read()
        await clock.advance(seconds=max(RETRY_SECONDS) * 1.2)
    assert [task.attempts for task in post.sent][:attempts] == list(range(1, attempts + 1))
    assert (last - started).total_seconds() >= DAY
    assert DAY <= sum(RETRY_SECONDS) < 2 * DAY
    assert told.results[attempts - 1] == "given_up"
    (dead,) = await listed(pool, tenant, state=DeliveryState.DEAD)
    assert (dead.event_no, dead.attempts, dead.next_at) == (1, attempts, None)
    assert post.names[attempts:] == [("main", "a", 2)]


async def test_a_dead_delivery_can_be_sent_again_from_the_first_attempt_on(
    pool: Pool, connection: Connection, tenant: UUID
) -> None:
    key = await account(pool, tenant, "a")
    await put(pool, tenant)
    await happen(connection, key, count=2)
    post = Post(Verdict.REJECTED)
    deliver, endpoints = worker(pool, post), PostgresEndpoints(pool)
    await work(deliver)
    assert [each.event_no for each in await listed(pool, tenant, state=DeliveryState.DEAD)] == [1]
    for _ in range(2):
        result = await endpoints.retry_delivery(tenant, DeliveryName("a", 1, "main"))
        assert result.outcome is Outcome.ACCEPTED
        assert result.delivery is not None
        assert (result.delivery.state, result.delivery.attempts) == (DeliveryState.PENDING, 0)
    await work(deliver)
    assert post.names == [("main", "a", 1), ("main", "a", 2), ("main", "a", 1)]
    done = await endpoints.retry_delivery(tenant, DeliveryName("a", 1, "main"))
    assert done.delivery is not None
    assert done.delivery.state == DeliveryState.DONE
    await work(deliver)
    assert len(post.sent) == 3
    for wrong in (("a", 3, "main"), ("b", 1, "main"), ("a", 1, "other")):
        result = await endpoints.retry_delivery(tenant, DeliveryName(*wrong))
        assert result.outcome is Outcome.DELIVERY_NOT_FOUND


@pytest.mark.parametrize("way", ["gone", "deleted"])
async def test_an_endpoint_that_is_gone_gets_nothing_more(
    pool: Pool, connection: Connection, tenant: UUID, way: str
) -> None:
    key = await account(pool, tenant, "a")
    await put(pool, tenant)
    await happen(connection, key, count=3)
    post, endpoints = Post(Verdict.GONE), PostgresEndpoints(pool)
    if way == "deleted":
        await PostgresOutbox(pool).fan_out(key.bucket, limit=10)
        await endpoints.delete_endpoint(tenant, "main")
    await work(worker(pool, post))
    await happen(connection, key)
    await work(worker(pool, post))
    assert len(post.sent) == (1 if way == "gone" else 0)
    dead = await listed(pool, tenant, state=DeliveryState.DEAD)
    assert len(dead) == 3, "the fourth was for nobody"
    words = {"gone": "the endpoint is disabled", "deleted": "the endpoint has been deleted"}
    assert dead[-1].last_error == words[way]

    await put(pool, tenant)
    await happen(connection, key)
    await work(worker(pool, post))
    assert post.names[-1] == ("main", "a", 5)


async def test_a_crash_between_taking_and_noting_only_repeats(
    pool: Pool, clock: DatabaseClock, connection: Connection, tenant: UUID
) -> None:
    key = await account(pool, tenant, "a")
    await put(pool, tenant)
    await happen(connection, key, count=2)
    outbox = PostgresOutbox(pool)
    await outbox.fan_out(key.bucket, limit=10)

    async def take() -> Sequence[Task]:
        return await outbox.take(key.bucket, Places(limit=9, lease_seconds=30))

    (lost,) = await take()
    assert await take() == [], "it is taken"
    await clock.advance(seconds=31)
    (again,) = await take()
    assert (lost.event_no, lost.attempts, again.event_no, again.attempts) == (1, 1, 1, 2)
    # Whoever took it first was not dead but slow: what it says is of no account any more.
    await outbox.settle([settled(lost, Answer(Verdict.REJECTED))])
    assert await take() == []
    await outbox.settle([settled(again, Answer(Verdict.DELIVERED))])
    await outbox.settle([settled(lost, Answer(Verdict.FAILED))])
    (second,) = await take()
    assert second.event_no == 2


async def test_an_endpoint_that_hangs_has_few_places_and_others_go_on(
    pool: Pool, connection: Connection, tenant: UUID
) -> None:
    keys = [await account(pool, tenant, f"a{number}") for number in range(30)]
    await put(pool, tenant, "hangs")
    for key in keys:
        await happen(connection, key)
    post = Post()
    post.open.clear()
    deliver = worker(pool, post, at_once=12)
    await deliver()
    await deliver()
    hanging = len(post.sent)
    assert 3 <= hanging <= 5, "about a quarter of the places"
    await put(pool, tenant, "good", account_id="a7")
    await happen(connection, keys[7], kind=2)
    for _ in range(5):
        await deliver()
    assert ("good", "a7", 2) in post.names
    post.open.set()
    await work(deliver)
    assert len(set(post.names)) == 30 + 1 + 1


async def test_a_loop_that_ends_notes_what_ends_in_time(
    pool: Pool, connection: Connection, tenant: UUID
) -> None:
    key = await account(pool, tenant, "a")
    await put(pool, tenant)
    await happen(connection, key)
    post = Post()
    post.open.clear()
    deliver = worker(pool, post)
    assert await deliver() is True
    asyncio.get_running_loop().call_later(0.1, post.open.set)
    await deliver.close()
    assert post.closed
    assert [each.state for each in await listed(pool, tenant)] == [DeliveryState.DONE]


async def test_what_ended_long_ago_is_forgotten_and_what_is_pending_is_not(
    pool: Pool, clock: DatabaseClock, connection: Connection, tenant: UUID
) -> None:
    key = await account(pool, tenant, "a")
    await put(pool, tenant)
    await happen(connection, key, count=3)
    post = Post(Verdict.DELIVERED, Verdict.REJECTED, Verdict.FAILED)
    deliver = worker(pool, post)
    await work(deliver)
    outbox = PostgresOutbox(pool)
    assert await outbox.forget(key.bucket, older_seconds=60, limit=10) == 0
    await clock.advance(seconds=61)
    backlog = await outbox.backlog(key.bucket)
    assert (backlog.pending, backlog.dead) == (1, 1)
    assert backlog.oldest_seconds >= 61
    assert await outbox.forget(key.bucket, older_seconds=60, limit=1) == 1
    assert await outbox.forget(key.bucket, older_seconds=60, limit=10) == 1
    assert [each.event_no for each in await listed(pool, tenant)] == [3]


async def test_an_event_that_is_no_longer_kept_is_given_up(
    pool: Pool, connection: Connection, tenant: UUID
) -> None:
    key = await account(pool, tenant, "a")
    await put(pool, tenant)
    await happen(connection, key)
    await PostgresOutbox(pool).fan_out(key.bucket, limit=10)
    await connection.execute("DELETE FROM creditgate.events")
    post = Post()
    await work(worker(pool, post))
    assert post.sent == []
    (dead,) = await listed(pool, tenant)
    assert (dead.state, dead.last_error) == (DeliveryState.DEAD, "the event is no longer kept")
