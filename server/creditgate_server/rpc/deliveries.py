"""EventService: events on their way to endpoints."""

from __future__ import annotations

from creditgate.v1 import delivery_pb2
from creditgate.v1 import event_service_pb2 as pb
from creditgate_server.domain.deliveries import Delivery, DeliveryMark, Endpoints

from . import decode_deliveries as decode
from . import encode, encode_deliveries
from .call import Call
from .detached import Detached
from .lists import Lists, page_size


class DeliveryAdministration:
    """Lists deliveries, and tries dead ones again."""

    def __init__(self, endpoints: Endpoints, lists: Lists, detached: Detached) -> None:
        self._endpoints = endpoints
        self._lists = lists
        self._run = detached.run

    async def list_deliveries(
        self, request: pb.ListDeliveriesRequest, call: Call
    ) -> pb.ListDeliveriesResponse:
        """Read a page of deliveries, by their states."""
        chosen, size = decode.delivery_filter(request, call), page_size(request)
        about = f"{request.state} {request.endpoint_id} {request.account_id}"
        after = decode.read_mark(self._lists.after(request, call, about=about))
        found = await self._run(
            self._endpoints.list_deliveries(call.tenant_id, chosen, after=after, limit=size + 1)
        )
        response = pb.ListDeliveriesResponse()
        if last := encode.page(response.deliveries, found, size, _write):
            mark = decode.write_mark(last[1])
            response.next_page_token = self._lists.token(request, call, mark, about=about)
        return response

    async def retry_delivery(
        self, request: pb.RetryDeliveryRequest, call: Call
    ) -> pb.RetryDeliveryResponse:
        """Try a dead delivery again."""
        name = decode.delivery_name(request)
        result = await self._run(self._endpoints.retry_delivery(call.tenant_id, name))
        if result.delivery is None:
            encode.refuse_named(
                result.outcome, account_id=name.account_id, endpoint_id=name.endpoint_id
            )
        response = pb.RetryDeliveryResponse()
        encode_deliveries.delivery(response.delivery, result.delivery)
        return response


def _write(to: delivery_pb2.Delivery, of: tuple[Delivery, DeliveryMark]) -> None:
    encode_deliveries.delivery(to, of[0])
