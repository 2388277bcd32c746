"""Judges a history: was anything lost, doubled, made up, out of order, or answered wrongly?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.support.database import Database
from tests.support.history import History, Op
from tests.support.history_replay import Replay
from tests.support.postgres_faults import superuser

_OPEN = 1


@dataclass
class Judgement:
    """The figures of a history. Those from `unresolved` on are faults."""

    ops: int = 0
    ok: int = 0
    denied: int = 0
    fail: int = 0
    info: int = 0
    resolved: int = 0
    unresolved: int = 0
    lost: int = 0
    dup: int = 0
    phantom: int = 0
    overspend: int = 0
    model_mismatch: int = 0
    realtime_violations: int = 0
    version_gaps: int = 0
    stuck_holds: int = 0
    examples: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, int]:
        """All but the examples."""
        return {name: value for name, value in asdict(self).items() if name != "examples"}

    def faults(self) -> dict[str, int]:
        """The figures that should be 0 and are not."""
        return {name: value for name, value in list(self.figures().items())[6:] if value}


@dataclass
class Stored:
    """What the database holds in the end."""

    accounts: dict[str, dict[str, int]]
    holds: dict[str, dict[str, Any]]
    grants: set[str]
    charges: Counter[str]
    grant_entries: Counter[str]


async def read_stored(database: Database) -> Stored:
    """Reads it as the owner, past the service."""
    async with superuser(database) as connection:
        accounts = await connection.fetch(
            "SELECT account_id, settled_micros, held_micros, version FROM creditgate.accounts"
        )
        holds = await connection.fetch(
            "SELECT hold_id, state, granted_micros, used_micros, charged_micros"
            "  FROM creditgate.holds"
        )
        grants = await connection.fetch("SELECT grant_id FROM creditgate.grants")
        entries = await connection.fetch("SELECT kind, hold_id, name FROM creditgate.entries")
    return Stored(
        {row["account_id"]: dict(row) for row in accounts},
        {row["hold_id"]: dict(row) for row in holds},
        {row["grant_id"] for row in grants},
        Counter(row["hold_id"] for row in entries if row["kind"] == 2),
        Counter(row["name"] for row in entries if row["kind"] == 1),
    )


def judge(history: History, stored: Stored, *, opening_micros: int) -> Judgement:
    """Judges everything: durability first, then the order of every account by its versions."""
    ops = history.ops
    found = Judgement(
        ops=len(ops),
        ok=sum(op.ok for op in ops),
        denied=sum(op.ok and op.last.denied for op in ops),
        fail=sum(op.failed for op in ops),
        info=sum(op.doubtful for op in ops),
        resolved=sum(op.doubtful and (op.ok or op.last.refused) for op in ops),
    )
    found.unresolved = found.info - found.resolved
    found.lost = sum(is_lost(op, stored) for op in ops)
    found.phantom = len(phantoms(ops, stored))
    found.dup = len(doubled(ops, stored))
    found.stuck_holds = sum(hold["state"] == 1 for hold in stored.holds.values())
    found.overspend = sum(
        account["settled_micros"] < account["held_micros"] for account in stored.accounts.values()
    )
    by_account: defaultdict[str, list[Op]] = defaultdict(list)
    for op in ops:
        by_account[op.account_id].append(op)
    for account_id, history_of in by_account.items():
        found.realtime_violations += realtime_violations(history_of)
        replay = Replay(
            account_id, history_of, stored.accounts[account_id], opening_micros=opening_micros
        )
        replay.run()
        found.version_gaps += replay.gaps
        found.model_mismatch += len(replay.mismatches)
        found.examples += replay.mismatches[:2]
    return found


def is_lost(op: Op, stored: Stored) -> bool:
    """Whether something acknowledged is not in the database."""
    if not op.ok or op.last.denied or op.kind == "GetBalance":
        return False
    if op.kind == "AddGrant":
        return op.request.grant_id not in stored.grants
    hold = stored.holds.get(op.request.hold_id)
    if hold is None:
        return True
    answered = op.last.message.hold
    ended_otherwise = answered.state != _OPEN and hold["state"] != answered.state
    return bool(
        ended_otherwise
        or hold["used_micros"] < answered.used_micros
        or hold["granted_micros"] < answered.granted_micros
    )


def phantoms(ops: Iterable[Op], stored: Stored) -> set[str]:
    """What is in the database although its callers were told that it was not done."""
    known = {
        getattr(op.request, "hold_id", None) or getattr(op.request, "grant_id", None)
        for op in ops
        if not op.failed and not op.last.denied
    }
    return (set(stored.holds) | (stored.grants - {"opening"})) - known


def doubled(ops: Iterable[Op], stored: Stored) -> set[str]:
    """Names with more entries in the ledger than requests that charge, or grant."""
    asked = Counter(op.request.hold_id for op in ops if op.kind in {"Charge", "Commit", "Extend"})
    charged = {name for name, count in stored.charges.items() if count > asked[name]}
    return charged | {name for name, count in stored.grant_entries.items()
                      if count > 1 and name != "opening"}  # fmt: skip


def realtime_violations(ops: Sequence[Op]) -> int:
    """Answers whose version is older than that of an answer heard before they were asked for."""
    heard = sorted(
        (reply for op in ops for reply in op.attempts if reply.ok), key=lambda reply: reply.ended
    )
    asked = sorted(heard, key=lambda reply: reply.started)
    violations, newest, at = 0, 0, 0
    for reply in asked:
        while at < len(heard) and heard[at].ended < reply.started:
            newest = max(newest, heard[at].message.balance.version)
            at += 1
        violations += reply.message.balance.version < newest
    return violations
