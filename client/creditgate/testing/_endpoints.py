"""The fake's endpoints. It sends nothing: what a test wants delivered it delivers itself."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from creditgate.testing._administration import page
from creditgate.testing._catalog import Catalog
from creditgate.testing._wallet import RefusalError, stamp
from creditgate.v1 import delivery_pb2
from creditgate.v1 import event_service_pb2 as events

ENDPOINTS_MAX = 16


class Endpoints(Catalog):
    """What EventService does with endpoints and deliveries."""

    def __init__(self) -> None:
        super().__init__()
        self.endpoints: dict[str, delivery_pb2.Endpoint] = {}
        self.deleted: dict[str, delivery_pb2.Endpoint] = {}

    def _put_endpoint(
        self, request: events.PutEndpointRequest, now: int
    ) -> events.PutEndpointResponse:
        new = delivery_pb2.Endpoint()
        new.CopyFrom(request.endpoint)
        if new.account_id and new.account_id not in self.wallets:
            raise RefusalError("ACCOUNT_NOT_FOUND")
        known = self.endpoints.get(new.endpoint_id)
        others = [
            each
            for each in self.endpoints.values()
            if each is not known and each.account_id == new.account_id
        ]
        if len(others) >= ENDPOINTS_MAX:
            raise RefusalError("TOO_MANY_ENDPOINTS")
        new.kinds[:] = sorted(new.kinds)
        new.state = delivery_pb2.ENDPOINT_STATE_ACTIVE
        new.ClearField("rotated_at")
        stamp(new.created_at, now)
        new.secret_generation = 1
        if known is not None:
            new.secret_generation = known.secret_generation
            new.created_at.CopyFrom(known.created_at)
            if known.HasField("rotated_at"):
                new.rotated_at.CopyFrom(known.rotated_at)
        elif new.endpoint_id in self.deleted:
            new.secret_generation = self.deleted[new.endpoint_id].secret_generation + 1
        self.endpoints[new.endpoint_id] = new
        return events.PutEndpointResponse(endpoint=new, secret=_secret(new))

    def _list_endpoints(
        self, request: events.ListEndpointsRequest, now: int
    ) -> events.ListEndpointsResponse:
        everything = [self.endpoints[name] for name in sorted(self.endpoints)]
        endpoints, token = page(everything, request)
        return events.ListEndpointsResponse(endpoints=endpoints, next_page_token=token)

    def _delete_endpoint(
        self, request: events.DeleteEndpointRequest, now: int
    ) -> events.DeleteEndpointResponse:
        if request.endpoint_id in self.endpoints:
            self.deleted[request.endpoint_id] = self.endpoints.pop(request.endpoint_id)
        elif request.endpoint_id not in self.deleted:
            raise RefusalError("ENDPOINT_NOT_FOUND")
        return events.DeleteEndpointResponse()

    def _rotate_endpoint_secret(
        self, request: events.RotateEndpointSecretRequest, now: int
    ) -> events.RotateEndpointSecretResponse:
        endpoint = self.endpoints.get(request.endpoint_id)
        if endpoint is None:
            raise RefusalError("ENDPOINT_NOT_FOUND")
        if request.generation == endpoint.secret_generation + 1:
            endpoint.secret_generation += 1
            stamp(endpoint.rotated_at, now)
        elif request.generation != endpoint.secret_generation:
            raise RefusalError("VERSION_SKIPPED")
        return events.RotateEndpointSecretResponse(endpoint=endpoint, secret=_secret(endpoint))

    def _list_deliveries(
        self, request: events.ListDeliveriesRequest, now: int
    ) -> events.ListDeliveriesResponse:
        return events.ListDeliveriesResponse()

    def _retry_delivery(
        self, request: events.RetryDeliveryRequest, now: int
    ) -> events.RetryDeliveryResponse:
        raise RefusalError("DELIVERY_NOT_FOUND")


def _secret(endpoint: delivery_pb2.Endpoint) -> str:
    if endpoint.WhichOneof("target") != "webhook_url":
        return ""
    about = f"{endpoint.endpoint_id}/{endpoint.secret_generation}"
    return "whsec_" + b64encode(sha256(about.encode()).digest()).decode()
