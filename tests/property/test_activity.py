"""The activity log of any history is what the oracle works out, however it is read."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from creditgate._messages.convert import number, word
from creditgate.v1 import account_service_pb2 as accounts
from creditgate.v1 import hold_pb2
from creditgate.v1 import usage_service_pb2 as messages
from creditgate_server.postgres import activity as postgres
from tests.contract.wire import Operation
from tests.oracle.account import Account
from tests.oracle.activity import Row, Work, allowed, balances, totals, totals_of, work_of
from tests.oracle.answers import Pairs, RateView
from tests.oracle.prices import RateCard
from tests.oracle.subscriber import Plan
from tests.property.history import History, Staged
from tests.property.operations import CREDIT, SECOND
from tests.property.seeds import named, seeds
from tests.property.test_fake_walks import FakeStage, fake_stage
from tests.support.stage import Stage

__all__ = ["fake_stage"]

ACCOUNT = "left"
OLDEST = messages.ACTIVITY_ORDER_OLDEST_FIRST
DAY = 86_400 * SECOND
RATES = (
    RateView("chat.message", "*", unit_price=CREDIT // 2),
    RateView("chat.message", "large", unit_price=2 * CREDIT),
    RateView("voice.call", "*", unit_price=CREDIT // 7, minimum=10, increment=6),
    RateView("tokens.output", "large", unit_price=3, unit_size=1_000),
    RateView("tool", "*"),
)
PLAN = Plan(
    "pro", 1, 20 * CREDIT, "DAY", rollover_max=6 * CREDIT, overdraft=CREDIT, card=("std", 1)
)
AGENTS, MODELS, LABELS = ("ann", "bob"), ("large", "small"), (("team", "red"), ("team", "blue"))
USAGES = (
    ("chat.message", "large", 1),
    ("chat.message", "small", 3),
    ("voice.call", "", 45),
    ("tokens.output", "large", 1_500),
)
MIXED = (("tool", "search", 2), ("tokens.output", "large", 900), ("chat.message", "large", 0))
STEPS = (
    *("charge", "charge", "reserve", "reserve", "mix"),
    *("report", "report", "commit", "commit", "release", "refund", "refund"),
    *("grant", "revoke", "wait", "wait", "day", "sweep"),
)


class Walk:
    """Chance for one account whose work is described, metered, refunded, and goes over cycles."""

    steps: Sequence[str] = STEPS

    def __init__(self, stage: Staged, seed: int) -> None:
        self._chance = random.Random(seed)
        self._history = History(stage)
        self._names = 0

    @property
    def account(self) -> Account:
        """The account as the oracle knows it."""
        return self._history.chooser(ACCOUNT, self._chance.choice)._account

    def open(self) -> None:
        self._ask("create_account", policy=self._chance.choice(("CAP", "DEBT")))
        self._ask("put_rate_card", card=RateCard("std", 1, RATES))
        self._ask("put_plan", plan=PLAN)
        self._ask("update_account", plan=("pro", 1))

    def step(self) -> None:
        step = self._chance.choice(self.steps)
        if step == "sweep":
            self._history.sweep()
        elif step in {"wait", "day"}:
            span = DAY if step == "day" else self._chance.choice((1, SECOND, 40 * SECOND))
            self._history.wait(lambda instants: instants[0] + span)
            if step == "day":  # cycles that nobody sees may be passed over
                self._history.sweep()
        else:
            getattr(self, f"_{step}")()

    def _ask(self, verb: str, **arguments: Any) -> None:
        self._history.ask((ACCOUNT, Operation(verb, arguments)))

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}-{self._names}"

    def _described(self) -> dict[str, Any]:
        pick, given = self._chance.choice, dict[str, str]()
        if self._chance.random() < 0.7:
            given = {"agent": pick(AGENTS), "model": pick((*MODELS, ""))}
        pairs = tuple(sorted((name, text) for name, text in given.items() if text))
        found: dict[str, Any] = {"attributes": pairs} if pairs else {}
        return found | ({"labels": (pick(LABELS),)} if self._chance.random() < 0.4 else {})

    def _priced(self) -> dict[str, Any]:
        if self._chance.random() < 0.4:
            return {"amount": self._chance.randint(1, 4) * CREDIT}
        return {"usage": self._chance.choice(USAGES)}

    def _charge(self) -> None:
        self._ask("charge", hold_id=self._name("c"), **self._priced(), **self._described())

    def _reserve(self) -> None:
        more: dict[str, Any] = {"ttl_ms": self._chance.choice((1_000, 60_000, 86_400_000))}
        priced = self._priced()
        if priced.get("usage", ("",))[0] == "voice.call" and self._chance.random() < 0.5:
            more["call"] = ("gw", 1)
        self._ask("reserve", hold_id=self._name("h"), **priced, **more, **self._described())

    def _mix(self) -> None:
        self._ask("reserve", hold_id=self._name("m"), usages=MIXED, **self._described())

    def _report(self) -> None:
        self._commit(keep_open=True)

    def _commit(self, *, keep_open: bool = False) -> None:
        holds = [each for each in self.account.holds.values() if "#" not in each.hold_id]
        if not holds:
            return
        hold = self._chance.choice(holds[-6:])
        used: dict[str, Any] = {"used": hold.used + self._chance.choice((0, CREDIT, 3 * CREDIT))}
        if hold.rate is not None:
            used = {"used_quantity": hold.used_quantity + self._chance.choice((0, 7, 45))}
        elif hold.meters:
            line = self._chance.choice(hold.lines)
            total = line.used_quantity + self._chance.choice((0, 1, 700))
            used = {"used_quantities": ((line.rate.meter, line.model, total),)}
        self._ask("commit", hold_id=hold.hold_id, keep_open=keep_open, **used)

    def _release(self) -> None:
        holds = [each.hold_id for each in self.account.open_holds if "#" not in each.hold_id]
        if holds:
            self._ask("release", hold_id=self._chance.choice(holds))

    def _refund(self) -> None:
        charged = [hold for hold in self.account.holds.values() if hold.charged > hold.refunded]
        if charged:
            hold = self._chance.choice(charged)
            amount = self._chance.randint(1, hold.charged - hold.refunded)
            self._ask("refund", refund_id=self._name("r"), hold_id=hold.hold_id, amount=amount)

    def _grant(self) -> None:
        ends = self._history._now + self._chance.choice((SECOND, 90 * SECOND, 2 * DAY))
        name, amount = self._name("g"), self._chance.randint(1, 9) * CREDIT
        self._ask("add_grant", grant_id=name, amount=amount, kind="PURCHASED", expires_at=ends)

    def _revoke(self) -> None:
        live = [it.view.grant_id for it in self.account.burning("LIVE") if it.view.kind != "PLAN"]
        if live:
            self._ask("revoke_grant", grant_id=self._chance.choice(live))


class Log:
    """Reads an account's activity through the API, in pages and as an export."""

    def __init__(self, stage: Staged, account_id: str) -> None:
        self._stage, self._account_id = stage, account_id

    def list(self, wanted: messages.ActivityFilter, *, page: int, newest: bool) -> Sequence[Row]:
        order = messages.ACTIVITY_ORDER_NEWEST_FIRST if newest else OLDEST
        request = messages.ListActivityRequest(
            account_id=self._account_id, filter=wanted, page_size=page, order=order
        )
        found: list[Row] = []
        while True:
            answer = self._stage.run(self._stage.driver._call("ListActivity", request))  # type: ignore[attr-defined]
            assert len(answer.activities) <= page
            found += map(read, answer.activities)
            request.page_token = answer.next_page_token
            if not answer.next_page_token:
                return found

    def export(self, wanted: messages.ActivityFilter) -> Sequence[Row]:
        return self._stage.run(self._export(wanted))

    async def _export(self, wanted: messages.ActivityFilter) -> Sequence[Row]:
        request = messages.ExportActivityRequest(account_id=self._account_id, filter=wanted)
        driver: Any = self._stage.driver
        call = driver._methods["ExportActivity"](request, metadata=driver._metadata, timeout=20)
        return [read(each) async for chunk in call for each in chunk.activities]


def read(of: messages.Activity) -> Row:
    described = ((each.name, text) for each, text in of.attributes.ListFields())
    work = Work(
        of.type,
        of.meter,
        of.model,
        of.quantity,
        tuple(sorted(described)),
        tuple(sorted(of.labels.items())),
        tuple((usage.meter, usage.model, usage.quantity) for usage in of.usages),
    )
    return Row(
        of.version,
        of.line,
        of.created_at.ToMicroseconds(),
        word(accounts.EntryKind, of.kind),
        of.amount_micros,
        of.settled_micros,
        of.hold_id,
        of.name,
        work,
    )


def judge(rows: Sequence[Row], account: Account) -> None:
    """The whole log, oldest first, says what the oracle knows."""
    settled = 0
    for row in rows:
        settled += row.amount
        assert row.settled == settled
        hold = account.holds[row.hold_id] if row.hold_id else None
        assert row.work == (work_of(hold, row.kind) if hold else Work(row.kind.lower()))
    assert settled == account.settled
    assert totals_of(rows) == totals(account)
    assert balances((row.created_at, row.settled) for row in rows) == balances(account.history)
    places = [row[:2] for row in rows]
    assert places == sorted(set(places))


def wish(
    chance: random.Random, rows: Sequence[Row]
) -> tuple[messages.ActivityFilter, dict[str, Any]]:
    """A filter of plain chance, as it is sent and as the oracle has it."""
    some: dict[str, Any] = {
        "kinds": chance.choice(([], [], ["CHARGE"], ["GRANT", "EXPIRY"], ["REFUND", "REVOCATION"])),
        "type_": chance.choice(("", "", "", "chat", "call", "charge")),
        "meter": chance.choice(("", "", "chat.message", "tokens.output", "none")),
        "attributes": chance.choice(((), (), (("agent", "ann"),), (("model", "large"),))),
        "labels": chance.choice(((), (), (("team", "red"),))),
    }
    attributes: Pairs = some["attributes"]
    wanted = messages.ActivityFilter(
        kinds=[number(accounts.EntryKind, kind) for kind in some["kinds"]],  # type: ignore[misc]
        type=some["type_"],
        meter=some["meter"],
        attributes=hold_pb2.Attributes(**dict(attributes)),
        labels=dict(some["labels"]),
    )
    times = [row.created_at for row in rows] or [1]
    for edge in ("from", "until"):
        if chance.random() < 0.4:
            at = Timestamp()
            at.FromMicroseconds(chance.choice(times) + chance.choice((0, 0, 1)))
            getattr(wanted, edge).CopyFrom(at)
    if wanted.HasField("until") and wanted.until.ToMicroseconds() <= since(wanted):
        wanted.ClearField("until")
    return wanted, some


def since(wanted: messages.ActivityFilter) -> int:
    begin: int = getattr(wanted, "from").ToMicroseconds()
    return begin


def lies_in(wanted: messages.ActivityFilter, row: Row) -> bool:
    ends = wanted.until.ToMicroseconds() if wanted.HasField("until") else row.created_at + 1
    return since(wanted) <= row.created_at < ends


def run_walks(stage: Staged, *, walks: int, steps: int, anywhere: bool = False) -> None:
    for seed in seeds(walks, anywhere=anywhere):
        with named(seed, steps):
            walk_once(stage, seed, steps)


def walk_once(stage: Staged, seed: int, steps: int) -> None:
    walk, chance = Walk(stage, seed), random.Random(seed)
    walk.open()
    for _ in range(steps):
        walk.step()
    log = Log(stage, walk.account.account_id)
    rows = log.list(messages.ActivityFilter(), page=7, newest=False)
    judge(rows, walk.account)
    assert log.export(messages.ActivityFilter()) == rows
    assert log.list(messages.ActivityFilter(), page=1_000, newest=True) == rows[::-1]
    for _ in range(6):
        wanted, some = wish(chance, rows)
        chosen = [row for row in rows if lies_in(wanted, row) and allowed(row, **some)]
        page = chance.choice((1, 3, 50))
        assert log.list(wanted, page=page, newest=False) == chosen, wanted
        assert log.list(wanted, page=page, newest=True) == chosen[::-1], wanted
        assert log.export(wanted) == chosen, wanted


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pages look at so few entries that filters leave them short, or empty."""
    monkeypatch.setattr(postgres, "SCANNED_MAX", 5)


@pytest.mark.usefixtures("short_pages")
def test_the_log_is_what_the_oracle_works_out(stage: Stage) -> None:
    run_walks(stage, walks=3, steps=60)


def test_the_log_of_the_fake_is_what_the_oracle_works_out(fake_stage: FakeStage) -> None:
    run_walks(fake_stage, walks=4, steps=60)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_logs(stage: Stage) -> None:
    run_walks(stage, walks=150, steps=100, anywhere=True)
