"""Endpoints and deliveries for asyncio: where events are sent, and what became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from creditgate._async.administration import AsyncAdministration
from creditgate._async.events import PAGE_SIZE
from creditgate._messages import delivery as calls
from creditgate._types.delivery import Delivery, DeliveryState, Endpoint, EndpointSecret
from creditgate._types.event import EventKind


class AsyncDelivery(AsyncAdministration):
    """What `AsyncClient` can do about sending events."""

    async def put_endpoint(
        self,
        endpoint_id: str,
        *,
        webhook_url: str | None = None,
        email: str | None = None,
        kinds: Iterable[EventKind] = (),
        account_id: str = "",
    ) -> EndpointSecret:
        """Make an endpoint, or change it to what is given: a `webhook_url`, or an `email`.

        Without `kinds` it is for all kinds, without `account_id` for all accounts. The answer has
        the secret that webhooks are verified with.
        """
        return await self._send(
            calls.put_endpoint(
                endpoint_id,
                webhook_url=webhook_url,
                email=email,
                kinds=kinds,
                account_id=account_id,
            )
        )

    def list_endpoints(self, *, page_size: int = PAGE_SIZE) -> AsyncIterator[Endpoint]:
        """Read all endpoints in the order of their ids, a page at a time."""
        return self._pages(
            lambda token: calls.list_endpoints(page_size=page_size, page_token=token)
        )

    async def delete_endpoint(self, endpoint_id: str) -> None:
        """Delete an endpoint; what waits for it becomes dead."""
        await self._send(calls.delete_endpoint(endpoint_id))

    async def rotate_endpoint_secret(self, endpoint_id: str, *, generation: int) -> EndpointSecret:
        """Give an endpoint its next secret: `generation` is one more than it has.

        For 24 hours webhooks are signed with both.
        """
        return await self._send(calls.rotate_endpoint_secret(endpoint_id, generation=generation))

    def list_deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        endpoint_id: str = "",
        account_id: str = "",
        page_size: int = PAGE_SIZE,
    ) -> AsyncIterator[Delivery]:
        """Read deliveries a page at a time: the pending ones, the done, the dead; or one state."""
        return self._pages(
            lambda token: calls.list_deliveries(
                state=state,
                endpoint_id=endpoint_id,
                account_id=account_id,
                page_size=page_size,
                page_token=token,
            )
        )

    async def retry_delivery(
        self, account_id: str, *, event_number: int, endpoint_id: str
    ) -> Delivery:
        """Try a dead delivery again, with as many attempts as a new one."""
        return await self._send(
            calls.retry_delivery(account_id, event_number=event_number, endpoint_id=endpoint_id)
        )
