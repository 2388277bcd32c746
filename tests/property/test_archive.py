"""An account whose past is archived again and again behaves as one whose past is not.

Here whatever has ended is archived at once: no history could tell more of names that come again, of
late usage and refunds, and of lists over what was moved and what was not.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from creditgate.v1 import usage_service_pb2 as messages
from creditgate_server.domain.account_keys import AccountKey, account_key
from tests.contract.drivers import Driver
from tests.contract.wire import Operation
from tests.property.history import ACCOUNTS, History
from tests.property.seeds import first_seed, named, seeds
from tests.property.test_activity import ACCOUNT, Log, Walk, judge
from tests.property.test_conversations import Walk as Talk
from tests.property.test_conversations import follow
from tests.property.test_walks import STEPS, take_step
from tests.support.archive import archive, empty
from tests.support.stage import Stage

USAGE = """
SELECT u.kind, u.type, u.meter, u.model, u.value, sum(u.amount_micros), sum(u.quantity),
       sum(u.holds)
  FROM creditgate.usage_rows($1, $2, $3, $4, $5, '', $6) AS u
 GROUP BY 1, 2, 3, 4, 5
HAVING sum(u.amount_micros) <> 0 OR sum(u.quantity) <> 0 OR sum(u.holds) <> 0
 ORDER BY 1, 2, 3, 4, 5
"""
GROUPINGS = ((None, False), (None, True), (4, True), (4, False))
GONE = "RANGE_ARCHIVED"
ENTRIES = """
SELECT version, line, amount_micros, settled_micros, created_at FROM creditgate.all_entries
 WHERE bucket = $1 AND account_key = $2 ORDER BY version, line
"""

BALANCE = """
SELECT settled_micros, held_micros, debt_micros, version FROM creditgate.accounts
 WHERE bucket = $1 AND account_key = $2
"""


def walk(stage: Stage, seed: int, *, steps: int) -> int:
    chance = random.Random(seed)
    history = History(stage)
    history.open(policy=chance.choice(("CAP", "DEBT", "DENY")), credits_=chance.randint(5, 60))
    keys = [account_key(stage.tenant_id, history._name(each)) for each in ACCOUNTS]
    moved = 0
    for _ in range(steps):
        take_step(history, chance)
        if chance.random() < 0.5:
            limit = chance.choice((1, 5, 100))
            moved += stage.run(archive(stage.connection, chance.choice(keys), limit=limit))
            history.check()
    history.compare()
    return moved


def run_walks(stage: Stage, *, walks: int, steps: int, anywhere: bool = False) -> None:
    moved = 0
    for seed in seeds(walks, anywhere=anywhere):
        with named(seed, steps):
            moved += walk(stage, seed, steps=steps)
    assert moved > walks * steps / len(STEPS), "hardly anything was archived"


class Archived:
    """A walk of described and metered work, whose past is archived on the way."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self._stage, self._chance = stage, random.Random(seed)
        self.walk = Walk(stage, seed)
        self.walk.open()
        self.told: set[tuple[bool, bool]] = set()

    @property
    def key(self) -> AccountKey:
        return account_key(self._stage.tenant_id, self.walk.account.account_id)

    def go(self, steps: int) -> None:
        for _ in range(steps):
            self.walk.step()
            if self._chance.random() < 0.2:
                before = self.usage(None, None)
                self.archive()
                assert self.usage(None, None) == before

    def archive(self) -> None:
        self._stage.run(archive(self._stage.connection, self.key, limit=20))

    def check(self) -> None:
        """The log and the rules, whatever is where."""
        log = Log(self._stage, self.walk.account.account_id)
        rows = log.list(messages.ActivityFilter(), page=7, newest=False)
        judge(rows, self.walk.account)
        assert log.list(messages.ActivityFilter(), page=1_000, newest=True) == rows[::-1]
        self.prove()

    def prove(self) -> None:
        account = self.walk.account.account_id
        assert self._stage.run(self._stage.violations(account)) == []

    def empty(self) -> None:
        """Take what is older than about half of the entries out; what is kept still adds up."""
        entries = self._all(ENTRIES)
        edge = self._chance.choice(entries[len(entries) // 3 :])["created_at"]
        ranges = [self._range(entries) for _ in range(8)] + [(edge, None), (None, None)]
        before = [self.usage(*each) for each in ranges]
        now = self._one("SELECT creditgate.clock()")
        self._stage.run(empty(self._stage.connection, self.key, after=edge - now, limit=4))
        self.prove()
        for each, sums in zip(ranges, before, strict=True):
            for found, right in zip(self.usage(*each), sums, strict=True):
                assert found in (right, GONE), each
                self.told.add((found == GONE, each[0] is not None and each[0] < edge))
        assert self.usage(edge, None) == before[-2]
        kept = [each for each in entries if each["created_at"] >= edge]
        log = Log(self._stage, self.walk.account.account_id)
        wanted = messages.ActivityFilter()
        getattr(wanted, "from").FromDatetime(edge)
        rows = log.list(wanted, page=5, newest=False)
        assert [(row.version, row.line, row.settled) for row in rows] == [
            (each["version"], each["line"], each["settled_micros"]) for each in kept
        ]
        # Without a beginning it is all that is kept.
        assert list(log.list(messages.ActivityFilter(), page=5, newest=False))[-len(rows) :] == rows

    def decided(self) -> list[Operation]:
        """What was asked under the names of holds that were there."""
        holds, sent = self.walk.account.holds, self.walk._history.sent
        asked = [each for name, each in sent if name == ACCOUNT]
        return [
            each
            for each in asked
            if each.verb in {"charge", "reserve"} and each.arguments["hold_id"] in holds
        ]

    def usage(self, since: datetime | None, until: datetime | None) -> list[Any]:
        """The sums of a range, as they are read by whoever asks for days, or for agents."""
        return [self._sums(since, until, *each) for each in GROUPINGS]

    def _sums(self, *asked: Any) -> Any:
        try:
            return self._all(USAGE, *asked)
        except asyncpg.PostgresError as error:
            if error.sqlstate != "CG047":
                raise
            return GONE

    def _range(self, entries: Sequence[Any]) -> tuple[datetime | None, datetime | None]:
        """Bounds off any unit, or on quarters of an hour."""
        edges = sorted(self._chance.choice(entries)["created_at"] for _ in range(2))
        if self._chance.random() < 0.5:
            edges = [each.replace(minute=0, second=0, microsecond=0) for each in edges]
        pick = self._chance.choice
        return pick((edges[0], edges[0], None)), pick((edges[1], None))

    def repeat(self, sent: Sequence[Operation]) -> set[str]:
        """Send again what was sent: nothing changes. Answers how it was refused."""
        self.walk._history.sweep()  # what is due now is nobody's repeat
        before = self._all(BALANCE)
        told = set()
        for operation in sent:
            name = self.walk.account.account_id
            answer: Any = self._stage.run(self._stage.driver.run(name, operation))
            told.add(answer.outcome)
        assert self._all(BALANCE) == before
        return told

    def _all(self, sql: str, *values: Any) -> list[Any]:
        return self._stage.run(self._stage.connection.fetch(sql, *self.key, *values))

    def _one(self, sql: str, *values: Any) -> Any:
        return self._stage.run(self._stage.connection.fetchval(sql, *values))


class Recording:
    """A driver that remembers what was carried out."""

    def __init__(self, driver: Driver) -> None:
        self.set_time, self.sweep, self.run_batch = (
            driver.set_time,
            driver.sweep,
            driver.run_batch,
        )
        self._driver = driver
        self.said: list[Operation] = []

    async def run(self, account_id: str, operation: Operation) -> Any:
        answer: Any = await self._driver.run(account_id, operation)
        if answer.outcome in {"GRANTED", "ACCEPTED"}:
            self.said.append(operation)
        return answer


def test_walks(stage: Stage) -> None:
    run_walks(stage, walks=4, steps=50)


def test_logs_and_usage_are_the_same_and_what_is_emptied_is_never_charged_again(
    stage: Stage,
) -> None:
    told: set[str] = set()
    ranges: set[tuple[bool, bool]] = set()
    for seed in range(first_seed(anywhere=False), first_seed(anywhere=False) + 3):
        archived = Archived(stage, seed)
        archived.go(60)
        archived.check()
        archived.archive()
        archived.check()
        archived.empty()
        told |= archived.repeat(archived.decided())
        archived.prove()
        ranges |= archived.told
    assert "HOLD_ARCHIVED" in told
    assert ranges >= {(True, True), (False, True), (False, False)}, "what is in the sums is told"


@pytest.mark.parametrize("pricing", ["MESSAGE", "BOTH"])
def test_conversations_go_on_and_their_sums_are_carried(stage: Stage, pricing: str) -> None:
    account_id = f"talk-{pricing.lower()}"
    key = account_key(stage.tenant_id, account_id)
    steps = 0

    async def between() -> None:
        nonlocal steps
        steps += 1
        if steps % 5 == 0:
            await archive(stage.connection, key)

    driver = Recording(stage.driver)
    assert stage.run(follow(Talk(pricing, 1), driver, account_id, between=between)) > 5
    assert stage.run(stage.violations(account_id)) == []
    assert stage.run(archive(stage.connection, key)) > 0
    for days in (-20, 1):
        assert stage.run(empty(stage.connection, key, after=timedelta(days=days))) > 0
        assert stage.run(stage.violations(account_id)) == []
    carried = "SELECT count(*) FROM creditgate.emptied_sessions WHERE account_key = $1"
    assert stage.run(stage.connection.fetchval(carried, key.account_key)) > 1

    stage.run(stage.driver.sweep())
    before = stage.run(stage.connection.fetch(BALANCE, *key))
    said = [each for each in driver.said if each.verb in {"reserve_message", "commit_message"}]
    told = {stage.run(stage.driver.run(account_id, each)).outcome for each in said}
    assert "HOLD_ARCHIVED" in told
    assert stage.run(stage.connection.fetch(BALANCE, *key)) == before
    assert stage.run(stage.violations(account_id)) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_walks(stage: Stage) -> None:
    run_walks(stage, walks=500, steps=100, anywhere=True)
