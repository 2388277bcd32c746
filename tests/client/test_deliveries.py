"""Endpoints and deliveries with both clients and on the command line."""

from __future__ import annotations

from typing import Any

import pytest

import creditgate
from creditgate import DeliveryState, EndpointState, EventKind
from tests.client.conftest import Fake

URL = "https://hooks.example.com/credits"


def test_an_endpoint_is_made_changed_listed_and_deleted(fake: Fake) -> None:
    fake.add_account("acme")
    with fake.client() as client:
        made = client.put_endpoint("main", webhook_url=URL, kinds=[EventKind.BALANCE_LOW])
        assert made.secret.startswith("whsec_")
        assert made.secret not in repr(made)
        endpoint = made.endpoint
        assert (endpoint.webhook_url, endpoint.email, endpoint.kinds) == (
            URL,
            "",
            (EventKind.BALANCE_LOW,),
        )
        assert (endpoint.state, endpoint.secret_generation) == (EndpointState.ACTIVE, 1)
        assert client.put_endpoint("main", webhook_url=URL, kinds=[EventKind.BALANCE_LOW]) == made

        client.put_endpoint("mail", email="ada@example.com", account_id="acme")
        ids = [(each.endpoint_id, each.account_id) for each in client.list_endpoints(page_size=1)]
        assert ids == [("mail", "acme"), ("main", "")]

        client.delete_endpoint("main")
        client.delete_endpoint("main")
        assert [each.endpoint_id for each in client.list_endpoints()] == ["mail"]
        again = client.put_endpoint("main", webhook_url=URL)
        assert again.endpoint.secret_generation == 2
        assert again.secret != made.secret


def test_a_secret_is_changed_one_after_the_other(fake: Fake) -> None:
    with fake.client() as client:
        first = client.put_endpoint("main", webhook_url=URL)
        second = client.rotate_endpoint_secret("main", generation=2)
        assert client.rotate_endpoint_secret("main", generation=2) == second
        assert second.secret != first.secret
        assert second.endpoint.rotated_at is not None
        with pytest.raises(creditgate.VersionSkipped):
            client.rotate_endpoint_secret("main", generation=4)
        with pytest.raises(creditgate.NotFound):
            client.rotate_endpoint_secret("other", generation=2)


def test_what_cannot_be_is_refused(fake: Fake) -> None:
    with fake.client() as client:
        targets: list[dict[str, Any]] = [{}, {"webhook_url": URL, "email": "a@b.de"}]
        for both in targets:
            with pytest.raises(ValueError, match="and not both"):
                client.put_endpoint("main", **both)
        with pytest.raises(creditgate.InvalidRequest) as caught:
            client.put_endpoint("main", webhook_url="http://example.com")
        assert caught.value.field == "endpoint.webhook_url"
        with pytest.raises(creditgate.NotFound):
            client.put_endpoint("main", webhook_url=URL, account_id="nobody")
        for number in range(16):
            client.put_endpoint(f"e{number}", webhook_url=URL)
        with pytest.raises(creditgate.TooManyEndpoints):
            client.put_endpoint("one-more", webhook_url=URL)
        client.put_endpoint("e3", email="a@b.de")
        assert list(client.list_deliveries(state=DeliveryState.DEAD)) == []
        with pytest.raises(creditgate.NotFound):
            client.retry_delivery("acme", event_number=1, endpoint_id="main")


async def test_the_same_for_asyncio(fake: Fake) -> None:
    async with fake.async_client() as client:
        made = await client.put_endpoint("main", webhook_url=URL)
        assert [each async for each in client.list_endpoints()] == [made.endpoint]
        assert (await client.rotate_endpoint_secret("main", generation=2)).secret
        assert [each async for each in client.list_deliveries(endpoint_id="main")] == []
        with pytest.raises(creditgate.NotFound):
            await client.retry_delivery("acme", event_number=1, endpoint_id="main")
        await client.delete_endpoint("main")
        assert [each async for each in client.list_endpoints()] == []
