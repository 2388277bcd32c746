"""EventService: where tenants want to hear of events."""

from __future__ import annotations

from creditgate.v1 import event_service_pb2 as pb
from creditgate_server.domain.deliveries import Endpoints

from . import decode_deliveries as decode
from . import encode, encode_deliveries
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .targets import Targets


class EndpointAdministration:
    """Makes, lists and deletes endpoints, and changes their secrets."""

    def __init__(
        self, endpoints: Endpoints, lists: Lists, detached: Detached, targets: Targets
    ) -> None:
        self._endpoints = endpoints
        self._lists = lists
        self._run = detached.run
        self._targets = targets

    async def put_endpoint(
        self, request: pb.PutEndpointRequest, call: Call
    ) -> pb.PutEndpointResponse:
        """Make an endpoint, or change it."""
        new = decode.new_endpoint(request, self._targets)
        result = await self._run(self._endpoints.put_endpoint(call.tenant_id, new))
        if result.endpoint is None:
            encode.refuse_named(
                result.outcome, account_id=new.account_id, endpoint_id=new.endpoint_id
            )
        response = pb.PutEndpointResponse()
        encode_deliveries.endpoint(response.endpoint, result.endpoint)
        response.secret = self._targets.secret(call.tenant_id, result.endpoint)
        return response

    async def list_endpoints(
        self, request: pb.ListEndpointsRequest, call: Call
    ) -> pb.ListEndpointsResponse:
        """Read a page of endpoints, in the order of their ids."""
        size = page_size(request)
        after = self._lists.after(request, call)
        found = await self._run(
            self._endpoints.list_endpoints(call.tenant_id, after=after, limit=size + 1)
        )
        response = pb.ListEndpointsResponse()
        if last := encode.page(response.endpoints, found, size, encode_deliveries.endpoint):
            response.next_page_token = self._lists.token(request, call, last.endpoint_id)
        return response

    async def delete_endpoint(
        self, request: pb.DeleteEndpointRequest, call: Call
    ) -> pb.DeleteEndpointResponse:
        """Delete an endpoint."""
        endpoint_id = decode.endpoint_id_of(request)
        result = await self._run(self._endpoints.delete_endpoint(call.tenant_id, endpoint_id))
        if result.endpoint is None:
            encode.refuse_named(result.outcome, endpoint_id=endpoint_id)
        return pb.DeleteEndpointResponse()

    async def rotate_endpoint_secret(
        self, request: pb.RotateEndpointSecretRequest, call: Call
    ) -> pb.RotateEndpointSecretResponse:
        """Give an endpoint its next secret."""
        endpoint_id, generation = decode.endpoint_id_of(request), decode.generation(request)
        result = await self._run(
            self._endpoints.rotate_secret(call.tenant_id, endpoint_id, generation)
        )
        if result.endpoint is None:
            encode.refuse_named(result.outcome, endpoint_id=endpoint_id)
        response = pb.RotateEndpointSecretResponse()
        encode_deliveries.endpoint(response.endpoint, result.endpoint)
        response.secret = self._targets.secret(call.tenant_id, result.endpoint)
        return response
