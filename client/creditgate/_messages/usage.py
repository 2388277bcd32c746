"""The requests about usage, and how their answers are read."""

from __future__ import annotations

from collections.abc import Iterable

from creditgate._messages.convert import number, optional_instant
from creditgate._messages.work import Call
from creditgate._types.base import Page
from creditgate._types.usage import (
    Distribution,
    UsageBin,
    UsageGrouping,
    UsageMeasure,
    UsageRow,
    UsageUnit,
)
from creditgate.v1 import usage_pb2
from creditgate.v1 import usage_service_pb2 as messages


def query_usage(
    account_id: str,
    asked: usage_pb2.UsageRange | None,
    *,
    per: UsageUnit | None,
    by: Iterable[UsageGrouping],
    label_key: str,
    wanted: usage_pb2.UsageFilter,
    dearest_first: bool,
    page_size: int,
    page_token: str,
) -> Call[Page[UsageRow]]:
    dearest = usage_pb2.USAGE_ORDER_DEAREST_FIRST if dearest_first else None
    unit = 0 if per is None else number(usage_pb2.UsageUnit, UsageUnit(per).value)
    groups = [number(usage_pb2.UsageGrouping, UsageGrouping(each).value) for each in by]
    request = messages.QueryUsageRequest(
        account_id=account_id,
        range=asked,
        unit=usage_pb2.UsageUnit.ValueType(unit),
        by=map(usage_pb2.UsageGrouping.ValueType, groups),
        label_key=label_key,
        filter=wanted,
        order=dearest or usage_pb2.USAGE_ORDER_TIME,
        page_size=page_size,
        page_token=page_token,
    )
    return Call("QueryUsage", request, read_page, writes=False)


def distribution(
    account_id: str,
    measure: UsageMeasure,
    asked: usage_pb2.UsageRange | None,
    *,
    bounds: Iterable[int],
) -> Call[Distribution]:
    chosen = number(usage_pb2.UsageMeasure, UsageMeasure(measure).value)
    request = messages.GetDistributionRequest(
        account_id=account_id,
        measure=usage_pb2.UsageMeasure.ValueType(chosen),
        range=asked,
        bounds=bounds,
    )
    return Call("GetDistribution", request, read_distribution, writes=False)


def read_page(answer: messages.QueryUsageResponse) -> Page[UsageRow]:
    items = tuple(map(read_row, answer.rows))
    return Page(items=items, next_page_token=answer.next_page_token)


def read_row(row: usage_pb2.UsageRow) -> UsageRow:
    return UsageRow(
        starts_at=optional_instant(row, "starts_at"),
        type=row.type,
        meter=row.meter,
        model=row.model,
        value=row.value,
        consumed_micros=row.consumed_micros,
        refunded_micros=row.refunded_micros,
        quantity=row.quantity,
        holds=row.holds,
    )


def read_distribution(answer: messages.GetDistributionResponse) -> Distribution:
    return Distribution(
        bins=tuple(map(_read_bin, answer.bins)),
        count=answer.count,
        maximum=answer.maximum,
        p50=answer.p50,
        p90=answer.p90,
    )


def _read_bin(found: usage_pb2.UsageBin) -> UsageBin:
    return UsageBin(low=getattr(found, "from"), high=found.until or None, count=found.count)
