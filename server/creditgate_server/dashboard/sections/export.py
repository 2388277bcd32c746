"""The activity log as a file, as it is read: however long, only a chunk of it is in memory."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence

from creditgate_server.dashboard.dependencies import Dependencies
from creditgate_server.dashboard.section import Download
from creditgate_server.dashboard.views.amounts import plain
from creditgate_server.dashboard.views.details import details
from creditgate_server.dashboard.visits import Visit
from creditgate_server.domain.activity import Activity, EntryKind
from creditgate_server.domain.errors import NotExecutedError

from .activity import Question, period_of

_CHUNK = 1_000
_COLUMNS = (
    *("time", "version", "line", "kind", "type", "amount", "settled", "meter", "model", "quantity"),
    *("agent", "user", "topic", "conversation_id", "call_id", "hold_id", "name"),
)
# A spreadsheet takes a cell that begins so for a formula, and carries it out.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


async def _read(deps: Dependencies, visit: Visit) -> AsyncIterator[bytes]:
    of = Question(visit)
    period = await period_of(deps, visit, of)
    yield _lines([_COLUMNS])
    after = None
    while True:
        page = await deps.activities.page(
            visit.key, period, of.asked.choice, after=after, newest_first=False, limit=_CHUNK
        )
        if page is None:
            raise NotExecutedError("some of the range was archived meanwhile")
        if page.activities:
            yield _lines([_row(each) for each in page.activities])
        full = len(page.activities) == _CHUNK
        after = page.activities[-1].place if full else page.scanned
        if after is None:
            return


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _row(of: Activity) -> list[str]:
    known = details(of.details)
    texts = (of.first_meter, of.model or "")
    about = (known.agent, known.user, known.topic, known.conversation_id, known.call_id)
    return [
        of.created_at.isoformat(),
        str(of.version),
        str(of.line),
        EntryKind(of.kind).name.lower(),
        _harmless(of.type),
        plain(of.amount_micros),
        plain(of.settled_micros),
        *map(_harmless, texts),
        str(of.quantity) if of.first_meter else "",
        *map(_harmless, (*about, of.hold_id or "", of.name or "")),
    ]


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text


CSV = Download("activity.csv", "text/csv; charset=utf-8", "activity.csv", _read)
