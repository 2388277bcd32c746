from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from creditgate_server.dashboard.sections.export import CSV
from creditgate_server.domain.activity import Activity, ActivityPage
from creditgate_server.domain.statements import Period, Place

NOW = datetime(2026, 11, 22, 10, 42, tzinfo=UTC)


def entry(version: int, agent: str = "ann") -> Activity:
    return Activity(
        version=version,
        line=1,
        kind=2,
        amount_micros=-1_500_000,
        settled_micros=-2_500_001,
        created_at=NOW,
        hold_id=f"-hold-{version}",
        name=None,
        details=json.dumps({"attributes": {"agent": agent, "topic": "a,\nb"}}),
        meter="voice.call",
        used_quantity=61,
        model="large",
        lines=None,
        of_gateway=False,
    )


class Stored:
    """Activities of which a page has what is asked for, up to a limit of its own."""

    def __init__(self, entries: Sequence[Activity], *, scanned_max: int = 10**6) -> None:
        self._entries, self._scanned_max = entries, scanned_max

    async def period(self, _account: object, _span: object) -> Period:
        return Period(0, len(self._entries))

    async def page(
        self,
        _account: object,
        _period: object,
        _choice: object,
        *,
        after: Place | None,
        **asked: Any,
    ) -> ActivityPage:
        start = after.version if after else 0
        assert not asked["newest_first"]
        upto = min(start + self._scanned_max, len(self._entries))
        # Whatever its filter is, every other entry fits.
        fitting = [each for each in self._entries[start:upto] if each.version % 2]
        found = fitting[: asked["limit"]]
        if len(found) == asked["limit"]:
            return ActivityPage(found, None)
        return ActivityPage(found, Place(upto, 1) if upto < len(self._entries) else None)


async def exported(stored: Stored) -> list[dict[str, str]]:
    balance = SimpleNamespace(as_of=NOW)
    account = SimpleNamespace(standing=SimpleNamespace(time_zone="UTC"), balance=balance)
    visit: Any = SimpleNamespace(account=account, query={}, key=None)
    deps: Any = SimpleNamespace(activities=stored)
    text = b"".join([part async for part in CSV.read(deps, visit)]).decode()
    return list(csv.DictReader(text.splitlines(keepends=True)))


@pytest.mark.parametrize("scanned_max", [10**6, 700])
async def test_a_file_has_every_entry_once(scanned_max: int) -> None:
    rows = await exported(Stored([entry(at + 1) for at in range(4_321)], scanned_max=scanned_max))
    assert [int(row["version"]) for row in rows] == [*range(1, 4_322, 2)]
    first = rows[0]
    assert (first["amount"], first["settled"]) == ("-1.5", "-2.500001")
    assert (first["type"], first["quantity"], first["topic"]) == ("call", "61", "a,\nb")


async def test_a_spreadsheet_carries_nothing_out() -> None:
    [row] = await exported(Stored([entry(1, agent='=HYPERLINK("x")')]))
    assert (row["agent"], row["hold_id"]) == ('\'=HYPERLINK("x")', "'-hold-1")
    assert row["amount"] == "-1.5"
