"""Bounds every call: it is answered within its deadline, whatever the database does."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from creditgate_server.rpc.call import Call, Handler
from creditgate_server.rpc.method import Method
from creditgate_server.rpc.status import deadline_exceeded

REMAINING_SECONDS_MIN = 0.01


class DeadlineRules(NamedTuple):
    """The deadline of calls without one, and the longest there are."""

    default_seconds: float
    max_seconds: float
    admin_max_seconds: float


def bounded(method: Method, proceed: Handler, *, rules: DeadlineRules) -> Handler:
    """Give each call a deadline and answer DEADLINE_EXCEEDED when it is over."""
    longest = rules.admin_max_seconds if method.admin else rules.max_seconds
    default = min(rules.default_seconds, longest)

    async def step(request: Any, call: Call) -> Any:
        seconds = default if call.remaining_seconds is None else call.remaining_seconds
        if seconds < REMAINING_SECONDS_MIN:
            raise deadline_exceeded()
        call.deadline = asyncio.get_running_loop().time() + min(seconds, longest)
        timer = asyncio.timeout_at(call.deadline)
        try:
            async with timer:
                return await proceed(request, call)
        except TimeoutError:
            if timer.expired():
                raise deadline_exceeded() from None
            raise

    return step
