"""Activity, blocking: what happened to an account's credits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from creditgate._messages import activity
from creditgate._sync.events import PAGE_SIZE
from creditgate._sync.export import SyncExport
from creditgate._sync.link import SyncLinks
from creditgate._types.activity import Activity, ActivityChunk
from creditgate._types.hold import Attributes
from creditgate._types.plan import EntryKind
from creditgate.v1.usage_service_pb2 import ExportActivityRequest


class SyncActivity(SyncLinks):
    """What `Client` can ask about activity."""

    @abstractmethod
    def _export(
        self, request: Callable[[str], ExportActivityRequest], cursor: str
    ) -> Iterator[ActivityChunk]:
        """Read an export from a cursor on, over interruptions."""

    def list_activity(
        self,
        account_id: str,
        *,
        days: float | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        kinds: Iterable[EntryKind] = (),
        type: str = "",  # noqa: A002 - as the API has it
        meter: str = "",
        model: str = "",
        agent: str = "",
        user: str = "",
        topic: str = "",
        conversation_id: str = "",
        call_id: str = "",
        labels: Mapping[str, str] | None = None,
        oldest_first: bool = False,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Activity]:
        """Read what happened to an account's credits, newest first, a page at a time.

        Every charge, grant, refund, expiry and revocation there is when the first page is read: of
        the last `days` by the service's clock, or from `since` on and before `until`; of these
        `kinds`, and for work of this type such as "chat" or "call", with this meter, these
        attributes and all of these labels. What is not given allows all; without a filter the
        amounts add up to the change of the balance.
        """
        wanted = activity.Filter(
            days=days,
            since=since,
            until=until,
            kinds=tuple(kinds),
            type=type,
            meter=meter,
            attributes=Attributes(
                agent=agent,
                model=model,
                conversation_id=conversation_id,
                call_id=call_id,
                user=user,
                topic=topic,
            ),
            labels=labels,
        )
        return self._pages(
            lambda token: activity.list_activity(
                account_id,
                wanted,
                oldest_first=oldest_first,
                page_size=page_size,
                page_token=token,
            )
        )

    def export_activity(
        self,
        account_id: str,
        *,
        days: float | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        kinds: Iterable[EntryKind] = (),
        type: str = "",  # noqa: A002 - as the API has it
        meter: str = "",
        model: str = "",
        agent: str = "",
        user: str = "",
        topic: str = "",
        conversation_id: str = "",
        call_id: str = "",
        labels: Mapping[str, str] | None = None,
        cursor: str = "",
    ) -> SyncExport:
        """Read the same as `list_activity` as a stream, oldest first, however much it is.

        `cursor` goes on after a chunk of an earlier export of the same account and filter.
        """
        wanted = activity.Filter(
            days=days,
            since=since,
            until=until,
            kinds=tuple(kinds),
            type=type,
            meter=meter,
            attributes=Attributes(
                agent=agent,
                model=model,
                conversation_id=conversation_id,
                call_id=call_id,
                user=user,
                topic=topic,
            ),
            labels=labels,
        ).message()

        def request(after: str) -> ExportActivityRequest:
            return activity.export_activity(account_id, wanted, cursor=after)

        return SyncExport(lambda after: self._export(request, after), cursor=cursor)
