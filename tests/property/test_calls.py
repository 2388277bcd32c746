"""Histories of calls of plain chance: every quota is what the oracle works out, whoever answers."""

from __future__ import annotations

import random
from typing import Any

from tests.contract.wire import Operation
from tests.oracle.answers import BudgetView, RateView
from tests.oracle.calls import CallTerms
from tests.oracle.prices import RateCard
from tests.oracle.subscriber import Plan
from tests.property.history import History, Staged
from tests.property.operations import CREDIT
from tests.property.seeds import first_seed
from tests.property.test_fake_walks import FakeStage, fake_stage
from tests.support.stage import Stage

__all__ = ["fake_stage"]

ACCOUNT = "left"
RATES = [
    RateView("voice.call", unit_price=CREDIT),
    RateView("voice.call", unit_price=CREDIT // 7, minimum=10, initial=30, increment=6, fee=50_000),
    RateView("voice.call", unit_price=2 * CREDIT, unit_size=60, increment=60),
    RateView("voice.call", unit_price=CREDIT, tiers=((60, 0), (90, 3 * CREDIT))),
    RateView("voice.call"),
]
TERMS = [
    CallTerms(offline_seconds=20),
    CallTerms(max_seconds=90, offline_seconds=50, on_extend="CONTINUE_WITHIN_ALLOWANCE"),
    CallTerms(max_seconds=61, renew_ms=1000, action="REDIRECT", target="desk"),
    CallTerms(offline_seconds=86_400, on_extend="CONTINUE", on_reserve="CONTINUE", warn_ms=0),
]
AGENT = BudgetView("agents", attribute="agent", spend_max=70 * CREDIT)
SECONDS = (1, 6, 29, 30, 31, 59, 60, 61, 89, 90, 91, 200)
STEPS = (
    *("use",) * 4,
    *("stretch",) * 6,
    *("extend",) * 2,
    *("tally",) * 3,
    *("count", "release", "grant", "plan", "status", "wait", "wait", "list", "repeat", "reserve"),
)
HOT = frozenset({"use", "stretch", "extend", "tally", "count", "release", "reserve"})


class Calls:
    """Chance for one account's calls."""

    def __init__(self, stage: Staged, seed: int) -> None:
        self._chance = random.Random(seed)
        self._history = History(stage)
        self._holds: list[str] = []
        self._grants = 0

    def open(self) -> None:
        """An account on one of several plans, with some credits."""
        self._ask("create_account", overdraft=self._chance.choice((0, 5 * CREDIT)))
        self._ask("put_rate_card", card=RateCard("std", rates=(self._chance.choice(RATES),)))
        for number, terms in enumerate(TERMS):
            bounds: dict[str, Any] = {}
            if number % 2:
                bounds = {"hold_max": 75 * CREDIT, "budgets": (AGENT,)}
            plan = Plan("pro", number + 1, card=("std", 1), terms=terms, **bounds)
            self._ask("put_plan", plan=plan)
        self._ask("update_account", plan=("pro", self._chance.randint(1, len(TERMS))))
        self._grant()

    def step(self) -> None:
        """Do one thing, or several at once."""
        name = self._chance.choice(STEPS)
        if name == "wait":
            self._history.wait(self._chance.choice)
        elif name == "repeat":
            self._history.ask(self._chance.choice(self._history.sent))
        elif name in HOT and self._chance.random() < 0.2:
            together = [name, *self._chance.choices(sorted(HOT), k=3)]
            made = [getattr(self, f"_{each}")() for each in together]
            self._history.ask_together([(ACCOUNT, each) for each in made])
        elif name in HOT:
            self._history.ask((ACCOUNT, getattr(self, f"_{name}")()))
        else:
            getattr(self, f"_{name}")()

    def check(self) -> None:
        """Compare all that there is, and prove the ledger's rules."""
        self._history.check()
        self._list()
        self._ask("list_holds")

    def _ask(self, verb: str, **arguments: Any) -> None:
        self._history.ask((ACCOUNT, Operation(verb, arguments)))

    def _use(self) -> Operation:
        name = f"call-{len(self._holds)}"
        self._holds.append(name)
        arguments: dict[str, Any] = {"ttl_ms": self._chance.choice((5_000, 60_000, 600_000))}
        if self._chance.random() < 0.8:
            arguments["call"] = (self._chance.choice(("one", "two")), self._chance.randint(1, 2))
        if self._chance.random() < 0.3:
            arguments["minimum"] = self._chance.choice((1, CREDIT, 20 * CREDIT))
        if self._chance.random() < 0.5:
            arguments["attributes"] = (("agent", "ann"),)
        usage = ("voice.call", "", self._chance.choice(SECONDS))
        return Operation("reserve", {"hold_id": name, "usage": usage, **arguments})

    def _reserve(self) -> Operation:
        self._holds.append(f"other-{len(self._holds)}")
        amount = self._chance.randint(1, 30) * CREDIT
        return Operation("reserve", {"hold_id": self._holds[-1], "amount": amount})

    def _name(self) -> str:
        return self._chance.choice([*self._holds[-4:], "call-0"])

    def _stretch(self) -> Operation:
        arguments: dict[str, Any] = {"hold_id": self._name()}
        if self._chance.random() < 0.8:
            arguments["quantity"] = self._chance.choice(SECONDS)
        if self._chance.random() < 0.7:
            arguments["used_quantity"] = self._chance.choice((0, *SECONDS[:8]))
        return Operation("extend", arguments | self._minimum())

    def _extend(self) -> Operation:
        total = self._chance.randint(1, 250) * CREDIT // 2
        return Operation("extend", {"hold_id": self._name(), "total": total} | self._minimum())

    def _minimum(self) -> dict[str, int]:
        return {"minimum": 1} if self._chance.random() < 0.5 else {}

    def _tally(self) -> Operation:
        used = {"used_quantity": self._chance.choice((0, *SECONDS))}
        return Operation("commit", {"hold_id": self._name(), "keep_open": True, **used})

    def _count(self) -> Operation:
        used = {"used_quantity": self._chance.choice((0, *SECONDS))}
        return Operation("commit", {"hold_id": self._name(), "cause": "hangup", **used})

    def _release(self) -> Operation:
        return Operation("release", {"hold_id": self._name(), "cause": "busy"})

    def _grant(self) -> None:
        self._grants += 1
        amount = self._chance.randint(1, 150) * CREDIT
        self._ask("add_grant", grant_id=f"grant-{self._grants}", amount=amount, kind="PURCHASED")

    def _plan(self) -> None:
        self._ask("update_account", plan=("pro", self._chance.randint(1, len(TERMS))))

    def _status(self) -> None:
        status = self._chance.choice(("ACTIVE", "ACTIVE", "SUSPENDED"))
        self._ask("update_account", status=status)

    def _list(self) -> None:
        gateway = {"gateway_id": self._chance.choice(("one", "two"))}
        self._ask("list_holds", epoch_below=self._chance.randint(0, 3), **gateway)


def walk(stage: Staged, *, walks: int, steps: int) -> None:
    first = first_seed()
    for seed in range(first, first + walks):
        calls = Calls(stage, seed)
        try:
            calls.open()
            for _ in range(steps):
                calls.step()
            calls.check()
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise


def test_calls_of_chance(stage: Stage) -> None:
    walk(stage, walks=18, steps=60)


def test_calls_of_chance_on_the_fake(fake_stage: FakeStage) -> None:
    walk(fake_stage, walks=20, steps=60)
