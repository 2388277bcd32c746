"""The summary of any history says what the oracle works out, in any zone and over any range."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from creditgate_server.domain.account_keys import AccountKey, account_key
from tests.oracle.answers import RateView
from tests.oracle.calendar import EPOCH, MICROSECOND
from tests.oracle.prices import RateCard
from tests.oracle.subscriber import Plan
from tests.oracle.summaries import Asked
from tests.oracle.terms import ConversationTerms
from tests.property.history import Staged
from tests.property.operations import CREDIT, SECOND
from tests.property.seeds import named, seeds
from tests.property.test_activity import DAY, RATES, STEPS, Walk
from tests.property.test_fake_walks import FakeStage, fake_stage
from tests.support.archive import archive
from tests.support.stage import Stage

__all__ = ["fake_stage"]

HOUR = 3_600 * SECOND
ROLL_UP = "SELECT creditgate.roll_up($1::smallint, $2::uuid, $3)"
CARD = RateCard(
    "std",
    1,
    (
        *RATES,
        RateView("chat.conversation", "*", unit_price=CREDIT),
        RateView("voice.night", "*", unit_price=CREDIT // 9, unit_size=7, tiers=((60, 3), (90, 0))),
    ),
)
TERMS = ConversationTerms(pricing="BOTH", timeout_ms=600_000, reopen_ms=60_000)
PLANS = tuple(
    Plan(
        "pro",
        1,
        0 if unit == "NONE" else 20 * CREDIT,
        unit,
        rollover_max=0 if unit == "NONE" else 6 * CREDIT,
        overdraft=overdraft,
        card=("std", 1),
        conversations=TERMS,
    )
    for unit in ("NONE", "DAY", "WEEK", "MONTH")
    for overdraft in (0, 50 * CREDIT)
)
# Days before their clocks change: in Havana midnight comes twice or not at all, on Lord Howe half
# an hour; the others end months.
PLACES = (
    ("UTC", "2032-02-27"),
    ("Asia/Kathmandu", "2030-01-30"),
    ("Europe/Berlin", "2030-03-30"),
    ("America/Havana", "2030-03-09"),
    ("America/Havana", "2030-11-01"),
    ("America/Havana", "2026-10-31"),
    ("Australia/Lord_Howe", "2030-04-06"),
    ("Australia/Lord_Howe", "2030-10-05"),
    ("Pacific/Kiritimati", "2030-12-31"),
)


class SummaryWalk(Walk):
    """A walk with conversations, grants that begin later, and many a midnight.

    Now and then some of what has happened is summed up or archived, as a server's workers do.
    """

    steps = (
        *(step for step in (*STEPS, *STEPS) if step != "day"),
        *("talk", "talk", "later", "later", "roll", "roll", "archive"),
        *("edge", "edge", "edge", "summary"),
    )

    def __init__(self, stage: Staged, seed: int) -> None:
        super().__init__(stage, seed)
        self._stage = stage
        self._zone, begins = PLACES[seed % len(PLACES)]
        day = datetime.fromisoformat(begins).replace(tzinfo=UTC)
        self._first = (day - EPOCH) // MICROSECOND

    def open(self) -> None:
        self._history._set_time(self._first + self._chance.randrange(DAY))
        self._ask("create_account", policy=self._chance.choice(("CAP", "DEBT")))
        self._ask("put_rate_card", card=CARD)
        self._ask("put_plan", plan=self._chance.choice(PLANS))
        anchor = self._chance.choice((None, self._first - 40 * DAY, self._midnight()))
        self._ask("update_account", plan=("pro", 1), time_zone=self._zone, anchor=anchor)
        if self._chance.random() < 0.5:
            self._ask("add_grant", grant_id="first", amount=30 * CREDIT, kind="PROMOTIONAL")

    @property
    def now(self) -> int:
        return self._history._now

    def _pass_to(self, at: int) -> None:
        # Cycles that nobody sees may be passed over, so no two of them end in one stride.
        while self.now < at - DAY // 2:
            self._history._set_time(self.now + DAY // 2)
            self._history.sweep()
        self._history._set_time(at)
        self._history.sweep()

    def _midnight(self) -> int:
        """The next one, or where there are two, one of them."""
        local = (EPOCH + self.now * MICROSECOND).astimezone(ZoneInfo(self._zone))
        day = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), local.tzinfo)
        at: int = (day.replace(fold=self._chance.choice((0, 1))) - EPOCH) // MICROSECOND
        return at

    def _edge(self) -> None:
        """Wait for a midnight, or what is just beside it."""
        beside = self._chance.choice((-HOUR, -1, 0, 0, 1, HOUR // 2, HOUR))
        self._pass_to(max(self._midnight() + beside, self.now))

    def _talk(self) -> None:
        talk, name = self._chance.choice(("c", "d")), self._name("m")
        self._ask("reserve_message", conversation_id=talk, message_id=name)
        if self._chance.random() < 0.7:
            known = self._history._oracle.model.talks[self.account.account_id, talk]
            if known and name in known[-1].messages:
                self._ask("commit_message", conversation_id=talk, message_id=name)

    def _roll(self) -> None:
        if isinstance(self._stage, Stage):
            entries, key = self._chance.choice((1, 5, 1_000)), self._key(self._stage)
            self._stage.run(self._stage.connection.execute(ROLL_UP, *key, entries))

    def _archive(self) -> None:
        if isinstance(self._stage, Stage):
            key = self._key(self._stage)
            self._stage.run(archive(self._stage.connection, key, limit=20))

    def _key(self, stage: Stage) -> AccountKey:
        return account_key(stage.tenant_id, self.account.account_id)

    def _later(self) -> None:
        """Order or announce a grant, or take back one that has not begun."""
        waiting = [it.view.grant_id for it in self.account.burning("PENDING", "UNPAID")]
        if waiting and self._chance.random() < 0.5:
            verb = self._chance.choice(("revoke_grant", "confirm_grant"))
            self._ask(verb, grant_id=self._chance.choice(waiting))
            return
        more: dict[str, Any] = self._chance.choice(
            ({"unpaid": True}, {"effective_at": self.now + HOUR}, {"effective_at": self.now - DAY})
        )
        kind = self._chance.choice(("PURCHASED", "ADJUSTMENT"))
        self._ask("add_grant", grant_id=self._name("l"), amount=CREDIT, kind=kind, **more)

    def _summary(self) -> None:
        asked = {"asked": self._range()} if self._chance.random() < 0.6 else {}
        self._ask("get_summary", **asked)

    def ask_all(self) -> None:
        """Ask for the running period, for everything, and for some ranges."""
        self._ask("get_summary")
        self._ask("get_summary", asked=Asked())
        for _ in range(4):
            self._ask("get_summary", asked=self._range())

    def _range(self) -> Asked:
        pick = self._chance.choice
        if pick((True, False, False)):
            return Asked(last_ms=pick((1, 1_000, 86_400_000, 7 * 86_400_000, 365 * 86_400_000)))
        places = [at for at, *_ in self.account.spent]
        places += [self.account.created_at, self.now, self._midnight(), self.now - 3 * DAY]
        start, until = sorted(pick(places) + pick((-1, 0, 0, 1)) for _ in range(2))
        return Asked(pick((start, None)), pick((max(until, start + 1), None)))


def run_walks(stage: Staged, *, walks: int, steps: int, anywhere: bool = False) -> None:
    for seed in seeds(walks, anywhere=anywhere):
        walk = SummaryWalk(stage, seed)
        with named(seed, steps):
            walk.open()
            for _ in range(steps):
                walk.step()
            walk.ask_all()


def test_summaries_are_what_the_oracle_works_out(stage: Stage) -> None:
    run_walks(stage, walks=4, steps=40)


def test_summaries_of_the_fake_are_what_the_oracle_works_out(fake_stage: FakeStage) -> None:
    run_walks(fake_stage, walks=5, steps=40)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_summaries(stage: Stage) -> None:
    run_walks(stage, walks=200, steps=120, anywhere=True)
