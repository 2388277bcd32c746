"""Puts what happened to one account in the order of its versions, and asks the oracle about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from creditgate.v1 import authorization_service_pb2 as pb
from creditgate.v1 import hold_pb2
from tests.model import Model
from tests.oracle.answers import Answer
from tests.support.history import Op

_SPARE_CANDIDATES = 10


class Replay:
    """The requests of one account, asked of the oracle in the order the server took them.

    Every change has a version of its own, and its answer says which. A change whose answer was
    lost is found by what it does to the balance: amounts are random, so the one set of lost
    changes that leads from the balance before a gap to the balance after it is the right one.
    """

    def __init__(
        self,
        account_id: str,
        ops: Sequence[Op],
        final: Mapping[str, int],
        *,
        opening_micros: int,
    ) -> None:
        self._account_id = account_id
        self._final = final
        self._model = Model()
        self._clock = 0
        self._model.create_account(self._now(), account_id)
        self._model.add_grant(self._now(), account_id, "opening", amount=opening_micros)
        self._account = self._model.accounts[account_id]
        self._changes: dict[int, Op] = {}
        self._answers: defaultdict[int, list[Op]] = defaultdict(list)
        self._silent = sorted((op for op in ops if op.changed_earlier), key=_version)
        self.gaps = 0
        self.mismatches: list[str] = []
        for op in ops:
            self._sort_in(op)

    def run(self) -> None:
        """Goes through the versions one by one; stops at a gap that nothing explains."""
        while True:
            version = self._account.version
            for op in self._answers.get(version, ()):
                self._compare(op, None if op.changed_earlier else self._ask(op))
            if version >= self._final["version"]:
                break
            change = self._changes.get(version + 1)
            if change is not None:
                self._compare(change, self._ask(change))
            elif not self._fill_gap():
                self.gaps += 1
                break
            if self._account.version <= version:
                self._differ("no change", f"a change after version {version}", change)
                break
        if (self._account.settled, self._account.held) != self._end:
            self._differ("in the end", f"{self._end} in the database", None)

    @property
    def _end(self) -> tuple[int, int]:
        return self._final["settled_micros"], self._final["held_micros"]

    def _sort_in(self, op: Op) -> None:
        if not op.ok:
            return
        if op.executed_here:
            self.gaps += _version(op) in self._changes
            self._changes[_version(op)] = op
        else:
            self._answers[_version(op)].append(op)

    def _fill_gap(self) -> bool:
        """Finds the changes nobody heard of that make the next versions, and asks for them."""
        version = self._account.version
        anchor = min(
            (v for v in (*self._changes, *self._answers) if v > version),
            default=self._final["version"],
        )
        after = self._changes.get(anchor)
        count = anchor - version - (after is not None)
        wanted = self._wanted(anchor, after)
        for chosen in combinations(self._silent[: count + _SPARE_CANDIDATES], count):
            if self._effect(chosen) == wanted:
                for op in sorted(chosen, key=lambda op: op.number):
                    self._silent.remove(op)
                    self._ask(op)
                return self._account.version == version + count
        return False

    def _wanted(self, anchor: int, after: Op | None) -> tuple[int, int]:
        """What the missing changes do to (settled, held)."""
        now = (self._account.settled, self._account.held)
        if after is not None:
            settled, held = _balance(after)
            own = self._effect([after])
            return settled - own[0] - now[0], held - own[1] - now[1]
        known = self._answers.get(anchor)
        settled, held = _balance(known[0]) if known else self._end
        return settled - now[0], held - now[1]

    def _effect(self, ops: Sequence[Op]) -> tuple[int, int]:
        effects = [self._effect_of(op) for op in ops]
        return sum(effect[0] for effect in effects), sum(effect[1] for effect in effects)

    def _effect_of(self, op: Op) -> tuple[int, int]:
        """What a request does to (settled, held) if it is done next."""
        request = op.request
        simple = {"AddGrant": (1, 0), "Charge": (-1, 0), "Reserve": (0, 1)}
        if op.kind in simple:
            settled, held = simple[op.kind]
            return settled * request.amount_micros, held * request.amount_micros
        hold = self._account.holds.get(request.hold_id)
        if hold is None:
            return 0, 0
        if op.kind == "Release":
            return 0, -hold.held
        used = request.used_micros - hold.used
        if op.kind == "Extend":
            return -used, request.amount_micros - request.used_micros - hold.held
        return -used, -used if request.keep_open else -hold.held

    def _ask(self, op: Op) -> Answer:
        """The oracle's answer."""
        request, model = op.request, self._model
        at, account_id = self._now(), self._account_id
        if op.kind == "GetBalance":
            return model.get_balance(at, account_id)
        if op.kind == "AddGrant":
            return model.add_grant(at, account_id, request.grant_id, amount=request.amount_micros)
        details = _details(op)
        ask = getattr(model, op.kind.lower())
        answer: Answer = ask(at, account_id, request.hold_id, **details)
        return answer

    def _compare(self, op: Op, answer: Answer | None) -> None:
        """Compares what was answered with the oracle: the balance, the decision, the hold."""
        heard = op.last.message
        balance = heard.balance
        found = [("settled", balance.settled_micros), ("held", balance.held_micros)]
        told: list[tuple[str, object]] = [
            ("settled", self._account.settled), ("held", self._account.held)
        ]  # fmt: skip
        found.append(("version", balance.version))
        told.append(("version", self._account.version))
        if answer is not None and hasattr(heard, "decision"):
            found.append(("decision", pb.Decision.Name(heard.decision)))
            told.append(("decision", f"DECISION_{answer.outcome}"))
        if answer is not None and answer.hold is not None:
            found += _hold_figures(heard.hold)
            hold = answer.hold
            told += [("state", f"HOLD_STATE_{hold.state}"), ("granted", hold.granted)]
            told += [("used", hold.used), ("charged", hold.charged)]
        if found != told:
            self._differ(str(found), str(told), op)

    def _differ(self, found: str, told: str, op: Op | None) -> None:
        what = f"{op.kind} {op.request}".replace("\n", " ") if op else self._account_id
        self.mismatches.append(f"{what}: heard {found}, the oracle says {told}")

    def _now(self) -> int:
        self._clock += 1
        return self._clock


def _hold_figures(hold: hold_pb2.Hold) -> Iterator[tuple[str, Any]]:
    yield "state", hold_pb2.HoldState.Name(hold.state)
    yield "granted", hold.granted_micros
    yield "used", hold.used_micros
    yield "charged", hold.charged_micros


def _version(op: Op) -> int:
    return int(op.last.message.balance.version)


def _balance(op: Op) -> tuple[int, int]:
    balance = op.last.message.balance
    return balance.settled_micros, balance.held_micros


def _ttl_ms(op: Op) -> int:
    return int(op.request.ttl.seconds * 1000)


def _details(op: Op) -> dict[str, Any]:
    """What a request asks for, in the oracle's words."""
    request = op.request
    if op.kind == "Reserve":
        return {"amount": request.amount_micros, "ttl_ms": _ttl_ms(op)}
    if op.kind == "Charge":
        return {"amount": request.amount_micros}
    if op.kind == "Extend":
        used = request.used_micros
        return {"total": request.amount_micros, "used": used, "ttl_ms": _ttl_ms(op)}
    if op.kind == "Commit":
        return {"used": request.used_micros, "keep_open": request.keep_open}
    return {}
