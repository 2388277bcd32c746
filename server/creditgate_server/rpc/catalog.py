"""CatalogService: the plans a tenant sells."""

from __future__ import annotations

from creditgate.v1 import catalog_service_pb2 as pb
from creditgate_server.domain.outcomes import Outcome
from creditgate_server.domain.plans import Catalog

from . import decode_plans as decode
from . import encode, encode_plans
from .call import Call
from .detached import Detached
from .lists import Lists, page_size
from .status import refuse


class PlanCatalog:
    """Writes and reads versions of plans."""

    def __init__(self, catalog: Catalog, lists: Lists, detached: Detached) -> None:
        self._catalog = catalog
        self._lists = lists
        self._run = detached.run

    async def put_plan(self, request: pb.PutPlanRequest, call: Call) -> pb.PutPlanResponse:
        """Write a version of a plan."""
        new = decode.new_plan(request)
        result = await self._run(self._catalog.put_plan(call.tenant_id, new))
        if result.outcome != Outcome.ACCEPTED or result.plan is None:
            encode.refuse_named(result.outcome, plan_id=new.plan_id)
        response = pb.PutPlanResponse(replayed=result.replayed)
        encode_plans.plan(response.plan, result.plan)
        return response

    async def get_plan(self, request: pb.GetPlanRequest, call: Call) -> pb.GetPlanResponse:
        """Read a version of a plan."""
        plan_id, version = decode.asked_plan(request)
        plan = await self._run(self._catalog.get_plan(call.tenant_id, plan_id, version))
        if plan is None:
            refuse(Outcome.PLAN_NOT_FOUND)
        response = pb.GetPlanResponse()
        encode_plans.plan(response.plan, plan)
        return response

    async def list_plans(self, request: pb.ListPlansRequest, call: Call) -> pb.ListPlansResponse:
        """Read a page of the latest versions of plans, in the order of their ids."""
        size = page_size(request)
        after = self._lists.after(request, call)
        found = await self._run(
            self._catalog.list_plans(call.tenant_id, after=after, limit=size + 1)
        )
        response = pb.ListPlansResponse()
        if last := encode.page(response.plans, found, size, encode_plans.plan):
            response.next_page_token = self._lists.token(request, call, last.plan_id)
        return response
