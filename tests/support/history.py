"""What callers did and heard while everything around them broke, written down to be judged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from creditgate.v1 import authorization_service_pb2 as pb
from tests.support.load import Caller, Reply, charge, commit, extend, grant, release, reserve

ATTEMPT_SECONDS = 2.0
Request = Any


@dataclass
class Op:
    """One request of one caller, and how each of its attempts ended."""

    number: int
    account_id: str
    request: Request
    attempts: list[Reply] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return type(self.request).__name__.removesuffix("Request")

    @property
    def last(self) -> Reply:
        return self.attempts[-1]

    @property
    def started(self) -> float:
        return self.attempts[0].started

    @property
    def ended(self) -> float:
        return self.last.ended

    @property
    def ok(self) -> bool:
        return self.last.ok

    @property
    def doubtful(self) -> bool:
        """Whether any attempt left open what happened."""
        return any(attempt.unknown for attempt in self.attempts)

    @property
    def failed(self) -> bool:
        """Whether every attempt said that nothing was done."""
        return all(attempt.not_executed or attempt.refused for attempt in self.attempts)

    @property
    def executed_here(self) -> bool:
        """Whether the last attempt is the one that made the change, as its answer tells."""
        answer = self.last.message
        if not self.ok or self.kind == "GetBalance" or self.last.denied:
            return False
        if hasattr(answer, "replayed"):
            return not answer.replayed
        if self.kind == "Extend" or (self.kind == "Commit" and self.request.keep_open):
            return bool(answer.charged_micros > 0)
        return bool(answer.hold.settled_at == answer.balance.as_of)

    @property
    def changed_earlier(self) -> bool:
        """Whether an attempt nobody heard the answer of made the change."""
        wrote = self.kind != "GetBalance" and not self.last.denied
        return self.ok and wrote and not self.executed_here


class History:
    """Everything that was asked, by all sessions, in the order it was begun."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.over = False

    async def ask(
        self, callers: Sequence[Caller], account_id: str, request: Request, *, random: Random
    ) -> Op:
        """Asks until it is known what happened; one in four that was not executed is given up."""
        op = Op(len(self.ops), account_id, request)
        self.ops.append(op)
        while True:
            caller = random.choice(callers)
            op.attempts.append(await caller.send(request, timeout_seconds=ATTEMPT_SECONDS))
            if op.last.ok or op.last.refused:
                return op
            if not op.doubtful and random.random() < 0.25:
                return op
            await asyncio.sleep(random.uniform(0.02, 0.1))


class Session:
    """A caller that works on accounts, one request after the other, until the history is over."""

    def __init__(
        self, history: History, callers: Sequence[Caller], accounts: Sequence[str], *, seed: int
    ) -> None:
        self._history = history
        self._callers = callers
        self._accounts = accounts
        self._random = Random(seed)
        self._name = f"s{seed}"
        self._works = 0

    async def run(self, *, works_max: int | None = None) -> None:
        while not self._history.over and self._works != works_max:
            self._works += 1
            account_id = self._random.choice(self._accounts)
            works: Sequence[Callable[[str, str], Any]] = [self._hold] * 6 + [
                self._charge, self._charge, self._too_much, self._grant, self._read,
            ]  # fmt: skip
            await self._random.choice(works)(account_id, f"{self._name}-{self._works}")

    async def _ask(self, account_id: str, request: Request) -> Op:
        return await self._history.ask(self._callers, account_id, request, random=self._random)

    async def _hold(self, account_id: str, name: str) -> None:
        """Reserve, perhaps report and extend, then commit or release: totals that always grow."""
        random = self._random
        amount = random.randint(1_000, 1_000_000)
        op = await self._ask(account_id, reserve(account_id, name, amount, ttl_ms=3_600_000))
        if not (op.ok and op.last.granted):
            return
        used = random.randint(1, amount // 4)
        if random.random() < 0.4:
            op = await self._ask(account_id, commit(account_id, name, used, keep_open=True))
            if not op.ok:
                return
        if random.random() < 0.2:
            used += random.randint(1, amount // 4)
            more = extend(account_id, name, amount * 2, used_micros=used, ttl_ms=3_600_000)
            op = await self._ask(account_id, more)
            if not op.ok:
                return
        if random.random() < 0.3:
            await self._ask(account_id, release(account_id, name))
        else:
            used += random.randint(1, amount // 4)
            await self._ask(account_id, commit(account_id, name, used))

    async def _charge(self, account_id: str, name: str) -> None:
        await self._ask(account_id, charge(account_id, name, self._random.randint(1, 100_000)))

    async def _too_much(self, account_id: str, name: str) -> None:
        await self._ask(account_id, reserve(account_id, name, 10**17, ttl_ms=3_600_000))

    async def _grant(self, account_id: str, name: str) -> None:
        await self._ask(account_id, grant(account_id, name, self._random.randint(1, 1_000_000)))

    async def _read(self, account_id: str, name: str) -> None:
        await self._ask(account_id, pb.GetBalanceRequest(account_id=account_id))


async def drain(callers: Sequence[Caller], history: History, *, seconds: float = 60.0) -> int:
    """Finds out what is in doubt, and releases what is held; answers how much stays in doubt."""
    until = time.monotonic() + seconds
    caller = callers[0]
    for op in history.ops:
        while not (op.ok or op.last.refused) and op.doubtful and time.monotonic() < until:
            op.attempts.append(await caller.send(op.request, timeout_seconds=ATTEMPT_SECONDS))
    ended = {
        op.request.hold_id
        for op in history.ops
        if op.ok and (op.kind == "Release" or (op.kind == "Commit" and not op.request.keep_open))
    }
    for op in list(history.ops):
        if (
            op.kind == "Reserve"
            and op.ok
            and not op.last.denied
            and op.request.hold_id not in ended
        ):
            request = release(op.account_id, op.request.hold_id)
            last = Op(len(history.ops), op.account_id, request)
            last.attempts.append(await caller.insist(request))
            history.ops.append(last)
    return sum(op.doubtful and not (op.ok or op.last.refused) for op in history.ops)
