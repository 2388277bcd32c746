"""Events all the way from a change to those who asked for them: real server, real receivers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from creditgate.v1 import authorization_service_pb2 as hot_pb
from creditgate.v1 import delivery_pb2, event_pb2
from creditgate.v1 import event_service_pb2 as pb
from creditgate_server.domain.account_keys import account_key
from tests.support.calls import failure
from tests.support.database import Database
from tests.support.figures import Figures
from tests.support.happenings import happen
from tests.support.mailbox import mailbox
from tests.support.receiver import Received, Receiver, drop, first, hang, receiving, status
from tests.support.server import (
    CREDIT,
    Caller,
    ServerProcess,
    new_tenant,
    running_server,
    until,
)

QUICK: dict[str, Any] = {"delivery_interval_ms": 50, "webhook_allow_private": True}


@pytest.fixture
async def caller(database: Database) -> AsyncIterator[Caller]:
    async with running_server(database.url, **QUICK) as server, server.caller() as caller:
        yield caller


async def put(caller: Caller, receiver: Receiver, **changes: Any) -> pb.PutEndpointResponse:
    body: dict[str, Any] = {"endpoint_id": "main", "webhook_url": receiver.url}
    request = pb.PutEndpointRequest(endpoint=delivery_pb2.Endpoint(**body | changes))
    answer: pb.PutEndpointResponse = await caller.events.PutEndpoint(request)
    return answer


async def charge(caller: Caller, account_id: str, name: str, credits_: int) -> None:
    request = hot_pb.ChargeRequest(
        account_id=account_id, hold_id=name, amount_micros=credits_ * CREDIT
    )
    answer = await caller.authorization.Charge(request)
    assert answer.decision == hot_pb.DECISION_GRANTED


async def deliveries(caller: Caller, **chosen: Any) -> list[delivery_pb2.Delivery]:
    answer = await caller.events.ListDeliveries(pb.ListDeliveriesRequest(**chosen))
    return list(answer.deliveries)


def verified(got: Received, secret: str) -> dict[str, Any]:
    read: dict[str, Any] = Webhook(secret).verify(got.body, got.headers)
    return read


async def test_who_is_low_and_who_is_out_of_credits_is_told_with_a_signature(
    caller: Caller,
) -> None:
    async with receiving(status(204)) as receiver:
        made = await put(caller, receiver)
        await caller.account(account_id="acme", credits_=10)
        await charge(caller, "acme", "h", 10)
        await until(lambda: len(receiver.got) == 3)
    events = [verified(got, made.secret) for got in receiver.got]
    assert [event["type"] for event in events] == [
        "credits.resumed",
        "balance.low",
        "credits.exhausted",
    ]
    listed = await caller.events.ListEvents(pb.ListEventsRequest(account_id="acme"))
    for event, written in zip(events, listed.events, strict=True):
        data = event["data"]
        assert (data["event_id"], data["account_id"]) == (written.event_id, "acme")
        assert (data["number"], data["version"]) == (written.number, written.balance.version)
        assert data["balance"] == {
            name: str(getattr(written.balance, name))
            for name in (
                "settled_micros",
                "held_micros",
                "available_micros",
                "overdraft_limit_micros",
            )
        }
    assert events[1]["data"]["details"] == {"threshold_micros": "0", "percent": 0}
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 3
    with pytest.raises(WebhookVerificationError):
        verified(receiver.got[0], made.secret[:-4] + "AAA=")


async def test_a_secret_is_changed_without_a_gap(caller: Caller) -> None:
    async with receiving() as receiver:
        old = await put(caller, receiver)
        request = pb.RotateEndpointSecretRequest(endpoint_id="main", generation=2)
        new = await caller.events.RotateEndpointSecret(request)
        assert await caller.events.RotateEndpointSecret(request) == new
        assert new.endpoint.secret_generation == 2
        await caller.account(account_id="acme", credits_=10)
        await until(lambda: bool(receiver.got))
    for secret in (old.secret, new.secret):
        assert verified(receiver.got[0], secret)["type"] == "credits.resumed"
    request.generation = 4
    told = await failure(caller.events.RotateEndpointSecret(request))
    assert told[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "VERSION_SKIPPED")


async def test_after_a_day_the_old_secret_signs_no_more(caller: Caller, database: Database) -> None:
    async with receiving() as receiver:
        old = await put(caller, receiver)
        request = pb.RotateEndpointSecretRequest(endpoint_id="main", generation=2)
        new = await caller.events.RotateEndpointSecret(request)
        connection = await database.connect()
        await connection.execute(
            "UPDATE creditgate.endpoints SET rotated_at = rotated_at - interval '24 hours'"
        )
        await connection.close()
        await caller.account(account_id="acme", credits_=10)
        await until(lambda: bool(receiver.got))
    assert verified(receiver.got[0], new.secret)
    with pytest.raises(WebhookVerificationError):
        verified(receiver.got[0], old.secret)


async def test_what_failed_is_sent_again_by_itself_and_comes_first(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("creditgate_server.domain.deliveries.RETRY_SECONDS", (0.1,) * 10)
    async with receiving(first(status(500), drop, status(302), status(200))) as receiver:
        made = await put(caller, receiver)
        await caller.account(account_id="acme", credits_=10)
        await charge(caller, "acme", "h", 10)
        await until(lambda: len(receiver.got) == 6)
    names = [got.name for got in receiver.got]
    assert names == [("acme", 1)] * 4 + [("acme", 2), ("acme", 3)]
    assert len({got.headers["webhook-id"] for got in receiver.got[:4]}) == 1
    for got in receiver.got:
        verified(got, made.secret)
    done: list[delivery_pb2.Delivery] = []
    async with asyncio.timeout(5):
        while len(done) < 3:
            await asyncio.sleep(0.05)
            done = await deliveries(caller, state=delivery_pb2.DELIVERY_STATE_DONE)
    assert [each.attempts for each in done] == [4, 1, 1]


async def test_who_hangs_holds_up_nobody_else(caller: Caller) -> None:
    async with receiving(hang) as hanging, receiving() as good:
        await put(caller, hanging, endpoint_id="hanging")
        await put(caller, good, endpoint_id="good")
        for number in range(30):
            await caller.account(account_id=f"a{number}", credits_=1)
        await until(lambda: len(good.got) == 30)
        assert 0 < len(hanging.got) <= 16


async def test_a_dead_letter_is_listed_and_sent_again(caller: Caller) -> None:
    async with receiving(first(status(410), status(200))) as receiver:
        await put(caller, receiver)
        await caller.account(account_id="acme", credits_=10)
        dead: list[delivery_pb2.Delivery] = []
        async with asyncio.timeout(10):
            while not dead:
                await asyncio.sleep(0.05)
                dead = await deliveries(caller, state=delivery_pb2.DELIVERY_STATE_DEAD)
        (letter,) = dead
        assert (letter.event_id, letter.endpoint_id, letter.attempts) == ("acme/1", "main", 1)
        assert letter.event_kind == event_pb2.EVENT_KIND_CREDITS_RESUMED
        assert (letter.last_status, letter.last_error) == (410, "the receiver says that it is gone")
        (endpoint,) = (await caller.events.ListEndpoints(pb.ListEndpointsRequest())).endpoints
        assert endpoint.state == delivery_pb2.ENDPOINT_STATE_DISABLED

        again = await put(caller, receiver)
        assert again.endpoint.state == delivery_pb2.ENDPOINT_STATE_ACTIVE
        request = pb.RetryDeliveryRequest(account_id="acme", event_number=1, endpoint_id="main")
        answer = await caller.events.RetryDelivery(request)
        assert answer.delivery.state == delivery_pb2.DELIVERY_STATE_PENDING
        await until(lambda: len(receiver.got) == 2)
        assert receiver.got[0].headers["webhook-id"] == receiver.got[1].headers["webhook-id"]
        request.event_number = 7
        told = await failure(caller.events.RetryDelivery(request))
        assert told[:2] == (grpc.StatusCode.NOT_FOUND, "DELIVERY_NOT_FOUND")


async def test_events_come_as_mail(database: Database) -> None:
    async with mailbox() as box:
        settings = QUICK | {"smtp_url": f"smtp://127.0.0.1:{box.port}", "smtp_from": "c@g.de"}
        async with running_server(database.url, **settings) as server, server.caller() as caller:
            endpoint = delivery_pb2.Endpoint(
                endpoint_id="mail",
                email="ada@example.com",
                kinds=[event_pb2.EVENT_KIND_CREDITS_EXHAUSTED],
            )
            answer = await caller.events.PutEndpoint(pb.PutEndpointRequest(endpoint=endpoint))
            assert answer.secret == ""
            await caller.account(account_id="acme", credits_=10)
            await charge(caller, "acme", "h", 10)
            await until(lambda: bool(box.got))
    (mail,) = box.got
    assert (mail["To"], mail["Subject"]) == ("ada@example.com", "Credits are used up: acme")


async def test_where_no_mail_is_sent_none_can_be_asked_for(caller: Caller) -> None:
    endpoint = delivery_pb2.Endpoint(endpoint_id="mail", email="ada@example.com")
    told = await failure(caller.events.PutEndpoint(pb.PutEndpointRequest(endpoint=endpoint)))
    assert told.fields == ("endpoint.email",)


async def test_an_endpoint_of_this_network_is_not_reached_unless_allowed(
    database: Database,
) -> None:
    async with (
        receiving() as receiver,
        running_server(database.url) as server,
        server.caller() as caller,
    ):
        told = await failure(put(caller, receiver))
        assert told.fields == ("endpoint.webhook_url",)
        await put(caller, receiver, webhook_url=f"https://localhost:{receiver.port}/")
        await caller.account(account_id="acme", credits_=10)
        found: list[delivery_pb2.Delivery] = []
        async with asyncio.timeout(10):
            while not any(each.attempts and each.last_error for each in found):
                await asyncio.sleep(0.05)
                found = await deliveries(caller, state=delivery_pb2.DELIVERY_STATE_PENDING)
        assert found[0].last_error == "the host's address is not one of the public internet"
        assert receiver.connections == 0


async def test_there_are_only_so_many_endpoints(caller: Caller) -> None:
    async with receiving() as receiver:
        await caller.account(account_id="acme")
        for number in range(16):
            await put(caller, receiver, endpoint_id=f"e{number}")
            await put(caller, receiver, endpoint_id=f"a{number}", account_id="acme")
        for more in ({}, {"account_id": "acme"}):
            told = await failure(put(caller, receiver, **more))
            assert told[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_MANY_ENDPOINTS")
        await caller.events.DeleteEndpoint(pb.DeleteEndpointRequest(endpoint_id="e3"))
        await put(caller, receiver)


async def test_lists_come_in_pages_without_gaps(caller: Caller) -> None:
    async with receiving() as receiver:
        await put(caller, receiver, endpoint_id="a")
        await put(caller, receiver, endpoint_id="b")
        for number in range(9):
            await caller.account(account_id=f"a{number}", credits_=1)
        await until(lambda: len(receiver.got) == 18)
        await asyncio.sleep(0.3)
    for size in (1, 4, 5, 100):
        found, token = [], ""
        while True:
            request = pb.ListDeliveriesRequest(page_size=size, page_token=token)
            page = await caller.events.ListDeliveries(request)
            found += [(each.event_id, each.endpoint_id) for each in page.deliveries]
            token = page.next_page_token
            if not token:
                break
        assert sorted(found) == sorted((f"a{n}/1", e) for n in range(9) for e in "ab")


async def test_killed_in_the_middle_of_delivery_none_is_lost(
    database: Database, tmp_path: Path, figures: Figures
) -> None:
    """SIGKILL again and again while events are on their way: each comes, in order, some twice."""
    tenant_id, key = await new_tenant(database.url)
    accounts, each = 10, 12
    environ: dict[str, Any] = {
        "CREDITGATE_WEBHOOK_ALLOW_PRIVATE": "true",
        "CREDITGATE_DELIVERY_INTERVAL_MS": "50",
        "CREDITGATE_DELIVERY_TIMEOUT_MS": "1000",
    }
    connection = await database.connect()
    kills = 0
    async with receiving(status(200)) as receiver:
        server = ServerProcess(database.url, **environ).start(tmp_path)
        with server:
            await server.ready()
            async with Caller(server.target, key, tenant_id) as caller:
                await put(caller, receiver)
                for number in range(accounts):
                    await caller.account(account_id=f"a{number}", credits_=0)
            for _ in range(each):
                for number in range(accounts):
                    await happen(connection, account_key(tenant_id, f"a{number}"))
            wanted = accounts * each
            for share in (0.2, 0.5, 0.8):
                goal = int(wanted * share)
                await until(lambda goal=goal: len(receiver.got) >= goal, seconds=60)  # type: ignore[misc]
                server.kill()
                kills += 1
                # What it had taken is free again after a while; no test waits so long.
                await connection.execute(
                    "UPDATE creditgate.delivery_queues SET next_at = creditgate.clock()"
                    " WHERE next_at < creditgate.clock() + interval '1 minute'"
                )
                server.start(tmp_path)
                await server.ready()
            await until(lambda: len({got.name for got in receiver.got}) == wanted, seconds=60)
            await server.terminate()
    await connection.close()
    seen = Counter(got.name for got in receiver.got)
    assert set(seen) == {(f"a{n}", e) for n in range(accounts) for e in range(1, each + 1)}
    for number in range(accounts):
        order = [got.name[1] for got in receiver.got if got.name[0] == f"a{number}"]
        assert order == sorted(order), "what comes again comes before what follows it"
    figures(events=wanted, kills=kills, lost=0, repeated=sum(seen.values()) - len(seen))
