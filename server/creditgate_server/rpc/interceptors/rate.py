"""Keeps a tenant to its rate, where one is set: a bucket of tokens that fills with time."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any
from uuid import UUID

from creditgate_server.rpc.call import Call, Handler
from creditgate_server.rpc.detached import Shed
from creditgate_server.rpc.method import Method
from creditgate_server.rpc.status import RATE_LIMITED, RpcError

TENANTS_MAX = 10_000


class Rates:
    """One bucket per tenant: `burst` calls at once, `per_second` in the long run; 0 is no limit."""

    def __init__(
        self,
        *,
        per_second: float,
        burst: int,
        shed: Shed,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = float(burst or per_second)
        self._shed = shed
        self._clock = clock
        self._buckets: dict[UUID, tuple[float, float]] = {}

    def step(self, method: Method, proceed: Handler) -> Handler:
        """Take one token for each call; without a limit, do nothing at all."""
        if not self._per_second:
            return proceed

        async def step(request: Any, call: Call) -> Any:
            self.take(call.tenant_id)
            return await proceed(request, call)

        return step

    def take(self, tenant_id: UUID, count: int = 1) -> None:
        """Take tokens, or raise RATE_LIMITED with the time until they are there.

        More than a burst may be taken from a full bucket: it is then in debt.
        """
        if not self._per_second:
            return
        now = self._clock()
        tokens, at = self._buckets.pop(tenant_id, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._per_second)
        missing = min(count, self._burst) - tokens
        self._keep(tenant_id, (tokens if missing > 0 else tokens - count, now))
        if missing > 0:
            self._shed("rate_limited")
            raise RpcError(*RATE_LIMITED, retry_seconds=missing / self._per_second)

    def _keep(self, tenant_id: UUID, bucket: tuple[float, float]) -> None:
        # Insertion order is order of last use: the tenant that has been quiet longest goes.
        if len(self._buckets) >= TENANTS_MAX:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[tenant_id] = bucket
