"""What can be measured, by name; the default run is all that is not long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bench.loads import Bench
from bench.scenarios import (
    batches,
    calls,
    chat,
    hot,
    ledger,
    lone,
    memory,
    metered,
    open_loop,
    plans,
    python,
    reset,
    size,
    sql,
    tracing,
    turns,
    uniform,
    usage,
)
from bench.section import Section

Scenario = Callable[[Bench], Awaitable[Section]]

DEFAULT: dict[str, Scenario] = {
    "uniform": uniform.run,
    "hot": hot.run,
    "batches": batches.run,
    "ledger": ledger.run,
    "lone": lone.run,
    "open": open_loop.run,
    "turns": turns.run,
    "plans": plans.run,
    "metered": metered.run,
    "tracing": tracing.run,
    "sql": sql.run,
    "python": python.run,
}
LONG: dict[str, Scenario] = {
    "memory": memory.run,
    "size": size.run,
    "reset": reset.run,
    "chat": chat.run,
    "calls": calls.run,
    "usage": usage.run,
}
ALL = DEFAULT | LONG
