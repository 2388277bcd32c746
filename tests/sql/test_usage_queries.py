"""Stretches of time begin where a zone's clock says, and calls are found by when they began."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from creditgate_server.domain.account_keys import account_key
from creditgate_server.domain.usage import UsageMeasure
from creditgate_server.postgres.pool import Pool, open_pool
from creditgate_server.postgres.usage import DISTRIBUTIONS
from tests.oracle.calendar import EPOCH, MICROSECOND
from tests.oracle.usage import stretch_start
from tests.support.activity import BEGAN, fill
from tests.support.database import Database
from tests.support.server import settings_for

ACCOUNT = account_key(UUID(int=7), "busy")
QUARTER = timedelta(minutes=15)
ZONES = (
    *("America/New_York", "America/Havana", "America/Santiago", "Asia/Beirut", "Africa/Cairo"),
    *("Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kathmandu", "Atlantic/Azores"),
)
_STARTS = """
SELECT creditgate.stretch_start(g.unit, g.at, g.zone)
  FROM unnest($1::text[], $2::timestamptz[], $3::text[]) WITH ORDINALITY
       AS g (unit, at, zone, ordinality)
 ORDER BY g.ordinality
"""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    pool = await open_pool(settings_for(database.url))
    yield pool
    await pool.close(timeout_seconds=3)


def changes(zone: str) -> list[datetime]:
    """When the clocks of a zone are set back or forward in a year, to the quarter of an hour."""
    place, found = ZoneInfo(zone), []
    at = datetime.fromisoformat("2030-01-01T00:00:00+00:00")
    while at.year == 2030:
        if at.astimezone(place).utcoffset() != (at + QUARTER).astimezone(place).utcoffset():
            found.append(at + QUARTER)
        at += QUARTER
    return found


def instants(zone: str) -> list[datetime]:
    """Quarters of an hour around all changes, and a day and the end of a month without one."""
    plain = [datetime.fromisoformat(f"2031-{day}T12:00:00+00:00") for day in ("01-31", "06-05")]
    return [
        at + each * QUARTER
        for at in (*changes(zone), *plain)
        for each in (*range(-10, 11), -100, -40, 40, 100)
    ]


async def test_stretches_begin_where_the_clocks_say(pool: Pool) -> None:
    asked = [
        (unit, at, zone)
        for zone in ZONES
        for at in instants(zone)
        for unit in ("HOUR", "DAY", "MONTH")
    ]
    units, times, zones = zip(*asked, strict=True)
    rows = await pool.rows(_STARTS, [unit.lower() for unit in units], times, zones)
    wanted = [
        EPOCH + stretch_start((at - EPOCH) // MICROSECOND, unit, zone) * MICROSECOND
        for unit, at, zone in asked
    ]
    wrong = [each for each in zip(asked, wanted, rows, strict=True) if each[1] != each[2][0]]
    assert not wrong
    assert sum(len(changes(zone)) for zone in ZONES) == 16


async def test_calls_are_found_by_when_they_began(database: Database, pool: Pool) -> None:
    owner = await database.connect()
    await fill(owner, ACCOUNT, 3_000)
    await owner.execute(
        """
        UPDATE creditgate.holds
           SET gateway_id = 'gw', gateway_key = gen_random_uuid(), used_quantity = 30
         WHERE hold_id LIKE 'h-%0'
        """
    )
    await owner.execute("ANALYZE creditgate.holds")
    await owner.close()
    sql = f"EXPLAIN (ANALYZE, BUFFERS) {DISTRIBUTIONS[UsageMeasure.CALL_SECONDS]}"
    week: Any = (*ACCOUNT, BEGAN, BEGAN + timedelta(hours=5), None, [30, 60])
    plan = "\n".join(row[0] for row in await pool.rows(sql, *week))
    assert "Index Scan using calls_by_start" in plan, plan
    assert "archived_calls_by_start" in plan, plan
    assert "Seq Scan" not in plan, plan
