"""Usage, blocking: what was consumed, and how long sessions and calls took."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from creditgate._messages import usage
from creditgate._messages.summary import usage_range
from creditgate._sync.events import PAGE_SIZE
from creditgate._sync.summary import SyncSummary
from creditgate._types.usage import Distribution, UsageGrouping, UsageMeasure, UsageRow, UsageUnit
from creditgate.v1.usage_pb2 import UsageFilter


class SyncUsage(SyncSummary):
    """What `Client` can ask about usage."""

    def query_usage(
        self,
        account_id: str,
        *,
        days: float | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        per: UsageUnit | None = None,
        by: Iterable[UsageGrouping] = (),
        type: str = "",  # noqa: A002 - as the API has it
        meter: str = "",
        model: str = "",
        agent: str = "",
        user: str = "",
        topic: str = "",
        conversation_id: str = "",
        label: str = "",
        label_key: str = "",
        dearest_first: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[UsageRow]:
        """Read what an account has consumed, summed up: the earliest first, a page at a time.

        In the last `days` by the service's clock, or from `since` on and before `until`: one row
        for each stretch of time, if `per` says how long these are, and for each group of work
        there is `by` which rows are told apart. All else keeps only such work; `label` is the value
        of the label `label_key`. Of agent, user, topic, conversation and label only one can be
        asked about at once. `dearest_first` begins with those who consumed most.
        """
        asked = usage_range(days=days, since=since, until=until)
        groups = tuple(by)
        wanted = UsageFilter(
            type=type,
            meter=meter,
            model=model,
            agent=agent,
            user=user,
            topic=topic,
            conversation_id=conversation_id,
            label=label,
        )
        return self._pages(
            lambda token: usage.query_usage(
                account_id,
                asked,
                per=per,
                by=groups,
                label_key=label_key,
                wanted=wanted,
                dearest_first=dearest_first,
                page_size=page_size,
                page_token=token,
            )
        )

    def distribution(
        self,
        account_id: str,
        *,
        measure: UsageMeasure,
        days: float | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        bounds: Iterable[int] = (),
    ) -> Distribution:
        """Read how long sessions or calls were, or how many messages sessions had.

        Of those that began in the last `days`, or from `since` on and before `until`, as they stand
        now. `bounds` are where bins end, the usual ones where none are given.
        """
        asked = usage_range(days=days, since=since, until=until)
        return self._send(
            usage.distribution(account_id, UsageMeasure(measure), asked, bounds=bounds)
        )
