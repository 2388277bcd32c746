"""From what the store answers about usage to messages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from creditgate.v1 import usage_pb2
from creditgate.v1 import usage_service_pb2 as pb
from creditgate_server.domain.usage import Distribution, UsageRow

from .encode import moment


def row(to: usage_pb2.UsageRow, of: UsageRow) -> None:
    """Write a row."""
    if of.starts_at is not None:
        moment(to.starts_at, of.starts_at)
    to.type, to.meter, to.model, to.value = of.type, of.meter, of.model, of.value
    to.consumed_micros, to.refunded_micros = of.consumed_micros, of.refunded_micros
    to.quantity, to.holds = of.quantity, of.holds


def distribution(of: Distribution, bounds: Sequence[int]) -> pb.GetDistributionResponse:
    """Write a distribution between bounds."""
    response = pb.GetDistributionResponse(
        count=of.total, maximum=of.maximum, p50=of.p50, p90=of.p90
    )
    # The last bin has no end, which is written as 0.
    for (begin, end), count in zip(pairwise((0, *bounds, 0)), of.counts, strict=True):
        added = response.bins.add(until=end, count=count)
        # The field's name is a word of Python's own.
        setattr(added, "from", begin)
    return response
