"""What the ledger's answers say that is worth counting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.outcomes import Result
from creditgate_server.telemetry.metrics import Metrics

Apply = Callable[[list[Operation]], Awaitable[Sequence[Result]]]
_NAMES = {verb: verb.name.lower() for verb in Verb}


def counting(apply: Apply, metrics: Metrics) -> Apply:
    """Wrap `Ledger.apply`: replays, late commits and uncollected usage are counted as they pass."""
    served = metrics.served

    def count(operation: Operation, result: Result) -> None:
        if result.replayed:
            served.replay(_NAMES[Verb(operation.verb)])
        if result.uncollected_micros:
            served.uncollected(result.uncollected_micros)
        # A hold stays late for ever; only the Commit that reported something was.
        reported = result.charged_micros or result.uncollected_micros
        late = result.hold is not None and result.hold.late
        if operation.verb == Verb.COMMIT and reported and late:
            served.late()

    async def counted(operations: list[Operation]) -> Sequence[Result]:
        results = await apply(operations)
        for operation, result in zip(operations, results, strict=False):
            count(operation, result)
            if operation.before is not None and result.before is not None:
                count(operation.before, result.before)
        return results

    return counted
