"""What the ledger's answers say that is worth counting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from creditgate_server.domain.conversations import Reply, Utterance
from creditgate_server.domain.operations import Operation, Verb
from creditgate_server.domain.results import Result
from creditgate_server.telemetry.metrics import Metrics

Apply = Callable[[list[Operation]], Awaitable[Sequence[Result]]]
Converse = Callable[[list[Utterance]], Awaitable[Sequence[Reply]]]
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


def counting_replies(converse: Converse, metrics: Metrics) -> Converse:
    """Wrap `Conversations.converse`: late and uncollected usage is counted as it passes."""
    served = metrics.served

    async def counted(utterances: list[Utterance]) -> Sequence[Reply]:
        replies = await converse(utterances)
        for reply in replies:
            if reply.late:
                served.late()
            if reply.uncollected_micros:
                served.uncollected(reply.uncollected_micros)
        return replies

    return counted
