"""Lists in pages: how long a page is, and where the next one begins."""

from __future__ import annotations

from creditgate.v1 import account_service_pb2 as pb
from creditgate.v1 import catalog_service_pb2 as catalog_pb
from creditgate.v1 import event_service_pb2 as events_pb
from creditgate.v1 import usage_service_pb2 as usage_pb

from . import fields
from .call import Call
from .pages import BadTokenError, Pages

PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 1000

Paged = (
    pb.ListAccountsRequest
    | pb.ListGrantsRequest
    | pb.ListTopupsRequest
    | pb.ListHoldsRequest
    | pb.ListAddonsRequest
    | pb.ListBudgetsRequest
    | pb.GetStatementRequest
    | catalog_pb.ListPlansRequest
    | catalog_pb.ListPackagesRequest
    | catalog_pb.ListRateCardsRequest
    | events_pb.ListEventsRequest
    | events_pb.ListEndpointsRequest
    | events_pb.ListDeliveriesRequest
    | usage_pb.ListConversationsRequest
    | usage_pb.ListActivityRequest
    | usage_pb.QueryUsageRequest
)


class Lists:
    """Reads and writes the page tokens of lists. `about` is what a list is of, and its filter."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def token(self, request: Paged, call: Call, last: str, *, about: str = "") -> str:
        """Make the token that goes on after `last`."""
        method = type(request).__name__
        return self._pages.sign(last, tenant_id=call.tenant_id, method=method, about=about)

    def after(self, request: Paged, call: Call, *, about: str = "") -> str:
        """Answer what the page goes on after; empty for the first."""
        method, token = type(request).__name__, request.page_token
        try:
            return self._pages.open(token, tenant_id=call.tenant_id, method=method, about=about)
        except BadTokenError:
            problem = "must be the next_page_token of this same list"
            raise fields.bad(request, "page_token", problem) from None


def page_size(request: Paged) -> int:
    """Check the size of a page: 0 means the default, too many means the most."""
    if request.page_size < 0:
        raise fields.bad(request, "page_size", f"must be 0 or more, got {request.page_size}")
    return min(request.page_size, PAGE_SIZE_MAX) or PAGE_SIZE_DEFAULT
