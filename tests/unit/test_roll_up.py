"""A round of summing up: where it looks, how long it rests, and when it comes back at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from creditgate_server.domain.account_keys import BUCKETS, AccountKey
from creditgate_server.domain.figures import Unsummed
from creditgate_server.workers.roll_up import RollUp

LEAST, LIMIT = 10, 100


def account(bucket: int, number: int = 0) -> AccountKey:
    return AccountKey(bucket, UUID(int=number))


@dataclass
class FakeSums:
    """Accounts and how many entries they have that are not summed up."""

    behind: dict[AccountKey, int]
    looks: list[int] = field(default_factory=list)
    batches: Counter[AccountKey] = field(default_factory=Counter)

    async def unsummed(self, bucket: int, *, least: int, first: int) -> Unsummed:
        assert first == 2_000
        self.looks.append(bucket)
        here = {key: changes for key, changes in self.behind.items() if key.bucket == bucket}
        due = sorted((key for key in here if here[key] >= least), key=lambda key: -here[key])
        return Unsummed(due, sum(here.values()))

    async def roll_up(self, account: AccountKey, *, limit: int) -> int:
        self.batches[account] += 1
        done = min(limit, self.behind[account])
        self.behind[account] -= done
        return done


@dataclass
class Told:
    """What an observer was told."""

    entries: int = 0
    figures: list[tuple[int, int]] = field(default_factory=list)

    def rolled_up(self, entries: int) -> None:
        self.entries += entries

    def unsummed(self, *, accounts: int, changes: int) -> None:
        self.figures.append((accounts, changes))


async def no_rest(seconds: float) -> None:
    assert seconds >= 0


def worker(sums: FakeSums, told: Told) -> RollUp:
    return RollUp(sums, observer=told, least=LEAST, limit=LIMIT, first=lambda: 62, sleep=no_rest)


async def test_a_round_looks_everywhere_and_leaves_small_ones_alone() -> None:
    few, enough, many = account(0), account(63), account(5, 1)
    sums, told = FakeSums({few: LEAST - 1, enough: LEAST, many: 3 * LIMIT + 1}), Told()
    assert await worker(sums, told)() is False
    assert sums.looks == [62, 63, *range(62)]
    assert sums.behind == {few: LEAST - 1, enough: 0, many: 0}
    assert sums.batches == {enough: 1, many: 4}
    assert told.entries == LEAST + 3 * LIMIT + 1
    assert told.figures == [(2, 2 * LEAST - 1 + 3 * LIMIT + 1)]
    assert await worker(sums, told)() is False
    assert told.figures[1:] == [(0, LEAST - 1)]


async def test_one_account_does_not_keep_a_round_from_the_others() -> None:
    huge, other = account(1), account(2)
    sums, told = FakeSums({huge: 10**6, other: LEAST}), Told()
    assert await worker(sums, told)() is True
    assert 0 < sums.batches[huge] * LIMIT < 10**6 // 2
    assert sums.behind[other] == 0


async def test_it_rests_after_each_look_and_each_batch() -> None:
    rests: list[float] = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    sums = FakeSums({account(1): 2 * LIMIT + 1})
    work = RollUp(sums, observer=Told(), least=LEAST, limit=LIMIT, sleep=rest)
    await work()
    assert len(rests) == BUCKETS + 2, "after every look, and between batches"


async def test_buckets_are_all_looked_at_by_every_server() -> None:
    firsts: Sequence[int] = (0, 31, 63)
    for first in firsts:
        sums = FakeSums({})
        await RollUp(sums, observer=Told(), first=lambda at=first: at, sleep=no_rest)()  # type: ignore[misc]
        assert sorted(sums.looks) == list(range(BUCKETS))
